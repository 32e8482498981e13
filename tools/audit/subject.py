"""One task as the checks look at it: its status in plain values, its executions, and when it was due."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .dump import Dump, Object
from .expected import expected, moment

SETTLE = timedelta(seconds=30)
"""So long the operator may take until everything about an instant is written."""
BY_SCHEDULE = ("Schedule", "CatchUp")
OUTLIVING = "crontask.dev/task-uid"
"""The annotation that tells whose an execution was that outlives its task."""
FINAL = ("Succeeded", "Failed", "Cancelled", "Lost")


@dataclass(frozen=True)
class Entry:
    """A range of the ledger."""

    first: datetime
    last: datetime
    outcome: str
    reason: str
    count: int
    lateness: int

    def covers(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.first <= at <= self.last


@dataclass(frozen=True)
class Execution:
    """A CronTaskExecution."""

    name: str
    trigger: str
    at: datetime | None
    created: datetime
    phase: str
    started: datetime | None
    finished: datetime | None
    lateness: int
    is_backfill: bool
    """Whether it stands for a backfill as a whole."""

    @property
    def for_schedule(self) -> bool:
        """Whether the schedule caused it."""
        return self.trigger in BY_SCHEDULE and self.at is not None

    def moved_since(self, moment: datetime) -> bool:
        """Whether anything happened to it after a moment."""
        return any(at is not None and at > moment for at in (self.created, self.started, self.finished))


@dataclass(frozen=True)
class Subject:
    """All that is known of one task; instants are aware UTC."""

    namespace: str
    name: str
    created: datetime
    now: datetime
    settle: timedelta
    spec: dict[str, Any]
    status: dict[str, Any]
    counts: dict[str, int]
    """Read after the executions."""
    executions: tuple[Execution, ...]
    ledger: tuple[Entry, ...]
    since: datetime
    """After this moment the ledger must be complete, and the schedule is the present one."""
    watermark: datetime
    due: tuple[datetime, ...]
    """The instants in (since, now], in order."""

    @property
    def settled(self) -> datetime:
        """What happened before this must be written everywhere."""
        return self.now - self.settle

    def entries_at(self, at: datetime) -> list[Entry]:
        """The entries that cover an instant."""
        return [entry for entry in self.ledger if entry.covers(at)]

    def started(self, at: datetime) -> list[Execution]:
        """The executions that the schedule caused for an instant."""
        return [each for each in self.executions if each.for_schedule and each.at == at]

    def is_busy(self) -> bool:
        """Whether something has happened so lately that counts may lag."""
        return any(each.moved_since(self.settled) for each in self.executions)


def subject_of(dump: Dump, body: Object, default_zone: str, settle: timedelta) -> Subject:
    """The task `body` of a dump. Raises CannotJudge."""
    meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    created = _time(meta["creationTimestamp"])
    marks = (moment(status.get(name)) for name in ("ledgerSince", "timingSince"))
    since = max([created, *(mark for mark in marks if mark is not None)])
    identity = f"{meta['namespace']}/{meta['name']}"
    later = next((each for each in dump.later if each["metadata"].get("uid") == meta.get("uid")), body)
    return Subject(
        namespace=meta["namespace"],
        name=meta["name"],
        created=created,
        now=dump.at,
        settle=settle,
        spec=spec,
        status=status,
        counts=(later.get("status") or {}).get("counts") or {},
        executions=tuple(_executions(dump.executions, body, created)),
        ledger=tuple(_entry(entry) for entry in status.get("ledger") or []),
        since=since,
        watermark=moment(status.get("watermark")) or created,
        due=tuple(sorted(expected(spec, identity, created, since, dump.at, default_zone))),
    )


def _executions(bodies: Iterable[Object], task: Object, created: datetime) -> Iterable[Execution]:
    """The executions of this very task; one of an earlier task of its name may have outlived that."""
    for body in bodies:
        meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
        if meta["namespace"] != task["metadata"]["namespace"] or spec["taskRef"]["name"] != task["metadata"]["name"]:
            continue
        made = _time(meta["creationTimestamp"])
        owners = [owner["uid"] for owner in meta.get("ownerReferences") or []]
        owners += [uid for uid in [(meta.get("annotations") or {}).get(OUTLIVING)] if uid]
        if (task["metadata"].get("uid") not in owners) if owners else made < created:
            continue
        yield Execution(
            name=meta["name"],
            trigger=spec.get("trigger") or "Manual",
            at=moment(spec.get("scheduledAt")),
            created=made,
            phase=status.get("phase") or "Pending",
            started=moment(status.get("startedAt")),
            finished=moment(status.get("finishedAt")),
            lateness=status.get("latenessMilliseconds") or 0,
            is_backfill=spec.get("backfill") is not None,
        )


def _entry(body: Object) -> Entry:
    return Entry(
        first=_time(body["first"]),
        last=_time(body["last"]),
        outcome=body["outcome"],
        reason=body.get("reason") or "",
        count=body["count"],
        lateness=body.get("latenessMilliseconds") or 0,
    )


def _time(text: str) -> datetime:
    at = moment(text)
    assert at is not None
    return at
