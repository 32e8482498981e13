"""Several shards and replicas: every namespace has at most one engine that starts, and one before long."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from fakes.world import World, at, until

from crontask_core.sharding import shard_of
from crontask_kube.resources import LEASES, TASKS

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(120)]

SPACES = [next(f"space-{n}" for n in range(100) if shard_of(f"space-{n}", 4) == shard) for shard in range(4)]
"""A namespace of each of four shards."""


@pytest.fixture
async def tasks(world: World) -> None:
    """A call each two seconds in a namespace of each shard."""
    for space in SPACES:
        http = {"url": f"http://{space}.test/"}
        spec = {"schedule": "*/2 * * * * *", "http": http, "missed": {"policy": "All", "limit": 100}}
        world.server.put(TASKS, {"metadata": {"name": f"in-{space}"}, "spec": spec}, space)


def held(world: World) -> dict[str, list[int]]:
    """Which shards each operator holds."""
    return {
        name: [shard.place.number for shard in operator.shards if shard.leadership.holding]
        for name, (operator, _, _) in world.operators.items()
    }


def counts(world: World) -> list[int]:
    return sorted(len(shards) for shards in held(world).values())


def instants(world: World) -> Iterator[tuple[str, list[str]]]:
    """The instants at which each namespace's task was called, as often as it was."""
    for space in SPACES:
        calls = [request for _, request in world.receiver.received if space in request.url]
        yield space, sorted(dict(request.headers)["CronTask-Scheduled-At"] for request in calls)


def complete(world: World, since: str, upto: str) -> bool:
    """Whether each namespace's task was called exactly once for each of its instants."""
    number = int((at(upto) - at(since)).total_seconds()) // 2
    wanted = [(at(since) + timedelta(seconds=2 * n)) for n in range(number + 1)]
    for space, found in instants(world):
        assert len(found) == len(set(found)), f"{space}: started twice"
        inside = [text for text in found if at(since) <= parsed(text) <= at(upto)]
        assert [parsed(text) for text in inside] == wanted, f"{space}: missing"
    return True


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_one_replica_holds_all(world: World, tasks: None) -> None:
    world.start("a", shards=4)
    await until(world, "12:00:11")
    assert held(world) == {"a": [0, 1, 2, 3]}
    assert complete(world, "12:00:00", "12:00:10")


async def test_who_joins_gets_its_part_and_leaves_it_behind(world: World, tasks: None) -> None:
    world.start("a", shards=4)
    await until(world, "12:00:05")
    world.start("b", shards=4)
    await until(world, "12:00:40")
    assert counts(world) == [2, 2]
    world.start("c", shards=4)
    await until(world, "12:01:10")
    assert counts(world) == [1, 1, 2]
    await world.stop("a")
    await until(world, "12:01:40")
    assert counts(world) == [2, 2]
    await until(world, "12:02:01")
    assert complete(world, "12:00:00", "12:02:00")


async def test_who_dies_is_replaced_within_seconds(world: World, tasks: None) -> None:
    for name in ("a", "b", "c"):
        world.start(name, shards=4)
    await until(world, "12:00:31")
    assert counts(world) == [1, 1, 2]
    await world.crash(max(held(world), key=lambda name: len(held(world)[name])))
    await until(world, "12:00:37")
    assert sum(counts(world)) == 4
    await until(world, "12:01:31")
    assert counts(world) == [2, 2]
    for space, found in instants(world):
        assert len(found) == len(set(found)), space


async def test_one_shard_has_a_hot_standby(world: World, tasks: None) -> None:
    world.start("a")
    world.start("b")
    await until(world, "12:00:03")
    assert counts(world) == [0, 1]
    (leader,) = (name for name, shards in held(world).items() if shards)
    await world.stop(leader)
    await until(world, "12:00:06")
    assert counts(world) == [1]


@pytest.mark.parametrize("numbers", [(1, 4), (4, 1), (2, 3), (4, 3)])
async def test_a_rolling_change_of_the_number(world: World, tasks: None, numbers: tuple[int, int]) -> None:
    before, after = numbers
    world.start("a", shards=before)
    world.start("b", shards=before)
    await until(world, "12:00:20")
    world.start("c", shards=after)
    await until(world, "12:00:30")
    assert held(world)["c"] == []
    assert sum(counts(world)) == before
    await world.stop("a")
    world.start("d", shards=after)
    await until(world, "12:00:40")
    assert len(held(world)["b"]) == before
    await world.stop("b")
    await until(world, "12:01:10")
    assert sum(counts(world)) == after
    leases = [body["metadata"]["name"] for body in world.server.all(LEASES)]
    shards = [name for name in leases if name.startswith("crontask-shard-")]
    assert sorted(shards) == [f"crontask-shard-{n}" for n in range(after)]
    assert complete(world, "12:00:00", "12:01:08")


async def test_a_replica_of_another_number_takes_over_from_one_that_died(world: World, tasks: None) -> None:
    world.start("a", shards=4)
    await until(world, "12:00:20")
    await world.crash("a")
    world.start("b", shards=3)
    await until(world, "12:00:59")
    assert held(world) == {"b": [0, 1, 2]}
    for space, found in instants(world):
        assert len(found) == len(set(found)), space


async def test_a_leader_that_was_paused_finds_its_shard_lost_to_another_number(world: World, tasks: None) -> None:
    operator = world.start("a", shards=4)
    await until(world, "12:00:20")
    api = world.operators["a"][1]
    go = api.pause()
    world.start("b", shards=3)
    await until(world, "12:00:59")
    assert held(world)["b"] == [0, 1, 2]
    go()
    await until(world, "12:01:30")
    assert [shard.leadership.holding for shard in operator.shards] == [False] * 4
    for space, found in instants(world):
        assert len(found) == len(set(found)), space
