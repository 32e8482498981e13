"""Executions with targets: a pod at each, one outcome, and a successor that goes on with every part."""

from typing import Any

import pytest
from fakes.objects import Object
from fakes.world import World, until

from crontask_core.names import pod_name
from crontask_kube.resources import EXECUTIONS, PODS, TARGETS, TASKS
from crontask_operator.program import Operator

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
PLACES = ("eu", "us", "asia")


class Stage:
    """A world in which operators know some targets."""

    def __init__(self, world: World) -> None:
        self.world = world
        for name in PLACES:
            world.target(name, selector={"site": name})

    def start(self, name: str = "a", *, without: tuple[str, ...] = (), **settings: Any) -> Operator:
        """An operator; `without` are targets that vanish right before something begins, and after it was planned."""
        operator = self.world.start(name, **settings)
        known = operator.shards[0].companions.target
        operator.shards[0].executions._places._targets = lambda key: None if key.name in without else known(key)
        return operator

    def task(self, *targets: str, **spec: Any) -> Object:
        return self.world.pod_task(schedule="0 12 1 3 *", targets=list(targets or PLACES), **spec)

    def end(self, target: str, exit_code: int = 0, attempt: int = 1, of: str = FIRST) -> None:
        self.world.end_pod(pod_name(of, attempt, target), exit_code)

    def say(self, target: str, text: str) -> None:
        """What the first pod at a target writes."""
        name = pod_name(FIRST, 1, target)
        self.world.server.edit(PODS, name, {"spec": {"nodeName": "n"}})
        self.world.server.logs["default", name, "main"] = text.encode()

    def made(self) -> list[tuple[str, int]]:
        """Target and attempt of each pod that was ever created, in order."""
        changes = self.world._changes(PODS)
        labels = [change.object["metadata"]["labels"] for change in changes if change.type == "ADDED"]
        return [(each["crontask.dev/target"], int(each["crontask.dev/attempt"])) for each in labels]

    def attempts(self, of: str = FIRST) -> list[tuple[str, int, str]]:
        """Target, number and reason of each recorded attempt."""
        told = self.world.server.object(EXECUTIONS, of)["status"]["attempts"]
        return [(each["target"], each["number"], each.get("reason", "")) for each in told]

    def end_of(self, of: str = FIRST) -> tuple[str, str, str]:
        """Phase, reason and message."""
        status = self.world.server.object(EXECUTIONS, of)["status"]
        return status["phase"], status.get("reason", ""), status.get("message", "")


@pytest.fixture
async def stage(world: World) -> Stage:
    return Stage(world)


SUCCEEDED = ("Succeeded", "Completed", "")


async def test_a_pod_at_each_target_and_one_outcome(world: World, stage: Stage) -> None:
    stage.task()
    stage.start()
    await until(world, "12:00:02")
    assert stage.made() == [(place, 1) for place in PLACES]
    pods = {body["metadata"]["labels"]["crontask.dev/target"]: body for body in world.server.all(PODS)}
    assert {name: body["spec"]["nodeSelector"] for name, body in pods.items()} == {n: {"site": n} for n in PLACES}
    [container] = pods["eu"]["spec"]["containers"]
    assert {"name": "CRONTASK_TARGET", "value": "eu"} in container["env"]
    stage.end("us")
    stage.end("eu")
    await until(world, "12:00:05")
    assert stage.end_of()[0] == "Running"
    stage.end("asia")
    await until(world, "12:00:08")
    assert stage.end_of() == SUCCEEDED
    assert stage.attempts() == [(place, 1, "Completed") for place in PLACES]
    assert world.status()["counts"]["succeeded"] == 1
    await until(world, "12:00:13")
    assert world.server.all(PODS) == [], "they have served"


async def test_one_target_that_fails_fails_the_execution(world: World, stage: Stage) -> None:
    stage.task()
    stage.start()
    await until(world, "12:00:02")
    stage.end("eu")
    stage.end("us", 3)
    await until(world, "12:00:04")
    assert stage.end_of()[0] == "Running", "the others go on"
    stage.end("asia")
    await until(world, "12:00:06")
    assert stage.end_of() == ("Failed", "NonZeroExit", "1 of 3 targets failed: us (NonZeroExit).")
    assert world.status()["counts"]["failed"] == 1
    assert world.status()["lastExecution"]["partial"] is True
    assert world.status()["consecutiveFailures"] == 1


