"""What ends between two writes of a task's status, and is of no instant, is counted once by whoever comes next."""

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_kube.resources import TASKS

pytestmark = pytest.mark.looptime

FAILED = CallFacts(http_status=500, sent=True)
NOTIFY = [{"when": ["Failure"], "webhook": {"url": "http://n.test/"}}]


@pytest.mark.parametrize("crashes", [1, 2])
async def test_killed_just_after_the_end_of_a_manual_execution(world: World, crashes: int) -> None:
    world.receiver.answers = [FAILED]
    world.task(schedule="@manual", disableAfterFailures=1, notify=NOTIFY)
    world.start("0")
    await until(world, "11:59:55")
    world.by_hand("x")
    await until(world, "11:59:55.300")
    assert world.outcomes() == [("x", "Failed", "BadStatus")]
    assert world.status()["counts"]["failed"] == 0
    world.server.hold("patch", TASKS, times=3)
    for n in range(crashes):
        await world.crash(str(n))
        if n == crashes - 1:
            world.server.heal()
        world.start(str(n + 1))
        await until(world, f"12:0{n + 1}:00")
    assert (world.status()["counts"]["failed"], world.status()["consecutiveFailures"]) == (1, 1)
    assert world.status()["disabledAt"]
    assert world.status()["counted"] == ["x"]
    assert len(set(world.post.keys())) == 1, "a notification is sent at least once, with one id"


async def test_killed_just_after_the_end_of_what_runs_after_another(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=200, sent=True), FAILED]
    world.task(endAt="2026-03-01T12:00:30Z")
    world.task("u", schedule="@manual", after=[{"task": "t"}], disableAfterFailures=1, notify=NOTIFY)
    world.start()
    await until(world, "12:00:00")
    await until(world, "12:00:00.500")
    assert [phase for name, phase, _ in world.outcomes() if name.startswith("u")] == ["Failed"]
    assert world.status("u")["counts"]["failed"] == 0
    await world.crash()
    world.start("b")
    await until(world, "12:01:00")
    assert (world.status("u")["counts"]["failed"], world.status("u")["consecutiveFailures"]) == (1, 1)
    assert world.status("u")["disabledAt"]
    assert len(world.post.received) == 1


async def test_what_the_stored_status_counts_is_not_counted_again(world: World) -> None:
    world.receiver.answers = [FAILED, FAILED]
    world.task(schedule="@manual", notify=NOTIFY, history={"failed": 10})
    world.start("a")
    await until(world, "11:59:55")
    world.by_hand("x")
    await until(world, "11:59:58")
    assert world.status()["counts"]["failed"] == 1
    await world.crash("a")
    world.start("b")
    await until(world, "12:01:00")
    world.by_hand("y")
    await until(world, "12:01:00.300")
    await world.crash("b")
    for n, name in enumerate("cd", start=2):
        world.start(name)
        await until(world, f"12:0{n}:00")
        await world.crash(name)
    assert (world.status()["counts"]["failed"], world.status()["counted"]) == (2, ["x", "y"])
    assert len(world.post.received) == 1, "the second failure in a row is no news"


async def test_a_task_that_only_its_schedule_starts_names_nothing(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:00:30")
    assert world.status()["counts"]["succeeded"] == 1
    assert "counted" not in world.status()


async def test_a_status_of_an_older_operator_is_not_counted_again(world: World) -> None:
    world.receiver.answers = [FAILED]
    world.task(schedule="@manual")
    world.start()
    for second, name in ((52, "x"), (55, "y")):
        await until(world, f"11:59:{second}")
        world.by_hand(name)
    await until(world, "11:59:59")
    await world.crash()
    world.server.edit(TASKS, "t", {"status": {"counted": None}})
    world.start("b")
    await until(world, "12:01:00")
    assert (world.status()["counts"]["failed"], world.status()["counts"]["succeeded"]) == (1, 1)
