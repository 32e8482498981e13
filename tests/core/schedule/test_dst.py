"""The standard grammar through clock changes: spring and autumn, one table for each zone."""

from datetime import UTC, datetime, timedelta

import pytest
from fakes.clock_changes import zone

from crontask_core.schedule import DstRules, instants, parse
from crontask_core.schedule.dst import first_instant
from crontask_core.schedule.library import LibrarySchedule
from crontask_core.schedule.standard import read

Row = tuple[str, str, str]
"""A text, the local time to start after, and the local times expected then, with their offsets."""


def check(name: str, text: str, after: str, expected: str) -> None:
    """`expected` is a list of `MM-DDTHH:MM+hh:mm` in the year of `after`."""
    year = after[:4]
    wanted = [datetime.fromisoformat(f"{year}-{item}").astimezone(UTC) for item in expected.split()]
    start = datetime.fromisoformat(after)
    found, _ = instants(parse(text, zone=name), start, start + timedelta(days=400), len(wanted))
    assert [at.astimezone(zone(name)).isoformat() for at in found] == [
        at.astimezone(zone(name)).isoformat() for at in wanted
    ]


# Berlin, 29 March 2026: at 02:00 clocks go to 03:00. 25 October 2026: at 03:00 clocks go to 02:00.
BERLIN: list[Row] = [
    ("30 2 * * *", "2026-03-28T00:00+01:00", "03-28T02:30+01:00 03-29T03:30+02:00 03-30T02:30+02:00"),
    ("30 2 * * *", "2026-10-24T00:00+02:00", "10-24T02:30+02:00 10-25T02:30+02:00 10-26T02:30+01:00"),
    ("30 2 * * *", "2026-10-25T02:30+02:00", "10-26T02:30+01:00"),
    ("30 2 * * *", "2026-10-25T02:15+01:00", "10-26T02:30+01:00"),
    ("30 2 * * SUN", "2026-03-23T00:00+01:00", "03-29T03:30+02:00 04-05T02:30+02:00"),
    ("0 2 29 3 *", "2026-03-01T00:00+01:00", "03-29T03:00+02:00"),
    ("0,30 2 * * *", "2026-03-29T00:00+01:00", "03-29T03:00+02:00 03-29T03:30+02:00 03-30T02:00+02:00"),
    ("0,30 2 * * *", "2026-10-25T00:00+02:00", "10-25T02:00+02:00 10-25T02:30+02:00 10-26T02:00+01:00"),
    # The shifted run falls together with one that is due then anyway: one run.
    ("30 2,3 * * *", "2026-03-29T00:00+01:00", "03-29T03:30+02:00 03-30T02:30+02:00"),
    ("15 2,3,4 * * *", "2026-03-29T00:00+01:00", "03-29T03:15+02:00 03-29T04:15+02:00 03-30T02:15+02:00"),
    # The shifted run comes after one that is due first.
    ("45 2-3 * * *", "2026-03-29T03:00+02:00", "03-29T03:45+02:00 03-30T02:45+02:00"),
    ("10 30 2 * * *", "2026-03-29T00:00+01:00", "03-29T03:30:10+02:00 03-30T02:30:10+02:00"),
    ("0 3 * * *", "2026-03-29T00:00+01:00", "03-29T03:00+02:00 03-30T03:00+02:00"),
    ("0 3 * * *", "2026-10-25T00:00+02:00", "10-25T03:00+01:00 10-26T03:00+01:00"),
    ("@daily", "2026-03-28T12:00+01:00", "03-29T00:00+01:00 03-30T00:00+02:00"),
    # Beats go on in real time.
    ("0 * * * *", "2026-03-29T00:30+01:00", "03-29T01:00+01:00 03-29T03:00+02:00 03-29T04:00+02:00"),
    ("0 * * * *", "2026-10-25T01:30+02:00", "10-25T02:00+02:00 10-25T02:00+01:00 10-25T03:00+01:00"),
    ("*/30 * * * *", "2026-03-29T01:00+01:00", "03-29T01:30+01:00 03-29T03:00+02:00 03-29T03:30+02:00"),
    (
        "*/30 * * * *",
        "2026-10-25T02:00+02:00",
        "10-25T02:30+02:00 10-25T02:00+01:00 10-25T02:30+01:00 10-25T03:00+01:00",
    ),
    ("0 0-23 * * *", "2026-10-25T01:30+02:00", "10-25T02:00+02:00 10-25T02:00+01:00 10-25T03:00+01:00"),
    ("*/30 2 * * *", "2026-03-29T00:00+01:00", "03-30T02:00+02:00 03-30T02:30+02:00"),
    (
        "*/30 2 * * *",
        "2026-10-25T00:00+02:00",
        "10-25T02:00+02:00 10-25T02:30+02:00 10-25T02:00+01:00 10-25T02:30+01:00",
    ),
    ("0 */2 * * *", "2026-03-29T00:00+01:00", "03-29T04:00+02:00 03-29T06:00+02:00"),
]

# New York, 8 March 2026: at 02:00 clocks go to 03:00. 1 November 2026: at 02:00 clocks go to 01:00.
NEW_YORK: list[Row] = [
    ("30 2 * * *", "2026-03-07T12:00-05:00", "03-08T03:30-04:00 03-09T02:30-04:00"),
    ("30 1 * * *", "2026-10-31T12:00-04:00", "11-01T01:30-04:00 11-02T01:30-05:00"),
    ("30 1 * * *", "2026-11-01T01:15-05:00", "11-02T01:30-05:00"),
    ("30 * * * *", "2026-03-08T01:00-05:00", "03-08T01:30-05:00 03-08T03:30-04:00"),
    ("30 * * * *", "2026-11-01T00:45-04:00", "11-01T01:30-04:00 11-01T01:30-05:00 11-01T02:30-05:00"),
]

