"""JSON, instants and durations against what Go itself answers, row by row."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from crontask_gateway import gojson, gotime
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.errors import Invalid
from crontask_gateway.gosyntax import problem

TABLE = Path(__file__).parent / "oracles" / "golang.jsonl.gz"
NAMES = {"main.config": "plugin.Config", "main.executorConfig": "plugin.ExecutorPluginConfig", "main.Job": "dkron.Job"}
SCALARS = re.compile(
    r"unmarshal (bool|number) into Go struct field Job\.(tags|metadata|processors|executor_config) of type string"
)
"""What we take where Go does not (JobIn: scalars keep their type)."""


def rows(kind: str) -> list[dict[str, Any]]:
    with gzip.open(TABLE, "rt", encoding="utf-8") as lines:
        return [row for line in lines if kind in (row := json.loads(line))]


def answer(body: str) -> tuple[JobIn | None, str | None]:
    try:
        return JobIn.from_json(body.encode()), None
    except Invalid as error:
        return None, error.message.removeprefix("Unable to parse payload: ").removesuffix(".")


def known(value: Any) -> Any:
    """What a map or null of Go reads back as."""
    return {name: known(held) for name, held in value.items()} if isinstance(value, dict) and value else value or None


def test_every_body_is_read_or_refused_as_by_go() -> None:
    wrong, asked = [], rows("body")
    assert len(asked) == 2751
    for row in asked:
        expected = row.get("error", "")
        for name, ours in NAMES.items():
            expected = expected.replace(name, ours)
        if SCALARS.search(expected):
            continue
        job, refused = answer(row["body"])
        if (refused or "") != expected:
            wrong.append((row["body"], refused, expected))
        elif job is not None:
            theirs = {name: held for name, held in row["job"].items() if name not in ("dependent_jobs", "next")}
            found = {name: known(getattr(job, name)) for name in theirs}
            if found != {name: known(held) for name, held in theirs.items()}:
                wrong.append((row["body"], found, theirs))
    assert wrong == []


def test_every_duration_is_read_or_refused_as_by_go() -> None:
    for row in rows("duration"):
        try:
            found = str(gotime.duration(row["duration"]))
        except gotime.GoError as error:
            found = str(error)
        assert found == row.get("nanoseconds", row.get("error")), row


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800 * gotime.SECOND),
        ("0000-02-29T12:00:00Z", -62_162_078_400 * gotime.SECOND),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_800 * gotime.SECOND - 1),
        ("0000-01-01T00:00:00Z", -62_167_219_200 * gotime.SECOND),
        ("2030-01-02T03:04:05.12Z", 1_893_553_445 * gotime.SECOND + 120_000_000),
    ],
)
def test_instants_are_written_as_they_are_read(text: str, at: int) -> None:
    assert gotime.instant(text) == at
    assert gotime.rfc3339(at) == text


def test_instants_beyond_four_digits_of_a_year_are_written_all_the_same() -> None:
    assert gotime.rfc3339(gotime.instant("9999-12-31T23:59:59.5-23:59")) == "10000-01-01T23:58:59.5Z"
    assert gotime.rfc3339(gotime.instant("0000-01-01T00:00:00+00:01")) == "-001-12-31T23:59:00Z"


def test_instants_by_the_clock_of_a_zone_and_as_datetimes() -> None:
    at = gotime.instant("2030-01-02T03:04:05.123456789Z")
    assert gotime.rfc3339(at, 5 * 3600 + 1800) == "2030-01-02T08:34:05.123456789+05:30"
    assert gotime.rfc3339(at, -3600) == "2030-01-02T02:04:05.123456789-01:00"
    assert gotime.instant(gotime.rfc3339(at, -3600)) == at
    assert gotime.nanos(gotime.moment(at)) == at - 789
    assert gotime.moment(gotime.instant("0000-01-01T00:00:00Z")).year == 1


def test_a_deep_value_is_no_fault_of_the_scanner() -> None:
    assert problem(b"[" * 5_000 + b"]" * 5_000) is None
    with pytest.raises(gotime.GoError, match="exceeded max depth"):
        gojson.read(b"[" * 5_000 + b"]" * 5_000)


def test_a_text_of_very_many_values_is_not_gone_through_to_its_end() -> None:
    assert problem(b"[" + b"1," * 40_000 + b"x]") == "invalid character 'x' looking for beginning of value"
    assert problem(b"[" + b"1," * 60_000 + b"x]") == "invalid JSON after more than 50000 values"


def test_a_huge_number_of_repeated_maps_takes_no_longer_than_one_map() -> None:
    members = ",".join(f'"tags":{{"k{n}":""}}' for n in range(50_000))
    assert len(JobIn.from_json(f"{{{members}}}".encode()).tags or ()) == 50_000


@pytest.mark.parametrize("text", ["9" * 100_000, "9" * 100_000 + "h", "1h" * 100_000])
def test_a_long_duration_is_no_duration(text: str) -> None:
    with pytest.raises(gotime.GoError, match="invalid duration"):
        gotime.duration(text)
