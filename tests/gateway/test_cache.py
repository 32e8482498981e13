"""What a replica knows of jobs and runs, whatever order it is told in."""

import json
from typing import Any

import pytest
from fakes.objects import merged
from hypothesis import example, given
from hypothesis import strategies as st

from crontask_core.bonds import owner
from crontask_core.names import Key
from crontask_gateway.bodies import difference
from crontask_gateway.cache import Jobs
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.runs import Bodies, Runs

SCOPE = Scope("default", "dkron")
A = Naming(SCOPE, "a")
TASK, RUN = "crontasks", "crontaskexecutions"


def task(version: int, uid: str = "u1", ident: str = "a", **meta: Any) -> dict[str, Any]:
    naming = Naming(SCOPE, ident)
    return {
        "metadata": {
            "namespace": "default",
            "name": naming.name,
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-03-01T12:00:00Z",
            "labels": naming.labels(),
        }
        | meta,
        "spec": {"schedule": f"@every {version}s"},
    }


def run(name: str, version: int, phase: str, uid: str = "u1", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-03-01T12:00:00Z",
            "ownerReferences": [owner(A.key, uid)] if uid else [],
        },
        "spec": {"taskRef": {"name": A.name}},
        "status": {"phase": phase} | status,
    }


def version(jobs: Jobs) -> str | None:
    held = jobs.get(A.key)
    assert [job.version for job in jobs.of(SCOPE)] == ([held.job.version] if held and held.job else [])
    return held.job.version if held and held.job else None


def test_an_older_version_replaces_no_newer_one() -> None:
    jobs = Jobs()
    for told, known in ((5, "5"), (4, "5"), (5, "5"), (10, "10"), (9, "10")):
        jobs.receive(TASK, "MODIFIED", task(told))
        assert version(jobs) == known


def test_versions_are_compared_as_numbers() -> None:
    jobs = Jobs()
    jobs.learn(task(999))
    jobs.learn(task(1000))
    assert version(jobs) == "1000"


def test_a_late_deletion_of_the_one_before_takes_nothing_from_the_new_one() -> None:
    jobs = Jobs()
    jobs.learn(task(5, "old"))
    jobs.learn(task(8, "new"))
    jobs.receive(TASK, "DELETED", task(7, "old"))
    assert version(jobs) == "8"


def test_what_was_deleted_here_stays_deleted_until_a_new_one_comes() -> None:
    jobs = Jobs()
    jobs.learn(task(5))
    jobs.gone(A.key, "u1")
    jobs.receive(TASK, "MODIFIED", task(6))
    assert version(jobs) is None
    assert jobs.known(TASK) == {A.key}  # a list without it is heard of
    jobs.learn(task(8, "u2"))
    jobs.receive(TASK, "DELETED", task(7))
    assert version(jobs) == "8"


def test_what_a_list_lacks_goes_unless_it_was_learnt_meanwhile() -> None:
    jobs = Jobs()
    jobs.learn(task(5))
    jobs.learn(task(6, "u2", "b"))
    known = jobs.known(TASK)
    jobs.learn(task(7, "u3"))
    jobs.missing(TASK, known)
    assert version(jobs) == "7"
    assert len(jobs) == 1


def test_the_deleted_are_not_remembered_for_ever() -> None:
    jobs = Jobs()
    for number in range(10):
        jobs.learn(task(number, f"u{number}"))
        jobs.gone(A.key, f"u{number}")
    jobs.missing(TASK, jobs.known(TASK))
    assert jobs.known(TASK) == set()


def test_what_is_being_deleted_or_nobodys_is_no_job() -> None:
    jobs = Jobs()
    jobs.learn(task(5, deletionTimestamp="2026-03-01T12:00:00Z"))
    jobs.learn(task(6, "u2", "b", labels={}))
    assert list(jobs.of(SCOPE)) == []
    assert len(jobs) == 2


