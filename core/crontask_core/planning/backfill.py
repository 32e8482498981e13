"""What a backfill does next: which past instants it begins, how far it is, and when it is over.

Instants are taken in their order. `cursor` is the durable memory: up to it each
instant has ended or was left out and is in the counts, beyond it the executions
themselves tell. They are therefore not removed before the cursor has passed them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Literal

from crontask_core.errors import FieldError
from crontask_core.model import Backfill, BackfillProgress, Phase
from crontask_core.schedule import Schedule, instants

MAX_INSTANTS = 10_000
AHEAD = 200
"""How many instants beyond the cursor are looked at, so that what is kept in mind stays small."""
COUNTED_AT_ONCE = 250
"""A part of a long count, after which everything else may go on."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Child = Phase | Literal["LeftOut"]
"""What has become of an instant so far: the phase of its execution, or that it is left out."""


@dataclass(frozen=True, slots=True)
class BackfillObservation:
    """All that the next step of a backfill depends on."""

    schedule: Schedule | None
    """The task's; None where the backfill is only being stopped."""
    wanted: Backfill
    progress: BackfillProgress
    children: Mapping[datetime, Child]
    """What is known of the instants beyond the cursor; Pending is an execution that exists and has not begun."""
    leave_out: Callable[[datetime], bool]
    """Whether an instant is not to be run: it was started before, or a calendar covers it (`leaving_out`)."""
    room: int
    """How many executions the task's own limit allows besides those that run."""
    stop: bool = False
    held_from: datetime | None = None
    """Instants from this one on the schedule has yet to decide on, and may start; None: there are none."""


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What to do, and how far the backfill is then."""

    progress: BackfillProgress
    begins: tuple[datetime, ...] = ()
    """Instants whose execution is to be created, where there is none, and begun."""
    left_out: tuple[datetime, ...] = ()
    """Instants beyond the cursor that are left out, to be kept in mind."""
    over: bool = False
    """Whether nothing is left to do."""
    again: bool = False
    """Whether there is more to plan at once."""


def before(wanted: Backfill) -> datetime:
    """The moment after which the range begins."""
    return wanted.start - timedelta(microseconds=1)


def plan_backfill(seen: BackfillObservation) -> BackfillPlan:
    """The next step of the backfill."""
    counts = {"succeeded": 0, "failed": 0, "skipped": 0}
    cursor, unbroken = seen.progress.cursor, True
    known = max(seen.children, default=None)
    begins: list[datetime] = []
    left_out: list[datetime] = []
    free = min(seen.room, seen.wanted.parallelism - sum(each in _OPEN for each in seen.children.values()))
    for place, at in enumerate(_ahead(seen), 1):
        child = seen.children.get(at)
        held = child is None and seen.held_from is not None and at >= seen.held_from
        if child is None and not held and not seen.stop and seen.leave_out(at):
            left_out.append(at)
            child = "LeftOut"
        if child in _ENDS:
            if unbroken:
                cursor = at
                counts[_ENDS[child]] += 1
        else:
            unbroken = False
            if child not in _OPEN and not held and not seen.stop and free > len(begins):
                begins.append(at)
        nothing_to_begin = not unbroken and (seen.stop or held or free <= len(begins))
        if place == AHEAD or (nothing_to_begin and (known is None or at >= known)):
            break
    else:
        return _planned(seen, cursor, counts, begins, left_out, over=unbroken)
    return _planned(seen, cursor, counts, begins, left_out, again=unbroken)


_OPEN: frozenset[Child | None] = frozenset({"Queued", "Running"})
_ENDS: dict[Child | None, str] = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Cancelled": "failed",
    "Lost": "failed",
    "LeftOut": "skipped",
}


def _planned(
    seen: BackfillObservation,
    cursor: datetime | None,
    counts: dict[str, int],
    begins: list[datetime],
    left_out: list[datetime],
    *,
    over: bool = False,
    again: bool = False,
) -> BackfillPlan:
    made = {name: getattr(seen.progress, name) + more for name, more in counts.items()}
    progress = seen.progress.model_copy(update={**made, "cursor": cursor})
    return BackfillPlan(progress, tuple(begins), tuple(left_out), over, again)


def _ahead(seen: BackfillObservation) -> Iterator[datetime]:
    """The instants beyond the cursor in their order: of the schedule, and of executions that exist.

    After an edit of the schedule some of these may not be its instants any more. A backfill that is being stopped
    has no others.
    """
    cursor = seen.progress.cursor or before(seen.wanted)
    existing = sorted(at for at in seen.children if at > cursor)
    last = None
    to_come = () if seen.stop or seen.schedule is None else _scheduled(seen.schedule, cursor, seen.wanted.end)
    for at in merge(existing, to_come):
        if at != last:
            yield at
        last = at


def _scheduled(schedule: Schedule, after: datetime, upto: datetime) -> Iterator[datetime]:
    at = schedule.next(after)
    while at is not None and at <= upto:
        yield at
        at = schedule.next(at)


def refusal(wanted: Backfill, schedule: Schedule, now: datetime) -> str:
    """Why a task with this schedule cannot be run so; empty where it can. How many instants it is, is not asked."""
    if wanted.end > now:
        return str(
            FieldError("spec.backfill.end", wanted.end.isoformat(), "has not passed yet", "take an earlier time")
        )
    if schedule.next(_LONG_AGO) is None:
        problem = "names a task without a schedule, which has no instants"
        return str(FieldError("spec.taskRef", "", problem, "run it by hand, with the trigger Manual"))
    return ""


def too_many(wanted: Backfill) -> str:
    """What to tell of a range that holds more than `MAX_INSTANTS`."""
    span = f"{wanted.start.isoformat()} to {wanted.end.isoformat()}"
    remedy = "split the range into several backfills"
    return str(FieldError("spec.backfill", span, f"holds more than {MAX_INSTANTS} instants", remedy))


def counted(schedule: Schedule, after: datetime, wanted: Backfill) -> tuple[int, datetime | None]:
    """A part of the count of the instants beyond `after`: how many, and after which one to go on (None: no more)."""
    found, more = instants(schedule, after, wanted.end, COUNTED_AT_ONCE)
    return len(found), found[-1] if more else None


def outcome(progress: BackfillProgress, *, stopped: str) -> tuple[Phase, str, str]:
    """How a backfill that is over has ended: phase, reason, message. `stopped` is why it ended before its time."""
    ran = progress.succeeded + progress.failed
    told = f"{progress.succeeded} of {ran} execution(s) succeeded, {progress.skipped} instant(s) were left out."
    if stopped:
        why = "task was deleted" if stopped == "TaskDeleted" else "backfill was stopped"
        return "Cancelled", stopped, f"The {why}; {told}"
    if progress.failed:
        return "Failed", "ExecutionsFailed", told
    if not (progress.total or ran or progress.skipped):
        return "Succeeded", "NothingDue", "The range holds no instant."
    return "Succeeded", "Completed", told
