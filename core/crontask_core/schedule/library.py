"""Stepping as the Go cron libraries do, clock changes included.

All five share one search, which works forward from the unit that does not fit:
months and days by calendar, smaller units by elapsed time. Near a change of
the clocks what they answer depends on where the search began, so the search
itself is rebuilt here; far from changes the answer is the plain one, and taken
from `Fields`. One thing differs: an answer that does not lie after the question
(New York and Chatham, in overlaps) is replaced by the next moment at which the
clock shows a time that is meant, since a scheduler that took it would spin.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

from crontask_core.schedule.dst import EARLIEST_YEAR, ELAPSED, first_instant
from crontask_core.schedule.fields import LAST_YEAR, Fields, days_of
from crontask_core.schedule.forms import latest_by_halving
from crontask_core.schedule.golang import Reading
from crontask_core.schedule.zones import SECOND, naive_utc, stretch_at

_YEARS = 5
"""How far past its start the libraries search."""
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_NEAR = timedelta(days=33)
"""The search may go back to the first of the month; a change further back cannot touch it."""
_MIDNIGHT = (0, 0, 0)


class LibrarySchedule:
    """A schedule in one of the named grammars. Remembers its last answer; safe to share."""

    __slots__ = ("_answered", "fields", "reading", "zone")

    def __init__(self, fields: Fields, zone: str, reading: Reading) -> None:
        self.fields = fields
        self.zone = zone
        self.reading = reading
        self._answered: tuple[datetime, datetime | None] | None = None

    def next(self, after: datetime) -> datetime | None:
        """The first instant strictly after `after`; None where the library gives up."""
        answered = self._answered
        if answered is not None and answered[0] == after:
            return answered[1]
        found = self._next(naive_utc(after))
        instant = found.replace(tzinfo=UTC) if found is not None else None
        self._answered = (after, instant)
        return instant

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The last instant in (after, upto]."""
        return latest_by_halving(self, after, upto)

    def _next(self, after: datetime) -> datetime | None:
        """The library's answer where it lies after `after`, else the next fitting moment."""
        if not self.fields.ever() or after.year > LAST_YEAR:
            return None
        after = max(after.replace(microsecond=0), datetime(EARLIEST_YEAR, 1, 1))  # noqa: DTZ001
        found = _Search(self.fields, self.zone, self.reading, after + SECOND).run()
        if found is not None and found <= after:
            return first_instant(self.fields, ELAPSED, self.zone, after)
        return found


class _Search:
    """One search of a library: `at` (naive UTC) moves forward until everything fits."""

    def __init__(self, fields: Fields, zone: str, reading: Reading, at: datetime) -> None:
        self.fields = fields
        self.zone = zone
        self.reading = reading
        self.at = at
        self.cut = False

    def run(self) -> datetime | None:
        """The first fitting moment; None once the year is more than five past the start's."""
        last_year = self._wall().year + _YEARS
        while self._wall().year <= last_year:
            plain, known = self._plain(last_year)
            if known:
                return plain
            if self._months() and self._days() and self._hours() and self._minutes() and self._seconds():
                return self.at
        return None

    def _plain(self, last_year: int) -> tuple[datetime | None, bool]:
        """The answer, and whether it can be told without a search: no change of the clocks is near."""
        wall = self._wall()
        if self.cut and (wall.hour, wall.minute, wall.second) != _MIDNIGHT:
            return None, False
        stretch = stretch_at(self.zone, self.at)
        if self.at - stretch.start < _NEAR and stretch.before != stretch.offset:
            return None, False
        found = self.fields.first_from(wall)
        if found is not None and found < stretch.end + stretch.offset - _DAY:
            return (found - stretch.offset if found.year <= last_year else None), True
        return None, False

    def _months(self) -> bool:
        """Step to a month that is meant; False where the search starts again (a new year)."""
        wall = self._wall()
        while not self.fields.months >> wall.month & 1:
            if not self.cut:
                self._cut(wall.replace(day=1, hour=0, minute=0, second=0))
                wall = self._wall()
            self._set(_plus_month(wall))
            wall = self._wall()
            if wall.month == 1:
                return False
        return True

    def _days(self) -> bool:
        """Step to a day that is meant; False where the search starts again (a new month)."""
        wall = self._wall()
        while not self._day_fits(wall):
            if not self.cut:
                self._cut(wall.replace(hour=0, minute=0, second=0))
                wall = self._wall()
            self._set(wall + _DAY)
            if self.reading.midnight:
                self._mend_hour()
            wall = self._wall()
            if wall.day == 1:
                return False
        return True

    def _day_fits(self, wall: datetime) -> bool:
        """Whether the day of a wall time is meant."""
        mondays_first, length = monthrange(wall.year, wall.month)
        return bool(days_of(self.fields.days, (mondays_first + 1) % 7, length) >> wall.day & 1)

    def _mend_hour(self) -> None:
        """Version 3 moves a day that does not begin at midnight, in elapsed hours."""
        hour = self._wall().hour
        if hour > 12:
            self.at += (24 - hour) * _HOUR
        else:
            self.at -= hour * _HOUR

    def _hours(self) -> bool:
        """Step to an hour that is meant; False where the search starts again (a new day)."""
        wall = self._wall()
        while not self.fields.hours >> wall.hour & 1:
            if not self.cut:
                self._cut(wall.replace(minute=0, second=0))
            self.at += _HOUR
            wall = self._wall()
            if wall.hour == 0:
                return False
        return True

    def _minutes(self) -> bool:
        """Step to a minute that is meant; False where the search starts again (a new hour)."""
        wall = self._wall()
        while not self.fields.minutes >> wall.minute & 1:
            if not self.cut:
                self._cut_small(wall.replace(second=0), self.at.replace(second=0))
            self.at += _MINUTE
            wall = self._wall()
            if wall.minute == 0:
                return False
        return True

    def _seconds(self) -> bool:
        """Step to a second that is meant; False where the search starts again (a new minute)."""
        wall = self._wall()
        while not self.fields.seconds >> wall.second & 1:
            if not self.cut:
                self._cut_small(wall, self.at)
            self.at += SECOND
            wall = self._wall()
            if wall.second == 0:
                return False
        return True

    def _cut_small(self, wall: datetime, elapsed: datetime) -> None:
        """Cut seconds off, through the wall clock or in elapsed time."""
        if self.reading.wall_cut:
            self._cut(wall)
        else:
            self.at, self.cut = elapsed, True

    def _cut(self, wall: datetime) -> None:
        """Go to a smaller wall time, once in a search."""
        self._set(wall)
        self.cut = True

    def _wall(self) -> datetime:
        """What the clock shows at `at`."""
        return self.at + stretch_at(self.zone, self.at).offset

    def _set(self, wall: datetime) -> None:
        """Go to a wall time as Go's `time.Date` does: by the offset that is in force when the wall time is read as UTC,

        unless another one is in force at the result.
        """
        offset = stretch_at(self.zone, wall).offset
        if offset:
            offset = stretch_at(self.zone, wall - offset).offset
        self.at = wall - offset


def _plus_month(wall: datetime) -> datetime:
    """One month later; a day that the month lacks runs on into the next, as in Go's `AddDate`."""
    year, month = (wall.year, wall.month + 1) if wall.month < 12 else (wall.year + 1, 1)
    return wall.replace(year=year, month=month, day=1) + timedelta(days=wall.day - 1)
