"""What becomes of a task's instants up to `now`: started, skipped, missed or lost.

Laws 1 to 3 of the architecture live here. An instant within `ON_TIME` of now is
simply started, whatever the policy for missed ones: that covers a restart of
the operator. Later ones were missed by an outage, and `missed.policy` speaks.
The work is bounded by `COUNTED`, however long the outage lasted.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta

from crontask_core.model import TaskSpec, Trigger
from crontask_core.schedule import Schedule, instants

ON_TIME = timedelta(seconds=15)
"""Longer than a restart with 10,000 tasks takes, shorter than a minute: no instant of `* * * * *` is started late."""

COUNTED = 100
"""How many missed instants are counted one by one after an outage."""


@dataclass(frozen=True, slots=True)
class TaskObservation:
    """All that a plan for one task depends on, besides the time."""

    schedule: Schedule
    spec: TaskSpec
    watermark: datetime
    """Instants up to this one have their outcome."""
    claimed_through: datetime | None
    """How far an earlier leader had claimed when this one took over."""
    known: Container[datetime]
    """Instants that already have an execution or a pod."""
    active: tuple[str, ...]
    """Names of the executions that have not ended."""
    disabled: bool = False
    """Whether the schedule is paused because of `disableAfterFailures`."""


@dataclass(frozen=True, slots=True)
class Start:
    """An instant to be started now."""

    scheduled_at: datetime
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What to do about a task, and when to look at it again."""

    starts: tuple[Start, ...] = ()
    stops: tuple[str, ...] = ()
    """Executions to stop first, because a new one replaces them."""
    skipped: tuple[datetime, ...] = ()
    """Instants that an overlap forbids."""
    missed: tuple[datetime, ...] = ()
    """Instants that are too late; only the first and the latest ones of a long outage."""
    more_missed: bool = False
    """Whether there are missed instants besides those named."""
    lost: tuple[datetime, ...] = ()
    """HTTP instants that an earlier leader claimed and that left no record."""
    watermark: datetime | None = None
    wake_at: datetime | None = None


def plan_task(seen: TaskObservation, now: datetime) -> TaskPlan:
    """The plan for every instant in (watermark, now]."""
    # After a step of the clock back to before the watermark, nothing up to the watermark is due again.
    watermark = max(seen.watermark, now)
    if seen.spec.suspend or seen.disabled:
        return TaskPlan(watermark=watermark, lost=_claimed(seen, now))
    wake_at = seen.schedule.next(watermark)
    if seen.watermark >= now:
        return TaskPlan(watermark=watermark, wake_at=wake_at)
    passed, more = _passed(seen, now)
    due = [at for at in passed if at not in seen.known]
    lost = tuple(at for at in due if _was_claimed(seen, at))
    startable, missed = _sort(seen, [at for at in due if not _was_claimed(seen, at)], passed[-1:], now)
    starts, skipped, stops = _overlaps(seen, startable)
    return TaskPlan(
        starts=starts,
        stops=stops,
        skipped=skipped,
        missed=tuple(missed),
        more_missed=more,
        lost=lost,
        watermark=watermark,
        wake_at=wake_at,
    )


def _passed(seen: TaskObservation, now: datetime) -> tuple[list[datetime], bool]:
    """The instants in (watermark, now], in order, and whether some between the first and the latest are left out."""
    passed, more = instants(seen.schedule, seen.watermark, now, COUNTED)
    if more:
        recent, _ = instants(seen.schedule, max(seen.watermark, now - ON_TIME), now, COUNTED)
        latest = seen.schedule.latest(seen.watermark, now)
        passed = sorted({*passed, *recent, *([latest] if latest else [])})
    return passed, more


def _claimed(seen: TaskObservation, now: datetime) -> tuple[datetime, ...]:
    """What of a paused task was claimed before the pause and left no record."""
    if seen.claimed_through is None or seen.claimed_through <= seen.watermark:
        return ()
    passed, _ = _passed(seen, min(now, seen.claimed_through))
    return tuple(at for at in passed if at not in seen.known and _was_claimed(seen, at))


def _was_claimed(seen: TaskObservation, at: datetime) -> bool:
    """Whether an earlier leader may have sent the call of this instant, and the task does not want it sent again.

    A pod's name makes a second create harmless.
    """
    if seen.spec.http is None or seen.spec.retry.lost or seen.claimed_through is None:
        return False
    return at <= seen.claimed_through


def _sort(
    seen: TaskObservation, due: list[datetime], latest: list[datetime], now: datetime
) -> tuple[list[Start], list[datetime]]:
    """What may start, and what is missed. `latest` is the last instant that has passed, whatever became of it."""
    deadline = seen.spec.starting_deadline_seconds
    in_time = [at for at in due if deadline is None or now - at <= timedelta(seconds=deadline)]
    starts = [Start(at, "Schedule") for at in in_time if now - at < ON_TIME]
    # Where the latest one has its execution, an earlier one is not made up for: it would run out of order.
    if not starts and in_time[-1:] == latest and seen.spec.missed.policy == "Latest":
        starts = [Start(at, "CatchUp") for at in latest]
    started = {start.scheduled_at for start in starts}
    return starts, [at for at in due if at not in started]


def _overlaps(
    seen: TaskObservation, starts: list[Start]
) -> tuple[tuple[Start, ...], tuple[datetime, ...], tuple[str, ...]]:
    """Applies the concurrency policy: (to start, skipped, to stop)."""
    if not starts or seen.spec.concurrency_policy == "Allow":
        return tuple(starts), (), ()
    if seen.spec.concurrency_policy == "Replace":
        # Of several instants due at once only the last would survive: the others are not even begun.
        return (starts[-1],), tuple(start.scheduled_at for start in starts[:-1]), seen.active
    if seen.active:
        return (), tuple(start.scheduled_at for start in starts), ()
    return (starts[0],), tuple(start.scheduled_at for start in starts[1:]), ()
