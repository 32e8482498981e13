"""What others do to a pod that runs: delete it, evict it, stop its execution; and its node goes away."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from live.stories import Body, Stage, execution, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

POLITE = "echo begun; trap 'exit 143' TERM; sleep 100 & wait"
STUBBORN = "echo begun; trap '' TERM; while :; do sleep 1; done"
AT_ONCE = {"retry": {"limit": 1, "backoff": {"initialSeconds": 0}}}


@pytest.fixture(scope="module")
def running(stage: Stage) -> Stage:
    """A pod for each story, all running."""
    names = ("deleted", "evicted", "stopped", "forgotten")
    stage.apply(
        *(task(name, pod=stage.pod(POLITE)) for name in names),
        task("deleted-and-retried", pod=stage.pod("test $CRONTASK_ATTEMPT = 2 || sleep 100"), **AT_ONCE),
        task("stubborn", pod=stage.template(STUBBORN, terminationGracePeriodSeconds=2), timeoutSeconds=3),
    )
    stage.run(*names, "deleted-and-retried", "stubborn")
    for name in (*names, "deleted-and-retried"):
        stage.running(f"{name}-now")
    return stage


def pods(stage: Stage, of: str) -> list[str]:
    """The names of a task's pods."""
    return [body["metadata"]["name"] for body in stage.all("pods", f"--selector=crontask.dev/task={of}")]


def test_a_pod_deleted_by_hand(running: Stage) -> None:
    running.kubectl.ok("delete", "pod", "deleted-now-1", "--wait=false")
    found = status(running.ended("deleted-now"))
    assert (found["phase"], found["reason"]) == ("Failed", "Deleted")


def test_an_eviction(running: Stage) -> None:
    where = f"/api/v1/namespaces/{running.kubectl.namespace}/pods/evicted-now-1/eviction"
    body: Body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted-now-1"}}
    running.kubectl.ok("create", "--raw", where, "-f", "-", stdin=body)
    found = status(running.ended("evicted-now"))
    assert (found["phase"], found["reason"]) == ("Failed", "Evicted")


def test_a_stop(running: Stage) -> None:
    running.patch("cte", "stopped-now", stop=True)
    found = status(running.ended("stopped-now"))
    assert (found["phase"], found["reason"]) == ("Cancelled", "Stopped")
    assert found["output"] == "begun\n"
    until(lambda: pods(running, "stopped") == [], "its pod is gone")


def test_a_stop_cannot_be_taken_back(running: Stage) -> None:
    running.patch("cte", "stopped-now", stop=True)
    answer = running.kubectl("patch", "cte", "stopped-now", "--type=merge", '--patch={"spec": {"stop": false}}')
    assert answer.code != 0
    assert "cannot be taken back" in answer.err


def test_an_execution_deleted_by_hand_ends_its_pod(running: Stage) -> None:
    running.kubectl.ok("delete", "cte", "forgotten-now")
    until(lambda: pods(running, "forgotten") == [], "its pod is gone")
    assert running.get("cte", "forgotten-now") is None


def test_a_retry_has_a_pod_of_its_own(running: Stage) -> None:
    running.kubectl.ok("delete", "pod", "deleted-and-retried-now-1", "--wait=false", "--grace-period=1")
    found = status(running.ended("deleted-and-retried-now"))
    assert found["phase"] == "Succeeded"
    first, second = found["attempts"]
    assert (first["pod"], first["reason"]) == ("deleted-and-retried-now-1", "Deleted")
    assert (second["pod"], second["reason"]) == ("deleted-and-retried-now-2", "Completed")


def test_a_timeout_ends_a_pod_that_ignores_signals(running: Stage) -> None:
    found = status(running.ended("stubborn-now"))
    assert (found["phase"], found["reason"]) == ("Failed", "Timeout")
    until(lambda: pods(running, "stubborn") == [], "its pod is gone")


def test_a_node_that_goes_away_hangs_nothing(stage: Stage) -> None:
    action = stage.template(POLITE, terminationGracePeriodSeconds=1)
    stage.apply(task("stranded", pod=action), task("fleeing", pod=stage.pod("sleep 1"), **AT_ONCE))
    stage.run("stranded")
    node = stage.running("stranded-now") and stage.all("pods", "--selector=crontask.dev/task=stranded")
    name = node[0]["spec"]["nodeName"]
    with silent_kubelet(stage), tainted(stage, name):
        found = status(stage.ended("stranded-now", seconds=90))
        assert (found["phase"], found["reason"]) == ("Failed", "NodeLost")
    until(lambda: pods(stage, "stranded") == [], "its pod is gone")
    stage.create(execution("after-the-outage", "fleeing"))
    assert status(stage.ended("after-the-outage"))["phase"] == "Succeeded"


@contextmanager
def silent_kubelet(stage: Stage) -> Iterator[None]:
    """The kubelet of the local cluster says nothing; elsewhere the taint alone drives pods away."""
    file = stage.state / "pids" / "kubelet"
    if not file.exists():
        yield
        return
    pid = int(file.read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def tainted(stage: Stage, node: str) -> Iterator[None]:
    """What the node controller does to a node that has been silent for long: its pods are to go."""
    taint = "crontask.dev/test=gone:NoExecute"
    stage.kubectl.ok("taint", "node", node, taint)
    try:
        yield
    finally:
        stage.kubectl.ok("taint", "node", node, f"{taint}-")
