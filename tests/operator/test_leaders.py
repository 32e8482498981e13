"""A leader and its standby: how long nothing is started when the leader dies, and what a pause may not do."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.apiserver import Request
from fakes.world import World, at, until

from crontask_core.httpcall import CallFacts
from crontask_core.names import ANNOTATION_FINISHING
from crontask_kube.resources import EXECUTIONS, LEASES, SECRETS

pytestmark = pytest.mark.looptime

EVERY_SECOND = "* * * * * *"
FIRST = "t-20260301120000"
START_AT = "2026-03-01T12:00:00Z"


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


async def test_watches_that_are_ended_at_once_are_no_storm(world: World) -> None:
    world.task("t", EVERY_SECOND)
    world.start("a")
    await until(world, "12:00:00")
    world.server.drop("watch", LEASES, times=1000)
    world.server.end_watches()
    await until(world, "12:00:30")
    asked = len(world.server.seen("watch", LEASES))
    assert 2 <= asked <= 10
    world.start("b")
    await until(world, "12:00:40.3")
    await world.crash("a")
    await until(world, "12:00:50")
    assert gaps(world) <= 4.0


def shard_writes(world: World) -> list[Request]:
    return [request for request in world.server.seen("patch", LEASES) if request.name == "crontask-shard-0"]


async def test_a_leader_that_claims_each_second_writes_no_more_than_twice_a_second(world: World) -> None:
    world.task("t", EVERY_SECOND)
    world.start("a")
    await until(world, "12:00:00.5")
    before = len(shard_writes(world))
    await until(world, "12:00:10.5")
    assert len(shard_writes(world)) - before <= 20


# An orderly stop while calls are under way.


async def stopped_while_calls_are_under_way(world: World, **spec: Any) -> None:
    """Calls of 8 s each second; the first operator is told to end at 12:00:05.3."""
    world.receiver.seconds = 8
    world.task("t", EVERY_SECOND, endAt="2026-03-01T12:00:20Z", history={"successful": 100}, **spec)
    world.start("a")
    await until(world, "12:00:00.5")
    world.start("b")
    await until(world, "12:00:05.3")


async def test_an_orderly_stop_leaves_no_second_out_and_every_call_ends_once(world: World) -> None:
    await stopped_while_calls_are_under_way(world)
    await world.stop("a")
    await until(world, "12:00:40")
    assert gaps(world) < 1.2
    assert len(set(world.receiver.keys())) == len(world.receiver.keys())
    assert {phase for _, phase, _ in world.outcomes()} == {"Succeeded"}
    assert world.status()["counts"]["succeeded"] == len(world.receiver.keys())
    annotations = world.server.object(LEASES, "crontask-shard-0", "crontask-system")["metadata"]["annotations"]
    assert ANNOTATION_FINISHING not in annotations


async def test_the_lease_is_given_back_long_before_the_calls_end(world: World) -> None:
    await stopped_while_calls_are_under_way(world)
    stop = asyncio.create_task(world.stop("a"))
    await until(world, "12:00:07")
    found = world.server.object(LEASES, "crontask-shard-0", "crontask-system")
    assert found["spec"]["holderIdentity"].startswith("b")
    assert found["metadata"]["annotations"][ANNOTATION_FINISHING].startswith("25 a")
    await stop


async def test_an_attempt_that_fails_after_the_hand_over_is_tried_again_by_the_successor(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=500, sent=True)]
    world.receiver.seconds = 8
    world.task("t", retry={"limit": 1, "backoff": {"initialSeconds": 3}})
    world.start("a")
    world.start("b")
    await until(world, "12:00:02")
    await world.stop("a")
    await until(world, "12:00:40")
    assert world.receiver.keys() == [FIRST, FIRST]
    [execution] = world.executions()
    assert [attempt["reason"] for attempt in execution["status"]["attempts"]] == ["BadStatus", "Completed"]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_a_finisher_that_dies_leaves_its_calls_lost_once_its_time_is_over(world: World) -> None:
    world.receiver.seconds = 15
    world.task("t")
    world.start("a")
    world.start("b")
    await until(world, "12:00:02")
    stop = asyncio.create_task(world.operators["a"][0].drain())
    await until(world, "12:00:04")
    stop.cancel()
    await world.crash("a")
    await until(world, "12:00:25")
    assert world.outcomes() == [(FIRST, "Running", "")]
    await until(world, "12:00:40")
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]
    assert world.status()["counts"]["lost"] == 1


async def test_a_successor_that_dies_is_succeeded_by_one_that_knows_as_much(world: World) -> None:
    await stopped_while_calls_are_under_way(world)
    stop = asyncio.create_task(world.stop("a"))
    await until(world, "12:00:08.3")
    await world.crash("b")
    world.start("c")
    await stop
    await until(world, "12:01:00")
    ended = dict(Counter(phase for _, phase, _ in world.outcomes()))
    assert len(set(world.receiver.keys())) == len(world.receiver.keys())
    assert ended["Lost"] <= 3  # those of the second one
    assert world.status()["counts"]["succeeded"] == ended["Succeeded"]


async def test_a_call_that_ends_elsewhere_can_be_stopped(world: World) -> None:
    world.receiver.seconds = 15
    world.task("t")
    world.start("a")
    world.start("b")
    await until(world, "12:00:02")
    stop = asyncio.create_task(world.stop("a"))
    await until(world, "12:00:05")
    world.server.edit(EXECUTIONS, FIRST, {"spec": {"stop": True}})
    await until(world, "12:00:07")
    assert world.outcomes() == [(FIRST, "Cancelled", "Stopped")]
    await stop


async def test_replace_stops_a_call_that_ends_elsewhere(world: World) -> None:
    world.receiver.seconds = 15
    world.task("t", "*/10 * * * * *", concurrencyPolicy="Replace", endAt="2026-03-01T12:00:12Z")
    world.start("a")
    world.start("b")
    await until(world, "12:00:02")
    stop = asyncio.create_task(world.stop("a"))
    await until(world, "12:00:12")
    assert world.outcomes() == [(FIRST, "Cancelled", "Stopped"), ("t-20260301120010", "Running", "")]
    await stop


async def test_who_cannot_write_the_records_keeps_the_lease_until_the_calls_have_ended(world: World) -> None:
    await stopped_while_calls_are_under_way(world)
    world.server.fail("create", EXECUTIONS, times=10_000)
    stop = asyncio.create_task(world.stop("a"))
    await until(world, "12:00:12")
    found = world.server.object(LEASES, "crontask-shard-0", "crontask-system")
    assert found["spec"]["holderIdentity"].startswith("a")
    world.server.heal()
    await stop
    await until(world, "12:00:50")
    assert {phase for _, phase, _ in world.outcomes()} == {"Succeeded"}


async def test_a_leader_that_was_suspended_sends_nothing_when_it_wakes(world: World) -> None:
    """Its loop stands still for an hour between the claim and the send; its clock does not."""
    world.task("t")
    operator = world.start("a")
    await until(world, "11:59:59.95")
    lease = operator.shards[0].lease
    assert lease.claimed_through == at("12:00:00")
    clock = lease._clock
    lease._clock = SimpleNamespace(monotonic=lambda: clock.monotonic() + 3600, now=clock.now)
    world.server.fail("patch", LEASES, times=10_000)
    await until(world, "12:00:03")
    assert world.receiver.keys() == []
    lease._clock = clock
    world.server.heal()
    await until(world, "12:00:08")
    assert world.receiver.keys() == [FIRST]


async def test_a_call_that_was_not_sent_before_the_hand_over_is_sent_by_the_successor(world: World) -> None:
    reference = {"secretKeyRef": {"name": "key", "key": "token"}}
    headers = [{"name": "Authorization", "valueFrom": reference}]
    world.server.put(SECRETS, {"metadata": {"name": "key"}, "data": {"token": "czNjcmV0"}})
    world.task("t", http={"url": "http://receiver.test/", "headers": headers})
    world.start("a")
    world.start("b")
    secret = world.server.hold("get", SECRETS)
    await until(world, "12:00:01")
    stop = asyncio.create_task(world.stop("a"))
    await until(world, "12:00:09")
    assert (world.receiver.keys(), world.outcomes()) == ([], [(FIRST, "Running", "")])
    secret.set()
    await until(world, "12:00:12")
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    await stop


async def test_what_somebody_else_has_run_is_not_begun_from_its_event(world: World) -> None:
    """The event brings a newer version; our claim must fail on the one under which it waited."""
    world.receiver.seconds = 30.0
    world.task("t", "*/2 * * * * *", concurrencyPolicy="Queue", startAt=START_AT, endAt="2026-03-01T12:00:02Z")
    world.start("a")
    await until(world, "12:00:05")
    ended = {"phase": "Succeeded", "startedAt": "2026-03-01T12:00:04Z", "finishedAt": "2026-03-01T12:00:05Z"}
    world.server.edit(EXECUTIONS, "t-20260301120002", {"status": ended})
    await until(world, "12:01:30")
    assert world.receiver.keys() == [FIRST]


async def test_a_replica_that_came_back_does_not_wait_for_its_former_self(world: World) -> None:
    """It began after the shard had been taken from the dead one, whose own Lease still looks alive."""
    world.task("t", EVERY_SECOND)
    world.start("a1")
    world.start("b1")
    await until(world, "12:00:00.300")
    await world.crash("a1")
    await until(world, "12:00:03")
    world.start("a2")
    await until(world, "12:00:10.300")
    await world.crash("b1")
    await until(world, "12:00:20")
    assert world.operators["a2"][0].shards[0].taken_over
    assert gaps(world) < 2.3
