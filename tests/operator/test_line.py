"""Executions that wait: begun one by one, stopped, given up, held, and picked up after a crash at any moment."""

import asyncio
from itertools import pairwise

import pytest
from fakes.accounting import outcomes
from fakes.world import World, at, until

from crontask_core.model.ledger import LedgerEntry
from crontask_kube.resources import EXECUTIONS, TASKS

pytestmark = pytest.mark.looptime

FIRST, SECOND, THIRD = (f"t-202603011200{second}" for second in ("00", "10", "20"))


def queue(world: World, seconds: float, **spec: object) -> None:
    """A pod of so many seconds every ten seconds, under Queue."""
    rules = {"concurrencyPolicy": "Queue", "history": {"successful": 100, "failed": 100}} | spec
    world.pod_task(schedule="*/10 * * * * *", endAt="2026-03-01T12:00:20Z", **rules)
    world.kubelet(seconds)


def begun(world: World) -> list[tuple[str, str]]:
    """Name and start of each execution that has begun, in that order."""
    started = [(e["metadata"]["name"], e["status"].get("startedAt", "")) for e in world.executions()]
    return sorted(((name, moment[11:19]) for name, moment in started if moment), key=lambda each: each[1])


def most_at_once(world: World) -> int:
    """How many executions of the recorded ones ran at the same time at most."""
    spans = [
        (e["status"]["startedAt"], e["status"].get("finishedAt", "9"))
        for e in world.executions()
        if "startedAt" in e["status"]
    ]
    return max((sum(begin <= other[0] < end for other in spans) for begin, end in spans), default=0)


async def test_under_queue_they_run_one_after_the_other(world: World) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:15")
    assert world.outcomes()[1][1:] == ("Queued", "Overlap")
    assert (world.status()["activeCount"], world.status()["queuedCount"]) == (1, 1)
    assert [each["name"] for each in world.status()["active"]] == [FIRST, SECOND], "a successor looks at both"
    await until(world, "12:02:00")
    assert begun(world) == [(FIRST, "12:00:00"), (SECOND, "12:00:25"), (THIRD, "12:00:50")]
    assert list(outcomes(world).values()) == ["Started", "Late/Queued", "Late/Queued"]
    assert world.status()["activeCount"] == world.status()["queuedCount"] == 0
    assert world.status()["counts"]["succeeded"] == 3


async def test_as_many_run_at_once_as_may(world: World) -> None:
    queue(world, 25, concurrencyLimit=2)
    world.start()
    await until(world, "12:02:00")
    assert begun(world) == [(FIRST, "12:00:00"), (SECOND, "12:00:10"), (THIRD, "12:00:25")]


async def test_a_full_queue_takes_no_more(world: World) -> None:
    queue(world, 100, queueLimit=1)
    world.start()
    await until(world, "12:01:00")
    assert list(outcomes(world).values()) == ["Started", "Queued/Overlap", "Skipped/Limit"]


async def test_what_waits_can_be_stopped(world: World) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:15")
    world.server.edit(EXECUTIONS, SECOND, {"spec": {"stop": True}})
    await until(world, "12:00:17")
    assert world.outcomes()[1] == (SECOND, "Cancelled", "Stopped")
    await until(world, "12:02:00")
    assert begun(world) == [(FIRST, "12:00:00"), (THIRD, "12:00:25")]
    assert outcomes(world)["12:00:10"] == "Cancelled/Stopped"


async def test_what_waits_too_long_is_given_up(world: World) -> None:
    queue(world, 100, startingDeadlineSeconds=20)
    world.start()
    await until(world, "12:00:31")
    assert world.outcomes()[1] == (SECOND, "Cancelled", "Deadline")
    await until(world, "12:02:00")
    assert list(outcomes(world).values()) == ["Started", "Missed/Deadline", "Missed/Deadline"]
    counts = world.status()["counts"]
    assert (counts["missed"], counts["cancelled"]) == (2, 2)


async def test_a_pause_holds_what_waits(world: World) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:15")
    world.server.edit(TASKS, "t", {"spec": {"suspend": True}})
    await until(world, "12:01:00")
    assert begun(world) == [(FIRST, "12:00:00")]
    world.server.edit(TASKS, "t", {"spec": {"suspend": False}})
    await until(world, "12:02:00")
    assert begun(world) == [(FIRST, "12:00:00"), (SECOND, "12:01:00")]


