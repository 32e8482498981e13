"""A take-over reads no ended executions: what the watch has told of them must be all there is, or they are read."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes.accounting import assert_accounted
from fakes.apiserver import Request
from fakes.world import World, at, until

from crontask_core.bonds import owner
from crontask_core.httpcall import CallFacts
from crontask_core.names import Key
from crontask_kube.resources import EXECUTIONS, TASKS

pytestmark = pytest.mark.looptime

FAILED = CallFacts(http_status=500, sent=True)


class Lagging(World):
    """Watches tell nothing new while `lag` is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.lag = asyncio.Event()
        self.lag.set()

    async def hears(self) -> None:
        await self.lag.wait()


@pytest.fixture(params=[True, False], ids=["caught up", "read in full"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[Lagging]:
    made = Lagging()
    made.watches_catch_up = request.param
    yield made
    await made.close()
    for body in made.server.all(TASKS):
        assert_accounted(made, body["metadata"]["name"], body["metadata"]["namespace"])


def lists(world: World) -> list[Request]:
    """Requests for all executions, whatever their state."""
    asked = world.server.seen("list", EXECUTIONS)
    return [request for request in asked if not request.query.get("fieldSelector") and not request.headers]


async def test_what_ended_last_is_waited_for(world: Lagging) -> None:
    """The leader dies with its record written, and the standby's watch is late: the end is counted, once."""
    world.receiver.answers = [CallFacts(http_status=200, sent=True), FAILED]
    world.task(history={"successful": 5, "failed": 5})
    world.start("a")
    world.start("b")
    await until(world, "12:00:30")
    world.lag.clear()
    world.server.hold("patch", TASKS, times=9)  # the status does not tell of it
    await until(world, "12:01:00.500")
    assert world.outcomes()[-1] == ("t-20260301120100", "Failed", "BadStatus")
    await world.crash("a")
    world.server.heal()
    await until(world, "12:01:10")
    world.lag.set()
    await until(world, "12:01:30")
    assert world.status()["counts"] | {"succeeded": 1, "failed": 1} == world.status()["counts"]
    assert world.status()["consecutiveFailures"] == 1
    assert [entry["outcome"] for entry in world.status()["ledger"]] == ["Started"]
    assert len(lists(world)) == (1 if world.watches_catch_up else 2), "the first leader knew nothing, and read"


async def test_what_is_to_follow_is_known_from_the_watch(world: Lagging) -> None:
    """The leader dies between the end of an execution and the creation of what follows."""
    world.task(endAt="2026-03-01T12:00:30Z")
    world.task("u", schedule="@manual", after=[{"task": "t"}])
    world.start("a")
    world.start("b")
    await until(world, "11:59:58")
    world.by_hand("x", "u")  # something that has ended, for the watch to be asked about
    await until(world, "11:59:59")
    world.receiver.seconds = 1.0
    await until(world, "12:00:00.800")
    world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:02")
    assert "followers" in world.executions()[0]["status"]
    await world.crash("a")
    world.server.heal()
    await until(world, "12:00:20")
    assert [phase for name, phase, _ in world.outcomes() if name.startswith("u-")] == ["Succeeded"]
    assert all("followers" not in body["status"] for body in world.executions())


async def test_what_followed_already_is_not_begun_again(world: Lagging) -> None:
    world.task(endAt="2026-03-01T12:00:30Z")
    world.task("u", schedule="@manual", after=[{"task": "t"}], history={"successful": 0})
    world.start("a")
    world.start("b")
    await until(world, "12:00:20")
    assert len(world.receiver.received) == 2
    await world.crash("a")
    await until(world, "12:00:40")
    assert len(world.receiver.received) == 2


async def test_an_execution_that_was_deleted_unseen_takes_no_place_in_the_history(world: Lagging) -> None:
    world.task(history={"successful": 2})
    world.start("a")
    world.start("b")
    await until(world, "12:01:30")
    world.lag.clear()
    world.server.remove(EXECUTIONS, "t-20260301120000")
    await world.crash("a")
    asyncio.get_running_loop().call_later(5, world.lag.set)
    await until(world, "12:02:30")
    assert [name for name, _, _ in world.outcomes()] == ["t-20260301120100", "t-20260301120200"]


async def test_executions_of_an_earlier_task_of_this_name_are_not_its_own(world: Lagging) -> None:
    """They are the garbage collector's, which takes its time."""
    body = {
        "metadata": {"name": "t-20260301115900", "ownerReferences": [owner(Key("default", "t"), "another uid")]},
        "spec": {"taskRef": {"name": "t"}, "trigger": "Schedule", "scheduledAt": "2026-03-01T11:59:00Z"},
        "status": {"phase": "Succeeded", "finishedAt": "2026-03-01T11:59:01Z", "attempts": [{"number": 1}]},
    }
    world.server.put(EXECUTIONS, body)
    world.task(history={"successful": 1})
    operator = world.start("a")
    await until(world, "12:00:30")
    task = operator.shards[0].index.tasks[Key("default", "t")]
    assert [ended.name for ended in task.ended] == ["t-20260301120000"]
    assert world.status()["counts"]["succeeded"] == 1
    world.server.remove(EXECUTIONS, "t-20260301115900")
    await until(world, "12:00:31")
    assert not operator.shards[0].index.unclaimed
    assert at("12:00:31") == world.clock.now()
