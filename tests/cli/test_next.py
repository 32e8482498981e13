"""`kubectl-crontask next`: the batch contract and what people see."""

import io
import json
import subprocess
import sys
from typing import Any

import pytest

from crontask_cli.__main__ import main
from crontask_cli.next_runs import answer_lines


def answers(*lines: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    out = io.StringIO()
    answer_lines([line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines], out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_line_has_its_answer() -> None:
    start = {"from": "2026-03-28T12:00:00Z", "zone": "Europe/Berlin", "count": 2}
    assert answers(
        {"expr": "30 2 * * *", "grammar": "standard", **start},
        {"expr": "0 30 2 * * *", "grammar": "robfig-v3", **start},
        {"expr": "@at 2026-04-01T00:00:00Z", **start},
        {"expr": "@manual", **start},
        {
            "expr": "0 0 ~ * * *",
            "grammar": "dkron",
            "name": "test_job",
            "from": "2026-01-01T00:00:00+01:00",
            "count": 1,
        },
    ) == [
        {"next": ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]},
        {"next": ["2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]},
        {"next": ["2026-04-01T00:00:00Z"]},
        {"next": []},
        {"next": ["2026-01-01T18:00:00Z"]},
    ]


def test_from_is_exclusive_and_fractions_are_kept() -> None:
    assert answers(
        {"expr": "* * * * *", "from": "2026-01-01T00:01:00Z", "count": 1},
        {"expr": "* * * * *", "from": "2026-01-01T00:00:59.999Z", "count": 1},
        {"expr": "@at 2026-01-01T00:00:00.250Z", "grammar": "dkron", "from": "2025-01-01T00:00:00Z"},
        {"expr": "* * * * *", "from": "2026-01-01T00:00:00Z", "count": 0},
    ) == [
        {"next": ["2026-01-01T00:02:00Z"]},
        {"next": ["2026-01-01T00:01:00Z"]},
        {"next": ["2026-01-01T00:00:00.25Z"]},
        {"next": []},
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "must be an object"),
        (b"null", "must be an object"),
        ({}, "expr: None is not a text"),
        ({"expr": 5}, "expr: 5 is not a text"),
        ({"expr": "* * * * *", "zone": 1}, "zone: 1 is not a text"),
        ({"expr": "* * * * *", "zone": "Mars"}, 'spec.timeZone: "Mars" is not a time zone'),
        ({"expr": "* * * * *", "grammar": "quartz"}, "use one of standard"),
        ({"expr": "* * * * *", "from": "soon"}, "from: 'soon' is not an RFC 3339 time"),
        ({"expr": "* * * * *", "from": "2026-01-01T00:00:00"}, "is not an RFC 3339 time"),
        ({"expr": "* * * * *", "from": "0001-01-01T00:00:00+01:00"}, "is not an RFC 3339 time"),
        ({"expr": "* * * * *", "from": 5}, "is not an RFC 3339 time"),
        ({"expr": "* * * * *", "count": "5"}, "count: '5'"),
        ({"expr": "* * * * *", "count": True}, "count: True"),
        ({"expr": "* * * * *", "count": -1}, "use 0 to"),
        ({"expr": "* * * * *", "count": 10**9}, "use 0 to"),
        ({"expr": "61 * * * *"}, "use 0 to 59"),
        ({"expr": "\ud800 * * * *"}, "plain letters"),
    ],
)
def test_a_bad_line_has_an_error_and_stops_nothing(line: bytes | dict[str, Any], said: str) -> None:
    good = {"expr": "0 0 1 1 *", "from": "2026-06-01T00:00:00Z", "count": 1}
    first, second = answers(line, good)
    assert list(first) == ["error"]
    assert said in first["error"]
    assert second == {"next": ["2027-01-01T00:00:00Z"]}


def test_answers_come_at_once() -> None:
    """A program that sends one line and waits for its answer gets it before it sends the next."""
    command = [sys.executable, "-m", "crontask_cli", "next", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for year in (2030, 2031):
            process.stdin.write(
                json.dumps({"expr": "@yearly", "from": f"{year}-06-01T00:00:00Z", "count": 1}).encode() + b"\n"
            )
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"next": [f"{year + 1}-01-01T00:00:00Z"]}
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["next", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_people_see_the_zone_and_utc(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["30 2 * * *", "--zone", "Europe/Berlin", "--from", "2026-03-28T12:00:00Z", "--count", "2"]
    assert shown(capsys, *arguments) == (
        0,
        "2026-03-29T03:30:00+02:00  2026-03-29T01:30:00Z\n2026-03-30T02:30:00+02:00  2026-03-30T00:30:00Z\n",
        "",
    )


def test_people_see_five_from_now(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = shown(capsys, "*/5 * * * *")
    assert (code, len(out.splitlines()), err) == (0, 5, "")


def test_a_count_is_one_or_more(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = shown(capsys, "*/5 * * * *", "--count", "0")
    assert (code, out) == (2, "")
    assert "'0' is no number from 1 on" in err


def test_people_see_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("kubectl crontask 0.")


def test_people_see_that_nothing_comes(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "@manual") == (0, "by hand alone\n", "")
    assert shown(capsys, "@at 2020-01-01T00:00:00Z") == (0, "never again\n", "")


def test_people_see_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = shown(capsys, "61 * * * *")
    assert (code, out) == (1, "")
    assert err == 'kubectl crontask next: spec.schedule: "61" in the minute field is out of range; use 0 to 59\n'


@pytest.mark.parametrize("arguments", [[], ["@daily", "--batch"]])
def test_either_a_schedule_or_a_batch(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, _, err = shown(capsys, *arguments)
    assert code == 2
    assert "either a schedule or --batch" in err


def test_it_starts_without_the_operators_libraries() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, crontask_cli.__main__; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
        timeout=20,
    ).stdout.split()
    assert {"kopf", "kubernetes", "aiohttp", "pydantic", "httpx2"}.isdisjoint(seen)


def test_one_word_may_be_meant_as_a_task(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["next", "nosuch"])
    err = capsys.readouterr().err
    assert '"nosuch" has 1 field; write' in err
    assert err.endswith("; for a task write task/nosuch\n")
