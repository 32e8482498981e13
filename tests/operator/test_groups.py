"""Groups and calendars at work: freezes, suspension, limits across tasks, and a take-over in the midst of it."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fakes.world import World, at, until

from crontask_kube.resources import CALENDARS, EXECUTIONS, GROUPS, PODS

pytestmark = pytest.mark.looptime


def ledger(world: World, task: str = "t") -> list[tuple[str, str, str, str]]:
    """Outcome, reason, first and last instant of each entry."""
    return [
        (entry["outcome"], entry.get("reason", ""), entry["first"][11:19], entry["last"][11:19])
        for entry in world.status(task)["ledger"]
    ]


def begun(world: World) -> list[datetime]:
    """When each execution began, in order."""
    return sorted(
        datetime.fromisoformat(body["status"]["startedAt"])
        for body in world.executions()
        if "startedAt" in body["status"]
    )


def overlap(world: World) -> int:
    """The greatest number of executions that ran at the same time, by their records."""
    edges: list[tuple[datetime, int]] = []
    for body in world.executions():
        status: dict[str, Any] = body["status"]
        if "startedAt" in status:
            edges.append((datetime.fromisoformat(status["startedAt"]), 1))
        if "startedAt" in status and "finishedAt" in status:
            edges.append((datetime.fromisoformat(status["finishedAt"]), -1))
    running = most = 0
    for _, change in sorted(edges):
        running += change
        most = max(most, running)
    return most


async def test_a_freeze_skips_what_falls_into_it_and_says_so(world: World) -> None:
    freeze = {"start": "2026-03-01T12:01:00Z", "end": "2026-03-01T12:03:00Z", "message": "release"}
    world.group("g", freezes=[freeze])
    world.task(group="g")
    world.start()
    await until(world, "12:01:30")
    world.by_hand("now")
    assert world.status()["nextRuns"][0] == "2026-03-01T12:03:00Z"
    await until(world, "12:03:30")
    assert world.receiver.keys() == ["t-20260301120000", "now", "t-20260301120300"]
    assert ledger(world) == [
        ("Started", "", "12:00:00", "12:00:00"),
        ("Skipped", "Frozen", "12:01:00", "12:02:00"),
        ("Started", "", "12:03:00", "12:03:00"),
    ]


async def test_calendars_take_away_instants(world: World) -> None:
    world.calendar("odd", weekly=[{"start": "12:01", "end": "12:02"}])
    world.calendar("early", weekly=[{"start": "11:00", "end": "12:03"}])
    world.calendar("five", weekly=[{"start": "12:05", "end": "12:06"}])
    world.group("g", freezeCalendars=["five"])
    world.task("kept", exclude=["odd"], only=["early"])
    world.task("grouped", group="g")
    world.start()
    await until(world, "12:05:30")
    calls = world.receiver.keys()
    assert [key for key in calls if key.startswith("kept")] == [
        "kept-20260301120000",
        "kept-20260301120200",
    ]
    assert ("Skipped", "Calendar", "12:01:00", "12:01:00") in ledger(world, "kept")
    assert ("Skipped", "Frozen", "12:05:00", "12:05:00") in ledger(world, "grouped")
    assert world.status("kept")["nextRuns"][0] == "2026-03-02T11:00:00Z"


async def test_an_edit_right_before_an_instant_holds_for_it(world: World) -> None:
    world.group("g")
    world.task(group="g")
    world.start()
    await until(world, "11:59:59.900")  # the plan is made already
    world.server.edit(GROUPS, "g", {"spec": {"suspend": True}})
    await until(world, "12:01:30")
    assert world.receiver.received == []
    assert ledger(world) == [("Skipped", "GroupSuspended", "12:00:00", "12:01:00")]
    assert world.condition("Frozen", "g", GROUPS)[:2] == ("True", "Suspended")
    world.server.edit(GROUPS, "g", {"spec": {"suspend": False}})
    await until(world, "12:02:30")
    assert world.receiver.keys() == ["t-20260301120200"]


async def test_an_edit_of_a_calendar_refreshes_the_next_runs(world: World) -> None:
    world.calendar("c", dates=["2026-12-25"])
    world.task(exclude=["c"])
    world.start()
    await until(world, "12:00:30")
    world.server.edit(CALENDARS, "c", {"spec": {"dates": ["2026-03-01"]}})
    await until(world, "12:00:40")
    assert world.status()["nextRuns"][0] == "2026-03-02T00:00:00Z"


async def test_what_is_missing_leaves_its_time_in_the_ledger(world: World) -> None:
    world.task(group="g")
    world.start()
    await until(world, "12:02:30")
    world.group("g")
    await until(world, "12:03:30")
    assert ledger(world) == [
        ("Skipped", "NotReady", "12:00:00", "12:02:00"),
        ("Started", "", "12:03:00", "12:03:00"),
    ]


async def test_a_limit_holds_across_tasks_and_the_line_moves_on(world: World) -> None:
    world.group("g", concurrencyLimit=2)
    for n in range(6):
        world.pod_task(f"t{n}", group="g", schedule="0 12 * * *")
    world.kubelet(seconds=10)
    world.start()
    await until(world, "12:00:05")
    phases = [phase for _, phase, _ in world.outcomes()]
    assert (phases.count("Running"), phases.count("Queued")) == (2, 4)
    status = world.status("g", GROUPS)
    assert (status["taskCount"], status["activeCount"], status["queuedCount"]) == (6, 2, 4)
    assert {reason for _, phase, reason in world.outcomes() if phase == "Queued"} == {"GroupLimit"}
    await until(world, "12:00:50")
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded"] * 6
    assert overlap(world) == 2
    late = [entry for n in range(6) for entry in ledger(world, f"t{n}") if entry[0] == "Late"]
    assert {reason for _, reason, _, _ in late} == {"GroupLimit"}
    assert world.status("g", GROUPS)["queuedCount"] == 0


async def test_a_run_by_hand_waits_under_a_limit_and_counts(world: World) -> None:
    world.group("g", concurrencyLimit=1)
    world.pod_task("t", group="g", schedule="@manual")
    world.kubelet(seconds=5)
    world.start()
    await until(world, "12:00:00")
    world.by_hand("one")
    await until(world, "12:00:01")
    world.by_hand("two")
    await until(world, "12:00:03")
    assert [(name, phase) for name, phase, _ in world.outcomes()] == [("one", "Running"), ("two", "Queued")]
    await until(world, "12:00:20")
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded", "Succeeded"]
    assert overlap(world) == 1


async def test_the_task_with_the_fewest_running_is_next(world: World) -> None:
    world.group("g", concurrencyLimit=2)
    world.pod_task("busy", group="g", schedule="*/5 * * * * *", queueLimit=20, history={"successful": 100})
    world.pod_task("rare", group="g", schedule="30 0 12 * * *")
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:55")
    rare = next(body for body in world.executions() if body["metadata"]["name"].startswith("rare"))
    started = datetime.fromisoformat(rare["status"]["startedAt"])
    earlier = [
        body
        for body in world.executions()
        if body["status"]["phase"] == "Queued" and body["spec"]["scheduledAt"] < "2026-03-01T12:00:30Z"
    ]
    assert earlier, "older instants of the busy task still wait"
    assert started - at("12:00:30") < timedelta(seconds=20)
    assert overlap(world) == 2


async def test_a_rate_spreads_a_burst(world: World) -> None:
    world.group("g", startsPerSecond=2)
    for n in range(9):
        world.task(f"t{n}", group="g", schedule="0 12 * * *")
    world.start()
    await until(world, "12:00:20")
    moments = [moment for moment, _ in world.receiver.received]
    assert len(moments) == 9
    assert moments[-1] < at("12:00:05")
    assert all(later - first > timedelta(seconds=0.95) for first, later in zip(moments, moments[2:], strict=False))


@pytest.mark.parametrize("crash_at", ["12:00:00.300", "12:00:04", "12:00:11", "12:00:20.500"])
async def test_limits_hold_across_a_take_over(world: World, crash_at: str) -> None:
    world.group("g", concurrencyLimit=2, startsPerSecond=1)
    for n in range(5):
        world.pod_task(f"t{n}", group="g", schedule="0 12 * * *")
    world.kubelet(seconds=10)
    world.start()
    await until(world, crash_at)
    await world.crash()
    world.start("b")
    await until(world, "12:01:30")
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded"] * 5
    assert len(world.pods_made()) == len(set(world.pods_made())) == 5
    assert overlap(world) <= 2
    created = begun(world)
    assert all(later - first >= timedelta(seconds=0.9) for first, later in pairwise(created))
    for n in range(5):
        assert len(ledger(world, f"t{n}")) == 1


async def test_a_freeze_holds_the_line_and_its_end_lets_it_go(world: World) -> None:
    world.group("g", concurrencyLimit=1)
    for name in ("a", "b"):
        world.pod_task(name, group="g", schedule="0 12 * * *")
    world.kubelet(seconds=10)
    world.start()
    await until(world, "12:00:05")
    world.server.edit(GROUPS, "g", {"spec": {"suspend": True}})
    await until(world, "12:01:00")
    assert sorted(phase for _, phase, _ in world.outcomes()) == ["Queued", "Succeeded"]
    world.server.edit(GROUPS, "g", {"spec": {"suspend": False}})
    await until(world, "12:01:20")
    assert [phase for _, phase, _ in world.outcomes()] == ["Succeeded", "Succeeded"]


async def test_a_raised_limit_is_used_at_once_and_a_stopped_one_leaves_the_line(world: World) -> None:
    world.group("g", concurrencyLimit=1)
    for n in range(4):
        world.pod_task(f"t{n}", group="g", schedule="0 12 * * *")
    world.start()
    await until(world, "12:00:05")
    waiting = [name for name, phase, _ in world.outcomes() if phase == "Queued"]
    world.server.edit(EXECUTIONS, waiting[0], {"spec": {"stop": True}})
    await until(world, "12:00:06")
    world.server.edit(GROUPS, "g", {"spec": {"concurrencyLimit": 2}})
    await until(world, "12:00:08")
    phases = {name: phase for name, phase, _ in world.outcomes()}
    assert phases[waiting[0]] == "Cancelled"
    assert sorted(phases.values()) == ["Cancelled", "Queued", "Running", "Running"]
    assert len(world.server.all(PODS)) == 2


async def test_who_was_replaced_gives_its_place_to_its_successor(world: World) -> None:
    world.group("g", concurrencyLimit=1)
    world.pod_task("t", group="g", schedule="*/30 * * * * *", concurrencyPolicy="Replace")
    world.start()
    await until(world, "12:00:50")
    phases = [phase for _, phase, _ in world.outcomes()]
    assert phases == ["Cancelled", "Running"]
    assert overlap(world) == 1


async def test_what_is_skipped_for_want_of_a_place_keeps_nobody_waiting(world: World) -> None:
    world.group("g", concurrencyLimit=1)
    kept = {"successful": 100, "failed": 100}
    world.pod_task("full", group="g", schedule="*/2 * * * * *", queueLimit=1, history=kept)
    world.pod_task("other", group="g", schedule="21 0 12 * * *")
    world.kubelet(seconds=10)
    world.start()
    await until(world, "12:00:09")
    for name in ("one", "two"):
        world.by_hand(name, task="full")
    await until(world, "12:00:12")
    refused = {name: (phase, reason) for name, phase, reason in world.outcomes() if name in ("one", "two")}
    assert refused == {"one": ("Cancelled", "Limit"), "two": ("Cancelled", "Limit")}
    await until(world, "12:02:00")
    starts = begun(world)
    assert len(starts) > 8
    assert all(later - first < timedelta(seconds=10.3) for first, later in pairwise(starts))
    assert ("Skipped", "Limit") in {entry[:2] for entry in ledger(world, "full")}


async def test_a_frozen_task_runs_after_no_other(world: World) -> None:
    world.group("g", suspend=True)
    world.task("first", schedule="0 12 * * *")
    world.task("second", schedule="@manual", after=[{"task": "first"}], group="g")
    world.start()
    await until(world, "12:00:30")
    [child] = [outcome for outcome in world.outcomes() if outcome[0].startswith("second")]
    assert child[1:] == ("Cancelled", "GroupSuspended")


async def test_a_task_outside_of_any_group_is_not_slowed_by_one(world: World) -> None:
    world.group("g", concurrencyLimit=1)
    for n in range(3):
        world.pod_task(f"in{n}", group="g", schedule="0 12 * * *")
    world.task("out", schedule="0 12 * * *")
    world.start()
    await until(world, "12:00:05")
    assert world.receiver.keys() == ["out-20260301120000"]
    assert (world.receiver.received[0][0] - at("12:00:00")).total_seconds() < 0.02
