"""What the rows compute from what they have seen."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from bench.audit import NATIVE, OPERATOR, Write
from bench.figures import Spread
from bench.received import Arrival
from bench.rows.idle import Run, Start, lines
from bench.rows.killed import lines as killed_lines
from bench.rows.killed import longest_gap
from bench.rows.long import account, expected
from bench.rows.sustained import lateness_of_pods, on_time
from bench.rows.writes import SPACES, WINDOW, native_writes, per_execution, within
from bench.standin import succeeded

from crontask_core.pods import pod_facts

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
RIVAL = sorted(NATIVE)[0]


def write(verb: str, resource: str, kind: str, user: str = OPERATOR) -> Write:
    return Write(user, verb, resource, SPACES.get(kind, kind), "", 200, 0.0)


def test_the_instant_of_a_pod_is_read_from_its_name() -> None:
    pods = [Write(OPERATOR, "create", "pods", "n", "a-b-20261122120000-1", 201, NOON + 0.5)]
    assert lateness_of_pods(pods) == [(NOON, 0.5)]


def test_starts_count_where_their_instant_is_in_the_window_and_they_are_a_second_late_at_most() -> None:
    starts = [(0.0, 1.0), (0.0, 1.01), (9.0, 0.0), (10.0, 0.0), (-1.0, 0.0), (5.0, math.inf)]
    assert on_time(starts, 0.0, 10.0) == 2


def test_leases_are_shared_by_all_executions() -> None:
    found = [write("create", "crontaskexecutions", kind) for kind in ("pods", "pods", "http", "http")]
    found += [write("create", "pods", "pods")] * 2
    found += [write("patch", "leases", "crontask-system")] * 2
    found += [write("patch", "crontasks/status", "http"), write("patch", "crontasks/status", "http", RIVAL)]
    assert per_execution(found, "pods") == {
        "create crontaskexecutions": 1.0,
        "create pods": 1.0,
        "patch leases": 0.5,
    }
    assert per_execution(found, "http") == {
        "create crontaskexecutions": 1.0,
        "patch crontasks/status": 0.5,
        "patch leases": 0.5,
    }


def test_a_write_belongs_to_one_window() -> None:
    found = [replace(write("create", "pods", "pods"), at=at) for at in (-0.1, 0.0, WINDOW - 0.1, float(WINDOW))]
    assert [w.at for w in within(found, 0.0)] == [0.0, WINDOW - 0.1]
    assert [w.at for w in within(found, WINDOW)] == [float(WINDOW)]


def test_nothing_recorded_is_an_error_and_no_figure() -> None:
    with pytest.raises(RuntimeError, match="no execution of pods"):
        per_execution([write("patch", "leases", "crontask-system")], "pods")


def test_the_rivals_writes_are_counted_for_each_of_its_jobs() -> None:
    found = [write("create", "jobs", "native", RIVAL)] * 2 + [write("create", "events", "native", RIVAL)] * 5
    found += [write("create", "events", "pods", RIVAL), write("create", "events", "native")]
    assert native_writes(found) == {"create jobs": 1.0, "create events": 2.5}
    assert native_writes([]) == {}


def test_the_stand_in_ends_a_pod_as_a_kubelet_would() -> None:
    body = {
        "metadata": {"name": "p", "uid": "u", "creationTimestamp": "2026-11-22T12:00:00Z"},
        "status": succeeded(datetime.fromtimestamp(NOON, UTC)),
    }
    facts = pod_facts(body)
    assert (facts.phase, facts.exit_code, facts.ended_as) == ("Succeeded", 0, "Completed")


def test_memory_is_what_waiting_tasks_add_to_a_process_without_any() -> None:
    spread = Spread.of([0.004])
    runs = [Run(Start(1.0, 2.0, mib * 2**20), spread, spread) for mib in (60, 70, 62)]
    memory, call, pod, ready, first = lines(1024, [50 * 2**20, 40 * 2**20, 51 * 2**20], 80 * 2**20, runs)
    assert memory.ours.values == (10.0, 20.0, 12.0)
    assert not memory.goals[0].met
    assert memory.details["filled_one_by_one_kb_each"] == 30.0
    assert (ready.ours.deciding.median, first.ours.deciding.median) == (1.0, 2.0)
    assert [goal.met for line in (call, pod, first) for goal in line.goals] == [True] * 5


def arrival(key: str, at: float, late: float = 0.01) -> Arrival:
    return Arrival("/", f"n/{key}", at - late, at)


def test_the_executions_that_are_expected_are_those_of_the_window() -> None:
    begin = int(NOON)
    assert expected([(0, "a"), (3, "b")], begin, 7) == {
        "a-20261122120000",
        "b-20261122120003",
        "a-20261122120005",
    }


def test_an_execution_is_wrong_without_call_without_record_and_with_two_calls() -> None:
    names = {"a", "b", "c"}
    calls = [arrival("a", 1.0, 0.1), arrival("a", 1.5, 0.6), arrival("b", 2.0, 0.2), arrival("earlier", 0.5)]
    found = account(names, calls, {"a", "c"})
    assert (found.received, found.twice, found.unrecorded, found.lateness.missing) == (2, 1, 1, 1)
    assert found.wrong == 3
    assert found.lateness.p50 == pytest.approx(0.2)
    assert account(names, [arrival(name, 1.0) for name in names], names).wrong == 0


@pytest.mark.parametrize(
    ("calls", "gap"),
    [([], 10.0), ([1.0, 5.0], 5.0), ([5.0, 1.0, 9.0], 4.0), ([-3.0, 2.0, 12.0], 8.0)],
)
def test_a_gap_is_looked_for_between_two_moments(calls: list[float], gap: float) -> None:
    assert longest_gap(calls, 0.0, 10.0) == gap


def test_one_long_gap_or_one_call_made_twice_misses_the_goal() -> None:
    report = {"findings": [], "unjudged": [], "instants": 1}
    fine = [arrival(str(n), n + 0.5) for n in range(20)]
    assert [goal.met for line in killed_lines(fine, [0.0, 10.0], report) for goal in line.goals] == [True] * 3
    lost = [call for call in fine if not 12 < call.at < 16]
    assert [goal.met for line in killed_lines(lost, [0.0, 10.0], report) for goal in line.goals] == [False, True, True]
    again = [*fine, arrival("3", 3.6)]
    found = killed_lines(again, [0.0, 10.0], {**report, "findings": ["f"]})
    assert [goal.met for line in found for goal in line.goals] == [True, False, False]