async def test_only_what_failed_is_tried_again(world: World, stage: Stage) -> None:
    stage.task(retry={"limit": 2, "backoff": {"initialSeconds": 5, "factor": 1}})
    stage.start()
    await until(world, "12:00:02")
    stage.end("eu")
    stage.end("us", 1)
    await until(world, "12:00:10")
    assert stage.made()[3:] == [("us", 2)]
    stage.end("us", 1, attempt=2)
    stage.end("asia", 1)
    await until(world, "12:00:18")
    assert sorted(stage.made()[4:]) == [("asia", 2), ("us", 3)]
    stage.end("us", 0, attempt=3)
    stage.end("asia", 0, attempt=2)
    await until(world, "12:00:22")
    assert stage.end_of() == SUCCEEDED
    assert stage.attempts() == [
        ("eu", 1, "Completed"),
        ("us", 1, "NonZeroExit"),
        ("asia", 1, "NonZeroExit"),
        ("us", 2, "NonZeroExit"),
        ("asia", 2, "Completed"),
        ("us", 3, "Completed"),
    ]
    assert world.status()["counts"]["retried"] == 3


async def test_each_target_has_retries_of_its_own(world: World, stage: Stage) -> None:
    stage.task("eu", "us", retry={"limit": 1, "backoff": {"initialSeconds": 1}})
    world.kubelet(seconds=1, exit_code=1)
    stage.start()
    await until(world, "12:00:30")
    assert sorted(stage.made()) == [("eu", 1), ("eu", 2), ("us", 1), ("us", 2)]
    assert stage.end_of() == (
        "Failed",
        "NonZeroExit",
        "2 of 2 targets failed: eu (NonZeroExit), us (NonZeroExit).",
    )


async def test_a_stop_ends_every_part(world: World, stage: Stage) -> None:
    stage.task()
    stage.start()
    await until(world, "12:00:02")
    stage.end("eu")
    await until(world, "12:00:03")
    world.server.edit(EXECUTIONS, FIRST, {"spec": {"stop": True}})
    await until(world, "12:00:06")
    assert stage.end_of() == ("Cancelled", "Stopped", "The execution was stopped (spec.stop).")
    assert world.server.all(PODS) == []
    assert world.status()["counts"]["cancelled"] == 1


async def test_a_stop_while_a_retry_waits_ends_every_part(world: World, stage: Stage) -> None:
    stage.task("eu", "us", retry={"limit": 1, "backoff": {"initialSeconds": 60}})
    stage.start()
    await until(world, "12:00:02")
    stage.end("eu", 1)
    stage.end("us", 1)
    await until(world, "12:00:05")
    world.server.edit(EXECUTIONS, FIRST, {"spec": {"stop": True}})
    await until(world, "12:02:00")
    assert stage.end_of()[:2] == ("Cancelled", "Stopped")
    assert len(stage.made()) == 2


async def test_forbid_waits_for_the_last_part(world: World, stage: Stage) -> None:
    world.pod_task(schedule="*/10 * * * * *", targets=["eu", "us"], concurrencyPolicy="Forbid")
    stage.start()
    await until(world, "12:00:02")
    stage.end("eu")
    await until(world, "12:00:15")
    assert len(stage.made()) == 2
    assert world.status()["counts"]["skipped"] == 1
    stage.end("us")
    await until(world, "12:00:22")
    assert len(stage.made()) == 4


async def test_replace_stops_every_part(world: World, stage: Stage) -> None:
    world.pod_task(schedule="*/10 * * * * *", targets=["eu", "us"], concurrencyPolicy="Replace")
    stage.start()
    await until(world, "12:00:15")
    assert world.outcomes()[0] == (FIRST, "Cancelled", "Replaced")
    assert len(world.server.all(PODS)) == 2


async def test_queue_lets_the_next_wait_for_the_last_part(world: World, stage: Stage) -> None:
    world.pod_task(schedule="*/10 * * * * *", targets=["eu", "us"], concurrencyPolicy="Queue", queueLimit=1)
    stage.start()
    await until(world, "12:00:12")
    assert [phase for _, phase, _ in world.outcomes()] == ["Running", "Queued"]
    stage.end("eu")
    await until(world, "12:00:15")
    assert len(stage.made()) == 2
    stage.end("us")
    await until(world, "12:00:18")
    assert stage.made()[2:] == [("eu", 1), ("us", 1)]
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded", "Running"]


