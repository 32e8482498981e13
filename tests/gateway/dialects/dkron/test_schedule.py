"""Schedules: what upstream takes and refuses, text by text, and what is stored for each."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from crontask_gateway.dialects.dkron import schedule
from crontask_gateway.errors import Invalid

TABLE = Path(__file__).parents[3] / "core" / "schedule" / "oracles" / "dkron.jsonl.gz"


def rows() -> list[dict[str, Any]]:
    with gzip.open(TABLE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def refusal(text: str, name: str = "job") -> str:
    with pytest.raises(Invalid) as caught:
        schedule.read(text, name)
    return caught.value.message.removeprefix("Job validation failed: can't parse job schedule: ").removesuffix(".")


def test_upstream_s_own_words_for_all_that_it_refuses() -> None:
    refused = [row for row in rows() if "error" in row and not row["message"].startswith("panic")]
    assert len(refused) == 221
    told = [(row["expr"], refusal(row["expr"], row.get("name", "")), row["message"]) for row in refused]
    assert [each for each in told if each[1] != each[2]] == []


def test_texts_on_which_upstream_panics_are_refused() -> None:
    panics = [row["expr"] for row in rows() if row.get("message", "").startswith("panic")]
    assert len(panics) == 4
    assert all(refusal(text) for text in panics)


def test_all_that_upstream_takes_is_taken() -> None:
    taken = [row for row in rows() if "next" in row]
    assert len(taken) == 1275
    for row in taken:
        assert schedule.read(row["expr"], row.get("name", "")) == row.get("resolved", row["expr"])


@pytest.mark.parametrize(
    ("text", "name", "stored"),
    [
        ("0 0 ~ * * *", "test_job", "0 0 18 * * *"),
        ("TZ=Europe/Madrid 0 0 1 * ~ *", "test_job", "TZ=Europe/Madrid 0 0 1 * 7 *"),
        ("~ ~ ~ ~ ~ ~", "test_job", "18 18 18 19 7 4"),
        ("0 ~/15 * * * *", "test_job", "0 18/15 * * * *"),
        ("@manually", "test_job", "@manually"),
        ("@minutely", "test_job", "@minutely"),
        ("@every 1m", "test_job", "@every 1m"),
        ("@at 2030-01-02T03:04:05+06:00", "test_job", "@at 2030-01-02T03:04:05+06:00"),
        ("TZ=UTC @daily", "test_job", "TZ=UTC @daily"),
    ],
)
def test_what_is_stored_and_shown(text: str, name: str, stored: str) -> None:
    assert schedule.read(text, name) == stored
    assert schedule.write(stored, text, name) == text
    assert schedule.write("0 0 0 * * *", text, name) == "0 0 0 * * *"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty spec string"),
        ("* * * * *", "expected exactly 6 fields, found 5: [* * * * *]"),
        ("TZ=UTC ", "expected exactly 6 fields, found 0: []"),
        ("60 * * * * *", "end of range (60) above maximum (59): 60"),
        ("0 0 0 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("0 0 0 * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * * *", "step of range should be a positive number: */0"),
        ("@foo", "unrecognized descriptor: @foo"),
        ("@every x", 'failed to parse duration @every x: time: invalid duration "x"'),
        ("@every 1d", 'failed to parse duration @every 1d: time: unknown unit "d" in duration "1d"'),
        ("@every 90", 'failed to parse duration @every 90: time: missing unit in duration "90"'),
        ("TZ=Mars/Base 0 0 0 * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"),
        ("TZ=../etc 0 0 0 * * *", "provided bad location ../etc: time: invalid location name"),
        (
            "@at badtime",
            'failed to parse date @at badtime: parsing time "badtime" as "2006-01-02T15:04:05Z07:00":'
            ' cannot parse "badtime" as "2006"',
        ),
        ("0 0 0 * * *" + " " * 500, "the schedule has 511 characters, at most 500 are kept"),
    ],
)
def test_refusals(text: str, problem: str) -> None:
    assert refusal(text) == problem


@pytest.mark.parametrize(
    ("timezone", "stored"),
    [("", "UTC"), ("Local", "UTC"), ("UTC", "UTC"), ("Europe/Berlin", "Europe/Berlin")],
)
def test_zones(timezone: str, stored: str) -> None:
    assert schedule.read_zone(timezone) == stored
    assert schedule.write_zone(stored, timezone) == timezone
    assert schedule.write_zone("Asia/Tokyo", timezone) == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("timezone", "problem"),
    [
        ("notatimezone", "unknown time zone notatimezone"),
        ("europe/berlin", "unknown time zone europe/berlin"),
        ("/etc/localtime", "time: invalid location name"),
    ],
)
def test_unknown_zones(timezone: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        schedule.read_zone(timezone)
    assert caught.value.message == f"Job validation failed: {problem}."
