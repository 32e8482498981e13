"""A calendar as its callers see it: whether it covers an instant, and how long that answer holds."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crontask_core.calendars.ical import Events
from crontask_core.calendars.spans import Spans
from crontask_core.schedule.fields import LAST_YEAR
from crontask_core.schedule.zones import naive_utc, stretch_at

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
YEARS = range(1900, LAST_YEAR + 1)
"""The years that calendars know: far enough from the ends of Python's for every sum."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The times that a CronTaskCalendar covers: whatever any of its parts covers.

    `days` are ordinals (`date.toordinal`), `weekly` minutes since Monday 00:00, both by the clock of `zone`: a window
    from 22:00 to 06:00 ends when the clock shows 06:00, in the night of a clock change as in any other. Where the clock
    shows a time twice, both count.
    """

    name: str
    zone: str
    days: Spans
    weekly: Spans
    events: Events | None = None

    def covers(self, at: datetime) -> bool:
        """Whether the calendar covers an (aware) instant; nothing outside `YEARS`."""
        if at.year not in YEARS:
            return False
        wall = self._wall(naive_utc(at))
        if wall.toordinal() in self.days or _minute_of_week(wall) in self.weekly:
            return True
        return self.events is not None and self.events.cover(at)

    def until(self, at: datetime) -> datetime:
        """The next moment (aware UTC, at most two years later) at which `covers` may answer otherwise than at `at`."""
        if at.year not in YEARS:
            return at.astimezone(UTC) + timedelta(days=1)
        moment = naive_utc(at)
        stretch = stretch_at(self.zone, moment)
        wall = self._wall(moment)
        midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        found = [stretch.end]
        edge = self.days.edge_after(wall.toordinal())
        if edge is not None:
            found.append(midnight + timedelta(days=edge - wall.toordinal()) - stretch.offset)
        if self.weekly:
            minute = _minute_of_week(wall)
            edge = self.weekly.edge_after(minute)
            rest = (WEEK_MINUTES if edge is None else edge) - minute
            found.append(wall.replace(second=0, microsecond=0) + timedelta(minutes=rest) - stretch.offset)
        changes = min(found).replace(tzinfo=UTC)
        return changes if self.events is None else min(changes, self.events.until(at))

    def _wall(self, moment: datetime) -> datetime:
        """What the clock shows at a naive UTC time."""
        return moment + stretch_at(self.zone, moment).offset


def _minute_of_week(wall: datetime) -> int:
    return wall.weekday() * DAY_MINUTES + wall.hour * 60 + wall.minute
