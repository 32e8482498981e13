"""From a due instant to an outcome: what is started, when, and what the status says of it."""

import asyncio
from collections.abc import Callable

import pytest
from fakes.world import World, at, until

from crontask_core.httpcall import CallError, CallFacts, HttpRequest, Reason
from crontask_core.names import Key
from crontask_kube.resources import EXECUTIONS, LEASES, PODS, TASKS

pytestmark = pytest.mark.looptime


async def test_a_call_is_made_at_its_instant_and_recorded_once(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:00:30")
    [(moment, request)] = world.receiver.received
    assert 0 <= (moment - at("12:00:00")).total_seconds() < 0.02
    assert dict(request.headers)["Idempotency-Key"] == "default/t-20260301120000"
    assert world.outcomes() == [("t-20260301120000", "Succeeded", "Completed")]
    writes = [r for r in world.server.requests if r.resource == EXECUTIONS.plural and r.verb in ("create", "patch")]
    assert [r.verb for r in writes] == ["create"]


async def test_the_claim_is_written_before_anything_is_sent(world: World) -> None:
    world.pod_task()
    world.start()
    await until(world, "12:00:05")
    verbs = [(r.verb, r.resource) for r in world.server.requests]
    pod = verbs.index(("create", PODS.plural))
    claims = [
        n
        for n, r in enumerate(world.server.requests)
        if r.resource == LEASES.plural and "2026-03-01T12:00:00" in str(r.body)
    ]
    assert claims[0] < pod


async def test_a_pod_is_created_followed_and_swept(world: World) -> None:
    world.pod_task()
    world.kubelet(seconds=15)
    world.start()
    await until(world, "12:00:01")
    assert world.outcomes() == [("t-20260301120000", "Running", "")]
    await until(world, "12:00:11")
    assert world.status()["activeCount"] == 1
    await until(world, "12:00:30")
    assert world.outcomes() == [("t-20260301120000", "Succeeded", "Completed")]
    assert world.pods_made() == ["t-20260301120000-1"]
    assert world.server.all(PODS) == []
    assert world.status()["activeCount"] == 0


async def test_the_status_tells_what_happened_and_what_comes(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:02:30")
    status = world.status()
    assert status["lastScheduleTime"] == "2026-03-01T12:02:00Z"
    assert status["nextRuns"] == ["2026-03-01T12:03:00Z", "2026-03-01T12:04:00Z", "2026-03-01T12:05:00Z"]
    none = ("failed", "cancelled", "lost", "skipped", "missed", "retried")
    assert status["counts"] == {"succeeded": 3} | dict.fromkeys(none, 0)
    assert status["lastExecution"]["phase"] == "Succeeded"
    conditions = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
    assert conditions == {
        "Ready": ("True", "Valid"),
        "Scheduled": ("True", "Waiting"),
        "Failing": ("False", "Succeeded"),
    }


async def test_an_idle_task_costs_no_writes(world: World) -> None:
    world.task(schedule="@yearly")
    world.start()
    await until(world, "12:00:10")
    before = len([r for r in world.server.requests if r.resource != LEASES.plural])
    await until(world, "12:04:00")
    after = [r for r in world.server.requests if r.resource != LEASES.plural][before:]
    assert after == []


async def test_history_keeps_as_many_as_the_task_wants(world: World) -> None:
    world.task(schedule="*/10 * * * * *", history={"successful": 2})
    world.start()
    await until(world, "12:01:07")
    assert [name for name, _, _ in world.outcomes()] == ["t-20260301120050", "t-20260301120100"]


@pytest.mark.parametrize(
    ("policy", "made", "skipped"),
    [
        ("Allow", ["t-20260301120000-1", "t-20260301120010-1", "t-20260301120020-1"], 0),
        ("Forbid", ["t-20260301120000-1"], 2),
        ("Replace", ["t-20260301120000-1", "t-20260301120010-1", "t-20260301120020-1"], 0),
    ],
)
async def test_an_overlap_is_treated_as_the_policy_says(
    world: World, policy: str, made: list[str], skipped: int
) -> None:
    world.pod_task(schedule="*/10 * * * * *", concurrencyPolicy=policy)
    world.kubelet(seconds=1000)
    operator = world.start()
    await until(world, "12:00:28")
    assert world.pods_made() == made
    assert operator.shards[0].index.tasks[Key("default", "t")].tally.skipped == skipped
    alive = [body["metadata"]["name"] for body in world.server.all(PODS)]
    assert alive == (made if policy != "Replace" else made[-1:])


async def test_one_bad_task_stops_nothing_but_itself(world: World) -> None:
    world.task("bad", schedule="0 0 30 2 *")
    world.task("zone", timeZone="Europe/Atlantis")
    world.task("good")
    world.start()
    await until(world, "12:00:30")
    assert world.outcomes() == [("good-20260301120000", "Succeeded", "Completed")]
    for name, path in (("bad", "spec.schedule"), ("zone", "spec.timeZone")):
        [ready] = [c for c in world.status(name)["conditions"] if c["type"] == "Ready"]
        assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
        assert path in ready["message"]
    assert sorted(reason for reason, _ in world.events()) == ["InvalidSpec", "InvalidSpec"]


async def test_an_edit_and_a_resume_fire_nothing_that_lies_before_them(world: World) -> None:
    world.task("edited", schedule="0 0 1 1 *")
    world.task("resumed", suspend=True)
    world.start()
    await until(world, "12:05:30")
    world.server.edit(TASKS, "edited", {"spec": {"schedule": "*/5 * * * *"}})
    world.server.edit(TASKS, "resumed", {"spec": {"suspend": False}})
    await until(world, "12:05:50")
    assert world.receiver.received == []
    await until(world, "12:06:30")
    assert world.receiver.keys() == ["resumed-20260301120600"]


async def test_a_clock_step_never_fires_twice(world: World) -> None:
    world.task(schedule="*/10 * * * * *")
    world.start()
    await until(world, "12:00:25")
    world.clock.step(-15)
    await until(world, "12:00:38")
    keys = world.receiver.keys()
    assert len(keys) == len(set(keys))
    assert keys[-1] == "t-20260301120030"


async def test_a_deleted_task_takes_its_call_along(world: World) -> None:
    world.receiver.seconds = 100
    world.task()
    world.start()
    await until(world, "12:00:05")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:10")
    assert world.operators["a"][0].shards[0].index.runs == {}
    assert world.executions() == []


async def test_what_was_not_sent_is_sent_although_the_next_plan_was_already_made(world: World) -> None:
    """The first call keeps the only slot until the next second's plans are made; the second is then not sent."""
    for name in ("a", "b"):
        world.task(name, schedule="* * * * * *", history={"successful": 100})
    call, asked = world.receiver.call, []

    async def refuse_the_second(request: HttpRequest, *, may_send: Callable[[], bool] | None = None) -> CallFacts:
        asked.append(dict(request.headers)["Idempotency-Key"].partition("/")[2])
        if len(asked) == 1:
            await asyncio.sleep(0.8)
        if len(asked) == 2:
            return CallFacts(error=CallError(Reason.NOT_SENT, "the right to start this execution had run out"))
        return await call(request, may_send=may_send)

    world.receiver.call = refuse_the_second  # type: ignore[method-assign]
    world.start(http_limit=1)
    await until(world, "12:00:05")
    assert asked.count(asked[1]) == 2
    assert (asked[1], "Succeeded", "Completed") in world.outcomes()
    assert {asked.count(key) for key in asked if key != asked[1]} == {1}


async def test_what_was_not_sent_while_its_record_was_being_written_ends_all_the_same(world: World) -> None:
    world.task()
    call, asked = world.receiver.call, []

    async def refuse_the_first(request: HttpRequest, *, may_send: Callable[[], bool] | None = None) -> CallFacts:
        asked.append(request)
        if len(asked) > 1:
            return await call(request, may_send=may_send)
        await asyncio.sleep(0.8)  # an execution that still runs is recorded after half a second
        return CallFacts(error=CallError(Reason.NOT_SENT, "the right to start this execution had run out"))

    world.receiver.call = refuse_the_first  # type: ignore[method-assign]
    go = world.server.hold("create", EXECUTIONS)
    world.start()
    await until(world, "12:00:05")
    go.set()
    await until(world, "12:00:20")
    assert world.outcomes() == [("t-20260301120000", "Succeeded", "Completed")]
    assert len(world.receiver.received) == 1


async def test_a_record_that_is_refused_for_a_while_is_written_at_last(world: World) -> None:
    world.pod_task()
    world.kubelet(seconds=2)
    world.server.fail("create", EXECUTIONS, times=3, status=403, reason="Forbidden")
    world.start()
    await until(world, "12:00:50")
    assert world.outcomes() == [("t-20260301120000", "Succeeded", "Completed")]
    assert world.status()["counts"]["succeeded"] == 1
    assert world.pods_made() == ["t-20260301120000-1"]
