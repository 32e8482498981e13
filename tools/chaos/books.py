"""What the witness of etcd saw, kept for the judge: lives of pods, executions, and the outcome of each instant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chaos.work import Job

EPOCH = "1970-01-01T00:00:00Z"
UNSEEN = "beyond the ledger"
"""The outcome of an instant that no stored ledger has held: between two of them it had grown too long."""
FINAL = ("Succeeded", "Failed", "Cancelled", "Lost")
Range = tuple[int, int, str, str]
"""First and last instant, outcome, reason."""


@dataclass
class Account:
    """One task's instants, from its first status on."""

    since: float = 0.0
    """After this its instants count; 0 as long as it has no status."""
    watermark: float = 0.0
    outcomes: dict[int, str] = field(default_factory=dict)
    """The last outcome that a status told, with its reason; by unix time."""
    _known: frozenset[Range] = frozenset()

    def add(self, job: Job, body: dict[str, Any]) -> None:
        """The task as it was stored."""
        status = body.get("status") or {}
        if not status.get("watermark"):
            return
        if not self.since:
            marks = (body["metadata"]["creationTimestamp"], status.get("ledgerSince"), status.get("timingSince"))
            self.since = max(unix(mark) for mark in marks if mark)
        before, self.watermark = self.watermark or self.since, unix(status["watermark"])
        ranges = frozenset(
            (int(unix(each["first"])), int(unix(each["last"])), each["outcome"], each.get("reason") or "")
            for each in status.get("ledger") or []
        )
        for first, last, outcome, reason in ranges - self._known:
            grown = next((old[1] for old in self._known if (old[0], *old[2:]) == (first, outcome, reason)), None)
            begin = first - 1 if grown is None or grown > last else grown
            for at in job.due(begin, last):
                self.outcomes[at] = f"{outcome} {reason}".rstrip()
        self._known = ranges
        # A ledger is bounded: where outcomes alternate it may have moved on before it was stored at all.
        for at in job.due(before, min(self.watermark, unix(status.get("ledgerSince") or EPOCH))):
            self.outcomes.setdefault(at, UNSEEN)


@dataclass
class Execution:
    """The last that was stored of an execution."""

    task: str
    trigger: str
    at: int | None
    phase: str
    reason: str
    started: bool
    exists: bool = True


class Books:
    """Fed by the witness in its threads, one for each kind of object; read when they have ended."""

    def __init__(self, jobs: Mapping[str, Job]) -> None:
        self._jobs = jobs
        self.accounts = {name: Account() for name in jobs}
        self.executions: dict[str, Execution] = {}
        self.pods: dict[str, set[str]] = {}
        """The lives that each pod name has had."""
        self.open_pods: set[str] = set()

    def all_known(self) -> bool:
        """Whether each task has had a status."""
        return all(account.since for account in self.accounts.values())

    def task(self, name: str, _life: str, stored: bytes | None) -> None:
        """A CronTask was stored or deleted."""
        if stored is not None and name in self._jobs:
            self.accounts[name].add(self._jobs[name], json.loads(stored))

    def execution(self, name: str, _life: str, stored: bytes | None) -> None:
        """A CronTaskExecution was stored or deleted."""
        if stored is None:
            if name in self.executions:
                self.executions[name].exists = False
            return
        body = json.loads(stored)
        spec, status = body["spec"], body.get("status") or {}
        self.executions[name] = Execution(
            task=spec["taskRef"]["name"],
            trigger=spec.get("trigger") or "Manual",
            at=int(unix(spec["scheduledAt"])) if spec.get("scheduledAt") else None,
            phase=status.get("phase") or "Pending",
            reason=status.get("reason") or "",
            started=bool(status.get("startedAt")),
        )

    def pod(self, name: str, life: str, stored: bytes | None) -> None:
        """A pod was stored or deleted."""
        if stored is None:
            self.open_pods.discard(name)
        else:
            self.pods.setdefault(name, set()).add(life)
            self.open_pods.add(name)


def unix(text: str) -> float:
    """RFC 3339 as unix time."""
    return datetime.fromisoformat(text).timestamp()
