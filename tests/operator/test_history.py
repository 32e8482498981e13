"""What becomes of ended executions: kept by count and by time, and, where the task says so, without the task."""

import asyncio

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_kube.resources import EXECUTIONS, PODS, TASKS

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
ONCE = "0 12 * * *"
BAD = CallFacts(http_status=500, sent=True)
OUTLIVES = {"outliveTask": True, "ttlSeconds": 60}


def names(world: World) -> list[str]:
    return [name for name, _, _ in world.outcomes()]


async def test_an_execution_expires_though_nothing_else_happens(world: World) -> None:
    world.task(schedule=ONCE, history={"ttlSeconds": 60})
    world.start()
    await until(world, "12:00:58")
    assert names(world) == [FIRST]
    await until(world, "12:01:08")
    assert names(world) == []


async def test_it_expires_under_a_successor_too(world: World) -> None:
    world.task(schedule=ONCE, history={"ttlSeconds": 60})
    world.start()
    await until(world, "12:00:30")
    await world.crash()
    await until(world, "12:02:00")
    world.start("b")
    await until(world, "12:02:10")
    assert names(world) == []


async def test_a_time_that_is_set_later_holds_for_what_is_there(world: World) -> None:
    world.task(schedule=ONCE)
    world.start()
    await until(world, "12:01:00")
    world.server.edit(TASKS, "t", {"spec": {"history": {"ttlSeconds": 90}}})
    await until(world, "12:01:20")
    assert names(world) == [FIRST]
    await until(world, "12:01:40")
    assert names(world) == []


async def test_a_time_that_is_lengthened_meanwhile_is_kept(world: World) -> None:
    world.task(schedule=ONCE, history={"ttlSeconds": 60})
    world.start()
    await until(world, "12:00:30")
    world.server.edit(TASKS, "t", {"spec": {"history": {"ttlSeconds": 120}}})
    await until(world, "12:01:50")
    assert names(world) == [FIRST]
    await until(world, "12:02:10")
    assert names(world) == []


async def test_nothing_expires_before_it_is_counted(world: World) -> None:
    world.task(schedule=ONCE, history={"ttlSeconds": 0})
    world.start()
    await until(world, "11:59:58")
    world.server.hold("patch", TASKS, times=9)
    await until(world, "12:00:20")
    assert names(world) == [FIRST]
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:00:40")
    assert names(world) == []
    assert world.status()["counts"]["succeeded"] == 1


async def test_what_runs_outlives_its_task_and_its_record_stays_for_its_time(world: World) -> None:
    world.pod_task(schedule=ONCE, history=OUTLIVES)
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:05")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:27")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert world.server.all(PODS) == []
    assert "taskSpec" not in world.executions()[0]["status"], "what has ended needs no spec any more"
    await until(world, "12:01:15")
    assert names(world) == [FIRST]
    await until(world, "12:01:27")
    assert names(world) == []


async def test_what_has_ended_outlives_its_task_too(world: World) -> None:
    world.task(schedule=ONCE, history=OUTLIVES)
    world.start()
    await until(world, "12:00:10")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:55")
    assert names(world) == [FIRST]
    await until(world, "12:01:08")
    assert names(world) == []


async def test_without_that_everything_goes_with_the_task(world: World) -> None:
    world.pod_task(schedule=ONCE)
    world.start()
    await until(world, "12:00:05")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:30")
    assert names(world) == []
    assert world.server.all(PODS) == []


