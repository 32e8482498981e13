"""The auditor's own reading of when a task is due: known answers, and random specs against the engine."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.expected import expected
from audit.fields import CannotJudge
from crontask_core.errors import FieldError
from crontask_core.model import TaskSpec
from crontask_core.names import Key
from crontask_core.schedule import instants
from crontask_core.validation import Setting, read_schedule

KEY = Key("team", "report")
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(after: str, upto: str, **spec: Any) -> list[str]:
    """What is due, as `DDTHH:MM:SS` of UTC."""
    found = expected(spec, str(KEY), CREATED, at(after), at(upto))
    return [f"{each:%dT%H:%M:%S}" for each in sorted(found)]


BERLIN = {"timeZone": "Europe/Berlin"}
SPRING, AUTUMN = ("2026-03-29T00:00", "2026-03-29T03:00"), ("2026-10-24T23:00", "2026-10-25T02:00")
DAY = ("2026-03-01T00:00", "2026-03-02T00:00")
KNOWN: list[tuple[tuple[str, str], dict[str, Any], list[str]]] = [
    (DAY, {"schedule": "0 9,17 * * *"}, ["01T09:00:00", "01T17:00:00"]),
    (DAY, {"schedule": "15 0 9 * * *"}, ["01T09:00:15"]),
    (DAY, {"schedule": "0 0 9 * * * 2027"}, []),
    (DAY, {"schedule": "@daily"}, ["02T00:00:00"]),
    (DAY, {"schedule": "@manual"}, []),
    (DAY, {"schedule": "@at 2026-03-01T10:00:00+01:00"}, ["01T09:00:00"]),
    (DAY, {"schedule": "@every 10h"}, ["01T04:00:00", "01T14:00:00", "02T00:00:00"]),
    (DAY, {"schedule": "@every 14h", "firstRunAt": "2026-03-01T01:00:00Z"}, ["01T01:00:00", "01T15:00:00"]),
    (DAY, {"schedules": ["0 9 * * *", "0 9-10 * * *"]}, ["01T09:00:00", "01T10:00:00"]),
    (DAY, {"calendar": {"minutes": [5], "hours": [7, 9]}}, ["01T07:05:00", "01T09:05:00"]),
    (DAY, {"calendar": {"minutes": [5], "hours": []}}, []),
    (DAY, {"calendar": {"minutes": [0], "hours": [1], "days": [31], "weekdays": [0]}}, ["01T01:00:00"]),
    (DAY, {"schedule": "@hourly", "startAt": "2026-03-01T23:00:00Z"}, ["01T23:00:00", "02T00:00:00"]),
    (DAY, {"schedule": "@hourly", "endAt": "2026-03-01T01:00:00Z"}, ["01T01:00:00"]),
    (("2026-03-01T00:00", "2026-04-01T00:00"), {"schedule": "0 0 L * *"}, ["31T00:00:00"]),
    (("2026-03-01T00:00", "2026-04-01T00:00"), {"schedule": "0 0 15W * *"}, ["16T00:00:00"]),
    (("2026-03-01T00:00", "2026-04-01T00:00"), {"schedule": "0 0 * * FRI#2"}, ["13T00:00:00"]),
    (("2026-03-01T00:00", "2026-04-01T00:00"), {"schedule": "0 0 * * 5L"}, ["27T00:00:00"]),
    (("2026-03-01T00:00", "2026-03-08T12:00"), {"schedule": "0 0 3 * MON"}, ["02T00:00:00", "03T00:00:00"]),
    # Clock changes: 02:30 does not exist in spring and is there twice in autumn; a beat goes on in real time.
    (SPRING, {"schedule": "30 2 * * *", **BERLIN}, ["29T01:30:00"]),
    (SPRING, {"schedule": "30 2 * * *", "dst": {"gap": "Skip"}, **BERLIN}, []),
    (SPRING, {"schedule": "*/30 2 * * *", **BERLIN}, []),
    (AUTUMN, {"schedule": "30 2 * * *", **BERLIN}, ["25T00:30:00"]),
    (AUTUMN, {"schedule": "30 2 * * *", "dst": {"overlap": "Second"}, **BERLIN}, ["25T01:30:00"]),
    (AUTUMN, {"schedule": "30 2 * * *", "dst": {"overlap": "Both"}, **BERLIN}, ["25T00:30:00", "25T01:30:00"]),
    (AUTUMN, {"schedule": "*/30 2 * * *", **BERLIN}, ["25T00:00:00", "25T00:30:00", "25T01:00:00", "25T01:30:00"]),
    (DAY, {"schedule": "0 0 9 * * *", "grammar": "robfig-v3"}, ["01T09:00:00"]),
    (DAY, {"schedule": "0 9 * * *", "grammar": "robfig-v3-standard"}, ["01T09:00:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("time", "spec", "answer"), KNOWN)
def test_known_answers(time: tuple[str, str], spec: dict[str, Any], answer: list[str]) -> None:
    assert due(*time, **spec) == answer


UNKNOWN = [
    {"schedule": "0 0 1 1"},
    {"schedule": "soon"},
    {"schedule": "@fortnightly"},
    {"schedule": "0 22-2 * * *"},
    {"schedule": "@every 1.5s"},
    {"schedule": "0 9 * * *", "timeZone": "Mars/Olympus"},
    {"schedule": "0 0 9 1 * 1", "grammar": "robfig-v1"},
    {"schedule": "TZ=UTC 0 0 9 * *", "grammar": "robfig-v3"},
    {"schedule": "0 0 ~ * * *", "grammar": "dkron"},
]


@pytest.mark.parametrize("spec", UNKNOWN)
def test_what_it_does_not_know_it_says(spec: dict[str, Any]) -> None:
    with pytest.raises(CannotJudge):
        due(*DAY, **spec)


def test_a_named_grammar_is_left_alone_near_a_clock_change() -> None:
    with pytest.raises(CannotJudge, match="the clocks of Europe/Berlin change in that time"):
        due(*SPRING, schedule="0 0 9 * * *", grammar="robfig-v3", **BERLIN)


def field(low: int, high: int, extra: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.integers(1, high - low + 1).map(lambda step: f"*/{step}")
    stepped = st.tuples(ranges, st.integers(1, high - low + 1)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    item = st.one_of(number.map(str), ranges, stepped, *([st.sampled_from(extra)] if extra else []))
    items = st.lists(item, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), items, steps)


DATES = ("L", "L-2", "LW", "1W", "15W", "31W", "H", "H(3-9)")
TEXTS = st.tuples(
    field(0, 59, ("H", "H(0-29)", "H/15")),
    field(0, 23, ("H", "H/6")),
    field(1, 31, DATES),
    field(1, 12, ("MAR", "H")),
    field(0, 6, ("FRI", "MON-THU", "FRI#2", "5L", "TUE#1", "H", "7")),
).map(" ".join)
TIMES = st.integers(0, 86_400 * 700).map(lambda seconds: CREATED + timedelta(seconds=seconds))
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"]
GAPS, OVERLAPS = st.sampled_from(["Skip", "Shift"]), st.sampled_from(["First", "Second", "Both"])
SPECS = st.fixed_dictionaries(
    {
        "schedules": st.lists(
            st.one_of(TEXTS, TEXTS.map("H,30 ".__add__), st.just("@every 7h"), st.just("@hourly")),
            min_size=1,
            max_size=2,
        ),
        "timeZone": st.sampled_from(ZONES),
    },
    optional={
        "dst": st.fixed_dictionaries(
            {},
            optional={
                "gap": st.sampled_from(["Skip", "Shift"]),
                "overlap": st.sampled_from(["First", "Second", "Both"]),
            },
        ),
        "splaySeconds": st.integers(0, 86_400),
        "calendar": st.fixed_dictionaries(
            {"minutes": st.lists(st.integers(0, 59), max_size=3)},
            optional={
                "hours": st.lists(st.integers(0, 23), max_size=3),
                "days": st.lists(st.integers(1, 31), max_size=5),
                "weekdays": st.lists(st.integers(0, 6), max_size=3),
            },
        ),
        "startAt": TIMES.map(datetime.isoformat),
        "endAt": TIMES.map(datetime.isoformat),
    },
)


@settings(max_examples=50, deadline=None)
@given(spec=SPECS, after=TIMES, days=st.integers(1, 15))
def test_the_engine_finds_the_same(spec: dict[str, Any], after: datetime, days: int) -> None:
    upto = after + timedelta(days=days)
    try:
        schedule = read_schedule(
            TaskSpec.model_validate(spec | {"http": {"url": "http://a/"}}), KEY, CREATED, Setting()
        )
    except FieldError:
        return  # a text that the operator refuses is not judged
    found, more = instants(schedule, after, upto, 20_000)
    assert not more or len(found) == 20_000
    mine = sorted(expected(spec, str(KEY), CREATED, after, upto))
    assert mine[: len(found)] == found
    assert more or len(mine) == len(found)


def test_it_shares_nothing_with_the_engine() -> None:
    """Whatever is loaded for an audit, none of it is code that it audits."""
    tools = Path(__file__).parents[2] / "tools"
    script = "import sys, audit.__main__, audit.report; print(*sys.modules)"
    seen = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True, timeout=20, cwd=tools
    ).stdout.split()
    assert "audit.expected" in seen
    assert [name for name in seen if name.startswith(("crontask", "croniter"))] == []
