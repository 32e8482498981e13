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
