"""The schedule as its callers see it, and the forms that need no calendar: `@every`, `@at`, `@manual`.

Also what is derived from `next` alone, for every form: the last instant up to a
moment, and the first few of an interval.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from crontask_core.schedule.zones import SECOND


class Schedule(Protocol):
    """Text that yields instants. All times are aware; all answers are UTC. A naive argument is a ValueError."""

    def next(self, after: datetime) -> datetime | None:
        """The first instant strictly after `after`; None if there is none (for the next 50 years)."""

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The last instant in (after, upto], or None; the work does not grow with the number of instants."""


def instants(schedule: Schedule, after: datetime, upto: datetime, limit: int) -> tuple[list[datetime], bool]:
    """The first `limit` instants in (after, upto], and whether there are more."""
    found: list[datetime] = []
    at = schedule.next(after)
    while at is not None and at <= upto:
        if len(found) == limit:
            return found, True
        found.append(at)
        at = schedule.next(at)
    return found, False


def latest_by_halving(schedule: Schedule, after: datetime, upto: datetime) -> datetime | None:
    """The last instant in (after, upto] of any schedule, in some 30 calls of `next` however long the interval is."""
    found = schedule.next(after)
    if found is None or found > upto:
        return None
    high = upto.astimezone(UTC)
    while high - found > SECOND:
        middle = found + timedelta(seconds=(high - found) // SECOND // 2)
        later = schedule.next(middle)
        if later is None or later > upto:
            high = middle
        else:
            found = later
    later = schedule.next(found)
    return later if later is not None and later <= upto else found


@dataclass(frozen=True, slots=True)
class Every:
    """Instants that are `interval` apart (whole seconds).

    They count from `anchor` (the first is one interval after it), or from the
    time asked about where there is no anchor.
    """

    interval: timedelta
    anchor: datetime | None = None

    def next(self, after: datetime) -> datetime | None:
        """The first instant strictly after `after`."""
        return self._step(after, 1)

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The last instant in (after, upto], by division."""
        start = self._step(after, 1)
        if start is None or start > upto:
            return None
        return self._step(after, 1 + (upto - start) // self.interval)

    def _step(self, after: datetime, count: int) -> datetime | None:
        """The `count`-th instant after `after`."""
        base = (after if self.anchor is None else self.anchor).astimezone(UTC).replace(microsecond=0)
        passed = max((after - base) // self.interval, 0) if self.anchor is not None else 0
        try:
            return base + (passed + count) * self.interval
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class At:
    """One instant."""

    instant: datetime

    def next(self, after: datetime) -> datetime | None:
        """The instant, if it is still to come."""
        return self.instant if self.instant > after else None

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The instant, if it lies in (after, upto]."""
        return self.instant if after < self.instant <= upto else None


@dataclass(frozen=True, slots=True)
class Never:
    """No instant: the task runs when somebody starts it."""

    def next(self, after: datetime) -> datetime | None:
        """None."""
        return None

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """None."""
        return None
