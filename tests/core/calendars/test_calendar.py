"""What calendars cover: dates, ranges, weekly windows, in their zone and through clock changes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crontask_core.calendars import Calendar, allowed, covering, next_allowed, read_calendar
from crontask_core.errors import FieldError
from crontask_core.model import CalendarSpec
from crontask_core.model.calendar import DateRange, WeeklyWindow
from crontask_core.schedule import parse


def made(default_zone: str = "UTC", **spec: Any) -> Calendar:
    return read_calendar("test", CalendarSpec.model_validate(spec), default_zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


NIGHTS = {"start": "22:00", "end": "06:00"}

COVERED: list[tuple[dict[str, Any], str, bool]] = [
    # 25 December 2026 is a Friday.
    ({"dates": ["2026-12-25"]}, "2026-12-25T00:00Z", True),
    ({"dates": ["2026-12-25"]}, "2026-12-25T23:59:59.999Z", True),
    ({"dates": ["2026-12-25"]}, "2026-12-26T00:00Z", False),
    ({"dates": ["2026-12-25"]}, "2026-12-24T23:59:59Z", False),
    ({"dates": ["2026-12-25"], "timeZone": "Asia/Tokyo"}, "2026-12-24T15:00Z", True),
    ({"dates": ["2026-12-25"], "timeZone": "Asia/Tokyo"}, "2026-12-25T15:00Z", False),
    ({"ranges": [{"start": "2026-12-24", "end": "2026-12-26"}]}, "2026-12-26T23:59Z", True),
    ({"ranges": [{"start": "2026-12-24", "end": "2026-12-26"}]}, "2026-12-27T00:00Z", False),
    ({"ranges": [{"start": "2026-12-24", "end": "2026-12-24"}]}, "2026-12-24T12:00Z", True),
    ({"weekly": [{"days": ["Fri"]}]}, "2026-12-25T00:00Z", True),
    ({"weekly": [{"days": ["Fri"]}]}, "2026-12-26T00:00Z", False),
    ({"weekly": [{"days": ["Fri"], "start": "09:00", "end": "17:00"}]}, "2026-12-25T09:00Z", True),
    ({"weekly": [{"days": ["Fri"], "start": "09:00", "end": "17:00"}]}, "2026-12-25T16:59:59Z", True),
    ({"weekly": [{"days": ["Fri"], "start": "09:00", "end": "17:00"}]}, "2026-12-25T17:00Z", False),
    # Over midnight: the window belongs to the day on which it begins.
    ({"weekly": [{"days": ["Fri"], **NIGHTS}]}, "2026-12-25T22:00Z", True),
    ({"weekly": [{"days": ["Fri"], **NIGHTS}]}, "2026-12-26T05:59:59Z", True),
    ({"weekly": [{"days": ["Fri"], **NIGHTS}]}, "2026-12-26T06:00Z", False),
    ({"weekly": [{"days": ["Fri"], **NIGHTS}]}, "2026-12-25T05:00Z", False),
    # Over the end of the week.
    ({"weekly": [{"days": ["Sun"], **NIGHTS}]}, "2026-12-28T05:00Z", True),
    ({"weekly": [{"days": ["Sun"], **NIGHTS}]}, "2026-12-21T05:00Z", True),
    ({"weekly": [NIGHTS]}, "2026-12-23T03:00Z", True),
    ({"weekly": [NIGHTS]}, "2026-12-23T12:00Z", False),
    # As long as a day where start and end are the same.
    ({"weekly": [{"days": ["Fri"], "start": "12:00", "end": "12:00"}]}, "2026-12-26T11:59Z", True),
    ({"weekly": [{"days": ["Fri"], "start": "12:00", "end": "12:00"}]}, "2026-12-26T12:00Z", False),
    ({"weekly": [{"days": ["Fri"], "start": "24:00", "end": "06:00"}]}, "2026-12-26T05:00Z", True),
    ({"weekly": [{"days": ["Fri"], "start": "24:00", "end": "06:00"}]}, "2026-12-25T05:00Z", False),
    # By the clock: in Berlin 02:30 comes twice on 25 October 2026; on 29 March it does not come at all.
    ({"weekly": [{"start": "02:00", "end": "03:00"}], "timeZone": "Europe/Berlin"}, "2026-10-25T02:30+02:00", True),
    ({"weekly": [{"start": "02:00", "end": "03:00"}], "timeZone": "Europe/Berlin"}, "2026-10-25T02:30+01:00", True),
    ({"weekly": [{"start": "02:00", "end": "03:00"}], "timeZone": "Europe/Berlin"}, "2026-03-29T03:30+02:00", False),
    ({"weekly": [NIGHTS], "timeZone": "Europe/Berlin"}, "2026-03-29T05:59+02:00", True),
    ({"weekly": [NIGHTS], "timeZone": "Europe/Berlin"}, "2026-03-29T06:00+02:00", False),
    # Whatever any part covers.
    ({"dates": ["2026-12-25"], "weekly": [NIGHTS]}, "2026-12-25T12:00Z", True),
    ({"dates": ["2026-12-25"], "weekly": [NIGHTS]}, "2026-12-24T23:00Z", True),
    ({}, "2026-12-24T23:00Z", False),
    # Beyond the years that we know.
    ({"weekly": [{"days": []}]}, "0001-01-01T00:00Z", False),
    ({"weekly": [{"days": []}]}, "9995-01-01T00:00Z", False),
]


@pytest.mark.parametrize(("spec", "when", "expected"), COVERED)
def test_covers(spec: dict[str, Any], when: str, expected: bool) -> None:
    calendar = made(**spec)
    assert calendar.covers(at(when)) is expected
    assert calendar.until(at(when)) > at(when)


def test_the_operators_zone_serves_where_none_is_named() -> None:
    assert made("Asia/Tokyo", dates=["2026-12-25"]).covers(at("2026-12-24T15:00Z"))


@pytest.mark.parametrize(
    "spec",
    [
        {"dates": ["2026-10-24", "2026-03-29"], "weekly": [{"days": ["Sun", "Tue"], **NIGHTS}]},
        {"weekly": [{"days": ["Sun"], "start": "02:15", "end": "02:45"}]},
        {"ranges": [{"start": "2026-03-28", "end": "2026-03-30"}]},
        {},
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"])
@pytest.mark.parametrize("start", ["2026-03-26T00:00Z", "2026-10-22T00:00Z", "2026-04-03T00:00Z"])
def test_the_answer_holds_until_it_is_said_to(spec: dict[str, Any], zone: str, start: str) -> None:
    """A walk over a week in quarters: whenever the answer changes, `until` has told so."""
    calendar = made(timeZone=zone, **spec)
    moment, told = at(start), at(start)
    answer = calendar.covers(moment)
    for _ in range(4 * 24 * 7):
        if moment >= told:
            answer, told = calendar.covers(moment), calendar.until(moment)
        assert calendar.covers(moment) == answer
        moment += timedelta(minutes=15)


@pytest.mark.parametrize(
    ("spec", "path", "problem"),
    [
        ({"dates": ["2026-12-25", "2026-02-30"]}, "spec.dates[1]", "no date"),
        ({"ranges": [{"start": "2026-02-30", "end": "2026-03-01"}]}, "spec.ranges[0].start", "no date"),
        ({"ranges": [{"start": "2026-03-02", "end": "2026-03-01"}]}, "spec.ranges[0].end", "before start"),
        ({"weekly": [NIGHTS, {"start": "25:00", "end": "06:00"}]}, "spec.weekly[1].start", "no time of day"),
        ({"weekly": [{"start": "22:00", "end": "06:60"}]}, "spec.weekly[0].end", "no time of day"),
        ({"timeZone": "Mars/Base"}, "spec.timeZone", "not a time zone"),
        ({"ical": "hello"}, "spec.ical", "no iCalendar text"),
    ],
)
def test_refusals(spec: dict[str, Any], path: str, problem: str) -> None:
    """As if the schema had let it through: the model is made without its checks."""
    parts = dict(spec)
    if "ranges" in parts:
        parts["ranges"] = [DateRange.model_construct(**item) for item in parts["ranges"]]
    if "weekly" in parts:
        parts["weekly"] = [WeeklyWindow.model_construct(**item) for item in parts["weekly"]]
    if "timeZone" in parts:
        parts["time_zone"] = parts.pop("timeZone")
    with pytest.raises(FieldError, match=problem) as caught:
        read_calendar("test", CalendarSpec.model_construct(**parts))
    assert caught.value.path == path


# What calendars leave of a schedule

HOLIDAYS = made(dates=["2026-12-25", "2026-12-26"])
OFFICE = made(weekly=[{"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "start": "09:00", "end": "17:00"}])
NEVER = made()


@pytest.mark.parametrize(
    ("when", "only", "exclude", "expected"),
    [
        ("2026-12-24T12:00Z", [], [], True),
        ("2026-12-24T12:00Z", [OFFICE], [HOLIDAYS], True),
        ("2026-12-24T18:00Z", [OFFICE], [HOLIDAYS], False),
        ("2026-12-25T12:00Z", [OFFICE], [HOLIDAYS], False),
        ("2026-12-25T12:00Z", [OFFICE, HOLIDAYS], [], True),
        ("2026-12-25T12:00Z", [NEVER], [], False),
        ("2026-12-25T12:00Z", [], [NEVER], True),
    ],
)
def test_allowed(when: str, only: list[Calendar], exclude: list[Calendar], expected: bool) -> None:
    assert allowed(at(when), only, exclude) is expected


def test_covering_names_the_calendar() -> None:
    assert covering(at("2026-12-25T12:00Z"), [NEVER, HOLIDAYS, OFFICE]) is HOLIDAYS
    assert covering(at("2026-12-27T12:00Z"), [NEVER, HOLIDAYS, OFFICE]) is None


@pytest.mark.parametrize(
    ("text", "only", "exclude", "expected"),
    [
        ("0 12 * * *", [], [], "2026-12-24T12:00Z"),
        ("0 6 * * *", [], [HOLIDAYS], "2026-12-27T06:00Z"),
        ("0 * * * *", [OFFICE], [HOLIDAYS], "2026-12-24T09:00Z"),
        # A second's beat over three days is passed over at once, and the first second after them is found.
        ("* * * * * *", [OFFICE], [HOLIDAYS, made(dates=["2026-12-24", "2026-12-28"])], "2026-12-29T09:00Z"),
        ("0 12 25 12 *", [], [HOLIDAYS], "2027-12-25T12:00Z"),
        ("0 12 25 12 *", [NEVER], [], None),
        ("@at 2026-12-25T12:00:00Z", [], [HOLIDAYS], None),
    ],
)
def test_the_next_that_is_left(text: str, only: list[Calendar], exclude: list[Calendar], expected: str | None) -> None:
    found = next_allowed(parse(text), at("2026-12-24T08:00Z"), only=only, exclude=exclude)
    assert found == (at(expected) if expected else None)


def test_looking_for_what_is_left_ends() -> None:
    """Every midnight lies in a window that closes a minute later: after 2,000 days the search gives up."""
    midnights = made(weekly=[{"start": "00:00", "end": "00:01"}])
    assert next_allowed(parse("@daily"), at("2026-12-24T08:00Z"), exclude=[midnights]) is None
    assert next_allowed(parse("* * * * * *"), at("2026-12-24T08:00Z"), only=[NEVER]) is None
