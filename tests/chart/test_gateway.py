"""The chart's gateway: off by default, closed unless somebody opens it, confined as the operator is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from crontask_gateway.dialects import DIALECTS
from crontask_gateway.mounts import enabled
from crontask_gateway.settings import Settings, read_settings

Body = dict[str, Any]
Render = Callable[..., list[Body]]
CHART = Path(__file__).parents[2] / "charts" / "crontask"


def values(dkron: Body | None = None, **more: Any) -> Body:
    """Values that switch it on, open unless they say otherwise."""
    return {"gateway": {"enabled": True, "dialects": {"dkron": {"open": True} if dkron is None else dkron}} | more}


def of_the_gateway(bodies: list[Body]) -> list[Body]:
    mine = "app.kubernetes.io/component"
    return [body for body in bodies if body["metadata"]["labels"][mine] == "gateway"]


def only(bodies: list[Body], kind: str, name: str = "crontask-gateway") -> Body:
    (found,) = [body for body in bodies if (body["kind"], body["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(bodies: list[Body]) -> Body:
    pod: Body = only(bodies, "Deployment")["spec"]["template"]
    return pod


def told(bodies: list[Body], folder: Path) -> Settings:
    """What the program reads of its settings file."""
    file = folder / "gateway.yaml"
    file.write_text(only(bodies, "ConfigMap")["data"]["gateway.yaml"])
    return read_settings({"CRONTASK_GATEWAY_CONFIG": str(file), "HOSTNAME": "crontask-gateway-abc"})


def test_it_is_there_for_those_who_ask_for_it(render: Render) -> None:
    assert of_the_gateway(render()) == []
    bodies = render(values())
    assert sorted(f"{body['kind']}/{body['metadata']['name']}" for body in of_the_gateway(bodies)) == [
        "ConfigMap/crontask-gateway",
        "Deployment/crontask-gateway",
        "Role/crontask-gateway",
        "Role/crontask-gateway-leases",
        "RoleBinding/crontask-gateway",
        "RoleBinding/crontask-gateway-leases",
        "Service/crontask-gateway",
        "Service/crontask-gateway-metrics",
        "ServiceAccount/crontask-gateway",
        "ValidatingAdmissionPolicy/crontask-gateway-leases",
        "ValidatingAdmissionPolicyBinding/crontask-gateway-leases",
    ]
    assert [body for body in bodies if body not in of_the_gateway(bodies)] == render()


def test_every_dialect_may_be_switched_on_and_no_other(render: Render, tmp_path: Path) -> None:
    dialects = {dialect.name: {"enabled": True, "open": True} for dialect in DIALECTS}
    bodies = render({"gateway": {"enabled": True, "dialects": dialects}})
    found = enabled(told(bodies, tmp_path), DIALECTS)
    assert {dialect.name: mount.port for dialect, mount in found} == {each.name: each.port for each in DIALECTS}
    (service,) = [body for body in bodies if body["kind"] == "Service" and len(body["spec"]["ports"]) == len(DIALECTS)]
    assert {port["name"]: port["port"] for port in service["spec"]["ports"]} == {e.name: e.port for e in DIALECTS}
    with pytest.raises(helm_python.errors.HelmValuesError):
        render({"gateway": {"enabled": True, "dialects": {"other": {"open": True}}}})


def test_the_program_reads_the_settings_that_it_is_given(render: Render, tmp_path: Path) -> None:
    token = {"name": "ci", "file": "/etc/crontask/tokens/ci", "tenant": "a", "rights": ["read"]}
    dkron = {"port": 8181, "namespace": "batch", "tenants": {"a": "team-a"}, "tokens": [token]}
    dkron["options"] = {"image": "registry.test/tools:1"}
    more = {"settings": {"trustedProxies": ["10.0.0.0/8"], "graceSeconds": 9}, "metricsPort": 9300, "logLevel": "DEBUG"}
    read = told(render(values(dkron, **more)), tmp_path)
    ((dialect, mount),) = enabled(read, DIALECTS)
    assert (dialect.name, mount.port, mount.namespace, mount.tenants) == ("dkron", 8181, "batch", {"a": "team-a"})
    assert mount.tokens[0].rights == {"read"}
    assert not mount.open
    assert mount.options == {"image": "registry.test/tools:1"}
    assert (read.host, read.metrics_address, read.lease_namespace) == ("0.0.0.0", "0.0.0.0:9300", "crontask-system")
    assert (read.grace_seconds, read.log_level, read.log_format) == (9, "DEBUG", "json")
    assert [str(network) for network in read.trusted_proxies] == ["10.0.0.0/8"]
    assert read.identity == "crontask-gateway-abc"


def test_an_orderly_stop_is_shorter_than_kubernetes_waits(render: Render, tmp_path: Path) -> None:
    bodies = render(values())
    read = told(bodies, tmp_path)
    assert read.grace_seconds > 0
    assert read.grace_seconds + read.drain_seconds < pod_of(bodies)["spec"]["terminationGracePeriodSeconds"] - 5


def test_probes_and_services_meet_the_ports(render: Render) -> None:
    bodies = render(values({"open": True, "port": 8181}, metricsPort=9300))
    (container,) = pod_of(bodies)["spec"]["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": 9300}, {"name": "dkron", "containerPort": 8181}]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    service, metrics = only(bodies, "Service")["spec"], only(bodies, "Service", "crontask-gateway-metrics")["spec"]
    assert service["ports"] == [{"name": "dkron", "port": 8181, "targetPort": "dkron"}]
    assert metrics["ports"] == [{"name": "metrics", "port": 9300, "targetPort": "metrics"}]
    labels = pod_of(bodies)["metadata"]["labels"]
    assert service["selector"] == metrics["selector"]
    assert service["selector"].items() <= labels.items()
    assert only(bodies, "Deployment")["spec"]["selector"]["matchLabels"] == service["selector"]


def test_the_operators_services_do_not_lead_to_it(render: Render) -> None:
    bodies = render(values())
    labels = pod_of(bodies)["metadata"]["labels"]
    operators = only(bodies, "Service", "crontask-operator-metrics")["spec"]["selector"]
    assert not operators.items() <= labels.items()


def test_the_pod_is_confined_as_the_operators_is(render: Render) -> None:
    bodies = render(values())
    pod, operators = pod_of(bodies)["spec"], only(bodies, "Deployment", "crontask-operator")["spec"]["template"]["spec"]
    assert pod["securityContext"] == operators["securityContext"]
    assert pod["containers"][0]["securityContext"] == operators["containers"][0]["securityContext"]
    assert pod["containers"][0]["image"] == operators["containers"][0]["image"]
    assert pod["containers"][0]["command"] == ["python", "-m", "crontask_gateway"]
    assert pod["containers"][0]["resources"]["limits"]["memory"]
    assert pod["serviceAccountName"] == "crontask-gateway"
    assert {name for volume in pod["volumes"] for name in volume} == {"name", "emptyDir", "configMap"}


def test_its_service_makes_no_settings(render: Render) -> None:
    """CRONTASK_GATEWAY_PORT, which Kubernetes would make of the Service, would end the program."""
    assert pod_of(render(values()))["spec"]["enableServiceLinks"] is False


def test_tokens_are_files_of_a_secret(render: Render) -> None:
    token = {"name": "ci", "file": "/etc/crontask/tokens/ci"}
    bodies = render(values({"tokens": [token]}, tokensSecret="mine"))
    pod = pod_of(bodies)["spec"]
    (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "tokens"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "tokens"]
    assert (mount["mountPath"], mount["readOnly"]) == ("/etc/crontask/tokens", True)
    assert volume["secret"] == {"secretName": "mine"}


def test_other_settings_mean_other_pods(render: Render) -> None:
    def checksum(bodies: list[Body]) -> str:
        found: str = pod_of(bodies)["metadata"]["annotations"]["checksum/settings"]
        return found

    assert checksum(render(values())) == checksum(render(values()))
    assert checksum(render(values())) != checksum(render(values(settings={"connections": 10})))


REFUSED: list[tuple[Body, str]] = [
    (values({}), "lets nobody in"),
    (values({"open": True, "enabled": False}), "names nothing to serve"),
    (values({"open": True, "port": 80}), "port"),
    (values({"open": True, "namespace": "Team"}), "namespace"),
    ({"gateway": {"enabled": True, "dialects": {"cron": {"port": 8080, "namespace": "a"}}}}, "cron"),
    (values(settings={"metricsAddress": "0.0.0.0:1"}), "metricsAddress"),
    (values(replicas=-1), "replicas"),
    (values(commonPort=8000), "commonPort"),
]


@pytest.mark.parametrize(("given", "named"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_cannot_work_is_refused_by_its_name(render: Render, given: Body, named: str) -> None:
    with pytest.raises(helm_python.HelmError, match=named):
        render(given)


def test_values_all_at_once(render: Render) -> None:
    bodies = render(
        {
            "podAnnotations": {"a": "b"},
            "podLabels": {"c": "d"},
            "nodeSelector": {"e": "f"},
            "tolerations": [{"operator": "Exists"}],
            "priorityClassName": "system-cluster-critical",
            "image": {"tag": "1", "pullSecrets": [{"name": "s"}]},
        }
        | values(
            replicas=2,
            affinity={"nodeAffinity": {}},
            topologySpreadConstraints=[{"maxSkew": 1}],
            serviceAnnotations={"i": "j"},
            serviceAccount={"annotations": {"g": "h"}},
            podDisruptionBudget={"enabled": True},
        )
    )
    pod = pod_of(bodies)
    assert pod["metadata"]["annotations"]["a"] == "b"
    assert pod["metadata"]["labels"]["c"] == "d"
    spec = pod["spec"]
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"e": "f"}, [{"operator": "Exists"}])
    assert (spec["affinity"], spec["topologySpreadConstraints"]) == ({"nodeAffinity": {}}, [{"maxSkew": 1}])
    assert (spec["priorityClassName"], spec["imagePullSecrets"]) == ("system-cluster-critical", [{"name": "s"}])
    assert only(bodies, "Deployment")["spec"]["replicas"] == 2
    assert only(bodies, "Service")["metadata"]["annotations"] == {"i": "j"}
    assert only(bodies, "ServiceAccount")["metadata"]["annotations"] == {"g": "h"}
    budget = only(bodies, "PodDisruptionBudget")["spec"]
    assert budget["selector"]["matchLabels"] == only(bodies, "Deployment")["spec"]["selector"]["matchLabels"]


def test_the_values_name_every_dialect_with_its_port() -> None:
    written = yaml.safe_load((CHART / "values.yaml").read_text())["gateway"]["dialects"]
    assert {name: dialect["port"] for name, dialect in written.items()} == {each.name: each.port for each in DIALECTS}


def test_the_notes_say_where_it_is() -> None:
    with helm_python.Chart.load(str(CHART)) as chart:
        notes = chart.render(values({"open": True, "port": 8181}), name="team", namespace="ops")
    assert (
        "dkron: http://team-crontask-gateway.ops:8181, its jobs in namespace default"
        in notes["crontask/templates/NOTES.txt"]
    )
