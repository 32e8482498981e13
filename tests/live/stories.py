"""The words that stories on a real cluster are told in: make tasks, run them by hand, wait for what becomes of them.

A `Stage` is one namespace. Nothing here sleeps for a fixed time: `until` looks
again and again, up to a deadline, and a failure says what it saw last.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from live.kubectl import Kubectl

Body = dict[str, Any]
Seen = TypeVar("Seen")

API = "crontask.dev/v1beta1"
FINAL = ("Succeeded", "Failed", "Cancelled", "Lost")
EVERY_SECOND = "* * * * * *"
PATIENCE = 60.0
BETWEEN_LOOKS = 0.25


def until(look: Callable[[], Seen | None], what: str, seconds: float = PATIENCE) -> Seen:
    """The first truthy answer of `look`; fails the test with `what` after `seconds`."""
    give_up = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < give_up, f"not within {seconds:g} s: {what}"
        time.sleep(BETWEEN_LOOKS)
    return seen


def task(name: str, **spec: Any) -> Body:
    """A CronTask; run by hand alone unless `schedule` says otherwise."""
    return {"apiVersion": API, "kind": "CronTask", "metadata": {"name": name}, "spec": {"schedule": "@manual"} | spec}


def execution(name: str, of: str, **spec: Any) -> Body:
    """A CronTaskExecution made by hand."""
    spec = {"taskRef": {"name": of}} | spec
    return {"apiVersion": API, "kind": "CronTaskExecution", "metadata": {"name": name}, "spec": spec}


def secret(name: str, **data: str) -> Body:
    """A Secret with these keys."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


@dataclass(frozen=True, slots=True)
class Stage:
    """One namespace of a cluster, and what tests need to know of the cluster."""

    kubectl: Kubectl
    state: Path
    """The folder of `make up`."""
    receiver: str
    """Where HTTP calls go."""
    image: str
    """An image with a shell."""
    skipped: int = 0
    """How many bytes the receiver had written down when the stage was made."""

    def pod(self, script: str, **fields: Any) -> Body:
        """A pod action in the short form that runs a script."""
        return {"image": self.image, "command": ["sh", "-c", script]} | fields

    def template(self, script: str, **spec: Any) -> Body:
        """A pod action with a template; `spec` is added to the pod's spec."""
        container = {"name": "main", "image": self.image, "command": ["sh", "-c", script]}
        return {"template": {"spec": {"containers": [container]} | spec}}

    def call(self, path: str, **fields: Any) -> Body:
        """An HTTP action that calls the receiver."""
        return {"url": self.receiver + path} | fields

    def apply(self, *bodies: Body) -> None:
        """Creates or changes objects."""
        self.kubectl.ok("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=_list(bodies))

    def create(self, *bodies: Body) -> None:
        """Creates objects."""
        self.kubectl.ok("create", "-f", "-", stdin=_list(bodies))

    def patch(self, kind: str, name: str, **spec: Any) -> None:
        """Changes fields of an object's spec."""
        self.kubectl.ok("patch", kind, name, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def get(self, kind: str, name: str) -> Body | None:
        """The object; None where there is none."""
        answer = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        assert answer.code == 0, answer.err
        return answer.body if answer.out else None

    def all(self, kind: str, *selection: str) -> list[Body]:
        """The objects of a kind."""
        found: list[Body] = self.kubectl.ok("get", kind, "-o", "json", *selection).body["items"]
        return found

    def executions(self, of: str) -> list[Body]:
        """The executions of a task, oldest first."""
        mine = [body for body in self.all("cte") if body["spec"]["taskRef"]["name"] == of]
        return sorted(mine, key=lambda body: str(body["metadata"]["name"]))

    def run(self, *tasks: str) -> None:
        """Runs tasks by hand, in one request: the execution of task A is called A-now."""
        self.create(*(execution(f"{name}-now", name) for name in tasks))

    def ready(self, *tasks: str) -> None:
        """Returns once all these tasks are Ready."""

        def look() -> bool:
            found = {body["metadata"]["name"]: status(body).get("conditions", []) for body in self.all("ct")}
            return all(any((c["type"], c["status"]) == ("Ready", "True") for c in found[name]) for name in tasks)

        until(look, f"{', '.join(tasks)} are Ready")

    def ended(self, name: str, seconds: float = PATIENCE) -> Body:
        """The execution once it has its outcome."""

        def look() -> Body | None:
            found = self.get("cte", name)
            return found if found and status(found).get("phase") in FINAL else None

        return until(look, f"execution {name} ends", seconds)

    def running(self, name: str, seconds: float = PATIENCE) -> Body:
        """The execution once its first attempt runs, on a node where it is a pod."""

        def look() -> Body | None:
            found = self.get("cte", name)
            attempts = status(found).get("attempts") if found else None
            if not found or not attempts or status(found)["phase"] != "Running":
                return None
            pod = self.get("pod", attempts[-1]["pod"]) if "pod" in attempts[-1] else None
            return found if "pod" not in attempts[-1] or (pod and status(pod).get("phase") == "Running") else None

        return until(look, f"execution {name} runs", seconds)

    def condition(self, name: str, kind: str, value: str, seconds: float = PATIENCE) -> Body:
        """The task's condition once it has this value for the task's present generation."""

        def look() -> Body | None:
            found = self.get("ct", name)
            if found is None or status(found).get("observedGeneration") != found["metadata"]["generation"]:
                return None
            conditions: list[Body] = status(found).get("conditions", [])
            return next((c for c in conditions if (c["type"], c["status"]) == (kind, value)), None)

        return until(look, f"task {name} has {kind}={value}", seconds)

    def received(self, marker: str) -> list[Body]:
        """What the receiver got since the stage was made, if its path holds `marker`, in order of arrival."""
        with (self.state / "receiver.jsonl").open() as record:
            record.seek(self.skipped)
            lines = record.read().splitlines()
        return [body for line in lines if marker in line and marker in (body := json.loads(line))["path"]]

    def latest(self, marker: str) -> datetime:
        """The instant of the last call that the receiver got whose path holds `marker`."""
        return datetime.fromisoformat(scheduled_at(self.received(marker)[-1]))

    def events(self, about: str) -> list[Body]:
        """The Kubernetes events about an object."""
        found = self.all("events.events.k8s.io")
        return [event for event in found if event["regarding"]["name"] == about]


def status(body: Body) -> Body:
    """An object's status; empty where it has none."""
    found: Body = body.get("status") or {}
    return found


def scheduled_at(received: Body) -> str:
    """The instant that a received call was made for."""
    return str(received["headers"]["CronTask-Scheduled-At"])


def _list(bodies: Iterable[Body]) -> Body:
    return {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