async def test_a_run_by_hand_waits_as_well(world: World) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:05")
    world.by_hand("x")
    await until(world, "12:00:08")
    assert ("x", "Queued", "Overlap") in world.outcomes()
    await until(world, "12:03:00")
    assert begun(world) == [(FIRST, "12:00:00"), ("x", "12:00:25"), (SECOND, "12:00:50"), (THIRD, "12:01:15")]


async def test_waiting_for_long_makes_a_task_late(world: World) -> None:
    queue(world, 60)
    world.start()
    await until(world, "12:00:24")
    assert all(each["type"] != "Late" for each in world.status()["conditions"])
    await until(world, "12:00:27")
    [late] = [each for each in world.status()["conditions"] if each["type"] == "Late"]
    assert (late["status"], late["reason"]) == ("True", "Waiting")


async def test_missed_instants_are_made_up_for_one_a_second(world: World) -> None:
    world.task(missed={"policy": "All", "limit": 4}, history={"successful": 100})
    world.start()
    await until(world, "12:00:30")
    await world.crash()
    await until(world, "12:06:30")
    world.start("b")
    await until(world, "12:06:50")
    sent = [
        (key[-6:-2], moment)
        for moment, request in world.receiver.received
        for key in [dict(request.headers)["Idempotency-Key"]]
        if moment > at("12:06:00")
    ]
    assert [key for key, _ in sent] == ["1203", "1204", "1205", "1206"]
    gaps = [(later - sooner).total_seconds() for (_, sooner), (_, later) in pairwise(sent)]
    assert all(gap >= 0.95 for gap in gaps)
    assert list(outcomes(world).values()) == ["Started"] + ["Missed/Limit"] * 2 + ["Late/CatchUp"] * 4


async def test_a_clock_that_is_set_back_does_not_hold_up_what_is_made_up_for(world: World) -> None:
    world.task(missed={"policy": "All", "limit": 5}, history={"successful": 100})
    world.start()
    await until(world, "12:00:30")
    await world.crash()
    await until(world, "12:06:30")
    world.start("b")
    await until(world, "12:06:34.500")
    assert 1 < len(world.receiver.received) < 6, "it is making up for what was missed"
    world.clock.step(-300)
    await asyncio.sleep(10)
    assert len(set(world.receiver.keys())) == len(world.receiver.received) == 6
    await until(world, "12:07:30")


@pytest.mark.parametrize("http", [False, True])
@pytest.mark.parametrize(
    ("verb", "after", "moment"),
    [
        ("create", False, "12:00:10.200"),  # the object of what waits is being made
        ("create", True, "12:00:10.200"),
        ("patch", False, "12:00:25.400"),  # what waited is being claimed, or the end of the first recorded
        ("patch", True, "12:00:25.400"),
    ],
)
async def test_a_crash_neither_loses_nor_doubles_what_waits(
    world: World, http: bool, verb: str, after: bool, moment: str
) -> None:
    world.receiver.seconds = 25
    action = {"http": {"url": "http://receiver.test/"}} if http else {"pod": {"image": "i"}}
    rules = {"concurrencyPolicy": "Queue", "history": {"successful": 100, "failed": 100}}
    world.task(schedule="*/10 * * * * *", endAt="2026-03-01T12:00:20Z", **rules, **action)
    world.kubelet(25)
    world.start()
    await asyncio.sleep((at(moment) - world.clock.now()).total_seconds() - 1)
    world.server.hold(verb, EXECUTIONS, after=after)
    await until(world, moment)
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:04:00")
    made = world.receiver.keys() if http else world.pods_made()
    assert len(made) == len(set(made)), "something was started twice"
    assert {name for name, _, _ in world.outcomes()} == {FIRST, SECOND, THIRD}
    assert all(phase in ("Succeeded", "Lost") for _, phase, _ in world.outcomes())
    if not http:
        assert most_at_once(world) == 1
    for entry in world.status()["ledger"]:
        assert LedgerEntry.model_validate(entry).outcome in ("Started", "Late", "Lost")


