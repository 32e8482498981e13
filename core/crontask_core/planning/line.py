"""The line of a task: which of the executions that wait may begin, and which have waited too long.

First come, first served, by instant; what somebody asked for by hand passes those
that a pause holds. What is made up for begins at most once a second. The limits
of a group are asked for afterwards, by whoever carries this out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from crontask_core.ledger import ON_TIME
from crontask_core.model import BY_SCHEDULE, TaskSpec, Trigger
from crontask_core.planning.overlap import concurrency_limit

PACE = timedelta(seconds=1)
"""Between two starts of a task that make up for missed instants."""
_EPSILON = timedelta(microseconds=1)


class Waiting(NamedTuple):
    """An execution that waits."""

    scheduled_at: datetime
    name: str
    trigger: Trigger
    exists: bool = True
    """Whether its object exists, which is what it is claimed by."""


@dataclass(frozen=True, slots=True)
class LineObservation:
    """All that the line of a task depends on, besides the time."""

    spec: TaskSpec
    waiting: tuple[Waiting, ...]
    running: int
    """How many of its executions have begun and not ended."""
    held: bool = False
    """Whether nothing begins by itself now: the task is paused, or the time is closed."""
    caught_up_at: datetime | None = None
    """When an execution that makes up for a missed instant began last; the future, where the clock was set back."""


@dataclass(frozen=True, slots=True)
class LinePlan:
    """Who may begin, who has waited too long, and when to look again where nothing else tells before."""

    release: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    again_at: datetime | None = None
    late: bool = False
    """Whether something that the schedule has caused waits for longer than an instant may be late."""


def plan_line(seen: LineObservation, now: datetime) -> LinePlan:
    """What happens to the line at `now`."""
    limit = concurrency_limit(seen.spec)
    room = len(seen.waiting) if limit is None else limit - seen.running
    release, expired, again = list[str](), list[str](), list[datetime]()
    caught_up_at, blocked, late = seen.caught_up_at, seen.held, False
    for each in sorted(seen.waiting):
        if each.trigger in BY_SCHEDULE:
            late_at, expires_at = each.scheduled_at + ON_TIME, _expires_at(seen.spec, each)
            if expires_at is not None and now >= expires_at:
                expired.append(each.name)
                continue
            late = late or now >= late_at
            again += [at for at in (late_at, expires_at) if at is not None and at > now]
        if room <= len(release) or (blocked and _in_line(each)):
            continue
        if each.trigger == "CatchUp" and caught_up_at is not None and caught_up_at <= now < caught_up_at + PACE:
            again.append(caught_up_at + PACE)
            blocked = True
        elif not each.exists:
            blocked = True  # its record tells when it does
        else:
            release.append(each.name)
            caught_up_at = now if each.trigger == "CatchUp" else caught_up_at
    return LinePlan(tuple(release), tuple(expired), min(again, default=None), late)


def _in_line(each: Waiting) -> bool:
    """Whether it keeps to the order; somebody's own wish waits for room alone."""
    return each.trigger not in ("Manual", "Backfill")


def _expires_at(spec: TaskSpec, each: Waiting) -> datetime | None:
    deadline = spec.starting_deadline_seconds
    return None if deadline is None else each.scheduled_at + timedelta(seconds=deadline) + _EPSILON
