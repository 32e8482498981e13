"""iCalendar texts: what their events cover, and what is refused of them."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from crontask_core.calendars import Calendar, next_allowed, read_calendar
from crontask_core.errors import FieldError
from crontask_core.model import CalendarSpec
from crontask_core.schedule import parse


def text(*events: str, more: str = "") -> str:
    """A calendar of events, each given as its lines separated by blanks."""
    bodies = "".join("BEGIN:VEVENT\n" + "\n".join(event.split()) + "\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{more}{bodies}END:VCALENDAR\n"


def made(*events: str, zone: str = "UTC", more: str = "") -> Calendar:
    return read_calendar("test", CalendarSpec(ical=text(*events, more=more), time_zone=zone))


def spans(calendar: Calendar, start: str, days: int) -> list[str]:
    """The spans covered from `start` on, found with `covers` and `until` alone."""
    at = datetime.fromisoformat(start).astimezone(UTC)
    end, found, opened = at + timedelta(days=days), [], None
    while at < end:
        covered = calendar.covers(at)
        if covered and opened is None:
            opened = at
        if not covered and opened is not None:
            found.append(f"{opened:%m-%dT%H:%M}/{at:%m-%dT%H:%M}")
            opened = None
        at = calendar.until(at)
    return found


CUSTOM_ZONE = """BEGIN:VTIMEZONE
TZID:Our/Zone
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0500
TZOFFSETTO:+0500
END:STANDARD
END:VTIMEZONE
"""

EVENTS: list[tuple[str, list[str], list[str]]] = [
    ("a whole day", ["DTSTART;VALUE=DATE:20260105"], ["01-05T00:00/01-06T00:00"]),
    (
        "several days",
        ["DTSTART;VALUE=DATE:20260105 DTEND;VALUE=DATE:20260108"],
        ["01-05T00:00/01-08T00:00"],
    ),
    ("days by duration", ["DTSTART;VALUE=DATE:20260105 DURATION:P2D"], ["01-05T00:00/01-07T00:00"]),
    ("hours", ["DTSTART:20260105T100000Z DTEND:20260105T113000Z"], ["01-05T10:00/01-05T11:30"]),
    ("no length", ["DTSTART:20260105T100000Z"], []),
    ("without zone", ["DTSTART:20260105T100000 DURATION:PT1H"], ["01-05T10:00/01-05T11:00"]),
    ("a zone", ["DTSTART;TZID=Europe/Berlin:20260105T100000 DURATION:PT1H"], ["01-05T09:00/01-05T10:00"]),
    ("a zone of the text", ["DTSTART;TZID=Our/Zone:20260105T100000 DURATION:PT1H"], ["01-05T05:00/01-05T06:00"]),
    (
        "each week, to a date",
        ["DTSTART:20260105T100000Z DURATION:PT1H RRULE:FREQ=WEEKLY;UNTIL=20260119T100000Z"],
        ["01-05T10:00/01-05T11:00", "01-12T10:00/01-12T11:00", "01-19T10:00/01-19T11:00"],
    ),
    (
        "the end of a rule in UTC, the start in a zone",
        ["DTSTART;TZID=Asia/Tokyo:20260105T080000 DURATION:PT1H RRULE:FREQ=DAILY;UNTIL=20260105T230000Z"],
        ["01-04T23:00/01-05T00:00", "01-05T23:00/01-06T00:00"],
    ),
    (
        "so many times",
        ["DTSTART;VALUE=DATE:20260131 RRULE:FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2"],
        ["01-31T00:00/02-01T00:00", "02-28T00:00/03-01T00:00"],
    ),
    (
        "without some of them",
        ["DTSTART:20260105T100000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=4 EXDATE:20260106T100000Z,20260107T100000Z"],
        ["01-05T10:00/01-05T11:00", "01-08T10:00/01-08T11:00"],
    ),
    (
        "left out by date",
        ["DTSTART:20260105T100000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=2 EXDATE;VALUE=DATE:20260105"],
        ["01-06T10:00/01-06T11:00"],
    ),
    (
        "dates of its own",
        ["DTSTART;VALUE=DATE:20260105 RDATE;VALUE=DATE:20260107,20260109"],
        ["01-05T00:00/01-06T00:00", "01-07T00:00/01-08T00:00", "01-09T00:00/01-10T00:00"],
    ),
    (
        "periods of its own",
        ["DTSTART:20260105T100000Z DURATION:PT1H RDATE;VALUE=PERIOD:20260106T100000Z/PT3H"],
        ["01-05T10:00/01-05T11:00", "01-06T10:00/01-06T13:00"],
    ),
    (
        "one moved, one cancelled",
        [
            "UID:a DTSTART:20260105T100000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=4",
            "UID:a RECURRENCE-ID:20260106T100000Z DTSTART:20260106T150000Z DURATION:PT2H",
            "UID:a RECURRENCE-ID:20260107T100000Z DTSTART:20260107T100000Z DURATION:PT1H STATUS:CANCELLED",
            "UID:b DTSTART:20260110T100000Z DURATION:PT1H STATUS:CANCELLED",
        ],
        ["01-05T10:00/01-05T11:00", "01-06T15:00/01-06T17:00", "01-08T10:00/01-08T11:00"],
    ),
    (
        "free time counts too, since calendars of holidays are marked so",
        ["DTSTART;VALUE=DATE:20260105 TRANSP:TRANSPARENT"],
        ["01-05T00:00/01-06T00:00"],
    ),
    (
        "events that meet",
        ["DTSTART:20260105T100000Z DURATION:PT1H", "DTSTART:20260105T110000Z DURATION:PT1H"],
        ["01-05T10:00/01-05T12:00"],
    ),
    (
        "a long one from before",
        ["DTSTART;VALUE=DATE:20251220 DTEND;VALUE=DATE:20260103"],
        ["01-01T00:00/01-03T00:00"],
    ),
]


@pytest.mark.parametrize(("events", "expected"), [pytest.param(*row[1:], id=row[0]) for row in EVENTS])
def test_what_events_cover(events: list[str], expected: list[str]) -> None:
    assert spans(made(*events, more=CUSTOM_ZONE), "2026-01-01T00:00Z", 70) == expected


def test_whole_days_and_bare_times_are_those_of_the_calendar() -> None:
    events = ("DTSTART;VALUE=DATE:20260105", "DTSTART:20260107T100000 DURATION:PT1H")
    assert spans(made(*events, zone="Asia/Tokyo"), "2026-01-01T00:00Z", 30) == [
        "01-04T15:00/01-05T15:00",
        "01-07T01:00/01-07T02:00",
    ]


def test_clock_changes() -> None:
    """Berlin, 29 March 2026. With DTEND each night lasts 8 hours like the first; a duration of a day is a day."""
    hours = made("DTSTART;TZID=Europe/Berlin:20260327T220000 DTEND;TZID=Europe/Berlin:20260328T060000 RRULE:FREQ=DAILY")
    assert spans(hours, "2026-03-28T12:00Z", 2)[0] == "03-28T21:00/03-29T05:00"
    days = made("DTSTART;TZID=Europe/Berlin:20260328T120000 DURATION:P1D")
    assert spans(days, "2026-03-28T00:00Z", 3) == ["03-28T11:00/03-29T10:00"]
    gap = made("DTSTART;TZID=Europe/Berlin:20260329T023000 DURATION:PT1H")
    assert spans(gap, "2026-03-28T00:00Z", 3) == ["03-29T01:30/03-29T02:30"]


def test_far_years_are_as_good_as_near_ones() -> None:
    christmas = made("DTSTART;VALUE=DATE:19701225 RRULE:FREQ=YEARLY")
    assert [christmas.covers(datetime(year, 12, 25, 12, tzinfo=UTC)) for year in (1960, 1970, 2026, 2099)] == [
        False,
        True,
        True,
        True,
    ]
    assert next_allowed(parse("0 12 25,27 12 *"), datetime(2026, 12, 1, tzinfo=UTC), exclude=[christmas]) == datetime(
        2026, 12, 27, 12, tzinfo=UTC
    )


REFUSED: list[tuple[str, str, str]] = [
    ("no calendar", "hello", "no iCalendar text"),
    ("nothing in it", text(), "holds no event"),
    ("an event alone", "BEGIN:VEVENT\nDTSTART:20260101\nEND:VEVENT\n", "holds no event"),
    ("cut off", text("DTSTART:20260101T100000Z")[:90], "no iCalendar text|holds no event"),
    ("no start", text("UID:a"), "cannot be read"),
    ("a broken start", text("DTSTART:tomorrow"), "has a DTSTART that cannot be read"),
    ("a broken rule", text("DTSTART:20260101T100000Z RRULE:FREQ=NEVER"), "has a RRULE that cannot be read"),
    ("a rule without frequency", text("DTSTART:20260101T100000Z RRULE:COUNT=2"), "cannot be read"),
    ("an end before the start", text("DTSTART:20260102T100000Z DTEND:20260101T100000Z"), "ends before it begins"),
    ("the year 1", text("DTSTART;VALUE=DATE:00010101"), "begins before 1900"),
    ("the year 9999", text("DTSTART;VALUE=DATE:99991231"), "cannot be read"),
    ("a millennium", text("DTSTART;VALUE=DATE:20000101 DURATION:P365000D"), "more than a century"),
    ("an unknown zone", text("DTSTART;TZID=Mars/Base:20260101T100000 DURATION:PT1H"), "unknown zone Mars/Base"),
    ("seconds", text("DTSTART:20260101T100000Z RRULE:FREQ=SECONDLY"), "recurs within a day"),
    ("minutes", text("DTSTART:20260101T100000Z RRULE:FREQ=DAILY;BYMINUTE=1,2"), "recurs within a day"),
    ("backwards", text("DTSTART:20260101T100000Z RRULE:FREQ=DAILY;INTERVAL=-1"), "interval below 1"),
    ("on the spot", text("DTSTART:20260101T100000Z RRULE:FREQ=DAILY;INTERVAL=0"), "interval below 1"),
    ("30 February", text("DTSTART:20260101T100000Z RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "never comes about"),
    ("30 February, by days", text("DTSTART:20260101 RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "never comes about"),
    ("out of step", text("DTSTART:20260101 RRULE:FREQ=MONTHLY;INTERVAL=12;BYMONTH=2"), "never comes about"),
    ("certain days", text("DTSTART:20260105 RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=TU"), "every few days"),
    ("this and all after it", text("UID:a RECURRENCE-ID;RANGE=THISANDFUTURE:20260101 DTSTART:20260102"), "follow it"),
    ("too much", text(*["DTSTART:19700101 RRULE:FREQ=DAILY"] * 10), "too many"),
]


@pytest.mark.parametrize(("ical", "problem"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_refusals(ical: str, problem: str) -> None:
    begun = time.process_time()
    with pytest.raises(FieldError, match=problem) as caught:
        read_calendar("test", CalendarSpec(ical=ical))
    assert caught.value.path == "spec.ical"
    assert time.process_time() - begun < 5


def test_no_text_that_is_taken_costs_much() -> None:
    """The dearest: 6 events that recur daily for ever, and as many holidays as fit."""
    daily = ["DTSTART:19900101T100000Z DURATION:PT1H RRULE:FREQ=DAILY"] * 6
    calendar = made(*daily, *["DTSTART;VALUE=DATE:20000101 RRULE:FREQ=YEARLY"] * 50)
    begun = time.process_time()
    assert calendar.covers(datetime(2050, 6, 1, 10, 30, tzinfo=UTC))
    assert time.process_time() - begun < 5
    begun = time.process_time()
    for hour in range(2000):
        calendar.covers(datetime(2050, 1, 1, tzinfo=UTC) + timedelta(hours=hour))
    assert time.process_time() - begun < 0.5
