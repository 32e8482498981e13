"""Restart at any moment loses nothing and starts nothing twice: crashes at each point of an execution's life.

The point is hit by holding the very request that would end it; the process then
dies with that request in flight, which either never arrives or has arrived.
"""

import asyncio
from typing import Any, cast

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.errors import Conflict, Unavailable
from crontask_kube.resources import EXECUTIONS, LEASES, PODS, TASKS

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"


async def test_killed_between_the_claim_and_the_pod(world: World) -> None:
    world.pod_task()
    world.kubelet()
    world.start()
    world.server.hold("create", PODS)
    await until(world, "12:00:01")
    assert world.pods_made() == []
    await world.crash()
    world.start("b")
    await until(world, "12:00:30")
    assert world.pods_made() == [f"{FIRST}-1"]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_killed_while_the_pods_creation_was_in_flight(world: World) -> None:
    world.pod_task()
    world.kubelet(seconds=8)
    world.start()
    world.server.hold("create", PODS, after=True)
    await until(world, "12:00:01")
    assert world.pods_made() == [f"{FIRST}-1"]
    await world.crash()
    world.start("b")
    await until(world, "12:00:30")
    assert world.pods_made() == [f"{FIRST}-1"]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


@pytest.mark.parametrize("seconds", [0.1, 3.0, 20.0])
async def test_killed_between_the_pod_and_its_record(world: World, seconds: float) -> None:
    world.pod_task()
    world.kubelet(seconds)
    world.start()
    world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:02")
    assert world.executions() == []
    await world.crash()
    world.start("b")
    await until(world, "12:00:40")
    assert world.pods_made() == [f"{FIRST}-1"]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert world.status()["counts"]["succeeded"] == 1


async def test_killed_in_the_middle_of_a_call(world: World) -> None:
    world.receiver.seconds = 10
    world.task()
    world.start()
    await until(world, "12:00:03")
    assert world.outcomes() == [(FIRST, "Running", "")]
    await world.crash()
    world.start("b")
    await until(world, "12:00:30")
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]
    assert world.status()["counts"]["lost"] == 1


async def test_killed_in_the_middle_of_a_call_before_its_first_record(world: World) -> None:
    world.receiver.seconds = 10
    world.task()
    world.start()
    await until(world, "12:00:00.200")
    assert world.receiver.keys() == [FIRST]
    await world.crash()
    world.start("b")
    await until(world, "12:00:30")
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]


async def test_killed_between_a_calls_end_and_its_record(world: World) -> None:
    world.task()
    world.start()
    world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:01")
    assert world.receiver.keys() == [FIRST]
    await world.crash()
    world.start("b")
    await until(world, "12:00:30")
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]


async def test_killed_after_the_record_and_before_the_status(world: World) -> None:
    world.task()
    world.start()
    world.server.hold("patch", TASKS, times=3)
    await until(world, "12:00:05")
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:00:30")
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert world.status()["counts"]["succeeded"] == 1


async def test_a_lost_call_runs_again_where_the_task_says_so(world: World) -> None:
    world.receiver.seconds = 10
    world.task(retry={"limit": 1, "lost": True, "backoff": {"initialSeconds": 1}})
    world.start()
    await until(world, "12:00:03")
    await world.crash()
    world.start("b")
    await until(world, "12:00:50")
    assert world.receiver.keys() == [FIRST, FIRST]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_killed_while_a_retry_waits(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=500, sent=True)]
    world.task(retry={"limit": 2, "backoff": {"initialSeconds": 15}})
    world.start()
    await until(world, "12:00:05")
    await world.crash()
    world.start("b")
    await until(world, "12:00:40")
    assert world.receiver.keys() == [FIRST, FIRST]
    assert (world.receiver.received[1][0] - world.receiver.received[0][0]).total_seconds() >= 15
    [execution] = world.executions()
    assert [a["reason"] for a in execution["status"]["attempts"]] == ["BadStatus", "Completed"]


