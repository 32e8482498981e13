"""The chart: what it renders by default and in its variants, and how the operator's pod is confined."""

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import pytest
from cryptography.x509 import DNSName, SubjectAlternativeName, load_pem_x509_certificate

from crontask_operator.admission import REVIEWED
from crontask_operator.settings import read_settings

Body = dict[str, Any]
Render = Callable[..., list[Body]]
CHART = Path(__file__).parents[2] / "charts" / "crontask"


def only(bodies: list[Body], kind: str, suffix: str = "") -> Body:
    """The one object of a kind (whose name ends so)."""
    (found,) = [body for body in bodies if body["kind"] == kind and body["metadata"]["name"].endswith(suffix)]
    return found


def pod_of(bodies: list[Body]) -> Body:
    pod: Body = only(bodies, "Deployment")["spec"]["template"]
    return pod


def environment(bodies: list[Body]) -> dict[str, str]:
    """The container's variables; a field of the pod stands as its path."""
    (container,) = pod_of(bodies)["spec"]["containers"]
    return {
        item["name"]: item["value"] if "value" in item else item["valueFrom"]["fieldRef"]["fieldPath"]
        for item in container["env"]
    }


def test_lint_complains_of_a_missing_icon_alone() -> None:
    findings = helm_python.lint(str(CHART))
    assert findings["errors"] == []
    assert [message["error"] for message in findings["messages"]] == ["icon is recommended"]


def test_what_is_rendered_by_default(render: Render) -> None:
    assert sorted(f"{body['kind']}/{body['metadata']['name']}" for body in render()) == [
        "ClusterRole/crontask-edit",
        "ClusterRole/crontask-operator",
        "ClusterRole/crontask-run",
        "ClusterRole/crontask-view",
        "ClusterRoleBinding/crontask-operator",
        "Deployment/crontask-operator",
        "FlowSchema/crontask-operator-leases",
        "Role/crontask-operator-egress",
        "Role/crontask-operator-leases",
        "RoleBinding/crontask-operator-egress",
        "RoleBinding/crontask-operator-leases",
        "Service/crontask-operator-metrics",
        "ServiceAccount/crontask-operator",
        "ValidatingAdmissionPolicy/crontask-execution-status",
        "ValidatingAdmissionPolicy/crontask-pod-identity",
        "ValidatingAdmissionPolicyBinding/crontask-execution-status",
        "ValidatingAdmissionPolicyBinding/crontask-pod-identity",
    ]