async def test_one_that_waits_is_taken_over_with_all_its_targets(world: World, stage: Stage) -> None:
    world.pod_task(schedule="*/10 * * * * *", targets=["eu", "us"], concurrencyPolicy="Queue", queueLimit=1)
    stage.start()
    await until(world, "12:00:12")
    await world.crash()
    stage.end("eu")
    stage.end("us")
    stage.start("b")
    await until(world, "12:00:35")
    assert world.outcomes()[0][1] == "Succeeded"
    assert stage.made()[2:] == [("eu", 1), ("us", 1)]


async def test_by_hand(world: World, stage: Stage) -> None:
    world.pod_task(schedule="@manual", targets=["eu", "us"])
    stage.start()
    world.kubelet()
    await until(world, "12:00:00")
    world.by_hand("now")
    await until(world, "12:00:05")
    assert stage.end_of("now") == SUCCEEDED
    assert stage.attempts("now") == [("eu", 1, "Completed"), ("us", 1, "Completed")]


async def test_a_target_that_vanished_fails_its_part_alone(world: World, stage: Stage) -> None:
    stage.task(retry={"limit": 3, "backoff": {"initialSeconds": 1}})
    world.kubelet()
    stage.start(without=("us",))
    await until(world, "12:00:20")
    assert stage.made() == [("eu", 1), ("asia", 1)]
    assert stage.end_of() == ("Failed", "TargetNotFound", "1 of 3 targets failed: us (TargetNotFound).")
    [attempt] = [each for each in world.executions()[0]["status"]["attempts"] if each["target"] == "us"]
    assert attempt["message"] == 'There is no CronTaskTarget "us" in this namespace.'


async def test_all_targets_vanished(world: World, stage: Stage) -> None:
    stage.task("eu")
    stage.start(without=PLACES)
    await until(world, "12:00:20")
    assert stage.made() == []
    assert stage.end_of() == ("Failed", "TargetNotFound", "1 of 1 targets failed: eu (TargetNotFound).")
    assert world.status()["counts"]["failed"] == 1


