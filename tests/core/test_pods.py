"""What real pods mean: one row for each state that a pod may end in.

The samples were seen on a cluster and trimmed; only `evicted-by-node` is written after the documentation.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crontask_core.pods import (
    GONE_AFTER,
    TIMEOUT_GRACE,
    PodDoomed,
    PodEnd,
    PodFacts,
    PodPending,
    judge_pod,
    pod_facts,
)

SAMPLES = Path(__file__).parent / "samples" / "pods"
PENDING = timedelta(seconds=300)
MINUTE = timedelta(minutes=1)
CREATED = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
Verdict = PodEnd | PodDoomed | PodPending


def sample(name: str) -> dict[str, Any]:
    pod: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return pod


def judged(pod: PodFacts, now: datetime, timeout: timedelta | None = None) -> Verdict:
    return judge_pod(pod, now, pending_timeout=PENDING, timeout=timeout)


ENDS = [
    ("completed", True, "Completed", 0, ""),
    ("exit-code", False, "NonZeroExit", 3, "exit code 3"),
    ("termination-message", False, "NonZeroExit", 4, "table is locked"),
    ("second-container-failed", False, "NonZeroExit", 5, "exit code 5"),
    ("init-failed", False, "NonZeroExit", 7, "exit code 7"),
    ("sidecar-completed", True, "Completed", 0, ""),
    ("sidecar-exit-code", False, "NonZeroExit", 3, "exit code 3"),
    ("out-of-memory", False, "OOMKilled", 137, "more memory than its limit"),
    ("command-absent", False, "ContainerConfig", 128, "/bin/absent: no such file"),
    ("deadline", False, "Timeout", 137, "longer than the specified deadline"),
    ("deadline-caught", False, "Timeout", 0, "longer than the specified deadline"),
    ("image-absent-until-deadline", False, "ImagePull", None, "ImagePullBackOff"),
    ("image-absent-until-deadline-later", False, "Timeout", 137, "longer than the specified deadline"),
    ("deleted-while-running", False, "Deleted", 137, "was deleted"),
    ("deleted-and-caught", True, "Completed", 0, ""),
    ("evicted-by-request", False, "Evicted", 137, "evict"),
    ("evicted-by-node", False, "Evicted", None, "exceeds the limit"),
    ("preempted", False, "Preempted", 137, "higher priority"),
    ("refused-by-node", False, "Unschedulable", None, "cpu"),
    ("node-gone", False, "NodeLost", None, "node"),
]


@pytest.mark.parametrize(("name", "succeeded", "reason", "exit_code", "words"), ENDS, ids=[row[0] for row in ENDS])
def test_end(name: str, succeeded: bool, reason: str, exit_code: int | None, words: str) -> None:
    pod = pod_facts(sample(name))
    verdict = judged(pod, pod.created_at + MINUTE, timedelta(seconds=1))
    assert isinstance(verdict, PodEnd)
    assert (verdict.succeeded, verdict.reason, pod.exit_code) == (succeeded, reason, exit_code)
    assert words in verdict.message
    assert bool(verdict.message) is not succeeded, "a failure has a message, a success has none"
    assert judged(pod.as_gone(), pod.created_at + MINUTE) == verdict, "an end stays the same when the pod is gone"


# Name; what it means right before the pending timeout and at it: (reason, words, whether something may be running).
HELD_UP = [
    ("just-created", "Unschedulable", "no node was found", False),
    ("no-node", "Unschedulable", "didn't match Pod's node affinity", False),
    ("image-absent", "ImagePull", "Back-off pulling image", False),
    ("init-done-image-absent", "ImagePull", "Back-off pulling image", False),
    ("two-containers-one-image-absent", "ImagePull", "Back-off pulling image", True),
    ("secret-absent", "ContainerConfig", 'secret "absent" not found', False),
    ("volume-absent", "PodFailed", "ContainerCreating", True),
    ("sidecar-starting", "PodFailed", "PodInitializing", True),
]


@pytest.mark.parametrize(("name", "reason", "words", "ran"), HELD_UP, ids=[row[0] for row in HELD_UP])
def test_a_pod_that_is_held_up_is_given_up_after_the_pending_timeout(
    name: str, reason: str, words: str, ran: bool
) -> None:
    pod = pod_facts(sample(name))
    give_up = (pod.initialized_at or pod.created_at) + PENDING
    assert judged(pod, pod.created_at) == PodPending(give_up)
    assert judged(pod, give_up - timedelta(microseconds=1)) == PodPending(give_up)
    verdict = judged(pod, give_up)
    assert isinstance(verdict, PodDoomed)
    assert (verdict.reason, verdict.ran) == (reason, ran)
    assert words in verdict.message
    assert "after 300 seconds" in verdict.message


@pytest.mark.parametrize("name", ["image-name-invalid", "image-never-pulled"])
def test_an_image_that_can_never_be_pulled_is_given_up_at_once(name: str) -> None:
    pod = pod_facts(sample(name))
    verdict = judged(pod, pod.created_at + timedelta(seconds=1))
    assert isinstance(verdict, PodDoomed)
    assert (verdict.reason, verdict.ran) == ("ImagePull", False)
    assert "image" in verdict.message.lower()


@pytest.mark.parametrize("name", ["running", "init-running", "crash-loop"])
def test_a_pod_at_work_is_left_alone_until_its_deadline_is_overdue(name: str) -> None:
    pod = pod_facts(sample(name))
    assert pod.started_at is not None
    overdue = pod.started_at + MINUTE + TIMEOUT_GRACE
    assert judged(pod, pod.created_at + timedelta(days=9)) == PodPending(None), "without a timeout it may run for ever"
    assert judged(pod, pod.created_at, MINUTE) == PodPending(overdue)
    assert judged(pod, overdue - timedelta(microseconds=1), MINUTE) == PodPending(overdue)
    late = judged(pod, overdue, MINUTE)
    assert late == PodDoomed("Timeout", "The pod ran on after its deadline.", ran=True)


def test_waiting_for_an_image_counts_from_the_end_of_the_last_init_container() -> None:
    pod = pod_facts(sample("init-done-image-absent"))
    assert pod.initialized_at == datetime(2026, 11, 22, 15, 51, 9, tzinfo=UTC)
    assert pod.initialized_at > pod.created_at


@pytest.mark.parametrize("name", ["being-deleted", "node-silent"])
def test_a_pod_that_is_being_deleted_is_awaited_until_its_node_must_be_lost(name: str) -> None:
    pod = pod_facts(sample(name))
    assert pod.delete_by is not None
    overdue = pod.delete_by + GONE_AFTER
    assert judged(pod, pod.delete_by, timedelta(seconds=1)) == PodPending(overdue)
    verdict = judged(pod, overdue)
    assert isinstance(verdict, PodEnd)
    assert (verdict.succeeded, verdict.reason) == (False, "NodeLost")
    assert str(pod.node) in verdict.message


@pytest.mark.parametrize(
    ("disruption", "reason"),
    [
        ("", "Deleted"),
        ("PreemptionByScheduler", "Preempted"),
        ("EvictionByEvictionAPI", "Evicted"),
        ("TerminationByKubelet", "Evicted"),
        ("DeletionByTaintManager", "NodeLost"),
        ("DeletionByPodGC", "NodeLost"),
        ("SomethingNew", "Deleted"),
    ],
)
def test_a_pod_that_vanished_before_its_end(disruption: str, reason: str) -> None:
    pod = PodFacts("report-1", "uid", "Running", CREATED, started_at=CREATED, disruption=disruption).as_gone()
    verdict = judged(pod, CREATED)
    assert verdict == PodEnd(False, reason, "The pod was deleted before it had ended.")


@pytest.mark.parametrize(
    ("status_reason", "reason"),
    [
        ("DeadlineExceeded", "Timeout"),
        ("Evicted", "Evicted"),
        ("Preempting", "Preempted"),
        ("NodeLost", "NodeLost"),
        ("NodeShutdown", "NodeLost"),
        ("Terminated", "NodeLost"),
        ("NodeAffinity", "Unschedulable"),
        ("OutOfmemory", "Unschedulable"),
        ("OutOfpods", "Unschedulable"),
        ("UnexpectedAdmissionError", "PodFailed"),
    ],
)
def test_reasons_that_the_cluster_gives(status_reason: str, reason: str) -> None:
    pod = PodFacts("report-1", "uid", "Failed", CREATED, status_reason=status_reason, exit_code=None)
    assert judged(pod, CREATED) == PodEnd(False, reason, status_reason)


def test_what_the_cluster_did_comes_before_what_the_container_says() -> None:
    pod = PodFacts("report-1", "uid", "Failed", CREATED, status_reason="Evicted", exit_code=137, ended_as="OOMKilled")
    assert judged(pod, CREATED) == PodEnd(False, "Evicted", "Evicted")


def test_a_container_that_the_node_has_lost() -> None:
    pod = PodFacts("report-1", "uid", "Failed", CREATED, exit_code=137, ended_as="ContainerStatusUnknown")
    assert judged(pod, CREATED) == PodEnd(False, "NodeLost", "The node has lost track of a container.")


def test_out_of_memory_is_told_even_of_a_pod_that_was_deleted_meanwhile() -> None:
    pod = PodFacts("report-1", "uid", "Failed", CREATED, exit_code=137, ended_as="OOMKilled", delete_by=CREATED)
    verdict = judged(pod, CREATED)
    assert isinstance(verdict, PodEnd)
    assert verdict.reason == "OOMKilled"


META = {"name": "report-1", "uid": "uid", "creationTimestamp": "2026-11-22T15:00:00Z"}
BARE = PodFacts("report-1", "uid", "Pending", CREATED)


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"spec": {}, "status": {}},
        {"spec": None, "status": None},
        {"spec": {"containers": None, "initContainers": None}},
        {"status": {"conditions": None, "containerStatuses": None, "initContainerStatuses": None, "phase": None}},
        {"status": {"containerStatuses": [{"name": "main"}], "conditions": [{}]}},
        {"status": {"containerStatuses": [{"name": "main", "state": None}]}},
        {"status": {"containerStatuses": [{"name": "main", "state": {"terminated": None, "waiting": None}}]}},
        {
            "status": {
                "conditions": [{"type": "DisruptionTarget", "status": "False", "reason": "PreemptionByScheduler"}]
            }
        },
        {"status": {"somethingNew": {"a": 1}}, "somethingElse": []},
    ],
)
def test_fields_that_are_absent_or_unknown_say_nothing(rest: dict[str, Any]) -> None:
    pod = pod_facts({"metadata": META, **rest})
    assert pod == BARE
    assert judged(pod, CREATED) == PodPending(CREATED + PENDING)


def test_an_end_without_details_is_still_an_end() -> None:
    pod = pod_facts({"metadata": META, "status": {"phase": "Failed"}})
    assert judged(pod, CREATED) == PodEnd(False, "PodFailed", "")
    done = pod_facts({"metadata": META, "status": {"phase": "Succeeded"}})
    assert judged(done, CREATED) == PodEnd(True, "Completed", "")


@pytest.mark.parametrize(
    ("annotations", "containers", "chosen"),
    [
        (None, ["main"], "main"),
        ({}, ["first", "second"], "first"),
        ({"kubectl.kubernetes.io/default-container": "second"}, ["first", "second"], "second"),
        ({"kubectl.kubernetes.io/default-container": "absent"}, ["first", "second"], "first"),
        ({}, [], ""),
    ],
)
def test_the_container_whose_log_is_kept(annotations: Any, containers: list[str], chosen: str) -> None:
    spec = {"containers": [{"name": name} for name in containers]}
    assert pod_facts({"metadata": META | {"annotations": annotations}, "spec": spec}).container == chosen


def test_the_log_of_an_init_container_that_failed_is_kept() -> None:
    assert pod_facts(sample("init-failed")).container == "prepare"
    assert pod_facts(sample("sidecar-exit-code")).container == "main"
    assert pod_facts(sample("init-done-image-absent")).container == "main"


def test_the_container_that_failed_decides_wherever_it_stands() -> None:
    body = sample("second-container-failed")
    body["status"]["containerStatuses"].reverse()
    assert [status["name"] for status in body["status"]["containerStatuses"]] == ["second", "main"]
    assert pod_facts(body).exit_code == 5


def test_every_sample_has_its_row() -> None:
    rows = {row[0] for row in ENDS} | {row[0] for row in HELD_UP}
    others = {"image-name-invalid", "image-never-pulled", "running", "init-running", "crash-loop"}
    assert {path.stem for path in SAMPLES.glob("*.json")} == rows | others | {"being-deleted", "node-silent"}
