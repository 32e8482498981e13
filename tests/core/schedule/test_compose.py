"""Schedules of several parts: unions, sets, spreads, first runs, starts and ends, a task's own clock-change rules."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crontask_core.errors import FieldError, ZoneError
from crontask_core.schedule import Reading, Schedule, Sets, compose, instants, parse, splay
from crontask_core.schedule.forms import Never

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
ANCHORED = Reading(anchor=START)
BEYOND = datetime.fromisoformat("9999-12-31T23:59:59-23:59")
BERLIN = Reading(zone="Europe/Berlin")


def made(*texts: str, how: Reading = ANCHORED, **more: Any) -> Schedule:
    return compose(how, [(text, f"spec.schedules[{at}]") for at, text in enumerate(texts)], **more)


def first(schedule: Schedule, count: int, after: datetime = START) -> list[str]:
    found, _ = instants(schedule, after, datetime(2200, 1, 1, tzinfo=UTC), count)
    return [f"{at:%m-%d %H:%M:%S}" for at in found]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_one_text_is_the_shared_schedule_itself() -> None:
    assert made("30 6 * * *") is parse("30 6 * * *")
    assert made("30 6 * * *", "@manual") is parse("30 6 * * *")
    assert made("30 6 * * *", "30 6 * * *", splay_seconds=0) is parse("30 6 * * *")


def test_a_union_has_every_instant_once() -> None:
    assert first(made("0 6 * * *", "30 5 * * *", "0 */6 * * *"), 5) == [
        "01-01 05:30:00",
        "01-01 06:00:00",
        "01-01 12:00:00",
        "01-01 18:00:00",
        "01-02 00:00:00",
    ]


def test_a_union_of_every_and_at() -> None:
    schedule = made("@every 40m", "@hourly", "@at 2026-01-01T00:50:00Z", "@manual")
    assert first(schedule, 5) == [
        "01-01 00:40:00",
        "01-01 00:50:00",
        "01-01 01:00:00",
        "01-01 01:20:00",
        "01-01 02:00:00",
    ]


def test_a_union_has_one_instant_a_second() -> None:
    schedule = made("@at 2026-01-01T01:00:00.5Z", "0 0 * * * *", how=Reading(grammar="dkron", anchor=START))
    assert first(schedule, 2) == ["01-01 01:00:00", "01-01 02:00:00"]


@pytest.mark.parametrize("upto", [0, 1, 40, 41, 60, 61, 80, 1000])
@pytest.mark.parametrize("splay_seconds", [0, 300])
@pytest.mark.parametrize(
    "more", [{}, {"first": START + timedelta(minutes=41)}, {"start": START + timedelta(minutes=60)}]
)
def test_latest_is_the_last_of_the_instants(upto: int, splay_seconds: int, more: dict[str, Any]) -> None:
    end = START + timedelta(minutes=700)
    schedule = made("@every 40m", "0 * * * *", "5 5 * * *", splay_seconds=splay_seconds, end=end, **more)
    until = START + timedelta(minutes=upto)
    found, _ = instants(schedule, START, until, 1000)
    assert schedule.latest(START, until) == (found[-1] if found else None)


# Sets


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (Sets(minutes=[5, 35], hours=[6, 18]), ["01-01 06:05:00", "01-01 06:35:00", "01-01 18:05:00"]),
        (Sets(), ["01-01 00:01:00", "01-01 00:02:00"]),
        (Sets(minutes=[0], hours=[0], days=[31]), ["01-31 00:00:00", "03-31 00:00:00"]),
        (Sets(minutes=[0], hours=[0], weekdays=[0]), ["01-04 00:00:00", "01-11 00:00:00"]),
        # Days and weekdays both given: either.
        (Sets(minutes=[0], hours=[0], days=[13], weekdays=[5]), ["01-02 00:00:00", "01-09 00:00:00", "01-13 00:00:00"]),
        (Sets(minutes=[0], hours=[0], days=[1], months=[7]), ["07-01 00:00:00"]),
        # An empty set is never, whatever the others are; so is a day that no month has.
        (Sets(minutes=[]), []),
        (Sets(days=[], weekdays=[1]), []),
        (Sets(days=[30], months=[2]), []),
    ],
)
def test_sets(sets: Sets, expected: list[str]) -> None:
    assert first(compose(Reading(), [], sets=sets), max(len(expected), 1))[: len(expected) or 1] == expected


def test_sets_beside_a_text() -> None:
    assert first(made("@hourly", sets=Sets(minutes=[30], hours=[1])), 3) == [
        "01-01 01:00:00",
        "01-01 01:30:00",
        "01-01 02:00:00",
    ]


def test_sets_in_a_zone_are_set_times_or_beats() -> None:
    night = utc("2026-03-29T00:00+01:00")
    set_time = compose(BERLIN, [], sets=Sets(minutes=[30], hours=[2]))
    assert set_time.next(night) == utc("2026-03-29T03:30+02:00")
    beat = compose(BERLIN, [], sets=Sets(minutes=[30]))
    assert beat.next(utc("2026-03-29T01:30+01:00")) == utc("2026-03-29T03:30+02:00")
    assert beat.next(utc("2026-10-25T02:30+02:00")) == utc("2026-10-25T02:30+01:00")


# A task's own clock-change rules


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ("standard", "30 2 * * *"),
        ("standard", "*/30 2 * * *"),
        ("robfig-v3-standard", "30 2 * * *"),
        ("dkron", "0 30 2 * * *"),
        ("jakecoffman", "0 30 2 * * *"),
        ("sets", ""),
    ],
)
@pytest.mark.parametrize(("gap", "spring"), [("Skip", []), ("Shift", ["2026-03-29T03:30+02:00"])])
@pytest.mark.parametrize(
    ("overlap", "autumn"),
    [
        ("First", ["2026-10-25T02:30+02:00"]),
        ("Second", ["2026-10-25T02:30+01:00"]),
        ("Both", ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"]),
    ],
)
def test_rules_of_a_task(grammar: Any, text: str, gap: Any, overlap: Any, spring: list[str], autumn: list[str]) -> None:
    if grammar == "sets":
        schedule = compose(Reading(zone="Europe/Berlin", gap=gap, overlap=overlap), [], sets=Sets([30], [2]))
    else:
        schedule = made(text, how=Reading(grammar, "Europe/Berlin", gap=gap, overlap=overlap))
    for day, expected in ((utc("2026-03-29T00:00+01:00"), spring), (utc("2026-10-25T00:00+02:00"), autumn)):
        found, _ = instants(schedule, day, day + timedelta(hours=12), 99)
        assert [at for at in found if at.minute == 30] == [utc(at) for at in expected]


@pytest.mark.parametrize(
    ("text", "grammar", "rules", "spring", "autumn"),
    [
        # One of the two given, the other as the form does by itself.
        ("30 2 * * *", "standard", {"gap": "Skip"}, 0, 1),
        ("30 2 * * *", "standard", {"overlap": "Both"}, 1, 2),
        ("*/30 2 * * *", "standard", {"overlap": "First"}, 0, 2),
        ("*/30 2 * * *", "standard", {"gap": "Shift"}, 2, 4),
        ("30 2 * * *", "robfig-v3-standard", {"gap": "Shift"}, 1, 2),
        ("30 2 * * *", "robfig-v3-standard", {"overlap": "Second"}, 0, 1),
        # These know no wall clock.
        ("@every 30m", "standard", {"gap": "Skip", "overlap": "First"}, 10, 10),
        ("@at 2026-10-25T00:30:00Z", "standard", {"gap": "Skip", "overlap": "Second"}, 0, 1),
        ("@manual", "standard", {"gap": "Skip"}, 0, 0),
    ],
)
def test_one_rule_of_a_task(text: str, grammar: Any, rules: Any, spring: int, autumn: int) -> None:
    schedule = parse(text, grammar=grammar, zone="Europe/Berlin", anchor=START, **rules)
    for day, count in ((utc("2026-03-29T00:15+01:00"), spring), (utc("2026-10-25T00:15+02:00"), autumn)):
        assert len(instants(schedule, day, day + timedelta(hours=5), 99)[0]) == count


def test_a_named_grammar_that_never_comes_is_found_out_quickly() -> None:
    assert isinstance(parse("0 0 0 30 2 *", grammar="robfig-v3", gap="Skip"), Never)


# The spread


def test_a_spread_moves_every_instant_by_the_same() -> None:
    how = Reading(identity="team/report")
    offset = splay("team/report", 3600)
    schedule = made("0 * * * *", how=how, splay_seconds=3600)
    found, _ = instants(schedule, START, START + timedelta(hours=5), 9)
    assert [at - offset for at in found] == [START + timedelta(hours=k) for k in range(0 if offset else 1, 5)]
    assert [at.microsecond for at in found] == [0] * len(found)


def test_spreads_are_stable_and_even() -> None:
    """Fixed for ever: a change would move the runs of every task."""
    assert [splay(f"ns/task-{number}", 86_400).seconds for number in range(3)] == [28_278, 30_421, 33_807]
    drawn = [splay(f"ns/task-{number}", 59).seconds for number in range(6000)]
    assert set(drawn) == set(range(60))
    assert max(drawn.count(second) for second in range(60)) < 160
    assert splay("ns/a", 0) == timedelta(0)


# First run, start, end


def test_the_first_run_comes_exactly_then_and_nothing_before() -> None:
    assert first(made("0 * * * *", first=utc("2026-01-01T03:20:10Z")), 3) == [
        "01-01 03:20:10",
        "01-01 04:00:00",
        "01-01 05:00:00",
    ]
    assert first(made("0 * * * *", first=utc("2026-01-01T03:00:00Z")), 2) == ["01-01 03:00:00", "01-01 04:00:00"]
    assert first(made(first=utc("2026-01-01T03:00:00Z")), 2) == ["01-01 03:00:00"]


def test_the_first_run_is_not_spread() -> None:
    schedule = made("0 * * * *", how=Reading(identity="a/b"), splay_seconds=3000, first=utc("2026-01-01T03:00:00Z"))
    found, _ = instants(schedule, START, START + timedelta(hours=6), 3)
    assert found[:2] == [utc("2026-01-01T03:00:00Z"), utc("2026-01-01T03:00:00Z") + splay("a/b", 3000)]


def test_start_and_end_are_included_and_speak_of_spread_instants() -> None:
    window = {"start": utc("2026-01-01T02:00:00Z"), "end": utc("2026-01-01T04:00:00Z")}
    assert first(made("0 * * * *", **window), 9) == ["01-01 02:00:00", "01-01 03:00:00", "01-01 04:00:00"]
    offset = splay("a/b", 3599)
    spread = made("0 * * * *", how=Reading(identity="a/b"), splay_seconds=3599, **window)
    found, _ = instants(spread, START, START + timedelta(days=1), 9)
    assert found == [utc("2026-01-01T02:00:00Z") + offset, utc("2026-01-01T03:00:00Z") + offset]


def test_a_fraction_in_start_and_end() -> None:
    half = timedelta(seconds=0.5)
    schedule = made("* * * * * *", start=START + half, end=START + timedelta(seconds=3) - half)
    assert first(schedule, 9, START - timedelta(days=1)) == ["01-01 00:00:01", "01-01 00:00:02"]


@pytest.mark.parametrize(
    ("more", "path", "problem"),
    [
        ({"start": START, "end": START - timedelta(seconds=1)}, "spec.endAt", "lies before startAt"),
        ({"first": START, "start": START + timedelta(seconds=1)}, "spec.firstRunAt", "lies before startAt"),
        ({"first": START, "end": START - timedelta(seconds=1)}, "spec.firstRunAt", "lies after endAt"),
        ({"first": START + timedelta(microseconds=1)}, "spec.firstRunAt", "has a fraction of a second"),
        ({"start": BEYOND}, "spec.startAt", "leaves the calendar"),
        ({"end": BEYOND}, "spec.endAt", "leaves the calendar"),
    ],
)
def test_contradictions_are_refused(more: dict[str, datetime], path: str, problem: str) -> None:
    with pytest.raises(FieldError, match=problem) as caught:
        made("@hourly", **more)
    assert caught.value.path == path


def test_equal_bounds_are_no_contradiction() -> None:
    assert first(made("@hourly", first=START, start=START, end=START), 2, START - timedelta(days=1)) == [
        "01-01 00:00:00"
    ]


def test_errors_name_the_text_or_the_zone() -> None:
    with pytest.raises(FieldError) as caught:
        made("@hourly", "61 * * * *")
    assert caught.value.path == "spec.schedules[1]"
    with pytest.raises(ZoneError) as zone:
        made("@hourly", how=Reading(zone="Mars/Base"))
    assert zone.value.path == "spec.timeZone"
    with pytest.raises(ZoneError):
        compose(Reading(zone="Mars/Base"), [], sets=Sets(minutes=[]))
    with pytest.raises(FieldError) as grammar:
        made("@hourly", how=Reading(grammar="quartz"))  # type: ignore[arg-type]
    assert grammar.value.path == "spec.grammar"


# Work that does not grow


@pytest.mark.parametrize(
    "schedule",
    [
        made("* * * * * *", start=datetime(2090, 1, 1, tzinfo=UTC)),
        made("* * * * * *", first=datetime(2090, 1, 1, tzinfo=UTC)),
        made("* * * * * *", end=datetime(2020, 1, 1, tzinfo=UTC)),
        made("* * * * * *", "@every 1s", "@manual", "0 0 29 2 *", start=datetime(9000, 1, 1, tzinfo=UTC)),
        made(*["@manual"] * 20),
        made(*[f"{minute} 3 29 2 *" for minute in range(20)], how=BERLIN),
        made("0 0 0 1 1 * 2020", "0 0 0 1 1 * 2021", how=BERLIN),
        made("30 2 29 3 *", how=Reading(zone="Europe/Berlin", gap="Skip")),
        made("@every 1s", splay_seconds=86_400, end=datetime(2400, 1, 1, tzinfo=UTC)),
    ],
    ids=range(9),
)
def test_far_and_empty_schedules_are_answered_quickly(schedule: Schedule) -> None:
    begun = time.process_time()
    for _ in range(3):
        schedule.next(START)
        schedule.latest(START, START + timedelta(days=36_500))
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("year", [1, 2, 9998, 9999])
def test_the_ends_of_time(year: int) -> None:
    edge = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC) if year > 5000 else datetime(year, 1, 1, tzinfo=UTC)
    texts = ("@every 1h", "@at 9999-12-31T23:59:59Z", "0 * * * *")
    how = Reading(identity="a/b", anchor=START)
    for schedule in (
        made(*texts, how=how, splay_seconds=86_400),
        made(*texts, how=how, start=edge),
        made(*texts, how=how, first=edge, end=edge),
        made(*texts, how=how, end=edge, splay_seconds=5),
    ):
        for after in (edge, START, datetime.min.replace(tzinfo=UTC)):
            at = schedule.next(after)
            assert at is None or at > after
            schedule.latest(after, datetime.max.replace(tzinfo=UTC))
