"""The short form of `make campaign`: some years of some zones; the same code, seeds that stay."""

import sys
from pathlib import Path
from random import Random  # noqa: TID251

import pytest
from fakes.clock_changes import distinct

sys.path.append(str(Path(__file__).parents[3] / "tools"))

from campaign import judge
from campaign.stretch import Result, run_year
from crontask_core.schedule import Reading, compose

SEED = 4
ODD_YEARS = [
    ("Africa/Monrovia", 1972),  # from -00:44:30 to UTC: a change within a minute
    ("Pacific/Kwajalein", 1993),  # a day left out
    ("Pacific/Apia", 2011),  # another
    ("America/Juneau", 1983),  # across two hours, and the zone renamed
    ("Asia/Pyongyang", 2015),  # half an hour
    ("Antarctica/Troll", 2025),  # two hours
    ("Australia/Lord_Howe", 2027),  # half an hour, each year
    ("Pacific/Chatham", 2027),
    ("Africa/Cairo", 2026),  # midnight
    ("America/Havana", 2026),  # midnight
    ("Africa/Casablanca", 2030),  # negative summer time, around Ramadan
    ("Asia/Gaza", 2040),  # four changes, two of them within a week
    ("Europe/Dublin", 2026),
    ("America/St_Johns", 1988),  # two hours
    ("Asia/Kathmandu", 1986),
    ("Asia/Manila", 1990),
]


def drawn_years(count: int) -> list[tuple[str, int]]:
    random = Random(SEED)
    return [(random.choice(distinct()), random.randrange(1970, 2101)) for _ in range(count)]


@pytest.mark.parametrize("part", range(8))
def test_the_engine_agrees_with_plain_walks_and_cronsim(part: int) -> None:
    total = Result()
    for name, year in [*ODD_YEARS, *drawn_years(48)][part::8]:
        result = run_year(SEED, name, year, 6)
        total.counts.update(result.counts)
        total.wrong += result.wrong
    assert total.wrong == []
    assert total.counts["cases"] >= 150
    assert total.counts["instants"] >= 800
    assert sum(count > 0 for name, count in total.counts.items() if name.startswith("dst ")) == 12


def test_an_engine_that_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk is no echo of the engine: with the rules for overlaps turned off, most changes tell."""

    def forgetful(how: Reading, *given: object, **more: object) -> object:
        return compose(Reading(how.grammar, how.zone, how.identity, how.anchor, "Skip", "Both"), *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(judge, "compose", forgetful)
    assert len(run_year(SEED, "Europe/Berlin", 2027, 20).wrong) > 10
