"""A task that fails too often in a row is paused until somebody edits it, across restarts and crashes."""

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallError, CallFacts, Reason
from crontask_kube.resources import TASKS

pytestmark = pytest.mark.looptime

BAD = CallFacts(http_status=500, sent=True)
MANY = {"failed": 100, "successful": 100}


def scheduled(world: World) -> tuple[str, str]:
    [found] = [c for c in world.status()["conditions"] if c["type"] == "Scheduled"]
    return found["status"], found["reason"]


def failing(world: World, after: int = 3, **spec: object) -> None:
    world.receiver.answers = [BAD] * 1000
    world.task(schedule="*/10 * * * * *", disableAfterFailures=after, history=MANY, **spec)


async def test_after_so_many_failures_the_schedule_is_paused(world: World) -> None:
    failing(world)
    world.start()
    await until(world, "12:02:05")
    assert len(world.executions()) == 3
    status = world.status()
    assert status["consecutiveFailures"] == 3
    assert status["disabledAt"].startswith("2026-03-01T12:00:20")
    assert status.get("nextRuns", []) == []
    assert scheduled(world) == ("False", "Disabled")
    assert [reason for reason, _ in world.events()].count("Disabled") == 1


async def test_a_success_begins_the_count_anew(world: World) -> None:
    failing(world)
    world.receiver.answers = [BAD, BAD, CallFacts(http_status=200, sent=True), BAD, BAD, BAD, BAD]
    world.start()
    await until(world, "12:02:05")
    assert len(world.executions()) == 6


SLOW = CallFacts(error=CallError(Reason.TIMEOUT, "not done within 5 s"), sent=True)


async def test_timeouts_may_be_left_out(world: World) -> None:
    failing(world, disableIgnores=["Timeout"])
    world.receiver.answers = [SLOW, BAD, SLOW, SLOW, BAD, SLOW, BAD]
    world.start()
    await until(world, "12:02:05")
    assert len(world.executions()) == 7
    status = world.status()
    assert (status["consecutiveFailures"], status["ignoredFailures"]) == (7, 4)
    assert status["disabledAt"].startswith("2026-03-01T12:01:00")


async def test_a_successor_goes_on_counting(world: World) -> None:
    failing(world, disableIgnores=["Timeout"])
    world.receiver.answers = [SLOW, BAD, SLOW, BAD, SLOW, BAD]
    world.start()
    await until(world, "12:00:25")
    world.server.hold("patch", TASKS, times=9)  # the fourth end is in its record, and in no status yet
    await until(world, "12:00:35")
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:02:05")
    assert len(world.executions()) == 6
    assert (world.status()["consecutiveFailures"], world.status()["ignoredFailures"]) == (6, 3)


@pytest.mark.parametrize("watched", [True, False])
async def test_failures_are_counted_anew_where_somebody_says_since_when(world: World, watched: bool) -> None:
    failing(world, failuresSince="2026-02-01T00:00:00Z")
    world.start()
    await until(world, "12:00:15")
    if not watched:
        await world.crash()
    world.server.edit(TASKS, "t", {"spec": {"failuresSince": "2026-03-01T12:00:15Z"}})
    if not watched:
        world.start("b")
    await until(world, "12:00:19")
    assert world.status()["consecutiveFailures"] == 0
    await until(world, "12:02:05")
    assert len(world.executions()) == 5, "two before, three after"
    assert world.status()["failuresSince"].startswith("2026-03-01T12:00:15")
    await world.crash("a" if watched else "b")
    world.start("c")
    await until(world, "12:03:05")
    assert (len(world.executions()), world.status()["consecutiveFailures"]) == (5, 3), "told once, honoured once"


async def test_any_edit_takes_the_schedule_up_again_and_replays_nothing(world: World) -> None:
    failing(world)
    world.start()
    await until(world, "12:01:05")
    world.receiver.answers = []
    world.server.edit(TASKS, "t", {"spec": {"timeoutSeconds": 5}})
    await until(world, "12:01:25")
    assert world.receiver.keys()[3:] == ["t-20260301120110", "t-20260301120120"]
    status = world.status()
    assert (status["consecutiveFailures"], status.get("disabledAt")) == (0, None)
    assert scheduled(world)[0] == "True"


@pytest.mark.parametrize("held", [0, 9])
async def test_it_stays_so_for_a_successor(world: World, held: int) -> None:
    failing(world)
    world.start()
    await until(world, "12:00:15")
    # With `held`, the end that pauses the schedule is in its record, and in no status yet.
    world.server.hold("patch", TASKS, times=held)
    await until(world, "12:00:25")
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:02:05")
    assert len(world.executions()) == 3
    assert scheduled(world) == ("False", "Disabled")
    assert world.status()["consecutiveFailures"] == 3


async def test_an_edit_that_no_operator_watched_counts_too(world: World) -> None:
    failing(world)
    world.start()
    await until(world, "12:00:45")
    await world.crash()
    world.receiver.answers = []
    world.server.edit(TASKS, "t", {"spec": {"timeoutSeconds": 5}})
    await until(world, "12:01:31")
    world.start("b")
    await until(world, "12:01:55")
    assert world.receiver.keys()[3:] == ["t-20260301120140", "t-20260301120150"]


async def test_runs_by_hand_go_on(world: World) -> None:
    failing(world, after=1)
    world.start()
    await until(world, "12:00:15")
    world.receiver.answers = []
    world.by_hand("x")
    await until(world, "12:00:35")
    assert ("x", "Succeeded", "Completed") in world.outcomes()
    assert scheduled(world) == ("False", "Disabled"), "only an edit takes it up again"
