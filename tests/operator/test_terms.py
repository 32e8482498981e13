"""What a replica knew or began before it holds the shard, or held it last, must not reach into its next term."""

import asyncio

import pytest
from fakes.world import World, until

from crontask_kube.resources import GROUPS, TASKS

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
ONCE = "2026-03-01T12:00:00Z"


async def test_a_standby_has_no_status_to_write(world: World) -> None:
    """It saw the task come, with no status yet; what it would write is as old as that."""
    world.start("a")
    standby = world.start("b").shards[0]
    await until(world, "11:59:55")
    world.task("t", "* * * * * *")
    await until(world, "12:00:30")
    assert not standby.statuses._waiting


@pytest.mark.parametrize("action", [{}, {"pod": {"image": "i"}}])
async def test_a_take_over_that_takes_long_leaves_the_statuses_alone(
    world: World, action: dict[str, dict[str, str]]
) -> None:
    """The stored watermark went back to when the standby had seen the task come, and pods were made twice."""
    world.kubelet(0.5)
    world.start("a")
    world.start("b")
    await until(world, "11:59:55")
    world.task("t", "*/2 * * * * *", history={"successful": 1, "failed": 1}, **action)
    await until(world, "12:01:03")
    succeeded = world.status()["counts"]["succeeded"]
    await world.crash("a")
    listed = world.server.hold("list", GROUPS)
    world.server.edit(TASKS, "t", {"spec": {"timeoutSeconds": 20}})
    asyncio.get_running_loop().call_later(8, listed.set)
    await until(world, "12:01:30")
    assert len(set(world.pods_made())) == len(world.pods_made())
    assert [entry["outcome"] for entry in world.status()["ledger"]] == ["Started"]
    assert world.status()["counts"]["succeeded"] > succeeded + 10
