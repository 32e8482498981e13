"""What the rows compute from what they have seen."""

import math
from datetime import UTC, datetime

import pytest
from bench.audit import NATIVE, OPERATOR, Write
from bench.rows.sustained import lateness_of_pods, on_time
from bench.rows.writes import SPACES, native_writes, per_execution
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
