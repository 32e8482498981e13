"""What a short execution costs in writes, and that one that is not yet recorded is not lost."""

import pytest
from fakes.world import World, until

from crontask_kube.resources import EXECUTIONS, TASKS

pytestmark = pytest.mark.looptime

SECOND, THIRD = "t-20260301120100", "t-20260301120200"


def writes(world: World, name: str) -> list[str]:
    """Verbs of the requests that wrote this execution."""
    return [
        request.verb
        for request in world.server.requests
        if request.resource == EXECUTIONS.plural
        and request.verb in ("create", "patch")
        and name in (request.name, ((request.body or {}).get("metadata") or {}).get("name"))
    ]


def patches(world: World) -> int:
    """How often the task's status was written."""
    return sum(request.resource == TASKS.plural and request.verb == "patch" for request in world.server.requests)


async def test_a_short_pod_is_written_once_when_it_is_known_to_be_short(world: World) -> None:
    world.pod_task()
    world.kubelet(seconds=3)
    world.start()
    await until(world, "12:00:59")
    before = patches(world)
    await until(world, "12:01:20")
    assert writes(world, "t-20260301120000") == ["create", "patch"]
    assert writes(world, SECOND) == ["create"]
    assert patches(world) == before + 1
    assert world.status()["counts"]["succeeded"] == 2


async def test_one_that_takes_long_this_time_is_shown_after_some_seconds(world: World) -> None:
    world.pod_task()
    world.start()
    await until(world, "12:00:03")
    world.end_pod("t-20260301120000-1")
    await until(world, "12:01:08")
    assert world.outcomes()[-1] == (SECOND, "Running", "")
    assert [active["name"] for active in world.status()["active"]] == [SECOND]


async def test_a_long_one_is_shown_at_once(world: World) -> None:
    world.pod_task()
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:01:01")
    assert world.outcomes()[-1] == (SECOND, "Running", "")
    await until(world, "12:01:04")
    assert [active["name"] for active in world.status()["active"]] == [SECOND]


@pytest.mark.parametrize("killed", ["12:01:00.2", "12:01:02", "12:01:03.5"])
async def test_killed_while_the_record_waits(world: World, killed: str) -> None:
    world.pod_task()
    world.kubelet(seconds=3)
    world.start()
    await until(world, killed)
    assert writes(world, SECOND) in ([], ["create"])
    await world.crash()
    world.start("b")
    await until(world, "12:01:50")
    assert world.pods_made() == ["t-20260301120000-1", f"{SECOND}-1"]
    assert world.outcomes()[-1] == (SECOND, "Succeeded", "Completed")
    assert world.status()["counts"]["succeeded"] == 2
