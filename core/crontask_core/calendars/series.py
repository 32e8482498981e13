"""Events of an iCalendar text with what recurs of them; loaded by `ical` where there is such a text."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from dateutil.rrule import rrule, rrulestr
from icalendar import Calendar, Event

from crontask_core.calendars.rules import MAX_COST, check_rule, cost
from crontask_core.errors import FieldError
from crontask_core.schedule.zones import zone_info

PATH = "spec.ical"
Span = tuple[datetime, datetime]
_DAY = timedelta(days=1)
_YEARS = (1900, 9000)
_LONGEST = timedelta(days=36_525)
_USED = {"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS"}


@dataclass(frozen=True, slots=True)
class Series:
    """An event and its recurrences: wall-clock starts in `zone`, each `days` long by the calendar and `rest` by time.

    `extra` are spans of their own (RDATE). Starts in `moments` (UTC) and on `days_off` are left out (EXDATE, and what
    another event stands in for).
    """

    start: datetime
    zone: tzinfo
    days: timedelta
    rest: timedelta
    rules: tuple[rrule, ...]
    extra: tuple[Span, ...]
    moments: frozenset[datetime]
    days_off: frozenset[date]

    def between(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The spans (aware UTC) that touch [start, end)."""
        earliest = (start - self.days - self.rest - 2 * _DAY).replace(tzinfo=None)
        latest = (end + 2 * _DAY).replace(tzinfo=None)
        walls = {self.start, *(wall for rule in self.rules for wall in rule.between(earliest, latest, inc=True))}
        for wall in walls:
            opens = _utc(wall, self.zone)
            if opens not in self.moments and wall.date() not in self.days_off:
                yield opens, _utc(wall + self.days, self.zone) + self.rest
        yield from (span for span in self.extra if span[0] not in self.moments)


def read_series(text: str, zone: str) -> tuple[Series, ...]:
    """All events of a text; `FieldError` where it cannot be read, or would take too long to step through."""
    events = _events(text)
    replaced: dict[str, list[date]] = {}
    for event in events:
        stands_for: Any = event.get("RECURRENCE-ID")
        if stands_for is not None:
            if "RANGE" in stands_for.params:
                raise _wrong(event, "changes an event and all that follow it", "end the first, and write a second one")
            replaced.setdefault(str(event.get("UID")), []).append(stands_for.dt)
    found, total = [], 0
    for event in events:
        try:
            own = event.get("RECURRENCE-ID") is not None
            series = _series(event, zone_info(zone), [] if own else replaced.get(str(event.get("UID")), []))
            total += 1 + len(series.extra) + sum(cost(rule, series.start.year) for rule in event.rrules)
        except FieldError:
            raise
        except Exception as error:  # whatever the libraries make of a text, it is the text that is wrong
            raise _wrong(event, f"cannot be read ({error})", "correct it, or leave it out") from error
        if total > MAX_COST:
            raise _wrong(event, "is one recurrence too many to step through", "give rules an end, or split the text")
        if str(event.get("STATUS", "")).upper() != "CANCELLED":
            found.append(series)
    return tuple(found)


def _events(text: str) -> list[Event]:
    """The events of the text, each with its properties readable."""
    try:
        calendar = Calendar.from_ical(text)
    except Exception as error:
        raise FieldError(PATH, text, f"is no iCalendar text ({error})", "begin with BEGIN:VCALENDAR") from error
    events = [event for event in calendar.walk("VEVENT") if isinstance(event, Event)]
    if calendar.name != "VCALENDAR" or not events:
        raise FieldError(PATH, text, "holds no event", "write BEGIN:VCALENDAR, and a VEVENT in it")
    for event in events:
        broken = [(name, why) for name, why in event.errors if name in _USED]
        if broken:
            raise _wrong(event, f"has a {broken[0][0]} that cannot be read ({broken[0][1]})", "correct it")
    return events


def _series(event: Event, default: tzinfo, replaced: list[date]) -> Series:
    """One event."""
    begins, told = event.start, event["DTSTART"].params
    whole = not isinstance(begins, datetime)
    zone = begins.tzinfo if isinstance(begins, datetime) else None
    if zone is None and "TZID" in told and not whole:
        raise _wrong(event, f"is in the unknown zone {told['TZID']}", "use an IANA name")
    zone = zone or default
    wall = _wall(begins, zone)
    days, rest = _length(event)
    left_out = [*event.exdates, *replaced]
    if not (_YEARS[0] <= wall.year <= _YEARS[1] and timedelta(0) <= days + rest <= _LONGEST):
        raise _wrong(event, "begins before 1900, ends before it begins, or lasts for more than a century", "correct it")
    return Series(
        start=wall,
        zone=zone,
        days=days,
        rest=rest,
        rules=tuple(_rule(event, rule, wall, zone) for rule in event.rrules),
        extra=tuple(_extra(begins, ends, zone, days, rest) for begins, ends in event.rdates),
        moments=frozenset(_utc(_wall(at, zone), zone) for at in left_out if not whole and isinstance(at, datetime)),
        days_off=frozenset(_wall(at, zone).date() for at in left_out if whole or not isinstance(at, datetime)),
    )


def _length(event: Event) -> tuple[timedelta, timedelta]:
    """How long the event lasts: by the calendar, and by time.

    With DTEND each recurrence takes exactly as much time; with DURATION, days are days of whatever length (RFC 5545,
    section 3.8.5.3).
    """
    begins, ends, lasts = event.start, event.end, event.duration
    if event.get("DURATION") is None and isinstance(begins, datetime) and isinstance(ends, datetime):
        aware = begins.tzinfo is not None and ends.tzinfo is not None
        return timedelta(0), ends.astimezone(UTC) - begins.astimezone(UTC) if aware else lasts
    days = timedelta(days=lasts.days)
    return days, lasts - days


def _rule(event: Event, rule: Any, wall: datetime, zone: tzinfo) -> rrule:
    """The rule, in wall-clock times of the event's zone."""
    rule = rule.copy()
    if "UNTIL" in rule:
        until = rule["UNTIL"][0]
        last = _wall(until, zone)
        rule["UNTIL"] = [last if isinstance(until, datetime) else datetime.combine(until, time(23, 59, 59))]
    made = rrulestr(rule.to_ical().decode(), dtstart=wall)
    problem = check_rule(rule, made)
    if problem:
        raise _wrong(event, problem, "write a rule in days, weeks, months or years that comes about")
    return made


def _extra(begins: date, ends: date | None, zone: tzinfo, days: timedelta, rest: timedelta) -> Span:
    """One RDATE, with an end of its own or as long as the event."""
    wall = _wall(begins, zone)
    return _utc(wall, zone), _utc(wall + days, zone) + rest if ends is None else _utc(_wall(ends, zone), zone)


def _wall(at: date, zone: tzinfo) -> datetime:
    """What the clock of a zone shows at a time of the text; a date is its midnight."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time())
    return (
        at.replace(tzinfo=None) if at.tzinfo is None or at.tzinfo is zone else at.astimezone(zone).replace(tzinfo=None)
    )


def _utc(wall: datetime, zone: tzinfo) -> datetime:
    """A wall-clock time as an instant: the first pass where there are two, as much later as a gap is long in one."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _wrong(event: Event, problem: str, remedy: str) -> FieldError:
    """The error about one event, which is told by its name."""
    return FieldError(PATH, event.get("SUMMARY") or event.get("UID") or "VEVENT", problem, remedy)
