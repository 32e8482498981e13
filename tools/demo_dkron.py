"""The demo's round trip through Dkron's API: a job is made, seen by kubectl, run, followed to its end, and deleted."""

from collections.abc import Mapping
from typing import Any

from cluster import processes
from cluster.kubectl import Kubectl
from demo_api import Api, show

JOB = {
    "name": "demo",
    "schedule": "@manually",
    "executor": "shell",
    "executor_config": {"shell": "true", "command": "echo Hello from $ENV_JOB_NAME"},
}
_TASK = f"dkron-{JOB['name']}"
_NEVER = "0001-01-01T00:00:00Z"
_SECONDS = 120.0


def round_trip(client: Kubectl, url: str, namespace: str) -> bool:
    """Whether every step did what it should; `namespace` is that of the gateway's jobs."""
    dkron, path = Api("dkron", url), f"/v1/jobs/{JOB['name']}"
    dkron.ask("DELETE", path, quiet=True)  # of a demo that was interrupted
    dkron.ask("POST", "/v1/jobs", JOB)
    listed = [job["name"] for job in dkron.ask("GET", "/v1/jobs")]
    seen = _in_kubernetes(client, namespace)
    dkron.tell(f"kubectl get ct {_TASK} -n {namespace}", "there" if seen else "MISSING")
    dkron.ask("POST", path)
    execution = _ended(dkron, path)
    dkron.tell(f"GET {path}/executions", _outcome(execution))
    show(execution.get("output", ""))
    dkron.ask("DELETE", path)
    gone = processes.until(lambda: not _in_kubernetes(client, namespace), 15)
    dkron.tell(f"kubectl get ct {_TASK} -n {namespace}", "gone" if gone else "STILL THERE")
    return JOB["name"] in listed and seen and gone and bool(execution.get("success"))


def _in_kubernetes(client: Kubectl, namespace: str) -> bool:
    return client.get("crontask", _TASK, f"--namespace={namespace}") is not None


def _ended(dkron: Api, path: str) -> dict[str, Any]:
    """The job's one execution once it has ended, or as it is when patience does; empty where there is none."""
    last: dict[str, Any] = {}

    def ended() -> bool:
        nonlocal last
        found = dkron.ask("GET", f"{path}/executions", quiet=True) or []
        last = found[0] if found else {}
        return bool(last and last["finished_at"] != _NEVER)

    processes.until(ended, _SECONDS)
    return last


def _outcome(execution: Mapping[str, Any]) -> str:
    if not execution:
        return "no execution"
    if execution["finished_at"] == _NEVER:
        return "still running"
    return "success" if execution["success"] else "failed"
