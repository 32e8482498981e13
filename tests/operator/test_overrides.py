"""Runs by hand that do otherwise than their task says."""

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_kube.resources import PODS, TASKS

pytestmark = pytest.mark.looptime


async def test_every_attempt_goes_by_the_overrides(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=500, sent=True)]
    world.task(schedule="@manual", overridable=["Url", "Body"], retry={"limit": 1, "backoff": {"initialSeconds": 1}})
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x", overrides={"url": "http://receiver.test/other", "body": "b"})
    await until(world, "12:00:05")
    assert [(r.url, r.body) for _, r in world.receiver.received] == [("http://receiver.test/other", b"b")] * 2
    assert world.outcomes() == [("x", "Succeeded", "Completed")]


async def test_a_successor_keeps_the_overrides(world: World) -> None:
    world.pod_task(schedule="@manual", overridable=["Args"], retry={"limit": 1, "backoff": {"initialSeconds": 20}})
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x", overrides={"args": ["--all"]})
    await until(world, "11:59:57")
    world.end_pod("x-1", exit_code=1)
    await until(world, "12:00:00")
    await world.crash()
    world.start("b")
    await until(world, "12:00:30")
    pod = world.server.all(PODS)[-1]
    assert pod["metadata"]["name"] == "x-2"
    assert pod["spec"]["containers"][0]["args"] == ["--all"]


async def test_what_the_task_does_not_open_is_refused_with_its_remedy(world: World) -> None:
    world.task(schedule="@manual", overridable=["Body"])
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x", overrides={"url": "http://other.test/"})
    await until(world, "12:00:05")
    assert world.receiver.received == []
    assert world.outcomes() == [("x", "Failed", "NotOverridable")]
    message = world.executions()[0]["status"]["message"]
    assert message.startswith('spec.overrides.url: "http://other.test/" is not open')
    assert "spec.overridable" in message


async def test_a_successor_that_finds_overrides_closed_lets_the_attempt_end(world: World) -> None:
    world.pod_task(schedule="@manual", overridable=["Args"], retry={"limit": 3})
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x", overrides={"args": ["--all"]})
    await until(world, "11:59:57")
    await world.crash()
    world.server.edit(TASKS, "t", {"spec": {"overridable": []}})
    world.start("b")
    await until(world, "12:00:10")
    world.end_pod("x-1", exit_code=1)
    await until(world, "12:01:30")
    assert world.outcomes() == [("x", "Failed", "NonZeroExit")]
    assert world.pods_made() == ["x-1"]


@pytest.mark.parametrize("policy", ["Forbid", "Queue", "Replace"])
async def test_a_run_by_hand_beside_others_where_the_task_permits_it(world: World, policy: str) -> None:
    world.pod_task(schedule="0 12 * * *", concurrencyPolicy=policy, overridable=["Concurrency"])
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:05")
    world.by_hand("x", overrides={"concurrencyPolicy": "Allow"})
    await until(world, "12:00:15")
    assert world.status()["activeCount"] == 2
    await until(world, "12:00:40")
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded", "Succeeded"]


async def test_an_instant_sees_the_run_that_began_beside_others(world: World) -> None:
    world.pod_task(schedule="*/10 * * * * *", concurrencyPolicy="Forbid", overridable=["Concurrency"])
    world.kubelet(seconds=15)
    world.start()
    await until(world, "12:00:06")
    world.by_hand("x", overrides={"concurrencyPolicy": "Allow"})
    await until(world, "12:00:39")
    # The instant of 12:00:10 meets two, that of 12:00:20 the one by hand, which has ended by 12:00:30.
    assert world.pods_made()[:3] == ["t-20260301120000-1", "x-1", "t-20260301120030-1"]


async def test_a_run_that_is_refused_is_not_the_last_execution(world: World) -> None:
    world.pod_task(schedule="0 12 * * *", concurrencyPolicy="Forbid", history={"failed": 5})
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:05")
    world.by_hand("x")
    world.by_hand("y", overrides={"concurrencyPolicy": "Allow"})
    await until(world, "12:00:15")
    refused = {("x", "Cancelled", "Overlap"), ("y", "Failed", "NotOverridable")}
    assert refused <= set(world.outcomes())
    assert world.status().get("lastExecution") is None
    await until(world, "12:00:30")
    assert world.status()["lastExecution"]["name"] == "t-20260301120000"
