"""What becomes of a task's instants up to `now`: started, queued, skipped, missed or lost.

Laws 1 to 3 of the architecture live here. An instant within `ON_TIME` of now is
simply started, whatever the policy for missed ones: that covers a restart of
the operator. Later ones were missed by an outage, and `missed.policy` speaks.
The work is bounded by `COUNTED`, however long the outage lasted. The order of
questions is that of docs/policies.md: has the instant its outcome already? was
it claimed by an earlier leader? is the task paused, or the time closed? is it
too late? does something else still run? The last one is asked in `overlap`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crontask_core.ledger import COUNTED, ON_TIME, SECOND, Entry, at_once
from crontask_core.planning.observation import TaskObservation
from crontask_core.planning.overlap import Start, make_room
from crontask_core.planning.passed import EPSILON, latest_instants, too_late, uncounted
from crontask_core.schedule import instants

DEFAULT_CATCH_UP = 10
"""How many instants `missed.policy: All` starts where the task names no limit."""
LOST_RECORDS = 3
"""Of so many lost calls of a task an execution is made; of more, the ledger tells alone. Else a leader that dies with
many calls unrecorded leaves more to write than its successor can, which then dies with still more."""
CLOCK_BEHIND = timedelta(seconds=60)
"""What lies further ahead of now than this was written under a wrong clock, or by another hand than ours."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What to do about a task, and when to look at it again."""

    starts: tuple[Start, ...] = ()
    queued: tuple[Start, ...] = ()
    """Executions that come to exist and wait for their turn, after those that wait already."""
    stops: tuple[str, ...] = ()
    """Executions to stop first, because a new one replaces them."""
    lost: tuple[datetime, ...] = ()
    """HTTP instants that an earlier leader claimed and that left no record, and of which one is to be made now."""
    entries: tuple[Entry, ...] = ()
    """The outcomes of all instants that passed, in their order; ranges where nobody counted through."""
    found: tuple[Entry, ...] = ()
    """Outcomes that were known already, for the ledger to hold."""
    watermark: datetime | None = None
    wake_at: datetime | None = None


@dataclass(slots=True)
class _Judged:
    """The instants that passed, sorted by what they may become."""

    entries: list[Entry] = field(default_factory=list)
    found: list[Entry] = field(default_factory=list)
    lost: list[datetime] = field(default_factory=list)
    on_time: list[datetime] = field(default_factory=list)
    late: list[datetime] = field(default_factory=list)
    """Those that the policy for missed ones decides on."""
    latest: datetime | None = None
    """The last one that was not left out on purpose, whatever became of it."""


def plan_task(seen: TaskObservation, now: datetime) -> TaskPlan:
    """The plan for every instant in (watermark, now]."""
    # After a step of the clock back to before the watermark, nothing up to the watermark is due again.
    watermark = max(seen.watermark, now)
    wake_at = _wake_at(seen, watermark)
    if seen.watermark >= now:
        return TaskPlan(watermark=watermark, wake_at=wake_at)
    pause = _pause(seen, now)
    judged = _Judged()
    passed, gap = _passed(seen, now)
    for at in passed:
        _judge(seen, at, pause, now, judged)
    if gap is not None:
        judged.entries += uncounted(seen, gap, pause, now)
    catch_up = _catch_up(seen, judged)
    line = [Start(at, "CatchUp") for at in catch_up] if seen.spec.missed.policy == "All" else []
    starts = [Start(at, "CatchUp") for at in catch_up if not line]
    starts += [Start(at, "Schedule") for at in judged.on_time]
    room = make_room(seen.spec, starts, line, seen.load)
    entries = (*judged.entries, *room.entries)
    if seen.spec.retry.lost and seen.spec.http is not None:
        entries = _unsure(seen, entries, judged.lost)
    return TaskPlan(
        starts=room.starts,
        queued=room.queued,
        stops=room.stops,
        lost=tuple(judged.lost[-LOST_RECORDS:]),
        entries=tuple(sorted(entries)) if len(entries) > 1 else entries,
        found=tuple(judged.found),
        watermark=watermark,
        wake_at=wake_at,
    )


def clock_behind(watermark: datetime, now: datetime) -> bool:
    """Whether nothing is started until a moment so far away that somebody has to know of it."""
    return watermark - now > CLOCK_BEHIND