async def test_killed_between_a_retrys_record_and_its_call_sends_it_no_second_time(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=500, sent=True)]
    world.task(retry={"limit": 1, "backoff": {"initialSeconds": 5}})
    world.start()
    await until(world, "12:00:03")
    world.server.hold("patch", EXECUTIONS, after=True)
    await until(world, "12:00:06")
    assert world.receiver.keys() == [FIRST]
    await world.crash()
    world.start("b")
    await until(world, "12:00:40")
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]


async def test_an_orderly_stop_waits_for_the_call_and_hands_over_without_a_gap(world: World) -> None:
    world.receiver.seconds = 5
    world.task(schedule="*/10 * * * * *")
    world.start()
    await until(world, "12:00:02")
    await world.stop()
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    [lease] = world.server.all(LEASES)
    assert lease["spec"]["holderIdentity"] == ""
    world.start("b")
    await until(world, "12:00:28")
    assert world.receiver.keys() == [FIRST, "t-20260301120010", "t-20260301120020"]


async def test_a_stopping_operator_does_not_take_the_shard_back(world: World) -> None:
    operator = world.start()
    await until(world, "12:00:00")
    await operator.drain()
    await until(world, "12:00:20")
    [lease] = world.server.all(LEASES)
    assert lease["spec"]["holderIdentity"] == ""


async def test_a_standby_takes_over_within_the_leases_time(world: World) -> None:
    world.task(schedule="* * * * * *", history={"successful": 100})
    world.start("a")
    await until(world, "12:00:00")
    world.start("b")
    await until(world, "12:00:05.500")
    await world.crash("a")
    await until(world, "12:00:30.500")
    keys = world.receiver.keys()
    assert len(keys) == len(set(keys)), "nothing is started twice"
    names = {name for name, _, _ in world.outcomes()}
    assert names >= {f"t-202603011200{second:02}" for second in range(30)}, "every instant has its outcome"


async def test_a_standby_that_has_watched_for_long_goes_on_from_what_the_leader_stored(world: World) -> None:
    world.task(schedule="*/2 * * * * *")
    world.start("a")
    world.start("b")
    await until(world, "12:00:20.500")
    await world.crash("a")
    world.server.edit(TASKS, "t", {"spec": {"suspend": True}})
    await until(world, "12:00:40")
    counts = world.status()["counts"]
    calls = len(world.receiver.keys())
    assert calls >= 15
    assert (counts["succeeded"], counts["lost"]) == (calls, 0)


async def test_only_one_of_two_replicas_starts_anything(world: World) -> None:
    world.task(schedule="* * * * * *")
    world.start("a")
    world.start("b")
    await until(world, "12:00:20")
    keys = world.receiver.keys()
    assert len(keys) == len(set(keys))
    holders = {r.body["spec"].get("holderIdentity") for r in world.server.requests if _is_claim(r)}
    assert len(holders) == 1


def _is_claim(request: object) -> bool:
    body = getattr(request, "body", None)
    return getattr(request, "resource", "") == LEASES.plural and "claimed-through" in str(body) and "spec" in body


async def test_an_api_that_is_gone_starts_nothing_blindly(world: World) -> None:
    world.task(schedule="*/10 * * * * *", missed={"policy": "Skip"})
    world.start()
    await until(world, "12:00:05")
    world.server.fail(None, None, times=1_000_000, status=503)
    await until(world, "12:02:03")
    assert world.receiver.keys() == [FIRST]
    world.server.heal()
    await until(world, "12:02:25")
    started = world.receiver.keys()
    assert len(started) == len(set(started))
    assert "t-20260301120220" in started
    assert world.status()["counts"]["missed"] + len(started) == 15


async def test_a_call_without_record_is_started_anew_where_the_task_says_so(world: World) -> None:
    world.receiver.seconds = 2
    world.task(retry={"lost": True})
    world.start()
    await until(world, "12:00:00.200")
    await world.crash()
    world.start("b")
    await until(world, "12:00:30")
    assert world.receiver.keys() == [FIRST, FIRST]
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_a_call_that_was_claimed_before_a_pause_is_accounted_for(world: World) -> None:
    world.receiver.seconds = 10
    world.task()
    world.start()
    await until(world, "12:00:00.200")
    await world.crash()
    world.server.edit(TASKS, "t", {"spec": {"suspend": True}})
    world.start("b")
    await until(world, "12:00:30")
    assert world.receiver.keys() == [FIRST]
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]


