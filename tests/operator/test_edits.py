"""What has begun goes by the spec that it began with: edits of its task change what comes after it."""

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_kube.resources import PODS, TASKS

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
BAD = CallFacts(http_status=500, sent=True)


async def test_an_edit_changes_no_retry_of_a_call_that_has_begun(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(schedule="0 12 * * *", retry={"limit": 1, "backoff": {"initialSeconds": 10}})
    world.start()
    await until(world, "12:00:05")
    world.server.edit(TASKS, "t", {"spec": {"retry": {"limit": 0}, "http": {"url": "http://other.test/"}}})
    await until(world, "12:00:20")
    assert [request.url for _, request in world.receiver.received] == ["http://receiver.test/"] * 2
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_an_edit_changes_no_retry_of_a_pod_that_has_begun(world: World) -> None:
    world.pod_task(schedule="0 12 * * *", retry={"limit": 1, "backoff": {"initialSeconds": 5}})
    world.kubelet(seconds=4, exit_code=1)
    world.start()
    await until(world, "12:00:02")
    world.server.edit(TASKS, "t", {"spec": {"pod": {"image": "other"}, "retry": {"limit": 9}}})
    await until(world, "12:00:11")
    [pod] = [body for body in world.server.all(PODS) if body["metadata"]["name"] == f"{FIRST}-2"]
    assert pod["spec"]["containers"][0]["image"] == "i"
    await until(world, "12:00:50")
    assert world.outcomes() == [(FIRST, "Failed", "NonZeroExit")]
    assert world.pods_made() == [f"{FIRST}-1", f"{FIRST}-2"]


async def test_an_edit_to_another_action_lets_what_runs_end(world: World) -> None:
    world.pod_task()
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:05")
    world.server.edit(TASKS, "t", {"spec": {"pod": None, "http": {"url": "http://receiver.test/"}}})
    await until(world, "12:00:40")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    await until(world, "12:01:10")
    assert world.receiver.keys() == ["t-20260301120100"]


async def test_a_successor_goes_on_by_the_task_as_it_is_then(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(schedule="0 12 * * *", retry={"limit": 1, "backoff": {"initialSeconds": 30}})
    world.start()
    await until(world, "12:00:05")
    await world.crash()
    world.server.edit(TASKS, "t", {"spec": {"http": {"url": "http://other.test/"}}})
    world.start("b")
    await until(world, "12:00:50")
    assert [request.url for _, request in world.receiver.received] == ["http://receiver.test/", "http://other.test/"]
