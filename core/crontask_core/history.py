"""Which ended executions are to go: beyond a task's history limits, or older than it keeps them.

An execution that outlives its task (`kept_seconds`) has no owner; it bears what
is needed to expire it later, because nobody can be asked any more by then.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crontask_core.model import BY_SCHEDULE, History, Phase, TaskSpec, TaskStatus, Trigger
from crontask_core.model.task_status import MAX_COUNTED_SHOWN

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
    partial: bool = False
    """Whether it failed at some of its targets and succeeded at others."""
    retried: int = 0
    """How many of its attempts failed and were followed by another one."""
    started_at: datetime | None = None
    """When its first attempt began, as far as anybody knows."""

    @property
    def ran(self) -> bool:
        """Whether it is a record of something that ran, or may have run (a lost call)."""
        return self.began or self.phase == "Lost"

    @property
    def is_backfill(self) -> bool:
        """Whether it stands for a backfill. The execution of an instant has a parent."""
        return self.trigger == "Backfill" and self.parent is None and not self.ran


def uncounted(ended: Iterable[Ended], stored: TaskStatus) -> list[Ended]:
    """The executions that the counts of a task's stored status do not hold, in the order of their ends.

    What had not ended is named by the stored `active`. What began and ended since then lies above the stored
    watermark, if it is by schedule; if it is not, the stored `counted` does not name it.
    """
    known = sorted(ended, key=lambda each: each.finished_at)
    open_then = {active.name for active in stored.active}
    named, since = set(stored.counted or ()), _counted_up_to(known, stored)
    return [
        each
        for each in known
        if each.name in open_then
        or (_is_above(each, stored.watermark) if each.trigger in BY_SCHEDULE else _is_new(each, named, since))
    ]


def _counted_up_to(known: Iterable[Ended], stored: TaskStatus) -> datetime | None:
    """Up to which end executions that are not by schedule are counted though `counted` does not name them."""
    names = stored.counted or ()
    if 0 < len(names) < MAX_COUNTED_SHOWN:
        return None
    if first := [each.finished_at for each in known if each.name in names]:
        return min(first)
    # Nothing is named: none was counted yet, or an operator counted them that knew no such names.
    last = stored.last_execution.name if stored.last_execution else ""
    times = [each.finished_at for each in known if each.name == last]
    times += [at for at in (stored.last_successful_time, stored.last_failed_time) if at is not None]
    return max(times, default=None)


def _is_above(ended: Ended, watermark: datetime | None) -> bool:
    return ended.scheduled_at is not None and (watermark is None or ended.scheduled_at > watermark)


def _is_new(ended: Ended, named: set[str], since: datetime | None) -> bool:
    is_backfill = ended.trigger == "Backfill" and ended.parent is None  # its executions count, it does not
    return not is_backfill and ended.name not in named and (since is None or ended.finished_at > since)


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