async def test_a_replaced_execution_stays_replaced_for_the_next_leader(world: World) -> None:
    world.pod_task(schedule="*/20 * * * * *", concurrencyPolicy="Replace", retry={"limit": 3})
    world.start()
    await until(world, "12:00:05")
    world.server.hold("delete", PODS)
    await until(world, "12:00:22")
    await world.crash()
    world.server.heal()
    world.start("b")
    world.server.remove(PODS, f"{FIRST}-1")
    await until(world, "12:00:35")
    assert world.outcomes()[0] == (FIRST, "Cancelled", "Replaced")
    assert world.pods_made() == [f"{FIRST}-1", "t-20260301120020-1"]


async def test_a_record_that_arrives_late_undoes_nothing_of_the_successors(world: World) -> None:
    """The network holds a leader's write back for longer than the leader lives."""
    world.receiver.seconds, world.receiver.answers = 0.7, [CallFacts(http_status=500, sent=True)]
    world.task("t", retry={"limit": 1, "backoff": {"initialSeconds": 30}})
    world.start("a")
    world.start("b")
    await until(world, "12:00:00.65")
    world.server.hold("patch", EXECUTIONS)
    await until(world, "12:00:01.5")
    await world.crash("a")
    await until(world, "12:00:05")
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]
    network, _ = world.connect("network")
    with pytest.raises(Conflict):
        await network.patch(EXECUTIONS, "default", FIRST, world.server.seen("patch", EXECUTIONS)[0].body)
    assert world.outcomes() == [(FIRST, "Lost", "Lost")]


class Cut:
    """An API server whose answer ends when the connection does."""

    def __init__(self) -> None:
        self.asked, self.over = 0, asyncio.Event()

    async def patch(self, *_: Any, **__: Any) -> None:
        self.asked += 1
        await self.over.wait()
        raise Unavailable("no answer")


async def test_a_status_that_fails_after_the_shard_was_lost_is_not_repeated(world: World) -> None:
    """Or it would be, once this replica leads again: over what the leader in between has written."""
    world.task("t", "@manual")
    shard, api = world.start("a").shards[0], Cut()
    await until(world, "12:00:00")
    shard.statuses._api = cast(ApiClient, api)
    shard.statuses.touch(shard.index.tasks[Key("default", "t")], delay=0)
    await until(world, "12:00:01")
    shard.statuses.forget_all()
    api.over.set()
    await until(world, "12:00:30")
    assert api.asked == 1


