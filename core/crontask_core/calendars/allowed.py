"""What calendars leave of a schedule: `exclude` takes away what any covers, `only` what none covers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from crontask_core.schedule.forms import Schedule

STEPS = 2000
"""How many times `next_allowed` looks on: five years of days, at the least."""
AHEAD = timedelta(days=3653)
"""How far it looks."""
_INSTANT = timedelta(microseconds=1)


class Covering(Protocol):
    """Times as a set: a `Calendar`, or what else can be asked like one."""

    def covers(self, at: datetime) -> bool:
        """Whether an (aware) instant is among them."""

    def until(self, at: datetime) -> datetime:
        """Up to when, at least, the answer for `at` holds."""


Times = TypeVar("Times", bound=Covering)


def covering(at: datetime, calendars: Sequence[Times]) -> Times | None:
    """The first of the calendars that covers an instant."""
    return next((calendar for calendar in calendars if calendar.covers(at)), None)


def allowed(at: datetime, only: Sequence[Covering], exclude: Sequence[Covering]) -> bool:
    """Whether an instant is left: one of `only` covers it (if there are any), and none of `exclude`."""
    return (not only or covering(at, only) is not None) and covering(at, exclude) is None


def next_allowed(
    schedule: Schedule,
    after: datetime,
    *,
    only: Sequence[Covering] = (),
    exclude: Sequence[Covering] = (),
    steps: int = STEPS,
) -> datetime | None:
    """The first instant after `after` that the calendars leave; None if there is none in the next ten years.

    None as well if it is not among the first `steps` looks. A time that is taken away is passed over as a whole, not
    instant by instant: each look goes on to where a calendar changes its mind.
    """
    begun = after
    for _ in range(steps):
        at = schedule.next(after)
        if at is None or not (only or exclude):
            return at
        if at - begun > AHEAD:
            return None
        ends = _taken_until(at, only, exclude)
        if ends is None:
            return at
        after = ends - _INSTANT
    return None


def _taken_until(at: datetime, only: Sequence[Covering], exclude: Sequence[Covering]) -> datetime | None:
    """Up to when an instant and what follows it are taken away for certain; None if the instant is left."""
    ends = [calendar.until(at) for calendar in exclude if calendar.covers(at)]
    if only and covering(at, only) is None:
        ends.append(min(calendar.until(at) for calendar in only))
    return max(ends, default=None)
