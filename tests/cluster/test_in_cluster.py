"""Operator and gateway as most people will run them: in the cluster, by the chart, with rights in one namespace."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml
from live.operators import make, no_others
from live.stories import Body, Stage, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

CHART = Path(__file__).parents[2] / "charts" / "crontask"
HOME = "crontask-system"
OURS = "--selector=app.kubernetes.io/name=crontask"


def rendered(values: dict[str, Any]) -> list[Body]:
    """The chart's objects."""
    with helm_python.Chart.load(str(CHART)) as chart:
        texts = chart.render(values, name="crontask", namespace=HOME)
    return [body for name, text in texts.items() if name.endswith(".yaml") for body in yaml.safe_load_all(text) if body]


@pytest.fixture(scope="module")
def inside(stage: Stage) -> Iterator[Stage]:
    """The stage's namespace, served by an operator in the cluster; `make up` sets everything right afterwards."""
    home = stage.kubectl.within(HOME)
    with no_others(stage.state):
        make(stage.state, "images", 800)
        home.ok("delete", "clusterrolebindings,clusterroles", OURS)
        for body in rendered(values(stage.kubectl.namespace)):
            where = home.within(body["metadata"].get("namespace", HOME))
            where.ok("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=body)
        try:
            for name in ("crontask-operator", "crontask-gateway"):
                until(partial(_available, stage, name), f"the Deployment {name} is available", 90)
            yield stage
        finally:
            home.ok("delete", "deployments,services,configmaps", OURS, "--wait=false")
            until(lambda: not home.ok("get", "pods", OURS, "-o", "name").out, "both are gone", 70)


def values(namespace: str) -> dict[str, Any]:
    """What both may touch; the gateway lets everybody in."""
    dkron = {"open": True, "namespace": namespace}
    return {
        "operator": {"watchNamespaces": [namespace]},
        "gateway": {"enabled": True, "dialects": {"dkron": dkron}},
    }


def _available(stage: Stage, name: str) -> bool:
    deployment = stage.kubectl.within(HOME).ok("get", "deployment", name, "-o", "json").body
    return bool(status(deployment).get("availableReplicas"))


def test_it_runs_tasks(inside: Stage) -> None:
    inside.apply(task("t", schedule="*/2 * * * * *", pod=inside.pod("echo hello")))
    until(lambda: [body for body in inside.executions("t") if status(body)["phase"] == "Succeeded"], "a pod succeeds")
    inside.patch("ct", "t", suspend=True)
    found = [body for body in inside.executions("t") if status(body)["phase"] == "Succeeded"]
    assert status(found[0])["output"] == "hello\n"
    inside.run("t")
    assert status(inside.ended("t-now"))["phase"] == "Succeeded"


def test_the_gateway_serves_dkron_through_its_service(inside: Stage) -> None:
    api = f"/api/v1/namespaces/{HOME}/services/crontask-gateway:dkron/proxy/v1/jobs"
    shell = {"executor": "shell", "executor_config": {"shell": "true", "command": "echo hello"}}
    job = {"name": "served", "schedule": "@manually", **shell}
    made = inside.kubectl.ok("create", "--raw", api, "-f", "-", stdin=job)
    assert made.body["name"] == "served"
    assert inside.get("ct", "dkron-served") is not None
    inside.kubectl.ok("create", "--raw", f"{api}/served", "-f", "-", stdin={})

    def ended() -> Body | None:
        (found,) = json.loads(inside.kubectl.ok("get", "--raw", f"{api}/served/executions").out)
        return None if found["finished_at"].startswith("0001-") else found

    execution = until(ended, "its execution ends")
    assert (execution["success"], execution["output"]) == (True, "hello\n")
    inside.kubectl.ok("delete", "--raw", f"{api}/served")
    assert inside.get("ct", "dkron-served") is None


def test_its_calls_do_not_reach_the_api_server(inside: Stage) -> None:
    service = inside.kubectl.within("default").ok("get", "service", "kubernetes", "-o", "json").body
    address = service["spec"]["clusterIP"]
    inside.apply(
        task("api", http={"url": f"https://{address}/"}),
        task("metadata", http={"url": "http://169.254.169.254/"}),
        task("itself", http={"url": "http://127.0.0.1:9100/metrics"}),
    )
    inside.run("api", "metadata", "itself")
    for name, told in (("api", "API server"), ("metadata", "metadata"), ("itself", "loopback")):
        found = status(inside.ended(f"{name}-now"))
        assert (found["phase"], found["reason"]) == ("Failed", "EgressDenied")
        assert told in found["message"]
        assert "connectMicroseconds" not in found["attempts"][0]["timings"]


def test_it_keeps_to_its_namespace(inside: Stage) -> None:
    account = f"system:serviceaccount:{HOME}:crontask-operator"
    for verb, kind in (("create", "pods"), ("get", "secrets"), ("list", "crontasks.crontask.dev")):
        here = inside.kubectl("auth", "can-i", verb, kind, f"--as={account}")
        there = inside.kubectl.within("default")("auth", "can-i", verb, kind, f"--as={account}")
        assert (here.out.strip(), there.out.strip()) == ("yes", "no"), (verb, kind)


def test_it_logs_json_that_tells_one_executions_story(inside: Stage) -> None:
    inside.apply(task("story", pod=inside.pod("true")))
    inside.run("story")
    inside.ended("story-now")
    lines = inside.kubectl.within(HOME).ok("logs", "deployment/crontask-operator").out.splitlines()
    mine = [entry for entry in map(json.loads, lines) if entry.get("execution", "").endswith("/story-now")]
    assert [entry["event"] for entry in mine] == ["started", "finished"]
    assert not [entry for entry in map(json.loads, lines) if entry["level"] in ("error", "critical")]
