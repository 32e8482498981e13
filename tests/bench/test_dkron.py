"""The row `dkron`: which instant a call belongs to, what is missing of what was expected, and the lines of that."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from bench.jobs import every
from bench.received import Call, call_below
from bench.rows.dkron import PERIOD, Account, account, due_at, expected, lines

from crontask_core.schedule import parse

NOON = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("after", "due"), [(3.0, 3), (12.999, 3), (13.0, 13), (2.999, -7), (60.5, 53), (63.0, 63)])
def test_a_call_belongs_to_the_latest_instant_of_its_job(after: float, due: int) -> None:
    assert due_at("job-00003", NOON + after) == NOON + due
    assert due_at("job-01013", NOON + after) == NOON + due


@pytest.mark.parametrize("number", range(PERIOD))
def test_the_jobs_are_due_when_they_are_expected(number: int) -> None:
    schedule, name = parse(every(PERIOD, number), grammar="dkron"), f"job-{number:05}"
    found: list[tuple[str, int]] = []
    at = schedule.next(datetime.fromtimestamp(NOON - 0.5, UTC))
    while at is not None and at.timestamp() < NOON + 120:
        found.append((name, int(at.timestamp())))
        at = schedule.next(at)
    assert set(found) == expected([name], NOON, 120)
    assert len(found) == 120 / PERIOD


def test_all_instants_of_all_jobs_are_expected() -> None:
    due = {("job-00000", 0), ("job-00000", 10), ("job-00011", 1), ("job-00011", 11)}
    assert expected(["job-00000", "job-00011"], NOON, 20) == {(name, NOON + at) for name, at in due}


def test_what_was_not_called_or_not_recorded_or_called_twice_is_counted() -> None:
    wanted = expected(["job-00000", "job-00001"], NOON, 2 * PERIOD)
    calls = [
        Call("job-00000", NOON - 0.5),  # of an instant before
        Call("job-00000", NOON + 0.25),
        Call("job-00001", NOON + 1.5),
        Call("job-00000", NOON + 9.0),  # again
        Call("job-00000", NOON + 10.125),
    ]
    recorded = {("job-00000", NOON), ("job-00000", NOON - 10), ("job-00001", NOON + 1)}
    found = account(wanted, calls, recorded, taken=2)
    assert (found.lateness.count, found.lateness.missing, found.twice, found.unrecorded) == (3, 1, 1, 2)
    assert (found.share, found.lateness.p50) == (75.0, 0.25)


def perfect(names: list[str]) -> Account:
    wanted = expected(names, NOON, PERIOD)
    return account(wanted, [Call(name, at + 0.125) for name, at in wanted], wanted, taken=len(names))


def nothing(names: list[str]) -> Account:
    return account(expected(names, NOON, PERIOD), [], set(), taken=0)


@pytest.mark.parametrize(("ours", "met"), [(perfect, True), (nothing, False)])
def test_the_goals_are_ours_alone(ours: Callable[[list[str]], Account], met: bool) -> None:
    names = ["job-00000", "job-00001"]
    found = {"ours": [ours(names)] * 3, "dkron": [nothing(names)] * 3}
    run, late, wrong = lines(100, found)
    assert run.dkron is not None
    assert (run.dkron.deciding.median, run.details) == (0.0, {"jobs_taken_ours": 2.0 * met, "jobs_taken_dkron": 0.0})
    assert [goal.met for goal in (*run.goals, late.goals[0], *wrong.goals)] == [met] * 3
    assert late.goals[1].text == "p99 ≤ Dkron's"


def test_only_calls_of_this_row_count() -> None:
    line = b'{"time_us": 1500000, "path": "/bench/dkron/100/job-00001", "headers": {}}'
    assert call_below("/bench/dkron/100/", line) == Call("job-00001", 1.5)
    assert call_below("/bench/dkron/200/", line) is None


def test_without_dkron_the_lines_are_ours_alone() -> None:
    names = ["job-00000", "job-00001"]
    found = lines(100, {"ours": [perfect(names)] * 3})
    assert [line.dkron for line in found] == [None] * 3
    assert [goal.text for line in found for goal in line.goals] == ["all", "p99 ≤ 250 ms", "0"]
