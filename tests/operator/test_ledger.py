"""What the status says of each instant: in the ledger, after pauses, edits, outages, losses, and beyond its bound."""

import pytest
from fakes.accounting import outcomes
from fakes.world import World, until

from crontask_core.model.ledger import MAX_ENTRIES
from crontask_kube.resources import EXECUTIONS, TASKS

pytestmark = pytest.mark.looptime


def patches(world: World) -> int:
    return sum((r.verb, r.resource) == ("patch", TASKS.plural) for r in world.server.requests)


async def test_a_healthy_task_has_one_range(world: World) -> None:
    world.task(schedule="*/10 * * * * *")
    world.start()
    await until(world, "12:02:05")
    [entry] = world.status()["ledger"]
    assert (entry["first"], entry["outcome"], entry["count"]) == ("2026-03-01T12:00:00Z", "Started", 13)
    assert entry["latenessMilliseconds"] < 50
    assert world.status()["timingSince"] == "2026-03-01T11:59:50Z"


async def test_a_pause_is_one_range_after_the_resume(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:01:30")
    world.server.edit(TASKS, "t", {"spec": {"suspend": True}})
    await until(world, "12:04:30")
    world.server.edit(TASKS, "t", {"spec": {"suspend": False}})
    await until(world, "12:05:30")
    assert [(e["outcome"], e.get("reason"), e["count"]) for e in world.status()["ledger"]] == [
        ("Started", None, 2),
        ("Skipped", "Suspended", 3),
        ("Started", None, 1),
    ]
    assert world.status()["counts"]["skipped"] == 3


async def test_a_pause_with_an_end_ends_by_itself(world: World) -> None:
    world.task(suspendUntil="2026-03-01T12:03:00Z")
    world.start()
    await until(world, "12:02:30")
    assert world.status()["nextRuns"][0] == "2026-03-01T12:03:00Z"
    await until(world, "12:04:30")
    assert list(outcomes(world).values()) == ["Skipped/Suspended"] * 3 + ["Started"] * 2


async def test_a_pause_with_an_end_that_is_cut_short_replays_nothing(world: World) -> None:
    world.task(suspendUntil="2026-03-01T18:00:00Z")
    world.start()
    await until(world, "12:02:30")
    world.server.edit(TASKS, "t", {"spec": {"suspendUntil": None}})
    await until(world, "12:03:30")
    assert list(outcomes(world).values()) == ["Skipped/Suspended"] * 3 + ["Started"]


@pytest.mark.parametrize("watched", [True, False])
async def test_instants_before_an_edit_are_told_from_those_after_it(world: World, watched: bool) -> None:
    world.task()
    world.start()
    await until(world, "12:01:15")
    if not watched:
        await world.crash()
    await until(world, "12:03:30")
    world.server.edit(TASKS, "t", {"spec": {"schedule": "*/20 * * * * *"}})
    if not watched:
        world.start("b")
    await until(world, "12:04:15")
    assert outcomes(world) == {"12:03:40": "Started", "12:04:00": "Started"}
    told = [(e["outcome"], e.get("reason")) for e in world.status()["ledger"]]
    assert told == (
        [("Started", None)] * 2 if watched else [("Started", None), ("Skipped", "Edited"), ("Started", None)]
    )


async def test_a_task_that_could_not_be_run_says_so_of_its_instants(world: World) -> None:
    world.task(http={"url": "http://receiver.test/", "success": {"bodyRegex": "("}})
    world.start()
    await until(world, "12:02:30")
    await world.crash()
    world.start("b")
    await until(world, "12:03:30")
    world.server.edit(TASKS, "t", {"spec": {"http": {"success": None}}})
    await until(world, "12:05:30")
    assert list(outcomes(world).values()) == ["Skipped/NotReady"] * 4 + ["Started"] * 2


async def test_an_outage_is_told_by_what_became_of_its_instants(world: World) -> None:
    world.task(startingDeadlineSeconds=600, missed={"policy": "Latest", "withinSeconds": 400})
    world.start()
    await until(world, "12:01:30")
    await world.crash()
    await until(world, "12:15:30")
    world.start("b")
    await until(world, "12:16:30")
    told = outcomes(world)
    assert told["12:05:00"] == "Missed/Deadline"
    assert told["12:06:00"] == "Missed/Window"
    assert told["12:14:00"] == "Missed/Downtime"
    assert (told["12:15:00"], told["12:16:00"]) == ("Late/CatchUp", "Started")
    [late] = [e for e in world.status()["ledger"] if e["outcome"] == "Late"]
    assert late["latenessMilliseconds"] > 30_000
    conditions = {each["type"]: each for each in world.status()["conditions"]}
    assert conditions["Late"]["status"] == "False", "the last start was on time again"


async def test_a_lost_call_changes_the_outcome_of_its_instant(world: World) -> None:
    world.receiver.seconds = 100
    world.task(schedule="*/10 * * * * *")
    world.start()
    await until(world, "12:00:25")
    await world.crash()
    world.receiver.seconds = 0.1
    world.start("b")
    await until(world, "12:01:05")
    told = outcomes(world)
    assert [told[f"12:00:{second}"] for second in ("00", "10", "20")] == ["Lost"] * 3
    assert told["12:00:40"] == "Started"


async def test_a_stop_leaves_the_outcome_of_what_has_begun(world: World) -> None:
    world.pod_task(schedule="0 12 * * *")
    world.start()
    await until(world, "12:00:05")
    world.server.edit(EXECUTIONS, "t-20260301120000", {"spec": {"stop": True}})
    world.end_pod("t-20260301120000-1", 143)
    await until(world, "12:00:30")
    assert outcomes(world) == {"12:00:00": "Started"}


async def test_the_ledger_is_bounded_and_says_what_it_has_forgotten(world: World) -> None:
    world.pod_task(schedule="* * * * * *", concurrencyPolicy="Forbid")
    world.kubelet(seconds=1.5)
    world.start()
    await until(world, "12:02:00")
    status = world.status()
    assert len(status["ledger"]) in (MAX_ENTRIES - 1, MAX_ENTRIES), "the latest one may not be recorded yet"
    assert status["ledgerSince"] < status["ledger"][0]["first"]
    assert set(outcomes(world).values()) == {"Started", "Skipped/Overlap"}


async def test_skipping_each_second_writes_at_most_once_in_ten(world: World) -> None:
    world.pod_task(schedule="* * * * * *", concurrencyPolicy="Forbid")
    world.kubelet(seconds=1000)
    world.start()
    await until(world, "12:00:15")
    before = patches(world)
    await until(world, "12:02:15")
    assert patches(world) - before <= 13
    assert outcomes(world)["12:02:00"] == "Skipped/Overlap"


async def test_an_ordinary_start_costs_one_patch(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:00:30")
    before = patches(world)
    await until(world, "12:10:30")
    assert patches(world) - before == 10


async def test_a_status_from_before_the_ledger_begins_one(world: World) -> None:
    world.task()
    world.server.edit(TASKS, "t", {"status": {"watermark": "2026-03-01T11:58:30Z", "observedGeneration": 1}})
    world.start()
    await until(world, "12:01:30")
    assert world.status()["ledgerSince"] == "2026-03-01T11:58:30Z"
    assert outcomes(world)["12:01:00"] == "Started"
