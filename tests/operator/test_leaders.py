"""A leader and its standby: how long nothing is started when the leader dies, and what a pause may not do."""

from datetime import timedelta
from itertools import pairwise

import pytest
from fakes.world import World, until

from crontask_kube.resources import LEASES

pytestmark = pytest.mark.looptime

EVERY_SECOND = "* * * * * *"


def gaps(world: World) -> float:
    """The longest time between two calls, in seconds."""
    moments = [moment for moment, _ in world.receiver.received]
    return max((after - before) / timedelta(seconds=1) for before, after in pairwise(moments))


@pytest.mark.parametrize("moment", [10.0, 10.05, 10.3, 10.55, 10.7, 10.92, 10.99])
async def test_a_standby_starts_what_is_due_within_three_seconds(world: World, moment: float) -> None:
    for n in range(5):
        world.task(f"t{n}", EVERY_SECOND)
    world.start("a")
    await until(world, "12:00:00")
    world.start("b")
    await until(world, f"12:00:{moment}")
    await world.crash("a")
    await until(world, "12:00:20")
    assert 1.5 < gaps(world) <= 3.0
    assert len(set(world.receiver.keys())) == len(world.receiver.keys())


async def test_a_standby_whose_watch_is_down_looks_by_itself(world: World) -> None:
    world.task("t", EVERY_SECOND)
    world.start("a")
    await until(world, "12:00:00")
    world.server.fail("list", LEASES, status=403, reason="Forbidden", times=1000)
    world.start("b")
    await until(world, "12:00:10.3")
    await world.crash("a")
    await until(world, "12:00:20")
    assert gaps(world) <= 4.0


async def test_a_watch_that_ends_begins_again(world: World) -> None:
    world.task("t", EVERY_SECOND)
    world.start("a")
    world.start("b")
    await until(world, "12:00:05")
    world.server.end_watches()
    await until(world, "12:00:08")
    asked = len(world.server.seen("get", LEASES))
    await until(world, "12:00:18.3")
    assert len(world.server.seen("get", LEASES)) == asked  # the standby is told
    await world.crash("a")
    await until(world, "12:00:25")
    assert gaps(world) <= 3.0


async def test_a_leader_that_claims_each_second_writes_no_more_than_twice_a_second(world: World) -> None:
    world.task("t", EVERY_SECOND)
    world.start("a")
    await until(world, "12:00:00.5")
    before = len(world.server.seen("patch", LEASES))
    await until(world, "12:00:10.5")
    assert len(world.server.seen("patch", LEASES)) - before <= 20
