"""The spec of a CronTaskCalendar to a `Calendar`; what cannot be read is told with its field."""

from collections.abc import Iterator
from datetime import date

from crontask_core.calendars.calendar import DAY_MINUTES, WEEK_MINUTES, Calendar
from crontask_core.calendars.ical import read_events
from crontask_core.calendars.spans import Spans
from crontask_core.errors import FieldError
from crontask_core.model.calendar import CalendarSpec, WeeklyWindow
from crontask_core.schedule.zones import zone as known_zone

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def read_calendar(name: str, spec: CalendarSpec, default_zone: str = "UTC") -> Calendar:
    """The calendar; `FieldError` with the path of what is wrong."""
    zone = known_zone(spec.time_zone or default_zone)
    return Calendar(
        name,
        zone,
        Spans(_days(spec)),
        Spans(span for at, window in enumerate(spec.weekly) for span in _window(window, f"spec.weekly[{at}]")),
        read_events(spec.ical, zone) if spec.ical is not None else None,
    )


def _days(spec: CalendarSpec) -> Iterator[tuple[int, int]]:
    """Dates and ranges as ordinals."""
    for at, text in enumerate(spec.dates):
        day = _ordinal(text, f"spec.dates[{at}]")
        yield day, day + 1
    for at, span in enumerate(spec.ranges):
        path = f"spec.ranges[{at}]"
        first, last = _ordinal(span.start, f"{path}.start"), _ordinal(span.end, f"{path}.end")
        if last < first:
            raise FieldError(f"{path}.end", span.end, "lies before start", "swap the two")
        yield first, last + 1


def _ordinal(text: str, path: str) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise FieldError(path, text, "is no date", "write a day that exists, as 2030-12-25") from None


def _window(window: WeeklyWindow, path: str) -> Iterator[tuple[int, int]]:
    """A weekly window as minutes since Monday 00:00; what passes the end of the week goes on at its beginning."""
    start, end = _minutes(window.start, f"{path}.start"), _minutes(window.end, f"{path}.end")
    if end <= start:
        end += DAY_MINUTES
    for day in window.days or _WEEKDAYS:
        opens = _WEEKDAYS.index(day) * DAY_MINUTES + start
        closes = opens + end - start
        for shift in (0, -WEEK_MINUTES):
            yield max(opens + shift, 0), min(closes + shift, WEEK_MINUTES)


def _minutes(text: str, path: str) -> int:
    """The minutes since midnight of HH:MM."""
    hour, _, minute = text.partition(":")
    if hour.isdecimal() and minute.isdecimal():
        found = int(hour) * 60 + int(minute)
        if int(minute) < 60 and found <= DAY_MINUTES:
            return found
    raise FieldError(path, text, "is no time of day", "write HH:MM, from 00:00 to 24:00")