# Lord Howe, 4 October 2026: at 02:00 clocks go to 02:30. 5 April 2026: at 02:00 clocks go to 01:30.
LORD_HOWE: list[Row] = [
    ("15 2 * * *", "2026-10-03T12:00+10:30", "10-04T02:45+11:00 10-05T02:15+11:00"),
    ("45 2 * * *", "2026-10-03T12:00+10:30", "10-04T02:45+11:00 10-05T02:45+11:00"),
    ("45 1 * * *", "2026-04-04T12:00+11:00", "04-05T01:45+11:00 04-06T01:45+10:30"),
    ("15 * * * *", "2026-10-04T00:30+10:30", "10-04T01:15+10:30 10-04T03:15+11:00"),
    ("45 * * * *", "2026-04-05T01:00+11:00", "04-05T01:45+11:00 04-05T01:45+10:30 04-05T02:45+10:30"),
    ("* 9 * 4 *", "2026-04-04T12:00+11:00", "04-05T09:00+10:30 04-05T09:01+10:30"),
]

# Chatham, 27 September 2026: at 02:45 clocks go to 03:45. 5 April 2026: at 03:45 clocks go to 02:45.
CHATHAM: list[Row] = [
    ("0 3 * * *", "2026-09-26T12:00+12:45", "09-27T04:00+13:45 09-28T03:00+13:45"),
    ("40 2 * * *", "2026-09-26T12:00+12:45", "09-27T02:40+12:45 09-28T02:40+13:45"),
    ("0 3 * * *", "2026-04-04T12:00+13:45", "04-05T03:00+13:45 04-06T03:00+12:45"),
    ("0 * * * *", "2026-09-27T01:30+12:45", "09-27T02:00+12:45 09-27T04:00+13:45"),
    ("0 * * * *", "2026-04-05T02:30+13:45", "04-05T03:00+13:45 04-05T03:00+12:45 04-05T04:00+12:45"),
]

# Cairo, 24 April 2026: at 00:00 clocks go to 01:00. 30 October 2026: at 00:00 clocks go to 23:00 of the 29th.
CAIRO: list[Row] = [
    ("@daily", "2026-04-23T12:00+02:00", "04-24T01:00+03:00 04-25T00:00+03:00"),
    ("30 0 * * FRI", "2026-04-20T12:00+02:00", "04-24T01:30+03:00 05-01T00:30+03:00"),
    ("30 23 * * *", "2026-10-29T12:00+03:00", "10-29T23:30+03:00 10-30T23:30+02:00"),
    ("@daily", "2026-10-29T12:00+03:00", "10-30T00:00+02:00 10-31T00:00+02:00"),
    ("@hourly", "2026-10-29T22:30+03:00", "10-29T23:00+03:00 10-29T23:00+02:00 10-30T00:00+02:00"),
]

# Apia crossed the date line: 29 December 2011 was followed by the 31st; 30 December did not exist.
APIA: list[Row] = [
    ("0 12 * * *", "2011-12-28T13:00-10:00", "12-29T12:00-10:00 12-31T12:00+14:00"),
    ("0 12 30 12 *", "2011-12-28T13:00-10:00", "12-31T12:00+14:00"),
    ("0 12 * * FRI", "2011-12-28T13:00-10:00", "12-31T12:00+14:00"),
    ("0 * * * *", "2011-12-29T22:30-10:00", "12-29T23:00-10:00 12-31T00:00+14:00 12-31T01:00+14:00"),
]

TABLES = {
    "Europe/Berlin": BERLIN,
    "America/New_York": NEW_YORK,
    "Australia/Lord_Howe": LORD_HOWE,
    "Pacific/Chatham": CHATHAM,
    "Africa/Cairo": CAIRO,
    "Pacific/Apia": APIA,
}


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, table in TABLES.items() for row in table])
def test_clock_changes(name: str, row: Row) -> None:
    check(name, *row)


@pytest.mark.parametrize(
    ("rules", "spring", "autumn"),
    [
        (DstRules("Shift", "First"), "03:30+02:00", ["02:30+02:00"]),
        (DstRules("Skip", "First"), None, ["02:30+02:00"]),
        (DstRules("Shift", "Second"), "03:30+02:00", ["02:30+01:00"]),
        (DstRules("Skip", "Both"), None, ["02:30+02:00", "02:30+01:00"]),
    ],
)
def test_each_rule(rules: DstRules, spring: str | None, autumn: list[str]) -> None:
    fields, _ = read("30 2 * * *", "")

    def of_day(day: datetime) -> list[str]:
        found, at = [], first_instant(fields, rules, "Europe/Berlin", day)
        while at is not None and at < day + timedelta(days=1):
            shown = at.replace(tzinfo=UTC).astimezone(zone("Europe/Berlin"))
            found.append(shown.isoformat(timespec="minutes")[11:])
            at = first_instant(fields, rules, "Europe/Berlin", at)
        return found

    assert of_day(datetime(2026, 3, 28, 22)) == ([spring] if spring else [])  # noqa: DTZ001
    assert of_day(datetime(2026, 10, 24, 22)) == autumn  # noqa: DTZ001


def test_named_grammars_step_by_their_library() -> None:
    """The same text: robfig skips the gap and runs twice in the overlap."""
    schedule = parse("30 2 * * *", grammar="robfig-v3-standard", zone="Europe/Berlin")
    assert isinstance(schedule, LibrarySchedule)
    spring, _ = instants(schedule, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC), 9)
    assert spring == [datetime(2026, 3, 30, 0, 30, tzinfo=UTC)]
    autumn, _ = instants(schedule, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC), 9)
    assert autumn == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