async def test_no_target_gives_a_pod_the_operators_identity(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    world.kubelet()
    stage.start(lease_namespace="default", service_account="crontask-operator")
    await until(world, "11:59:55")
    assert world.condition("Ready")[:2] == ("True", "Valid")
    world.server.edit(TARGETS, "us", {"spec": {"template": {"spec": {"serviceAccountName": "crontask-operator"}}}})
    await until(world, "12:00:20")
    assert stage.made() == []
    assert world.condition("Ready")[:2] == ("False", "InvalidTarget")
    assert "operator's own identity" in world.condition("Ready")[2]


async def test_retries_go_by_the_target_as_it_was(world: World, stage: Stage) -> None:
    stage.task("eu", retry={"limit": 1, "backoff": {"initialSeconds": 1}})
    stage.start()
    await until(world, "12:00:02")
    world.server.edit(TARGETS, "eu", {"spec": {"selector": {"site": "elsewhere"}}})
    stage.end("eu", 1)
    await until(world, "12:00:05")
    [again] = [body for body in world.server.all(PODS) if body["metadata"]["labels"]["crontask.dev/attempt"] == "2"]
    assert again["spec"]["nodeSelector"] == {"site": "eu"}


async def test_a_pod_that_is_refused_at_one_target_fails_that_one(world: World, stage: Stage) -> None:
    taken = {"metadata": {"name": pod_name(FIRST, 1, "us")}, "spec": {"containers": []}}
    world.server.put(PODS, taken)
    stage.task("eu", "us")
    world.kubelet()
    stage.start()
    await until(world, "12:00:10")
    assert stage.end_of() == ("Failed", "NameTaken", "1 of 2 targets failed: us (NameTaken).")


async def test_a_pod_that_cannot_start_is_told_with_its_target(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    stage.start()
    await until(world, "12:00:02")
    waiting = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    world.server.edit(PODS, pod_name(FIRST, 1, "us"), {"status": {"phase": "Pending", "containerStatuses": [waiting]}})
    await until(world, "12:00:05")
    assert stage.end_of() == ("Running", "ImagePullBackOff", "us: no such image")
    await world.crash()
    world.server.edit(PODS, pod_name(FIRST, 1, "us"), {"status": {"phase": "Running", "containerStatuses": []}})
    stage.start("b")
    await until(world, "12:00:20")
    stage.end("eu")
    await until(world, "12:00:25")
    assert stage.end_of() == ("Running", "", "")


async def test_a_deleted_task_takes_every_part_along(world: World, stage: Stage) -> None:
    stage.task()
    operator = stage.start()
    await until(world, "12:00:02")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:05")
    assert operator.shards[0].index.runs == {}
    stage.end("eu")
    await until(world, "12:00:10")


async def test_the_output_is_told_target_by_target(world: World, stage: Stage) -> None:
    stage.task(history={"outputBytes": 60})
    stage.start()
    await until(world, "12:00:02")
    stage.say("eu", "hello\n")
    stage.say("asia", "x" * 100)
    for place in PLACES:
        stage.end(place)
    await until(world, "12:00:05")
    status = world.executions()[0]["status"]
    head, tail = "==> eu <==\nhello\n==> asia <==\n", "x" * 28
    assert status["output"] == head + tail
    assert status["outputTruncated"] is True


# Crashes.


async def test_what_was_said_before_a_crash_is_told_after_it(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    stage.start()
    await until(world, "12:00:02")
    stage.say("eu", "hello")
    stage.say("us", "world")
    stage.end("eu", 1)
    await until(world, "12:00:05")
    [(_, _, ended), _] = stage.attempts()
    assert ended == "NonZeroExit"
    before = world.executions()[0]["status"]["attempts"][0]
    await world.crash()
    stage.end("us")
    stage.start("b")
    await until(world, "12:00:25")
    status = world.executions()[0]["status"]
    assert status["output"] == "==> eu <==\nhello\n==> us <==\nworld"
    assert status["attempts"][0] == before


async def test_killed_with_half_of_the_pods_created(world: World, stage: Stage) -> None:
    stage.task()
    stage.start()
    world.server.hold("create", PODS, times=1)
    await until(world, "12:00:00.300")
    assert (len(stage.made()), world.executions()) == (2, [])
    await world.crash()
    world.kubelet()
    stage.start("b")
    await until(world, "12:00:15")
    for place in PLACES:
        stage.end(place)
    await until(world, "12:00:30")
    assert sorted(stage.made()) == sorted((place, 1) for place in PLACES)
    assert stage.end_of() == SUCCEEDED
    assert world.status()["counts"]["succeeded"] == 1


async def test_killed_with_half_of_the_pods_created_and_recorded(world: World, stage: Stage) -> None:
    stage.task()
    stage.start()
    world.server.hold("create", PODS, times=1)
    await until(world, "12:00:04")
    assert len(stage.made()) == 2
    assert len(stage.attempts()) == 3
    await world.crash()
    stage.start("b")
    await until(world, "12:00:15")
    for place in PLACES:
        stage.end(place)
    await until(world, "12:00:30")
    assert sorted(stage.made()) == sorted((place, 1) for place in PLACES)
    assert stage.end_of() == SUCCEEDED


async def test_killed_between_the_pods_and_their_record(world: World, stage: Stage) -> None:
    stage.task()
    stage.start()
    world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:02")
    assert len(stage.made()) == 3
    stage.end("eu", 2)
    await world.crash()
    stage.start("b")
    await until(world, "12:00:15")
    stage.end("us")
    stage.end("asia")
    await until(world, "12:00:30")
    assert len(stage.made()) == 3
    assert stage.end_of() == ("Failed", "NonZeroExit", "1 of 3 targets failed: eu (NonZeroExit).")


async def test_killed_while_some_have_ended_and_one_waits_for_its_retry(world: World, stage: Stage) -> None:
    stage.task(retry={"limit": 1, "backoff": {"initialSeconds": 20}})
    stage.start()
    await until(world, "12:00:02")
    stage.end("eu")
    stage.end("us", 1)
    await until(world, "12:00:05")
    await world.crash()
    stage.end("asia")
    stage.start("b")
    await until(world, "12:00:18")
    assert len(stage.made()) == 3
    await until(world, "12:00:30")
    assert stage.made()[3:] == [("us", 2)]
    stage.end("us", 0, attempt=2)
    await until(world, "12:00:40")
    assert stage.end_of() == SUCCEEDED
    assert world.status()["counts"]["succeeded"] == 1


async def test_killed_after_the_claim_of_one_made_by_hand(world: World, stage: Stage) -> None:
    world.pod_task(schedule="@manual", targets=["eu", "us"])
    stage.start()
    await until(world, "12:00:00")
    world.server.hold("create", PODS, times=2)
    world.by_hand("now")
    await until(world, "12:00:02")
    assert stage.made() == []
    await world.crash()
    world.kubelet()
    stage.start("b")
    await until(world, "12:00:30")
    assert stage.end_of("now") == SUCCEEDED
    assert sorted(stage.made()) == [("eu", 1), ("us", 1)]


async def test_killed_while_it_was_being_stopped(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    stage.start()
    await until(world, "12:00:02")
    world.server.hold("delete", PODS, times=1)
    world.server.edit(EXECUTIONS, FIRST, {"spec": {"stop": True}})
    await until(world, "12:00:04")
    await world.crash()
    stage.start("b")
    await until(world, "12:00:40")
    assert stage.end_of()[:2] == ("Cancelled", "Stopped")
    assert world.server.all(PODS) == []


async def test_a_list_of_targets_that_was_edited_meanwhile_changes_nothing_for_what_runs(
    world: World, stage: Stage
) -> None:
    stage.task("eu", "us")
    stage.start()
    await until(world, "12:00:03")
    await world.crash()
    world.server.edit(TASKS, "t", {"spec": {"targets": ["asia"]}})
    stage.start("b")
    await until(world, "12:00:20")
    stage.end("eu")
    stage.end("us")
    await until(world, "12:00:30")
    assert sorted(stage.made()) == [("eu", 1), ("us", 1)]
    assert stage.end_of() == SUCCEEDED


async def test_a_pod_without_record_at_a_target_that_the_task_names_no_more(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    stage.start()
    world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:02")
    await world.crash()
    world.server.edit(TASKS, "t", {"spec": {"targets": ["eu"]}})
    stage.start("b")
    await until(world, "12:00:15")
    stage.end("eu")
    stage.end("us")
    await until(world, "12:00:30")
    assert sorted(stage.made()) == [("eu", 1), ("us", 1)]
    assert stage.end_of() == SUCCEEDED
    assert stage.attempts() == [("eu", 1, "Completed"), ("us", 1, "Completed")]


async def test_a_pod_that_was_deleted_while_nobody_watched(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    stage.start()
    await until(world, "12:00:03")
    await world.crash()
    world.server.remove(PODS, pod_name(FIRST, 1, "us"))
    stage.start("b")
    await until(world, "12:00:15")
    stage.end("eu")
    await until(world, "12:00:25")
    assert stage.end_of() == ("Failed", "Deleted", "1 of 2 targets failed: us (Deleted).")


async def test_a_replica_that_pauses_before_it_has_sent_anything_plans_again(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    operator = stage.start()
    await until(world, "11:59:59")
    real = operator.shards[0].lease.valid
    allowed = [False] * 2
    for executor in operator.shards[0].executions.executors.values():
        executor._may_send = lambda: allowed.pop() if allowed else real()  # type: ignore[attr-defined]
    world.kubelet()
    await until(world, "12:00:00.800")
    assert len(stage.made()) == 2, "at once, as deadline and overlap allow"
    await until(world, "12:00:15")
    assert sorted(stage.made()) == [("eu", 1), ("us", 1)]
    assert stage.end_of() == SUCCEEDED


async def test_a_replica_that_pauses_between_two_targets_sends_the_rest_later(world: World, stage: Stage) -> None:
    stage.task("eu", "us")
    operator = stage.start()
    await until(world, "11:59:59")
    real = operator.shards[0].lease.valid
    allowed = [False, True]
    for executor in operator.shards[0].executions.executors.values():
        executor._may_send = lambda: allowed.pop() if allowed else real()  # type: ignore[attr-defined]
    world.kubelet()
    await until(world, "12:00:15")
    assert sorted(stage.made()) == [("eu", 1), ("us", 1)]
    assert stage.end_of() == SUCCEEDED