VARIANTS = [
    ({"webhook": {"enabled": True}}, {"Secret", "ValidatingWebhookConfiguration"}, set()),
    ({"webhook": {"enabled": True, "secretName": "mine"}}, {"ValidatingWebhookConfiguration"}, set()),
    ({"webhook": {"enabled": True, "url": "https://10.0.0.1:9443"}}, {"ValidatingWebhookConfiguration"}, set()),
    ({"podDisruptionBudget": {"enabled": True}}, {"PodDisruptionBudget"}, set()),
    ({"flowSchema": {"enabled": False}}, set(), {"FlowSchema"}),
    (
        {"admissionPolicy": {"enabled": False}},
        set(),
        {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
    ),
]


@pytest.mark.parametrize(("values", "more", "fewer"), VARIANTS)
def test_switches(render: Render, values: Body, more: set[str], fewer: set[str]) -> None:
    usual, now = ({body["kind"] for body in bodies} for bodies in (render(), render(values)))
    assert (now - usual, usual - now) == (more, fewer)


def test_two_releases_share_no_cluster_wide_name(render: Render) -> None:
    def names(bodies: list[Body]) -> set[str]:
        return {f"{body['kind']}/{body['metadata']['name']}" for body in bodies if "namespace" not in body["metadata"]}

    assert not names(render()) & names(render(name="second", namespace="elsewhere"))


def test_the_pod_is_confined(render: Render) -> None:
    spec = pod_of(render())["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {name for volume in spec["volumes"] for name in volume} == {"name", "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert spec["containers"][0]["resources"]["limits"]["memory"]


def test_probes_and_service_meet_the_metrics_port(render: Render) -> None:
    bodies = render({"metrics": {"port": 9200}})
    (container,) = pod_of(bodies)["spec"]["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": 9200}]
    assert environment(bodies)["CRONTASK_METRICS_ADDRESS"] == "0.0.0.0:9200"
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    service = only(bodies, "Service", "-metrics")["spec"]
    assert service["ports"] == [{"name": "metrics", "port": 9200, "targetPort": "metrics"}]
    labels = pod_of(bodies)["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert only(bodies, "Deployment")["spec"]["selector"]["matchLabels"] == service["selector"]


def test_the_operator_reads_every_variable_that_it_is_given(render: Render) -> None:
    bodies = render(
        {
            "operator": {
                "shards": 4,
                "watchNamespaces": ["a", "b"],
                "defaultTimeZone": "Europe/Berlin",
                "egress": {"allow": ["10.1.0.0/16", "fd00::/8"], "deny": ["192.0.2.1"]},
                "logFormat": "console",
                "logLevel": "DEBUG",
            },
            "serviceAccount": {"name": "chosen"},
        },
    )
    settings = read_settings(environment(bodies) | {"CRONTASK_LEASE_NAMESPACE": "crontask-system"})
    assert settings.namespaces == ("a", "b")
    assert settings.shards == 4
    assert settings.default_time_zone == "Europe/Berlin"
    assert [str(network) for network in settings.egress_allow] == ["10.1.0.0/16", "fd00::/8"]
    assert [str(network) for network in settings.egress_deny] == ["192.0.2.1/32"]
    assert (settings.log_format, settings.log_level) == ("console", "DEBUG")
    assert settings.metrics_address == "0.0.0.0:9100"
    assert settings.service_account == "chosen"


def test_the_variables_by_default(render: Render) -> None:
    assert environment(render()) == {
        "CRONTASK_METRICS_ADDRESS": "0.0.0.0:9100",
        "CRONTASK_LEASE_NAMESPACE": "metadata.namespace",
        "CRONTASK_SERVICE_ACCOUNT": "crontask-operator",
        "CRONTASK_SHARDS": "1",
        "CRONTASK_LOG_FORMAT": "json",
        "CRONTASK_LOG_LEVEL": "INFO",
    }


def test_the_webhook_shows_the_certificate_of_its_own_authority(render: Render) -> None:
    bodies = render({"webhook": {"enabled": True, "port": 9500}})
    secret = only(bodies, "Secret")
    certificate = load_pem_x509_certificate(b64decode(secret["data"]["tls.crt"]))
    authority = load_pem_x509_certificate(b64decode(secret["data"]["ca.crt"]))
    certificate.verify_directly_issued_by(authority)
    service = only(bodies, "Service", "-webhook")
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    assert names.get_values_for_type(DNSName) == [host]
    for webhook in only(bodies, "ValidatingWebhookConfiguration")["webhooks"]:
        assert webhook["failurePolicy"] == "Ignore"
        assert webhook["clientConfig"]["caBundle"] == secret["data"]["ca.crt"]
        assert webhook["clientConfig"]["service"] == {
            "name": service["metadata"]["name"],
            "namespace": "crontask-system",
            "port": 443,
            "path": f"/{webhook['rules'][0]['resources'][0]}",
        }
    (container,) = pod_of(bodies)["spec"]["containers"]
    assert {"name": "webhook", "containerPort": 9500} in container["ports"]
    assert environment(bodies)["CRONTASK_WEBHOOK_ADDRESS"] == "0.0.0.0:9500"
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "webhook"]
    assert mount["mountPath"] == environment(bodies)["CRONTASK_WEBHOOK_CERTIFICATE"]


def test_the_webhook_asks_about_each_kind_once(render: Render) -> None:
    webhooks = only(render({"webhook": {"enabled": True}}), "ValidatingWebhookConfiguration")["webhooks"]
    assert [webhook["rules"][0]["resources"] for webhook in webhooks] == [[kind.plural] for kind in REVIEWED]


REFUSED = [
    {"webhook": {"enabled": True, "url": "http://10.0.0.1"}},
    {"replica": 2},
    {"replicas": -1},
    {"replicas": "two"},
    {"image": {"pullPolicy": "Sometimes"}},
    {"operator": {"watchNamespaces": ["team-*"]}},
    {"operator": {"egress": {"allow": ["example.com"]}}},
    {"operator": {"logFormat": "xml"}},
    {"metrics": {"port": 80}},
    {"rbac": {"userRoles": "yes"}},
    {"admissionPolicy": {"enable": True}},
]


@pytest.mark.parametrize("values", REFUSED, ids=str)
def test_wrong_values_are_refused(render: Render, values: Body) -> None:
    with pytest.raises(helm_python.HelmError):
        render(values)


def test_values_all_at_once(render: Render) -> None:
    """Every optional part is valid YAML in its place."""
    bodies = render(
        {
            "image": {"tag": "1", "pullSecrets": [{"name": "s"}]},
            "podAnnotations": {"a": "b"},
            "podLabels": {"c": "d"},
            "nodeSelector": {"e": "f"},
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "topologySpreadConstraints": [{"maxSkew": 1}],
            "priorityClassName": "system-cluster-critical",
            "serviceAccount": {"annotations": {"g": "h"}},
            "metrics": {"serviceAnnotations": {"i": "j"}},
            "operator": {"extraEnv": [{"name": "X", "value": "y"}]},
        }
    )
    pod = pod_of(bodies)
    assert pod["metadata"]["annotations"] == {"a": "b"}
    assert pod["metadata"]["labels"]["c"] == "d"
    spec = pod["spec"]
    assert spec["containers"][0]["image"] == "crontask-operator:1"
    assert spec["imagePullSecrets"] == [{"name": "s"}]
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"e": "f"}, [{"operator": "Exists"}])
    assert (spec["affinity"], spec["topologySpreadConstraints"]) == ({"nodeAffinity": {}}, [{"maxSkew": 1}])
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert only(bodies, "ServiceAccount")["metadata"]["annotations"] == {"g": "h"}
    assert only(bodies, "Service", "-metrics")["metadata"]["annotations"] == {"i": "j"}
    assert environment(bodies)["X"] == "y"


def test_notes_name_what_was_installed(chart: helm_python.Chart) -> None:
    notes = chart.render({}, name="team", namespace="ops")["crontask/templates/NOTES.txt"]
    assert "kubectl --namespace ops rollout status deployment/team-crontask-operator" in notes
    assert "team-crontask-run" in notes
