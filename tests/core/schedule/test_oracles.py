"""The named grammars against what the real Go libraries answer, row by row."""

import gzip
import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest

from crontask_core.errors import FieldError
from crontask_core.model.task import Grammar
from crontask_core.schedule import parse
from crontask_core.schedule.golang import READINGS

TABLES = Path(__file__).parent / "oracles"
FILES = {
    "robfig-v1": "robfig-v1",
    "robfig-v3": "robfig-v3-seconds",
    "robfig-v3-standard": "robfig-v3-standard",
    "jakecoffman": "jakecoffman",
    "gocronx": "gocronx",
    "dkron": "dkron",
}


def rows(grammar: str) -> list[dict[str, Any]]:
    with gzip.open(TABLES / f"{FILES[grammar]}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def schedule(row: dict[str, Any], grammar: Any) -> Any:
    return parse(row["expr"], grammar=grammar, zone=row["zone"], identity=row.get("name", ""))


def chain(row: dict[str, Any], grammar: str) -> list[datetime]:
    """Up to five instants, each asked for from the one before."""
    made, at, found = schedule(row, grammar), datetime.fromisoformat(row["from"]), []
    while len(found) < 5 and (at := made.next(at)) is not None:
        found.append(at)
    return found


def expected(row: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in row["next"]]


def spins(row: dict[str, Any]) -> bool:
    """Whether the library answered with an instant that is not after the one before."""
    return any(later <= earlier for earlier, later in pairwise([datetime.fromisoformat(row["from"]), *expected(row)]))


def test_every_grammar_has_a_reading_and_a_table() -> None:
    assert {"standard", *READINGS} == set(get_args(Grammar)) == {"standard", *FILES}


@pytest.mark.parametrize("grammar", FILES)
def test_tables_are_whole(grammar: str) -> None:
    table = rows(grammar)
    assert (len(table), sum("error" in row for row in table)) == (1500, 225)


@pytest.mark.parametrize("grammar", FILES)
def test_refuses_what_the_library_refuses_and_nothing_else(grammar: str) -> None:
    wrong = []
    for row in rows(grammar):
        try:
            schedule(row, grammar)
            refused = False
        except FieldError:
            refused = True
        if refused != ("error" in row):
            wrong.append(row)
    assert wrong == []


@pytest.mark.parametrize("grammar", FILES)
def test_steps_as_the_library(grammar: str) -> None:
    answered = [row for row in rows(grammar) if "next" in row and not spins(row)]
    assert len(answered) >= 1231
    assert [(row, found) for row in answered if (found := chain(row, grammar)) != expected(row)] == []


@pytest.mark.parametrize("grammar", FILES)
def test_goes_on_where_the_library_spins(grammar: str) -> None:
    found = [(row, chain(row, grammar)) for row in rows(grammar) if "next" in row and spins(row)]
    assert len(found) == {"jakecoffman": 44, "gocronx": 44, "dkron": 0}.get(grammar, 1)
    for row, instants in found:
        assert len(instants) == 5, row
        assert all(a < b for a, b in pairwise([datetime.fromisoformat(row["from"]), *instants])), row


@pytest.mark.parametrize("grammar", [grammar for grammar in FILES if grammar != "robfig-v3-standard"])
def test_an_empty_set_never_fires(grammar: Any) -> None:
    start = datetime.fromisoformat("2026-01-01T00:00:00Z")
    for field in range(6):
        text = " ".join("," if at == field else "*" for at in range(6))
        if field in (3, 5):  # the other day field is starred, so both must match
            assert parse(text, grammar=grammar).latest(start, datetime.fromisoformat("2126-01-01T00:00:00Z")) is None
        assert parse(text, grammar=grammar).next(start) is None