def claim_in_force(inherited: datetime | None, taken_at: datetime, now: datetime) -> datetime | None:
    """How far an earlier leader's claim speaks at `now`, where this one took over at `taken_at`.

    A claim far ahead was written under a wrong clock: it still covers what lies before the take-over, and what it was
    written for once that comes, but not all between, which nobody has begun.
    """
    if inherited is None or not clock_behind(inherited, now):
        return inherited
    return min(inherited, taken_at)


def _wake_at(seen: TaskObservation, watermark: datetime) -> datetime | None:
    if seen.spec.suspend or seen.disabled:
        return None
    until = seen.spec.suspend_until
    return seen.schedule.next(watermark if until is None else max(watermark, until - EPSILON))


def _pause(seen: TaskObservation, now: datetime) -> tuple[datetime, str] | None:
    """Up to when (itself excluded) the task is paused, and why."""
    if seen.spec.suspend or seen.disabled:
        return now + SECOND, "Suspended" if seen.spec.suspend else "Disabled"
    until = seen.spec.suspend_until
    return (until, "Suspended") if until is not None and until > seen.watermark else None


def _passed(seen: TaskObservation, now: datetime) -> tuple[list[datetime], tuple[datetime, datetime] | None]:
    """The instants in (watermark, now] that are looked at, in order, and between which two none was looked at."""
    passed, more = instants(seen.schedule, seen.watermark, now, COUNTED)
    if not more:
        return passed, None
    recent, _ = instants(seen.schedule, max(seen.watermark, now - ON_TIME), now, COUNTED)
    wanted = _limit(seen) if seen.spec.missed.policy == "All" else 1
    wanted = wanted if seen.closed is None else max(wanted, COUNTED)
    late = latest_instants(seen.schedule, seen.watermark, now - ON_TIME, wanted)
    known = seen.known.between(seen.watermark, now)
    return sorted({*passed, *known, *recent, *late}), (passed[-1], min([*recent, *late], default=now + SECOND))


def _judge(seen: TaskObservation, at: datetime, pause: tuple[datetime, str] | None, now: datetime, to: _Judged) -> None:
    """Sorts one instant in."""
    known = seen.known.outcome(at)
    if known is not None:
        to.found.append(known)
        to.latest = at
        return
    if _was_claimed(seen, at):
        to.lost.append(at)
        to.entries.append(at_once(at, "Lost"))
        to.latest = at
        return
    skip = pause[1] if pause is not None and at < pause[0] else seen.closed(at) if seen.closed is not None else None
    if skip is not None:
        to.entries.append(at_once(at, "Skipped", skip))
        return
    to.latest = at
    late = too_late(seen.spec, now - at)
    if late is not None:
        to.entries.append(at_once(at, "Missed", late))
    elif now - at < ON_TIME:
        to.on_time.append(at)
    else:
        to.late.append(at)


def _was_claimed(seen: TaskObservation, at: datetime) -> bool:
    """Whether an earlier leader may have sent the call of this instant, and the task does not want it sent again.

    A pod's name makes a second create harmless.
    """
    if seen.spec.http is None or seen.spec.retry.lost or seen.claimed_through is None:
        return False
    return at <= seen.claimed_through


def _unsure(seen: TaskObservation, entries: tuple[Entry, ...], lost: list[datetime]) -> tuple[Entry, ...]:
    """What an earlier leader may have sent and nobody starts anew is lost: neither skipped nor missed."""
    claimed = seen.claimed_through
    if claimed is None:
        return entries
    unsure = {each.last for each in entries if each.outcome in ("Skipped", "Missed") and each.size == 1}
    unsure = {at for at in unsure if at <= claimed}
    lost += sorted(unsure)
    return tuple(at_once(each.last, "Lost") if each.last in unsure else each for each in entries)


def _limit(seen: TaskObservation) -> int:
    """How many missed instants may still be taken into the line."""
    return max(0, (seen.spec.missed.limit or DEFAULT_CATCH_UP) - seen.load.catching_up)


def _catch_up(seen: TaskObservation, judged: _Judged) -> list[datetime]:
    """Which of the late ones are made up for; the others are missed."""
    late, chosen, reason = judged.late, list[datetime](), "Downtime"
    if seen.spec.missed.policy == "All" and late:
        limit = _limit(seen)
        chosen, reason = late[len(late) - limit :] if limit < len(late) else late, "Limit"
    # Where the latest one has its execution, an earlier one is not made up for: it would run out of order.
    elif seen.spec.missed.policy == "Latest" and not judged.on_time and late[-1:] == [judged.latest]:
        chosen = late[-1:]
    judged.entries += [at_once(at, "Missed", reason) for at in late[: len(late) - len(chosen)]]
    return chosen