async def test_a_claim_that_is_refused_for_a_while_begins_at_last(world: World) -> None:
    queue(world, 15)
    world.start()
    await until(world, "12:00:14.500")
    world.server.fail("patch", EXECUTIONS, times=9, status=403, reason="Forbidden")
    await until(world, "12:02:00")
    assert [name for name, _ in begun(world)] == [FIRST, SECOND, THIRD]
    assert {phase for _, phase, _ in world.outcomes()} == {"Succeeded"}


@pytest.mark.parametrize(("status", "reason"), [(400, "BadRequest"), (422, "Invalid")])
async def test_a_record_that_is_refused_holds_up_nobody(world: World, status: int, reason: str) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:05")
    world.server.fail("create", EXECUTIONS, times=1, status=status, reason=reason)
    await until(world, "12:00:13")
    assert world.status()["queuedCount"] == 0
    [note] = [note for told, note in world.events() if told == "RecordRefused"]
    assert SECOND in note
    assert reason in note
    assert world.status()["watermark"] == "2026-03-01T12:00:10Z"
    await world.crash()
    world.start("b")
    await until(world, "12:02:00")
    assert [name for name, _ in begun(world)] == [FIRST, THIRD]
    assert list(outcomes(world).values()) == ["Started", "Cancelled/RecordRefused", "Started"]
    assert world.status()["counts"]["cancelled"] == 1


async def test_records_that_a_quota_refuses_for_long_hold_up_nobody_after_that(world: World) -> None:
    queue(world, 25, history={"successful": 100, "failed": 1})
    operator = world.start()
    await until(world, "12:00:05")
    world.server.fail("create", EXECUTIONS, times=10_000, status=403, reason="Forbidden")
    await until(world, "12:04:30")
    assert world.status()["queuedCount"] == 2, "what refuses may change its mind"
    await until(world, "12:05:30")
    assert list(outcomes(world).values()) == ["Started", *["Cancelled/RecordRefused"] * 2]
    assert operator.shards[0].index.runs == {}
    world.server.heal()
    world.by_hand("x")
    await until(world, "12:07:00")
    assert world.pods_made() == [f"{FIRST}-1", "x-1"]