async def test_a_retry_outlives_task_and_operator(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(schedule=ONCE, history=OUTLIVES, retry={"limit": 1, "backoff": {"initialSeconds": 30}})
    world.start()
    await until(world, "12:00:05")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:10")
    await world.crash()
    world.start("b")
    await until(world, "12:00:50")
    assert world.receiver.keys() == [FIRST, FIRST]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    await world.crash("b")
    world.start("c")
    await until(world, "12:01:45")
    assert names(world) == []


async def test_a_pod_without_record_outlives_its_task(world: World) -> None:
    world.pod_task(schedule=ONCE, history=OUTLIVES)
    world.kubelet(seconds=20)
    world.start()
    world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:02")
    await world.crash()
    world.server.remove(TASKS, "t")
    world.start("b")
    await until(world, "12:00:40")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert world.server.all(PODS) == []
    await until(world, "12:01:35")
    assert names(world) == []


@pytest.mark.parametrize("recorded", [True, False])
async def test_pods_at_targets_outlive_their_task(world: World, recorded: bool) -> None:
    for name in ("eu", "us"):
        world.target(name, selector={"site": name})
    world.pod_task(schedule=ONCE, history=OUTLIVES, targets=["eu", "us"])
    world.kubelet(seconds=20)
    world.start()
    await until(world, "11:59:58")
    if not recorded:
        world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:05")
    await world.crash()
    world.server.remove(TASKS, "t")
    world.start("b")
    await until(world, "12:00:40")
    expected = ("Succeeded", "Completed") if recorded else ("Lost", "TaskDeleted")
    assert world.outcomes() == [(FIRST, *expected)]
    assert world.server.all(PODS) == []


async def test_what_outlives_its_task_can_be_stopped(world: World) -> None:
    world.pod_task(schedule=ONCE, history=OUTLIVES)
    world.start()
    await until(world, "12:00:05")
    world.server.remove(TASKS, "t")
    world.server.edit(EXECUTIONS, FIRST, {"spec": {"stop": True}})
    await until(world, "12:00:20")
    assert world.outcomes() == [(FIRST, "Cancelled", "Stopped")]


async def test_a_later_task_of_the_same_name_is_another_task(world: World) -> None:
    world.pod_task(schedule=ONCE, history=OUTLIVES, concurrencyPolicy="Forbid")
    world.start()
    await until(world, "12:00:05")
    world.server.remove(TASKS, "t")
    world.pod_task(schedule="1 12 * * *", concurrencyPolicy="Forbid")
    await until(world, "12:01:05")
    assert world.pods_made() == [f"{FIRST}-1", "t-20260301120100-1"]
    world.end_pod(f"{FIRST}-1")
    await until(world, "12:01:20")
    await world.crash()
    world.start("b")
    await until(world, "12:01:30")
    assert (FIRST, "Succeeded", "Completed") in world.outcomes()
    assert world.status()["counts"]["succeeded"] == 0


async def test_a_run_by_hand_outlives_its_task(world: World) -> None:
    world.pod_task(schedule="@manual", history=OUTLIVES)
    world.kubelet(seconds=10)
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x")
    await until(world, "12:00:00")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:15")
    assert world.outcomes() == [("x", "Succeeded", "Completed")]
    await until(world, "12:01:15")
    assert names(world) == []


@pytest.mark.parametrize("crash", [False, True])
async def test_an_execution_without_a_task_stays_for_a_time(
    world: World, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crontask_operator.byhand.STRAY_SECONDS", 60)
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x", task="nobody")
    await until(world, "12:00:05")
    assert world.outcomes() == [("x", "Failed", "TaskNotFound")]
    if crash:
        await world.crash()
        world.start("b")
    await until(world, "12:00:50")
    assert names(world) == ["x"]
    await until(world, "12:01:05")
    assert names(world) == []


async def test_history_of_a_task_that_cannot_be_run_is_bounded_too(world: World) -> None:
    world.task(schedule="61 * * * *", history={"failed": 2})
    world.start()
    await until(world, "11:59:55")
    for n in range(5):
        world.by_hand(f"x{n}")
        await asyncio.sleep(3)
    await asyncio.sleep(5)
    assert names(world) == ["x3", "x4"]


@pytest.mark.parametrize("crash", [False, True])
async def test_backfills_and_refused_executions_cost_no_record_of_what_ran(world: World, crash: bool) -> None:
    world.receiver.answers = [BAD]
    world.task(schedule=ONCE, history={"successful": 1, "failed": 1})
    world.start()
    await until(world, "12:00:05")
    world.by_hand("good")
    await asyncio.sleep(5)
    for n in range(5):
        world.by_hand(f"x{n}", overrides={"body": "not open"})
        nothing = {"start": "2026-02-01T13:00:00Z", "end": "2026-02-01T14:00:00Z"}
        wanted = {"taskRef": {"name": "t"}, "trigger": "Backfill", "backfill": nothing}
        world.server.put(EXECUTIONS, {"metadata": {"name": f"bf{n}"}, "spec": wanted})
        await asyncio.sleep(3)
        if crash:
            await world.crash(str(n - 1) if n else "a")
            world.start(str(n))
    await asyncio.sleep(10)
    assert sorted(names(world)) == ["bf2", "bf3", "bf4", "good", FIRST, "x4"]


async def test_many_expire_with_few_requests(world: World) -> None:
    world.task(schedule="* * * * * *", history={"ttlSeconds": 30, "successful": 1000}, endAt="2026-03-01T12:01:00Z")
    world.start()
    await until(world, "12:01:03")
    assert 25 <= len(names(world)) <= 36
    await until(world, "12:01:40")
    assert names(world) == []
    deleted = [r for r in world.server.requests if r.verb == "deletecollection" and r.resource == EXECUTIONS.plural]
    assert len(deleted) <= 40
