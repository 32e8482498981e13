"""`@every`, `@at`, `@manual`, and what follows from `next`: `latest` and `instants`."""

from datetime import UTC, datetime, timedelta

import pytest

from crontask_core.schedule import instants, parse
from crontask_core.schedule.duration import instant, nanoseconds

START = datetime(2026, 1, 1, tzinfo=UTC)


def seconds(*offsets: float) -> list[datetime]:
    return [START + timedelta(seconds=offset) for offset in offsets]


def test_every_counts_from_its_anchor() -> None:
    schedule = parse("@every 90s", anchor=START)
    assert [schedule.next(at) for at in seconds(-500, -1, 0, 89.9, 90, 91, 900)] == seconds(
        90, 90, 90, 90, 180, 180, 990
    )


def test_every_without_anchor_counts_from_the_time_asked_about() -> None:
    schedule = parse("@every 1h30m")
    assert [schedule.next(at) for at in seconds(0, 0.7, 10)] == seconds(5400, 5400, 5410)


@pytest.mark.parametrize("anchor", [None, START, START - timedelta(days=1000, seconds=7, microseconds=5)])
@pytest.mark.parametrize("upto", [0, 6, 7, 100, 100.5])
def test_latest_of_every_is_the_last_of_its_instants(anchor: datetime | None, upto: float) -> None:
    schedule, until = parse("@every 7s", anchor=anchor), START + timedelta(seconds=upto)
    found, _ = instants(schedule, START, until, 100)
    assert schedule.latest(START, until) == (found[-1] if found else None)


def test_latest_of_every_divides() -> None:
    assert parse("@every 7s").latest(START, START + timedelta(seconds=7_000_000_006)) == START + timedelta(
        seconds=7_000_000_000
    )


def test_at_comes_once() -> None:
    schedule = parse("@at 2026-01-01T01:00:00+01:00")
    assert schedule.next(START - timedelta(seconds=1)) == START
    assert schedule.next(START) is None
    assert schedule.latest(START - timedelta(seconds=1), START) == START
    assert schedule.latest(START, START + timedelta(days=1)) is None


def test_manual_never_comes() -> None:
    schedule = parse("@manual")
    assert schedule.next(START) is None
    assert schedule.latest(START, START + timedelta(days=1)) is None


@pytest.mark.parametrize("grammar", ["standard", "robfig-v3-standard"])
@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("*/7 * * * *", 0.001),
        ("*/7 * * * *", 12),
        ("30 2 * * *", 0.1),
        ("30 2 * * *", 700),
        ("0 0 29 2 *", 4000),
        ("1 1 13 * 5", 800),
    ],
)
def test_latest_is_the_last_of_the_instants(grammar: str, text: str, days: float) -> None:
    schedule = parse(text, grammar=grammar, zone="Europe/Berlin")  # type: ignore[arg-type]
    until = START + timedelta(days=days)
    found, more = instants(schedule, START, until, 3000)
    assert not more
    assert schedule.latest(START, until) == (found[-1] if found else None)


def test_latest_does_not_walk() -> None:
    """Thirty million instants lie between; walking them would take minutes."""
    schedule = parse("* * * * * *")
    assert schedule.latest(START, START + timedelta(days=365, microseconds=3)) == START + timedelta(days=365)


def test_instants_are_limited_and_say_so() -> None:
    schedule, until = parse("* * * * *"), START + timedelta(minutes=3)
    assert instants(schedule, START, until, 5) == (seconds(60, 120, 180), False)
    assert instants(schedule, START, until, 3) == (seconds(60, 120, 180), False)
    assert instants(schedule, START, until, 2) == (seconds(60, 120), True)
    assert instants(schedule, START, until, 0) == ([], True)
    assert instants(schedule, START, START, 5) == ([], False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h30m", 5_400_000_000_000),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("-2ms", -2_000_000),
        ("+3us", 3_000),
        ("0", 0),
        ("1h1h", 7_200_000_000_000),
        ("9223372036854775807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
        ("9223372036854775808ns", None),
        ("", None),
        ("-", None),
        ("5", None),
        ("s", None),
        (".s", None),
        ("1d", None),
        ("1 s", None),
        ("٣s", None),
        ("1.s.", None),
    ],
)
def test_durations_as_in_go(text: str, expected: int | None) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00Z", START),
        ("2026-01-01T0:00:00Z", START),
        ("2026-01-01T00:00:00.5Z", START + timedelta(milliseconds=500)),
        ("2026-01-02T00:00:00+24:00", START),
        ("2025-12-31T19:00:00-05:00", START),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:00:60Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-01-01T00:00:00+0100", None),
        ("2026-01-01T00:00:00+25:00", None),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01 00:00:00Z", None),
        ("0001-01-01T00:00:00+23:00", None),
    ],
)
def test_instants_as_in_go(text: str, expected: datetime | None) -> None:
    assert instant(text) == expected