async def test_an_event_tells_of_an_end_whose_record_is_refused(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:00:30")
    world.server.fail("create", EXECUTIONS, times=1, status=400, reason="BadRequest")
    await until(world, "12:02:30")
    [note] = [note for told, note in world.events() if told == "RecordRefused"]
    assert note.startswith("The record of t-20260301120100 (Succeeded)")
    assert world.status()["counts"]["succeeded"] == 3


async def test_what_waited_and_was_deleted_while_nobody_watched_waits_no_more(world: World) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:22")
    await world.crash()
    world.server.remove(EXECUTIONS, SECOND)
    world.start("b")
    await until(world, "12:02:00")
    assert [name for name, _ in begun(world)] == [FIRST, THIRD]
    assert outcomes(world)["12:00:10"] == "Cancelled/Deleted"


@pytest.mark.parametrize("gone", [(), ("10", "20"), ("10", "20", "30", "40", "50")])
async def test_what_waits_under_an_earlier_schedule_is_known_by_its_executions(
    world: World, gone: tuple[str, ...]
) -> None:
    world.pod_task(schedule="*/10 * * * * *", concurrencyPolicy="Queue", history={"successful": 100})
    world.kubelet(600)
    world.start()
    await until(world, "12:00:55")
    world.server.edit(TASKS, "t", {"spec": {"schedule": "0 0 13 * * *"}})
    await until(world, "12:00:58")
    await world.crash()
    for second in gone:
        world.server.remove(EXECUTIONS, f"t-202603011200{second}")
    world.start("b")
    await until(world, "12:01:30")
    found = [(e["outcome"], e.get("reason"), e["count"]) for e in world.status()["ledger"]]
    cancelled = [("Cancelled", "Deleted", len(gone))] if gone else []
    queued = [("Queued", "Overlap", 5 - len(gone))] if len(gone) < 5 else []
    assert found == [("Started", None, 1), *cancelled, *queued]


async def test_what_somebody_labels_while_it_is_being_claimed_begins_all_the_same(world: World) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:24.900")
    held = world.server.hold("patch", EXECUTIONS, times=2)
    await until(world, "12:00:25.500")
    world.server.edit(EXECUTIONS, SECOND, {"metadata": {"labels": {"a": "b"}}})
    held.set()
    await until(world, "12:02:00")
    assert [name for name, _ in begun(world)] == [FIRST, SECOND, THIRD]
    assert most_at_once(world) == 1


async def test_an_orderly_stop_hands_the_line_over(world: World) -> None:
    queue(world, 25)
    world.start()
    await until(world, "12:00:24.900")
    await world.stop()
    world.start("b")
    await until(world, "12:02:30")
    assert [name for name, _ in begun(world)] == [FIRST, SECOND, THIRD]
    assert most_at_once(world) == 1


async def test_a_deleted_task_takes_its_line_along(world: World) -> None:
    queue(world, 25)
    operator = world.start()
    await until(world, "12:00:15")
    world.server.remove(TASKS, "t")
    await until(world, "12:01:00")
    assert operator.shards[0].index.runs == {}
    assert world.pods_made() == [f"{FIRST}-1"]


class TestForbidNeverOverlaps:
    """An end, an instant and somebody's wish meet within the milliseconds between a plan and its start."""

    @pytest.mark.parametrize("before", [0.3, 0.24, 0.1, 0.05, 0.01, 0.001, -0.001])
    async def test_a_run_by_hand_right_before_an_instant(self, world: World, before: float) -> None:
        world.pod_task(schedule="0 12 * * *", concurrencyPolicy="Forbid", history={"failed": 9})
        world.kubelet(5)
        world.start()
        await asyncio.sleep((at("12:00:00") - world.clock.now()).total_seconds() - before)
        world.by_hand("x")
        await until(world, "12:00:30")
        assert len(world.pods_made()) == 1
        assert most_at_once(world) == 1
        assert outcomes(world)["12:00:00"] in ("Started", "Skipped/Overlap")

    @pytest.mark.parametrize("before", [0.3, 0.1, 0.01, 0.001])
    async def test_an_end_right_before_an_instant_makes_room_for_it(self, world: World, before: float) -> None:
        world.pod_task(schedule="*/10 * * * * *", endAt="2026-03-01T12:00:10Z", concurrencyPolicy="Forbid")
        world.kubelet(10 - before - 0.02)
        world.start()
        await until(world, "12:00:30")
        assert len(world.pods_made()) == list(outcomes(world).values()).count("Started")
        assert outcomes(world)["12:00:10"] == ("Started" if before > 0.005 else outcomes(world)["12:00:10"])

    async def test_two_by_hand_at_once(self, world: World) -> None:
        world.pod_task(schedule="@manual", concurrencyPolicy="Forbid", history={"failed": 9})
        world.kubelet(5)
        world.start()
        await until(world, "11:59:55")
        for name in ("x", "y", "z"):
            world.by_hand(name)
        await until(world, "12:00:30")
        assert len(world.pods_made()) == 1
        assert sorted(phase for _, phase, _ in world.outcomes()) == ["Cancelled", "Cancelled", "Succeeded"]

    async def test_no_more_wait_than_may_however_many_are_made_at_once(self, world: World) -> None:
        world.pod_task(schedule="@manual", concurrencyPolicy="Queue", queueLimit=1, history={"failed": 9})
        world.kubelet(5)
        world.start()
        await until(world, "11:59:55")
        for n in range(8):
            world.by_hand(f"x{n}")
        await until(world, "11:59:57")
        assert sorted(phase for _, phase, _ in world.outcomes()) == ["Cancelled"] * 6 + ["Queued", "Running"]
        await until(world, "12:00:30")
        assert len(world.pods_made()) == 2

    async def test_a_place_that_cannot_be_taken_is_given_back(self, world: World) -> None:
        world.pod_task(schedule="@manual", concurrencyPolicy="Queue", queueLimit=1, history={"failed": 9})
        world.kubelet(30)
        world.start()
        await until(world, "11:59:55")
        world.by_hand("x")
        await until(world, "11:59:56")
        world.server.fail("patch", EXECUTIONS, times=1, status=403, reason="Forbidden")
        world.by_hand("y")
        await until(world, "11:59:56.500")
        world.by_hand("z")
        await until(world, "11:59:59")
        assert {name: phase for name, phase, _ in world.outcomes()} == {"x": "Running", "y": "Cancelled", "z": "Queued"}
