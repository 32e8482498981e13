"""Every time zone: its data, its name, and schedules around its next clock changes."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
from fakes.clock_changes import changes, distinct, names, set_time, shown, walls, zone

from crontask_core.errors import ZoneError
from crontask_core.schedule import instants, parse
from crontask_core.schedule.zones import stretch_at, zone_names

START, END = datetime(2026, 11, 22, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@cache
def next_changes(name: str) -> list[datetime]:
    return changes(name, START, END)


def around(name: str) -> list[tuple[datetime, datetime]]:
    """A day either way of each change of the zone from START to END; one ordinary day where there is none."""
    return [(at - DAY, at + DAY) for at in next_changes(name)] or [(START, START + 2 * DAY)]


def found(text: str, name: str, start: datetime, end: datetime) -> list[datetime]:
    """The instants in [start, end)."""
    return instants(parse(text, zone=name), start - timedelta(seconds=1), end - timedelta(seconds=1), 1000)[0]


@pytest.mark.parametrize("initial", sorted({name[:2] for name in distinct()}))
def test_every_zone_around_its_next_changes(initial: str) -> None:
    """Against plain walks over UTC quarters (beats) and over wall-clock days (set times)."""
    for name in (name for name in distinct() if name.startswith(initial)):
        for start, end in around(name):
            minutes = {at: shown(name, at).minute for at in walls(start, end, timedelta(minutes=15))}
            quarters = [at for at, minute in minutes.items() if minute % 15 == 0]
            assert found("*/15 * * * *", name, start, end) == quarters, name
            assert found("0 * * * *", name, start, end) == [at for at, minute in minutes.items() if minute == 0], name
            mornings = walls(shown(name, start).replace(hour=2, minute=30) - DAY, shown(name, end) + DAY, DAY)
            set_times = [at for wall in mornings if start <= (at := set_time(name, wall)) < end]
            assert found("30 2 * * *", name, start, end) == set_times, name


def test_changes_are_far_apart_and_all_seen() -> None:
    """The engine looks every third day; six times as close, nothing else is to be seen."""
    for name in distinct():
        seen = next_changes(name)
        assert all(later - earlier > timedelta(days=6) for earlier, later in pairwise(seen)), name
        ours, at = [], START.replace(tzinfo=None)
        while (at := stretch_at(name, at).end) < END.replace(tzinfo=None):
            if stretch_at(name, at).before != stretch_at(name, at).offset:
                ours.append(at.replace(tzinfo=UTC))
        assert ours == seen, name


def test_gaza_changes_twice_within_a_week() -> None:
    """The closest pair in the data: clocks go back and forth around Ramadan 2040."""
    seen = changes("Asia/Gaza", datetime(2040, 10, 1, tzinfo=UTC), datetime(2040, 11, 15, tzinfo=UTC))
    assert len(seen) == 2
    at = datetime(2040, 10, 1)  # noqa: DTZ001
    for change in seen:
        at = stretch_at("Asia/Gaza", at).end
        assert at.replace(tzinfo=UTC) == change


def test_the_names_are_those_of_the_package() -> None:
    assert zone_names() == set(names())
    assert len(zone_names()) > 590


@pytest.mark.parametrize("grammar", ["standard", "robfig-v1", "dkron"])
@pytest.mark.parametrize(
    "name", ["America", "europe/berlin", "../x", "/etc/passwd", "Local", "CET ", "Mars/Base", "\0", "ß"]
)
def test_refused_names(name: str, grammar: str) -> None:
    with pytest.raises(ZoneError, match=r"spec\.timeZone: .* is not a time zone; (use an IANA name|write [A-Z])"):
        parse("@hourly", zone=name, grammar=grammar)  # type: ignore[arg-type]


def test_no_name_means_utc() -> None:
    assert parse("0 12 * * *", zone="").next(START) == START + timedelta(hours=12)


def test_a_wrong_case_is_put_right() -> None:
    with pytest.raises(ZoneError, match="write Europe/Berlin"):
        parse("@hourly", zone="europe/BERLIN")


def test_walks_agree_with_zoneinfo_itself() -> None:
    """A guard for the tests' own walk: it sees the changes of Berlin that are printed in every calendar."""
    assert changes("Europe/Berlin", START, END) == [
        datetime(2027, 3, 28, 1, tzinfo=UTC),
        datetime(2027, 10, 31, 1, tzinfo=UTC),
    ]
    assert zone("Europe/Berlin").key == "Europe/Berlin"
