"""The demo's round trip through Dkron's API: a job is made, seen by kubectl, run, followed to its end, and deleted."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from cluster import processes
from cluster.errors import ClusterError
from cluster.kubectl import Kubectl

JOB = {
    "name": "demo",
    "schedule": "@manually",
    "executor": "shell",
    "executor_config": {"shell": "true", "command": "echo Hello from $ENV_JOB_NAME"},
}
_TASK = f"dkron-{JOB['name']}"
_NEVER = "0001-01-01T00:00:00Z"
_SECONDS = 120.0


class Dkron:
    """Its API at `url`; prints a line for each request."""

    def __init__(self, url: str) -> None:
        self._url, self._began = url, time.monotonic()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, quiet: bool = False) -> Any:
        """What it answers, read as JSON; None for 404. Raises ClusterError for any other failure."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        except OSError as error:
            raise ClusterError(f"Dkron's API does not answer ({error}): see `make status`, then try again.") from error
        if not quiet:
            self.tell(f"{method} {path}", str(status))
        if status == 404:
            return None
        if status >= 400:
            told = text.decode(errors="replace").strip()[:200]
            raise ClusterError(f"Dkron's API answered {method} {path} with {status} ({told}): see the gateway's log.")
        return json.loads(text)

    def tell(self, what: str, found: str) -> None:
        """A line of the demo."""
        print(f"{time.monotonic() - self._began:6.1f} s  dkron {what:40}  {found}", flush=True)


def round_trip(client: Kubectl, url: str, namespace: str) -> bool:
    """Whether every step did what it should; `namespace` is that of the gateway's jobs."""
    dkron, path = Dkron(url), f"/v1/jobs/{JOB['name']}"
    dkron.ask("DELETE", path, quiet=True)  # of a demo that was interrupted
    dkron.ask("POST", "/v1/jobs", JOB)
    listed = [job["name"] for job in dkron.ask("GET", "/v1/jobs")]
    seen = _in_kubernetes(client, namespace)
    dkron.tell(f"kubectl get ct {_TASK} -n {namespace}", "there" if seen else "MISSING")
    dkron.ask("POST", path)
    execution = _ended(dkron, path)
    dkron.tell(f"GET {path}/executions", _outcome(execution))
    for row in execution.get("output", "").splitlines()[:8]:
        print(f"{'':10}| {row[:120]}", flush=True)
    dkron.ask("DELETE", path)
    gone = processes.until(lambda: not _in_kubernetes(client, namespace), 15)
    dkron.tell(f"kubectl get ct {_TASK} -n {namespace}", "gone" if gone else "STILL THERE")
    return JOB["name"] in listed and seen and gone and bool(execution.get("success"))


def _in_kubernetes(client: Kubectl, namespace: str) -> bool:
    return client.get("crontask", _TASK, f"--namespace={namespace}") is not None


def _ended(dkron: Dkron, path: str) -> dict[str, Any]:
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
