"""A restart at any moment loses nothing and starts nothing twice: operators are killed at chosen points.

The tests' own operator reaches the API server through a proxy that holds one request;
when that is reached, the process is killed, the request never arrives (or has arrived
and nobody knows), and a second operator takes over. Witnesses are the uids of all
pods that ever were, and the receiver of HTTP calls.
"""

from datetime import datetime

import pytest
from live.scenes import KEEP, Scene
from live.stories import EVERY_SECOND, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

LEASES, PODS, EXECUTIONS = "/leases/", "/pods$", "/crontaskexecutions$"


def test_between_the_claim_and_the_pod(scene: Scene) -> None:
    execution = scene.due_soon("t", pod=scene.stage.pod("echo done"))
    scene.crash_at(scene.proxy.hold("POST", PODS))
    assert scene.outcome(execution) == ("Succeeded", "Completed")
    assert scene.pods(execution) == [1]


def test_when_the_pod_is_made_and_nobody_knows(scene: Scene) -> None:
    execution = scene.due_soon("t", pod=scene.stage.pod("echo done"))
    scene.crash_at(scene.proxy.hold("POST", PODS, answer=True))
    assert scene.outcome(execution) == ("Succeeded", "Completed")
    assert scene.pods(execution) == [1]


@pytest.mark.parametrize("seconds", [0, 12], ids=["short", "long"])
def test_between_the_pod_and_its_record(scene: Scene, seconds: int) -> None:
    execution = scene.due_soon("t", pod=scene.stage.pod(f"sleep {seconds}; echo done"))
    scene.crash_at(scene.proxy.hold("POST", EXECUTIONS))
    assert scene.outcome(execution) == ("Succeeded", "Completed")
    assert scene.pods(execution) == [1]
    assert status(scene.stage.ended(execution))["output"] == "done\n"


def test_between_a_pods_end_and_its_record(scene: Scene) -> None:
    execution = scene.due_soon("t", pod=scene.stage.pod("sleep 2; echo done"))
    scene.crash_at(scene.proxy.hold("PATCH", f"/crontaskexecutions/{execution}", body="Succeeded"))
    assert scene.outcome(execution) == ("Succeeded", "Completed")
    assert scene.pods(execution) == [1]
    until(lambda: scene.counts("t").get("succeeded") == 1, "it is counted, once")


def test_between_two_pods_of_one_execution(scene: Scene) -> None:
    retry = {"limit": 1, "backoff": {"initialSeconds": 0}}
    execution = scene.due_soon("t", pod=scene.stage.pod("test $CRONTASK_ATTEMPT = 2"), retry=retry)
    scene.crash_at(scene.proxy.hold("POST", PODS, body=f"{execution}-2"))
    assert scene.outcome(execution) == ("Succeeded", "Completed")
    assert scene.pods(execution) == [1, 1]


def test_between_the_claim_and_the_call(scene: Scene) -> None:
    execution = scene.due_soon("t", http=scene.stage.call("/never-sent"))
    at = datetime.strptime(f"{execution}Z", "t-%Y%m%d%H%M%S%z").isoformat().removesuffix("+00:00")
    scene.crash_at(scene.proxy.hold("PATCH", LEASES, body=f'"crontask.dev/claimed-through":"{at}', answer=True))
    assert scene.outcome(execution) == ("Lost", "Lost")
    assert scene.calls(execution) == []


def test_in_the_middle_of_a_call(scene: Scene) -> None:
    execution = scene.due_soon("t", http=scene.stage.call("/delay/4"))
    until(lambda: scene.calls(execution), "the call has begun")
    scene.operators.kill()
    scene.operators.start()
    assert scene.outcome(execution) == ("Lost", "Lost")
    assert scene.calls(execution) == ["1"]


def test_in_the_middle_of_a_call_that_may_be_sent_again(scene: Scene) -> None:
    retry = {"limit": 1, "lost": True, "backoff": {"initialSeconds": 0}}
    execution = scene.due_soon("t", http=scene.stage.call("/delay/4"), retry=retry)
    until(lambda: scene.stage.get("cte", execution), "the call has begun and is recorded")
    scene.operators.kill()
    scene.operators.start()
    assert scene.outcome(execution) == ("Succeeded", "Completed")
    assert scene.calls(execution) == ["1", "2"]


def test_between_a_calls_end_and_its_record(scene: Scene) -> None:
    execution = scene.due_soon("t", http=scene.stage.call("/recorded-late"))
    scene.crash_at(scene.proxy.hold("POST", EXECUTIONS))
    assert scene.outcome(execution) == ("Lost", "Lost")
    assert scene.calls(execution) == ["1"]


def test_when_a_call_is_recorded_and_nobody_knows(scene: Scene) -> None:
    execution = scene.due_soon("t", http=scene.stage.call("/recorded"))
    scene.crash_at(scene.proxy.hold("POST", EXECUTIONS, answer=True))
    assert scene.outcome(execution) == ("Succeeded", "Completed")
    assert scene.calls(execution) == ["1"]
    until(lambda: scene.counts("t").get("succeeded") == 1, "it is counted, once")


def test_a_run_by_hand_between_its_claim_and_its_pod(scene: Scene) -> None:
    scene.stage.apply(task("t", pod=scene.stage.pod("echo done")))
    scene.stage.ready("t")
    held = scene.proxy.hold("POST", PODS)
    scene.stage.run("t")
    scene.crash_at(held)
    assert scene.outcome("t-now") == ("Succeeded", "Completed")
    assert scene.pods("t-now") == [1]


def test_an_orderly_stop_lets_work_end(scene: Scene) -> None:
    call = scene.due_soon("call", http=scene.stage.call("/delay/5"))
    pod = scene.due_soon("pod", 5, pod=scene.stage.pod("sleep 15; echo done"))
    until(lambda: scene.calls(call) and scene.pods(pod), "both have begun")
    assert scene.operators.terminate() == 0
    found = status(scene.stage.get("cte", call) or {})
    assert (found.get("phase"), found.get("reason")) == ("Succeeded", "Completed")
    scene.operators.start()
    assert scene.outcome(pod) == ("Succeeded", "Completed")
    assert scene.calls(call) == ["1"]
    assert scene.pods(pod) == [1]


def test_killed_again_and_again_under_work(scene: Scene) -> None:
    stage = scene.stage
    stage.apply(
        task("pods", schedule="*/2 * * * * *", pod=stage.pod("echo done"), **KEEP),
        task("calls", schedule=EVERY_SECOND, http=stage.call("/calls"), **KEEP),
    )
    for _ in range(4):
        so_far = len(stage.received("/calls"))
        until(lambda so_far=so_far: len(stage.received("/calls")) >= so_far + 3, "calls are made")  # type: ignore[misc]
        scene.operators.kill()
        scene.operators.start()
    scene.pause("pods", "calls")
    scene.assert_accounted("pods", 2)
    scene.assert_accounted("calls", 1)
    scene.assert_nothing_twice()