@given(st.permutations([1, 2, 3, 4, 5]), st.lists(st.integers(1, 5), max_size=5))
def test_whatever_the_order_the_latest_version_is_known(order: list[int], again: list[int]) -> None:
    jobs = Jobs()
    for told in [*order, *again]:
        jobs.receive(TASK, "MODIFIED", task(told))
    assert version(jobs) == "5"


def test_a_run_is_active_until_it_has_ended() -> None:
    jobs, runs = Jobs(), Runs(Bodies(10_000))
    held = jobs.learn(task(1))
    runs.receive(RUN, "ADDED", run("r", 2, "Running", taskSpec="x" * 100))
    assert [each.status for each in runs.active(held, A.name)] == [{"phase": "Running"}]
    runs.receive(RUN, "MODIFIED", run("r", 3, "Succeeded", output="done"))
    runs.receive(RUN, "MODIFIED", run("r", 2, "Running"))
    assert (runs.active(held, A.name), runs.ended(held, A.name)) == ([], [Key("default", "r")])
    body = runs.body(Key("default", "r"))
    assert body is not None
    assert body["status"]["output"] == "done"
    runs.receive(RUN, "DELETED", run("r", 4, "Succeeded"))
    assert (len(runs), runs.ended(held, A.name), runs.body(Key("default", "r"))) == (0, [], None)


def test_runs_of_the_task_before_and_forgotten_ones_do_not_count() -> None:
    jobs, runs = Jobs(), Runs(Bodies(10_000))
    held = jobs.learn(task(1, "new", annotations={"crontask.dev/forgotten": "5"}))
    for name, number, uid in (("old", 7, "old"), ("new", 8, "new"), ("byhand", 9, ""), ("forgotten", 5, "new")):
        runs.learn(run(name, number, "Failed", uid))
    assert sorted(key.name for key in runs.ended(held, A.name)) == ["byhand", "new"]
    assert runs.latest(A.name) == 9


def test_runs_of_tasks_that_are_nobodys_are_not_kept() -> None:
    runs = Runs(Bodies(10_000), lambda name: name.startswith("gua-"))
    runs.learn(run("r", 1, "Running"))
    assert len(runs) == 0


def test_what_a_list_of_runs_lacks_goes() -> None:
    runs = Runs(Bodies(10_000))
    for name, phase in (("a", "Running"), ("b", "Failed"), ("c", "Running")):
        runs.learn(run(name, 1, phase))
    known = runs.known(RUN)
    runs.learn(run("c", 2, "Failed"))
    runs.missing(RUN, known)
    assert runs.known(RUN) == {Key("default", "c")}


@pytest.mark.parametrize("limit", [0, 100, 1_000])
def test_bodies_are_bounded_by_their_bytes_and_the_oldest_goes_first(limit: int) -> None:
    bodies = Bodies(limit)
    for number in range(20):
        bodies.put(Key("n", str(number)), {"output": "x" * 80})
        assert bodies.size <= limit
    kept = [number for number in range(20) if bodies.get(Key("n", str(number)))]
    assert kept == list(range(20 - limit // 93, 20))


def test_a_body_that_is_read_stays_longer() -> None:
    bodies = Bodies(200)
    bodies.put(Key("n", "a"), {"o": "x" * 80})
    bodies.put(Key("n", "b"), {"o": "x" * 80})
    assert bodies.get(Key("n", "a"))
    bodies.put(Key("n", "c"), {"o": "x" * 80})
    assert bodies.get(Key("n", "b")) is None
    assert bodies.get(Key("n", "a"))


VALUES = st.recursive(
    st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", 1.0, 0.0]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def canonical(value: object) -> str:
    """With types told apart: 1, 1.0 and true are equal to Python."""
    return json.dumps(value, sort_keys=True)


@given(OBJECTS, OBJECTS)
@example({"a": [1]}, {"a": [True]})
@example({"a": [{"b": 1.0}]}, {"a": [{"b": 1}]})
def test_a_difference_makes_the_one_into_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    after = merged(old, difference(old, new))
    assert canonical(after) == canonical(new)
    assert difference(new, new) == {}
