"""The tables of docs/schedules.md, row by row: what it says of us and of others is so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from croniter import CroniterError, croniter
from cronsim import CronSim, CronSimError
from fakes.clock_changes import shown, zone

from crontask_core.errors import FieldError
from crontask_core.schedule import instants, parse

PAGE = (Path(__file__).parents[3] / "docs" / "schedules.md").read_text(encoding="utf-8")
REFUSED = (FieldError, CroniterError, CronSimError)


def rows(name: str) -> list[list[str]]:
    """The cells of the table after a mark, without its head."""
    lines = PAGE.partition(f"<!-- {name}:")[2].splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("|"))
    last = next(at for at, line in enumerate(lines[first:], first) if not line.startswith("|"))
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[first + 2 : last]]


def answer(library: str, text: str, name: str, after: datetime) -> datetime:
    """The first time (naive, by the zone's clock) after a time."""
    start = after.astimezone(zone(name))
    match library:
        case "cronsim":
            return next(CronSim(text, start)).replace(tzinfo=None)
        case "croniter":
            return croniter(text, start).get_next(datetime).replace(tzinfo=None)
    found = parse(text, zone=name, grammar=library).next(after)  # type: ignore[arg-type]
    assert found is not None
    return shown(name, found)


def told(library: str, text: str, name: str, after: datetime) -> str:
    try:
        found = answer(library, text, name, after)
    except REFUSED:
        return "refused"
    return found.isoformat(timespec="seconds" if found.second else "minutes")


DIFFERENCES = rows("differences")


def test_the_tables_are_there() -> None:
    assert len(DIFFERENCES) >= 19
    assert len(rows("examples")) >= 9


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: f"{row[0]} of {row[5]}")
def test_differences(row: list[str]) -> None:
    text, name, after, ours, theirs, library, why = row
    start = datetime.fromisoformat(after)
    assert told("standard", text, name, start) == ours
    assert told(library, text, name, start) == theirs
    assert ours != theirs
    assert why


@pytest.mark.parametrize("row", rows("examples"), ids=lambda row: " ".join(row[:3]))
def test_examples(row: list[str]) -> None:
    text, gap, overlap, spring, autumn = row
    rules: Any = {"gap": gap or None, "overlap": overlap or None}
    schedule = parse(text, zone="Europe/Berlin", **rules)
    for day, expected in (("2026-03-29T00:00+01:00", spring), ("2026-10-25T00:00+02:00", autumn)):
        start = datetime.fromisoformat(day).astimezone(UTC) - timedelta(seconds=1)
        found, _ = instants(schedule, start, start + timedelta(hours=6), 99)
        berlin = [at.astimezone(zone("Europe/Berlin")) for at in found]
        times = [at.isoformat(timespec="minutes")[11:] for at in berlin if at.hour < 5]
        assert " ".join(times) == expected.replace("none", "")
