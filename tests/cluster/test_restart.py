"""A restart at any moment loses nothing and starts nothing twice: operators are killed at chosen points.

The tests' own operator reaches the API server through a proxy that holds one request;
when that is reached, the process is killed, the request never arrives (or has arrived
and nobody knows), and a second operator takes over. Witnesses are the uids of all
pods that ever were, and the receiver of HTTP calls.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from live.kubectl import Kubectl
from live.operators import Access, Operators, no_others
from live.proxy import Held, Proxy
from live.stories import EVERY_SECOND, FINAL, Body, Stage, scheduled_at, status, task, until
from live.witness import PodWitness

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

KEEP = {"history": {"successful": 200, "failed": 200}}
LEASES, PODS, EXECUTIONS = "/leases/", "/pods$", "/crontaskexecutions$"


@dataclass(frozen=True, slots=True)
class Scene:
    """A namespace with an operator of its own behind a proxy, and a witness of its pods."""

    stage: Stage
    proxy: Proxy
    operators: Operators
    witness: PodWitness

    def due_soon(self, name: str, seconds: int = 5, **spec: object) -> str:
        """A task that is due once, in some seconds; returns its execution's name."""
        at = self.now() + timedelta(seconds=seconds)
        self.stage.apply(task(name, schedule=f"@at {at:%Y-%m-%dT%H:%M:%SZ}", **KEEP, **spec))
        return f"{name}-{at:%Y%m%d%H%M%S}"

    def now(self) -> datetime:
        """The API server's clock, as the creation time of an object that is not even stored."""
        answer = self.stage.kubectl.create(_nothing(), dry=True)
        assert answer.code == 0, answer.err
        return datetime.fromisoformat(answer.body["metadata"]["creationTimestamp"])

    def decided(self, of: str) -> datetime:
        """Up to where each instant of a task has its outcome."""
        return datetime.fromisoformat(status(self.stage.get("ct", of) or {})["watermark"])

    def crash_at(self, held: Held) -> None:
        """Kills the operator once the held request is there, and starts another."""
        assert held.reached.wait(60), "the request to be held has not come"
        self.operators.kill()
        self.operators.start()

    def pods(self, execution: str) -> list[int]:
        """How many pods each attempt of an execution has had."""
        uids = self.witness.uids()
        return [len(uids[name]) for name in sorted(uids) if name.startswith(execution)]

    def calls(self, execution: str) -> list[str]:
        """The numbers of the attempts of an execution that the receiver got."""
        received = self.stage.received("/")
        mine = [
            got["headers"] for got in received if got["headers"].get("Idempotency-Key", "").endswith(f"/{execution}")
        ]
        return [headers["CronTask-Attempt"] for headers in mine]

    def counts(self, of: str) -> dict[str, int]:
        """The counts of a task's status."""
        found: dict[str, int] = status(self.stage.get("ct", of) or {}).get("counts", {})
        return found

    def outcome(self, execution: str) -> tuple[str, str]:
        """Phase and reason of an execution once it has ended."""
        found = status(self.stage.ended(execution))
        return found["phase"], found["reason"]


def _nothing() -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nothing"}}


@pytest.fixture(scope="module")
def alone(stage: Stage) -> Iterator[Stage]:
    """The cluster without the operator of `make up`."""
    with no_others(stage.state):
        yield stage


@pytest.fixture
def scene(alone: Stage, kubectl: Kubectl, tmp_path: Path) -> Iterator[Scene]:
    """A scene of its own for each test, its operator ready."""
    mine = replace(alone, kubectl=kubectl, skipped=(alone.state / "receiver.jsonl").stat().st_size)
    access = Access.of(alone.state / "operator.kubeconfig")
    with Proxy(access.server, access.tls()) as proxy, PodWitness(kubectl, tmp_path) as witness:
        operators = Operators(mine, access.through(proxy.url, tmp_path / "kubeconfig"), tmp_path)
        operators.start()
        try:
            yield Scene(mine, proxy, operators, witness)
        finally:
            operators.close()


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
    # What was due before the pause must be decided before it.
    now = scene.now()
    for name in ("pods", "calls"):
        until(lambda name=name: scene.decided(name) > now, f"all instants of {name} up to now are decided")  # type: ignore[misc]
        stage.patch("ct", name, suspend=True)
        stage.condition(name, "Scheduled", "False")
    until(lambda: all(status(body).get("phase") in FINAL for body in stage.all("cte")), "what runs ends")

    keys = Counter(got["headers"]["Idempotency-Key"].partition("/")[2] for got in stage.received("/calls"))
    assert set(keys.values()) == {1}
    assert all(len(uids) == 1 for uids in scene.witness.uids().values())
    for name, seconds in (("pods", 2), ("calls", 1)):
        instants = sorted(datetime.fromisoformat(body["spec"]["scheduledAt"]) for body in stage.executions(name))
        span = int((instants[-1] - instants[0]).total_seconds()) // seconds + 1
        missed = scene.counts(name)["missed"]
        assert len(set(instants)) + missed == span, f"{name}: {span - len(set(instants)) - missed} without an outcome"
    recorded = {body["metadata"]["name"] for body in stage.executions("calls")}
    assert set(keys) <= recorded
    assert {scheduled_at(got) for got in stage.received("/calls")}