async def test_a_take_over_that_the_shard_is_lost_in_leaves_nothing_behind(world: World) -> None:
    """What still waited then has been started by the successor when this replica leads again."""
    world.task("t", "@manual", concurrencyPolicy="Queue")
    waits = {"taskRef": {"name": "t"}, "trigger": "Schedule", "scheduledAt": "2026-03-01T11:59:00Z"}
    world.server.put(EXECUTIONS, {"metadata": {"name": "t-1"}, "spec": waits, "status": {"phase": "Queued"}})
    asked = world.server.hold("list", PODS)
    shard = world.start("a").shards[0]
    await until(world, "11:59:53")
    assert shard.leadership.holding
    lease = {"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 30}}
    world.server.edit(LEASES, "crontask-shard-0", lease, "crontask-system")
    await until(world, "11:59:56")
    assert not shard.leadership.holding
    asked.set()
    await until(world, "12:00:00")
    assert (shard.taken_over, shard.adoption.leading, list(shard.index.runs)) == (False, False, [])


def taking_over(world: World) -> asyncio.Event:
    """An operator whose take-over has listed executions and goes on once the event is set."""
    world.start("a")
    return world.server.hold("list", TASKS)


async def test_what_is_made_during_a_take_over_is_run(world: World) -> None:
    world.pod_task("t", "@manual")
    world.kubelet()
    listed = taking_over(world)
    await until(world, "11:59:53")
    world.by_hand("x")
    await until(world, "11:59:54")
    listed.set()
    await until(world, "12:00:10")
    assert world.outcomes() == [("x", "Succeeded", "Completed")]


async def test_what_is_deleted_or_to_be_stopped_during_a_take_over_is_not_run(world: World) -> None:
    world.pod_task("t", "@manual")
    world.kubelet()
    for name in ("gone", "stopped"):
        world.by_hand(name)
    listed = taking_over(world)
    await until(world, "11:59:53")
    world.server.remove(EXECUTIONS, "gone")
    world.server.edit(EXECUTIONS, "stopped", {"spec": {"stop": True}})
    await until(world, "11:59:54")
    listed.set()
    await until(world, "12:00:10")
    assert world.outcomes() == [("stopped", "Cancelled", "Stopped")]
    assert world.pods_made() == []


@pytest.mark.parametrize("pod", [True, False], ids=["pod", "http"])
async def test_the_resync_goes_on_with_what_nobody_follows(world: World, pod: bool) -> None:
    """That must not be; were it so after all, nobody would be told, and the execution would run for ever."""
    (world.pod_task if pod else world.task)("t", "@manual")
    world.kubelet()
    shard = world.start(resync_seconds=60.0).shards[0]
    await until(world, "11:59:55")
    world.by_hand("x")
    await asyncio.sleep(0.05)
    run = next(iter(shard.index.runs.values()))
    shard.executions.drop(run)
    await until(world, "12:02:10")
    assert world.outcomes() == [("x", "Succeeded", "Completed") if pod else ("x", "Lost", "Lost")]


async def test_an_older_state_of_a_record_never_follows_a_newer_one(world: World) -> None:
    """The end of the first attempt is still being written when the second one is to be recorded, and sent."""
    world.receiver.answers, world.receiver.seconds = [CallFacts(http_status=500, sent=True)] * 9, 0.7
    world.task(retry={"limit": 1, "backoff": {"initialSeconds": 1}}, endAt="2026-03-01T12:00:00Z")
    world.start("a")
    await until(world, "12:00:00.600")
    held = world.server.hold("patch", EXECUTIONS)
    await until(world, "12:00:02")
    assert len(world.receiver.received) == 1, "the second attempt waits for its turn to be recorded"
    held.set()
    await until(world, "12:00:02.100")
    assert len(world.receiver.received) == 2
    await world.crash("a")
    world.start("b")
    await until(world, "12:00:20")
    assert len(world.receiver.received) == 2
    assert [attempt["reason"] for attempt in world.executions()[0]["status"]["attempts"]] == ["BadStatus", "Lost"]


async def test_a_record_that_arrives_late_counts_and_not_what_was_decided_without_it(world: World) -> None:
    """It was on its way when its leader died; the successor had already taken the call for lost."""
    world.task(endAt="2026-03-01T12:00:00Z")
    world.start("a")
    world.server.hold("create", EXECUTIONS)
    await until(world, "12:00:00.500")
    await world.crash("a")
    held = world.server.hold("create", EXECUTIONS)
    b = world.start("b").shards[0]
    await until(world, "12:00:08")
    assert [run.phase for run in b.index.runs.values()] == ["Lost"]
    ended = {"phase": "Succeeded", "startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:00Z"}
    spec = {"taskRef": {"name": "t"}, "trigger": "Schedule", "scheduledAt": "2026-03-01T12:00:00Z"}
    late = {"status": ended | {"latenessMilliseconds": 3, "attempts": [{"number": 1}]}, "spec": spec}
    world.server.put(EXECUTIONS, {"metadata": {"name": FIRST}, **late})
    held.set()
    await until(world, "12:00:20")
    assert world.outcomes() == [(FIRST, "Succeeded", "")]
    assert {name: world.status()["counts"][name] for name in ("succeeded", "lost")} == {"succeeded": 1, "lost": 0}
    assert [entry["outcome"] for entry in world.status()["ledger"]] == ["Started"]
