"""Tasks that are deleted by themselves: once, at the right time, and never without what they have left behind."""

from typing import Any

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_kube.resources import EXECUTIONS, TASKS

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
BAD = CallFacts(http_status=500, sent=True)


def exists(world: World) -> bool:
    return bool(world.server.all(TASKS))


def names(world: World) -> list[str]:
    return sorted(body["metadata"]["name"] for body in world.server.all(TASKS))


def told(world: World, reason: str) -> int:
    return [told for told, _ in world.events()].count(reason)


async def test_dispatch_deletes_the_task_while_its_execution_goes_on(world: World) -> None:
    world.pod_task(schedule="* * * * * *", deleteAfter="Dispatch")
    world.kubelet(seconds=20)
    world.start()
    await until(world, "11:59:58")
    assert not exists(world)
    [running] = world.executions()
    assert running["status"]["phase"] == "Running"
    await until(world, "12:00:20")
    [(_, phase, _)] = world.outcomes()
    assert phase == "Succeeded"
    assert len(world.pods_made()) == 1
    assert told(world, "Deleted") == 1


async def test_dispatch_of_a_retried_call(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(schedule="0 12 * * *", deleteAfter="Dispatch", retry={"limit": 1, "backoff": {"initialSeconds": 10}})
    world.start()
    await until(world, "12:00:05")
    assert not exists(world)
    await world.crash()
    world.start("b")
    await until(world, "12:00:25")
    assert world.receiver.keys() == [FIRST, FIRST]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_success_waits_for_one(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(deleteAfter="Success")
    world.start()
    await until(world, "12:00:59")
    assert exists(world)
    await until(world, "12:01:05")
    assert not exists(world)
    assert [phase for _, phase, _ in world.outcomes()] == ["Failed", "Succeeded"]


ONE_SHOTS: dict[str, dict[str, Any]] = {
    "a moment": {"schedule": "@at 2026-03-01T12:00:00Z"},
    "a first run and no schedule": {"schedule": None, "firstRunAt": "2026-03-01T12:00:00Z"},
    "a schedule that ends": {"schedule": "* * * * *", "endAt": "2026-03-01T12:00:30Z"},
}


@pytest.mark.parametrize("name", ONE_SHOTS)
async def test_finished_after_the_last_instant(world: World, name: str) -> None:
    world.pod_task(**ONE_SHOTS[name], deleteAfter="Finished")
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:19")
    assert exists(world)
    await until(world, "12:00:25")
    assert not exists(world)
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_finished_though_nothing_was_started(world: World) -> None:
    world.task(schedule="@at 2026-03-01T12:00:00Z", deleteAfter="Finished", missed={"policy": "Skip"})
    await until(world, "12:05:00")
    world.start()
    await until(world, "12:05:10")
    assert not exists(world)
    assert world.receiver.keys() == []


async def test_one_that_is_run_by_hand_is_finished_after_its_first_run(world: World) -> None:
    world.task(schedule="@manual", deleteAfter="Finished")
    world.start()
    await until(world, "12:00:00")
    assert exists(world)
    world.by_hand("x")
    await until(world, "12:00:05")
    assert not exists(world)
    assert world.outcomes() == [("x", "Succeeded", "Completed")]


async def test_a_paused_one_waits(world: World) -> None:
    world.task(schedule="@at 2026-03-01T12:00:00Z", deleteAfter="Finished", suspend=True)
    world.start()
    await until(world, "12:01:00")
    assert exists(world)
    world.server.edit(TASKS, "t", {"spec": {"suspend": False}})
    await until(world, "12:01:10")
    assert not exists(world)


async def test_those_who_are_to_be_told_are_told_first(world: World) -> None:
    world.post.seconds = 8
    hook = {"when": ["Success"], "webhook": {"url": "http://hook.test/told"}}
    world.task(schedule="*/5 * * * * *", deleteAfter="Success", notify=[hook])
    world.start()
    await until(world, "11:59:57")
    assert exists(world)
    await until(world, "12:00:08")
    assert not exists(world)
    assert len(world.post.received) == 1
    assert len(world.receiver.keys()) == 1, "it has succeeded, and starts nothing more meanwhile"


@pytest.mark.parametrize("after", [False, True])
async def test_killed_while_it_deletes(world: World, after: bool) -> None:
    world.task(schedule="0 12 * * *", deleteAfter="Success")
    world.start()
    await until(world, "11:59:58")
    world.server.hold("delete", TASKS, after=after)
    await until(world, "12:00:05")
    assert exists(world) is not after
    await world.crash()
    world.start("b")
    await until(world, "12:00:20")
    assert not exists(world)
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


@pytest.mark.parametrize("held", ["get", "delete"])
async def test_one_that_was_edited_meanwhile_stays(world: World, held: str) -> None:
    world.task(schedule="0 12 * * *", deleteAfter="Success")
    world.start()
    await until(world, "11:59:58")
    go = world.server.hold(held, TASKS)
    await until(world, "12:00:05")
    world.server.edit(TASKS, "t", {"spec": {"deleteAfter": "Never"}})
    go.set()
    await until(world, "12:01:00")
    assert exists(world)
    assert world.status()["observedGeneration"] == 2


async def test_killed_between_the_record_and_the_status(world: World) -> None:
    world.task(schedule="0 12 * * *", deleteAfter="Success")
    world.start()
    await until(world, "11:59:58")
    world.server.hold("patch", TASKS, times=9)
    await until(world, "12:00:05")
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:00:20")
    assert not exists(world)


async def test_nothing_goes_before_its_record_is_there(world: World) -> None:
    world.pod_task(schedule="0 12 * * *", deleteAfter="Dispatch")
    world.kubelet(seconds=20)
    world.start()
    await until(world, "11:59:58")
    go = world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:15")
    assert exists(world)
    go.set()
    await until(world, "12:00:20")
    assert not exists(world)


async def test_what_would_go_along_is_awaited(world: World) -> None:
    world.pod_task(schedule="0 12 * * *")
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:05")
    world.server.edit(TASKS, "t", {"spec": {"deleteAfter": "Dispatch"}})
    await until(world, "12:00:15")
    assert exists(world)
    await until(world, "12:00:25")
    assert not exists(world)


async def test_a_refusal_is_told_and_the_task_rests(world: World) -> None:
    world.task(schedule="* * * * *", deleteAfter="Success")
    world.start()
    await until(world, "11:59:58")
    world.server.fail("delete", TASKS, times=10, status=403, reason="Forbidden")
    await until(world, "12:15:00")
    assert told(world, "NotDeleted") == 1
    assert exists(world)
    assert world.receiver.keys() == [FIRST]
    await world.crash()
    world.start("b")
    await until(world, "12:15:20")
    assert not exists(world)


@pytest.mark.parametrize("killed", [False, True])
async def test_what_runs_after_it_still_does_and_keeps_it(world: World, killed: bool) -> None:
    world.pod_task(schedule="0 12 * * *", deleteAfter="Success", history={"ttlSeconds": 0})
    world.task("child", schedule=None, after=[{"task": "t"}])
    world.kubelet(seconds=3)
    world.start()
    await until(world, "12:00:01")
    if killed:
        world.server.hold("create", EXECUTIONS)
        await until(world, "12:00:10")
        await world.crash()
        world.start("b")
    await until(world, "12:00:40")
    assert names(world) == ["child", "t"]
    assert len(world.receiver.keys()) == 1
    assert [phase for name, phase, _ in world.outcomes() if name.startswith("child-")] == ["Succeeded"]
    world.server.remove(TASKS, "child")
    await until(world, "12:00:50")
    assert names(world) == []


async def test_a_chain_goes_from_its_end(world: World) -> None:
    world.task("a", schedule="0 12 * * *", deleteAfter="Finished", endAt="2026-03-01T12:00:30Z")
    world.task("b", schedule=None, after=[{"task": "a"}], deleteAfter="Finished")
    world.task("c", schedule=None, after=[{"task": "b"}], deleteAfter="Finished")
    world.start()
    await until(world, "12:00:40")
    assert names(world) == []
    assert len(world.receiver.keys()) == 3


async def test_it_goes_on_while_another_one_runs_after_it_and_goes_when_that_lets_go(world: World) -> None:
    world.task(schedule="*/10 * * * * *", deleteAfter="Success")
    world.task("child", schedule=None, after=[{"task": "t"}])
    world.start()
    await until(world, "12:00:25")
    called = world.receiver.keys()
    assert [key[:2] for key in called].count("t-") == 3
    world.server.edit(TASKS, "child", {"spec": {"schedule": "@manual", "after": None}})
    await until(world, "12:00:29")
    assert names(world) == ["child"]
