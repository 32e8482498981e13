"""Schedules made of schedules: several as one, a spread, a first run and an end.

Each holds little and answers with few questions to what it holds, however far
apart the instants are. `compose` puts them together; the order in which they
are stacked is decided in docs/decisions/0010-composition-and-calendars.md.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crontask_core.schedule.forms import Schedule

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Union:
    """Every instant of any part; one where several coincide."""

    parts: tuple[Schedule, ...]

    def next(self, after: datetime) -> datetime | None:
        """The first instant strictly after `after`."""
        return min((at for part in self.parts if (at := part.next(after)) is not None), default=None)

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The last instant in (after, upto]."""
        return max((at for part in self.parts if (at := part.latest(after, upto)) is not None), default=None)


@dataclass(frozen=True, slots=True)
class Splayed:
    """Every instant of a schedule, `offset` later."""

    schedule: Schedule
    offset: timedelta

    def next(self, after: datetime) -> datetime | None:
        """The first instant strictly after `after`."""
        return _moved(self.schedule.next(_earlier(after, self.offset)), self.offset)

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The last instant in (after, upto]."""
        found = self.schedule.latest(_earlier(after, self.offset), _earlier(upto, self.offset))
        return _moved(found, self.offset)


@dataclass(frozen=True, slots=True)
class Window:
    """The instants of a schedule from `start` to `end`, both included.

    `first` is an instant of its own, and nothing comes before it. All of them may be missing.
    """

    schedule: Schedule
    first: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None

    def next(self, after: datetime) -> datetime | None:
        """The first instant strictly after `after`."""
        if self.end is not None and after >= self.end:
            return None
        if self.first is not None and after < self.first:
            return self.first if self._holds(self.first) else None
        found = self.schedule.next(self._from(after))
        return found if found is not None and self._holds(found) else None

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The last instant in (after, upto]."""
        if self.end is not None and upto > self.end:
            upto = self.end
        if self.first is not None and after < self.first:
            if upto < self.first or not self._holds(self.first):
                return None
            return self.latest(self.first, upto) or self.first
        after = self._from(after)
        return self.schedule.latest(after, upto) if after < upto else None

    def _from(self, after: datetime) -> datetime:
        """What to ask the schedule instead of `after`, so that it need not step through what lies before the start."""
        return _earlier(self.start, _INSTANT) if self.start is not None and after < self.start else after

    def _holds(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at <= self.end)


def _earlier(at: datetime, by: timedelta) -> datetime:
    """`at` less `by`, as far as the calendar of Python goes back."""
    return max(at.astimezone(UTC), _BEGINNING + by) - by


def _moved(at: datetime | None, by: timedelta) -> datetime | None:
    """`at` and `by`; None where there is no such time."""
    return at + by if at is not None and at <= _END - by else None


_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)
