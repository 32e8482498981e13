"""Which ended executions are to go: beyond a task's history limits, or older than it keeps them.

An execution that outlives its task (`kept_seconds`) has no owner; it bears what
is needed to expire it later, because nobody can be asked any more by then.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crontask_core.model import History, Phase, TaskSpec, Trigger

KEPT_SECONDS = 7 * 86_400
"""How long executions stay without their task where `history.ttlSeconds` does not say so (law 7)."""
BACKFILLS_KEPT = 3
"""How many ended backfills of a task are kept. Each only tells of its instants, which are executions themselves."""
STRAY_SECONDS = 3_600
"""How long an execution stays that names a task which does not exist: long enough to be read."""


@dataclass(slots=True)
class Ended:
    """An execution that has ended, as far as history and counts are concerned."""

    name: str
    phase: Phase
    finished_at: datetime
    trigger: Trigger = "Schedule"
    reason: str | None = None
    scheduled_at: datetime | None = None
    """The instant it was for; None for one that was made by hand."""
    parent: str | None = None
    """The execution that had caused it."""
    began: bool = True
    """Whether anything of it was sent, as far as anybody knows."""
    kept_seconds: int | None = None
    """See `kept_without_task`."""
    counted: bool = False
    """Whether the task's stored status tells of it. Before that it must stay: a successor could not count it."""
    lateness_milliseconds: int | None = None

    @property
    def ran(self) -> bool:
        """Whether it is a record of something that ran, or may have run (a lost call)."""
        return self.began or self.phase == "Lost"

    @property
    def is_backfill(self) -> bool:
        """Whether it stands for a backfill. The execution of an instant has a parent."""
        return self.trigger == "Backfill" and self.parent is None and not self.ran


def kept_without_task(spec: TaskSpec) -> int | None:
    """How many seconds after its end an execution stays without its task; None: it goes with the task."""
    if not spec.history.outlive_task and spec.delete_after == "Never":
        return None
    return KEPT_SECONDS if spec.history.ttl_seconds is None else spec.history.ttl_seconds


def surplus(ended: Iterable[Ended], limits: History, now: datetime) -> list[str]:
    """Names of the executions to delete, of each kind oldest first; a tie in time is broken by name.

    Backfills and executions that were refused before they began have bounds apart, so that they never
    cost the record of one that ran.
    """
    good: list[Ended] = []
    bad: list[Ended] = []
    refused: list[Ended] = []
    backfills: list[Ended] = []
    for execution in ended:
        if execution.ran:
            (good if execution.phase == "Succeeded" else bad).append(execution)
        else:
            (backfills if execution.is_backfill else refused).append(execution)
    names: list[str] = []
    kept = (
        (good, limits.successful),
        (bad, limits.failed),
        (refused, max(limits.failed, 1)),
        (backfills, BACKFILLS_KEPT),
    )
    for group, keep in kept:
        group.sort(key=lambda e: (e.finished_at, e.name))
        too_many = len(group) - keep
        names += [
            execution.name
            for place, execution in enumerate(group)
            if execution.counted and (place < too_many or _is_over(execution, limits, now))
        ]
    return names


def _is_over(execution: Ended, limits: History, now: datetime) -> bool:
    return limits.ttl_seconds is not None and execution.finished_at + timedelta(seconds=limits.ttl_seconds) <= now


def next_expiry(ended: Iterable[Ended], limits: History) -> datetime | None:
    """When the first of these executions is older than the task keeps them."""
    if limits.ttl_seconds is None:
        return None
    first = min((execution.finished_at for execution in ended), default=None)
    return None if first is None else first + timedelta(seconds=limits.ttl_seconds)
