"""The healthy tasks: a share of calls each second, and one task for each policy. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Body = dict[str, Any]

PLAIN = "call-"
"""Begin of the names of the tasks whose lateness and gaps are measured."""
HISTORY = {"successful": 20, "failed": 20}


@dataclass(frozen=True)
class Job:
    """A healthy task: due whenever the unix time is a multiple of `period`."""

    name: str
    period: int
    """Seconds; a divisor of 60."""
    spec: Body

    @property
    def is_call(self) -> bool:
        return "http" in self.spec

    @property
    def is_plain(self) -> bool:
        """Whether nothing but time decides on its starts."""
        return self.name.startswith(PLAIN)

    @property
    def may_repeat(self) -> bool:
        """Whether a call that left no record may be sent once more, as its task wishes."""
        return bool(self.spec.get("retry", {}).get("lost"))

    @property
    def tries_again(self) -> bool:
        """Whether an attempt that fails is followed by another one."""
        return bool(self.spec.get("retry", {}).get("limit"))

    def due(self, after: float, upto: float) -> range:
        """The instants in (after, upto], as unix times."""
        return range((int(after) // self.period + 1) * self.period, int(upto) + 1, self.period)

    def body(self) -> Body:
        """The CronTask."""
        schedule = "* * * * * *" if self.period == 1 else f"*/{self.period} * * * * *"
        return {
            "apiVersion": "crontask.dev/v1beta1",
            "kind": "CronTask",
            "metadata": {"name": self.name},
            "spec": {"schedule": schedule, "history": HISTORY, **self.spec},
        }

    def ending(self, at: datetime) -> Body:
        """The CronTask whose schedule ends at a moment: what waits and runs goes on, nothing else comes."""
        body = self.body()
        return body | {"spec": body["spec"] | {"endAt": f"{at:%Y-%m-%dT%H:%M:%SZ}"}}


def jobs(receiver: str, image: str, calls: int) -> list[Job]:
    """The healthy tasks; `calls` of them make one call each second, the others make about six starts a second."""
    plain = [Job(f"{PLAIN}{number}", 1, _call(receiver, f"/plain/{number}")) for number in range(calls)]
    return [*plain, *_policies(receiver), *_pods(image)]


def group() -> Body:
    """The group whose limit some of them share."""
    return {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTaskGroup",
        "metadata": {"name": "narrow"},
        "spec": {"concurrencyLimit": 2},
    }


def _policies(receiver: str) -> Iterator[Job]:
    slow = {"concurrencyPolicy": "Queue", "queueLimit": 5, **_call(receiver, "/delay/1.5")}
    again = {"limit": 2, "backoff": {"initialSeconds": 1}}
    yield Job("forbid", 1, {"concurrencyPolicy": "Forbid", **_call(receiver, "/delay/1.5")})
    yield Job("replace", 2, {"concurrencyPolicy": "Replace", **_call(receiver, "/delay/3")})
    yield Job("queue", 2, slow)
    yield Job("retries", 5, {"retry": again, **_call(receiver, "/status/500")})
    yield Job("lost-again", 2, {"retry": {**again, "lost": True}, **_call(receiver, "/delay/0.7")})
    yield Job("missed-all", 2, {"missed": {"policy": "All", "limit": 20}, **_call(receiver, "/missed-all")})
    yield Job("missed-none", 2, {"missed": {"policy": "Skip"}, **_call(receiver, "/missed-none")})
    for number in range(3):
        yield Job(f"grouped-{number}", 3, {"group": "narrow", "queueLimit": 5, **_call(receiver, "/delay/0.8")})


def _pods(image: str) -> Iterator[Job]:
    yield Job("pod", 5, _pod(image, "echo done"))
    yield Job("pod-forbid", 4, {"concurrencyPolicy": "Forbid", **_pod(image, "sleep 6")})
    yield Job("pod-queue", 6, {"concurrencyPolicy": "Queue", "queueLimit": 3, **_pod(image, "sleep 4")})
    retry = {"limit": 1, "backoff": {"initialSeconds": 1}}
    yield Job("pod-retries", 15, {"retry": retry, **_pod(image, "test $CRONTASK_ATTEMPT = 2")})


def _call(receiver: str, path: str) -> Body:
    return {"http": {"url": f"{receiver}{path}"}}


def _pod(image: str, script: str) -> Body:
    return {"pod": {"image": image, "command": ["sh", "-c", script]}}
