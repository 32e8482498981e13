"""Backfills: past instants as executions, in order, each once, whoever dies in between."""

from datetime import UTC, datetime, timedelta

import pytest
from fakes.objects import Object
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_kube.resources import EXECUTIONS, LEASES, PODS, TASKS

pytestmark = pytest.mark.looptime

DAYS = {"start": "2026-02-01T00:00:00Z", "end": "2026-02-05T23:59:59Z"}
"""Five instants of a task that runs at three each night."""
NIGHTLY = "0 3 * * *"


def backfill(world: World, name: str = "bf", task: str = "t", **wanted: object) -> None:
    body = {"taskRef": {"name": task}, "trigger": "Backfill", "backfill": {**DAYS, **wanted}}
    world.server.put(EXECUTIONS, {"metadata": {"name": name}, "spec": body})


def instants(world: World) -> list[str]:
    """The day of each call, in the order in which they came."""
    return [dict(request.headers)["CronTask-Scheduled-At"][8:10] for _, request in world.receiver.received]


def progress(world: World, name: str = "bf") -> tuple[int, ...]:
    found = status(world, name)["backfill"]
    return tuple(found[each] for each in ("total", "succeeded", "failed", "skipped"))


def status(world: World, name: str = "bf") -> Object:
    found: Object = world.server.object(EXECUTIONS, name)["status"]
    return found


def most_at_once(world: World) -> int:
    """How many executions ran at the same time at most."""
    runs = [body["status"] for body in world.executions() if body["status"]["attempts"]]
    begun = [(found["startedAt"], 1) for found in runs]
    alive = most = 0
    for _, step in sorted(begun + [(found["finishedAt"], -1) for found in runs]):
        alive += step
        most = max(most, alive)
    return most


async def test_each_instant_of_the_range_is_run_once_and_in_order(world: World) -> None:
    world.task(schedule=NIGHTLY, history={"successful": 100})
    world.start()
    await until(world, "11:59:55")
    backfill(world)
    await until(world, "12:00:20")
    assert instants(world) == ["01", "02", "03", "04", "05"]
    assert (status(world)["phase"], status(world)["reason"]) == ("Succeeded", "Completed")
    assert status(world)["message"] == "5 of 5 execution(s) succeeded, 0 instant(s) were left out."
    assert progress(world) == (5, 5, 0, 0)
    children = [body for body in world.executions() if body["metadata"]["name"] != "bf"]
    assert len(children) == 5
    for body in children:
        assert body["spec"]["trigger"] == "Backfill"
        assert body["spec"]["parent"] == "bf"
        assert body["metadata"]["labels"]["crontask.dev/backfill"] == "bf"
        assert "latenessMilliseconds" not in body["status"]
    assert world.status()["counts"]["succeeded"] == 5
    assert world.status()["activeCount"] == 0


@pytest.mark.parametrize(
    ("spec", "parallelism", "most"),
    [
        ({}, 1, 1),
        ({}, 3, 3),
        ({"concurrencyPolicy": "Forbid"}, 3, 1),
        ({"concurrencyPolicy": "Forbid", "suspend": True}, 3, 1),
    ],
)
async def test_so_many_run_at_once(world: World, spec: Object, parallelism: int, most: int) -> None:
    world.receiver.seconds = 5
    world.task(schedule=NIGHTLY, history={"successful": 100}, **spec)
    world.start()
    await until(world, "11:59:55")
    backfill(world, parallelism=parallelism)
    await until(world, "12:01:30")
    assert status(world)["phase"] == "Succeeded"
    assert len(world.receiver.received) == 5
    assert most_at_once(world) == most


async def test_a_run_by_hand_and_a_backfill_wait_for_each_other_under_forbid(world: World) -> None:
    world.receiver.seconds = 5
    world.task(schedule=NIGHTLY, concurrencyPolicy="Forbid", history={"successful": 100})
    world.start()
    await until(world, "11:59:55")
    world.by_hand("mine")
    backfill(world)
    await until(world, "12:01:30")
    assert progress(world) == (5, 5, 0, 0)
    assert world.receiver.keys()[0] == "mine"
    assert most_at_once(world) == 1


async def test_what_was_started_before_is_left_out_unless_it_is_wanted_again(world: World) -> None:
    world.task(schedule="*/10 * * * * *", history={"successful": 100})
    world.start()
    await until(world, "12:00:25")
    world.server.edit(TASKS, "t", {"spec": {"suspend": True}})
    before = world.receiver.keys()
    assert before == [f"t-202603011200{second}" for second in ("00", "10", "20")]
    around = {"start": "2026-03-01T11:59:40Z", "end": "2026-03-01T12:00:20Z"}
    backfill(world, **around)
    await until(world, "12:00:35")
    assert progress(world) == (5, 2, 0, 3)
    assert len(world.receiver.received) == 5
    backfill(world, "same", **around)
    await until(world, "12:00:45")
    assert progress(world, "same") == (5, 0, 0, 5)
    backfill(world, "again", again=True, **around)
    await until(world, "12:00:55")
    assert progress(world, "again") == (5, 5, 0, 0)


async def test_failures_are_counted_and_stop_nothing(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=500, sent=True)] * 2
    world.task(schedule=NIGHTLY, disableAfterFailures=3)
    world.start()
    await until(world, "11:59:55")
    backfill(world)
    await until(world, "12:00:20")
    assert progress(world) == (5, 3, 2, 0)
    assert (status(world)["phase"], status(world)["reason"]) == ("Failed", "ExecutionsFailed")
    assert world.status()["counts"] == world.status()["counts"] | {"succeeded": 3, "failed": 2}
    assert world.status()["consecutiveFailures"] == 0


REFUSED: list[tuple[str, Object, Object, str, str]] = [
    ("future", {}, {"end": "2027-01-01T00:00:00Z"}, "InvalidSpec", "spec.backfill.end: "),
    ("no schedule", {"schedule": "@manual"}, {}, "InvalidSpec", "without a schedule"),
    ("too many", {"schedule": "* * * * * *"}, {}, "TooManyInstants", "holds more than 10000 instants"),
    ("invalid task", {"schedule": "nonsense"}, {}, "InvalidSpec", "spec.schedule"),
]


@pytest.mark.parametrize(
    ("spec", "wanted", "reason", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_what_cannot_be_run_is_refused(
    world: World, spec: Object, wanted: Object, reason: str, words: str
) -> None:
    world.task(**{"schedule": NIGHTLY} | spec)
    world.start()
    await until(world, "11:59:55")
    backfill(world, **wanted)
    await until(world, "12:00:20")
    found = status(world)
    assert (found["phase"], found["reason"]) == ("Failed", reason)
    assert words in found["message"]
    assert [name for name, _, _ in world.outcomes() if "-2026020" in name] == []


async def test_a_task_that_does_not_exist_is_told(world: World) -> None:
    world.start()
    await until(world, "11:59:55")
    backfill(world)
    await until(world, "12:00:05")
    assert (status(world)["phase"], status(world)["reason"]) == ("Failed", "TaskNotFound")


async def test_an_empty_range_ends_at_once_and_says_so(world: World) -> None:
    world.task(schedule="0 0 1 1 *")
    world.start()
    await until(world, "11:59:55")
    backfill(world)
    await until(world, "12:00:05")
    found = status(world)
    assert (found["phase"], found["reason"]) == ("Succeeded", "NothingDue")
    assert found["message"] == "The range holds no instant."


async def test_a_stop_ends_the_backfill_and_what_runs_of_it(world: World) -> None:
    world.pod_task(schedule=NIGHTLY, history={"successful": 100, "failed": 100})
    world.kubelet(5)
    world.start()
    await until(world, "11:59:51")
    backfill(world, parallelism=2)
    await until(world, "11:59:58")
    world.server.edit(EXECUTIONS, "bf", {"spec": {"stop": True}})
    await until(world, "12:00:30")
    assert (status(world)["phase"], status(world)["reason"]) == ("Cancelled", "Stopped")
    assert len(world.pods_made()) == 4
    assert world.server.all(PODS) == []
    phases = [phase for name, phase, _ in world.outcomes() if name != "bf"]
    assert sorted(phases) == ["Cancelled", "Cancelled", "Succeeded", "Succeeded"]


@pytest.mark.parametrize("crash", [False, True])
async def test_deleting_a_backfill_stops_what_runs_of_it(world: World, crash: bool) -> None:
    world.pod_task(schedule=NIGHTLY, history={"successful": 100, "failed": 100})
    world.kubelet(50)
    world.start()
    await until(world, "11:59:52")
    backfill(world, parallelism=2)
    await until(world, "11:59:58")
    if crash:
        await world.crash()
    world.server.remove(EXECUTIONS, "bf")
    if crash:
        world.start("b")
    await until(world, "12:00:30")
    assert len(world.pods_made()) == 2
    assert {phase for _, phase, _ in world.outcomes()} == {"Cancelled"}


async def test_deleting_the_task_ends_everything(world: World) -> None:
    world.pod_task(schedule=NIGHTLY)
    world.kubelet(50)
    operator = world.start()
    await until(world, "11:59:52")
    backfill(world)
    await until(world, "11:59:58")
    world.server.remove(TASKS, "t")
    await until(world, "12:00:30")
    assert world.executions() == world.server.all(PODS) == []
    assert operator.shards[0].backfills._open == operator.shards[0].backfills.children._parents == {}


async def test_history_keeps_no_more_than_it_should_and_nothing_is_run_twice(world: World) -> None:
    world.task(schedule="0 * * * *", history={"successful": 2})
    operator = world.start()
    await until(world, "11:59:55")
    backfill(world, parallelism=7)
    await until(world, "12:01:30")
    assert progress(world) == (120, 120, 0, 0)
    filled = [key for key in world.receiver.keys() if "-202602" in key]  # noqa: SIM118 - a method of ours
    assert len(filled) == len(set(filled)) == 120
    kept = [name for name, _, _ in world.outcomes()]
    assert "bf" in kept
    assert len(kept) == 3
    assert operator.shards[0].backfills._open == operator.shards[0].backfills.children._parents == {}


POINTS = [
    (verb, times, took_effect)
    for verb, most in (("create", 3), ("patch", 6), ("delete", 1))
    for times in range(1, most + 1)
    for took_effect in (False, True)
]


@pytest.mark.parametrize(("verb", "times", "took_effect"), POINTS)
async def test_killed_anywhere_each_instant_is_run_once(world: World, verb: str, times: int, took_effect: bool) -> None:
    world.pod_task(schedule=NIGHTLY, history={"successful": 1})
    world.kubelet(1.5)
    world.start()
    await until(world, "11:59:52")
    for _ in range(times - 1):
        world.server.hold(verb, EXECUTIONS if verb != "delete" else PODS, after=True).set()
    world.server.hold(verb, EXECUTIONS if verb != "delete" else PODS, after=took_effect)
    backfill(world, parallelism=2)
    await until(world, "12:00:05")
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:01:00")
    assert len(world.pods_made()) == len(set(world.pods_made())) == 5
    assert progress(world) == (5, 5, 0, 0)
    assert status(world)["phase"] == "Succeeded"


async def test_many_crashes_lose_nothing_and_double_nothing(world: World) -> None:
    world.pod_task(schedule="0 3-23/4 * * *", history={"successful": 1})
    world.kubelet(2)
    world.start("0")
    await until(world, "11:59:52")
    backfill(world, parallelism=3)
    for n in range(12):
        await until(world, f"12:00:{n * 4 + 3:02}.{n}")
        await world.crash(str(n))
        world.start(str(n + 1))
    await until(world, "12:03:00")
    assert len(world.pods_made()) == len(set(world.pods_made())) == 30
    assert progress(world) == (30, 30, 0, 0)


async def test_an_orderly_stop_begins_nothing_more_and_the_next_one_goes_on(world: World) -> None:
    world.receiver.seconds = 2
    world.task(schedule=NIGHTLY, history={"successful": 1})
    world.start()
    await until(world, "11:59:52")
    backfill(world)
    await until(world, "11:59:55")
    await world.stop()
    assert {phase for name, phase, _ in world.outcomes() if name != "bf"} <= {"Succeeded", "Pending"}
    world.start("b")
    await until(world, "12:00:40")
    assert instants(world) == ["01", "02", "03", "04", "05"]
    assert progress(world) == (5, 5, 0, 0)


async def test_what_runs_after_the_task_runs_for_each_instant(world: World) -> None:
    world.task(schedule=NIGHTLY)
    world.task("after", schedule=None, after=[{"task": "t"}])
    world.start()
    await until(world, "11:59:55")
    backfill(world)
    await until(world, "12:00:30")
    assert sorted(instants(world)) == sorted(["01", "02", "03", "04", "05"] * 2)


async def test_a_task_that_deletes_itself_stays_until_its_backfill_has_ended(world: World) -> None:
    world.task(schedule="0 3 1 2 *", endAt="2026-02-03T00:00:00Z", deleteAfter="Success")
    world.start()
    await until(world, "11:59:55")
    world.receiver.seconds = 3
    backfill(world, start="2026-02-01T00:00:00Z", end="2026-02-02T00:00:00Z")
    backfill(world, "longer", start="2026-01-01T00:00:00Z", end="2026-02-02T00:00:00Z", again=True)
    await until(world, "12:00:30")
    assert len(world.receiver.received) == 2
    assert {phase for _, phase, _ in world.outcomes()} == {"Succeeded"}
    assert world.server.all(TASKS) == []


async def test_a_name_may_be_used_again(world: World) -> None:
    world.task(schedule=NIGHTLY, history={"successful": 100})
    world.start()
    await until(world, "11:59:55")
    for n in range(2):
        backfill(world, again=True)
        await until(world, f"12:00:{n + 1}0")
        assert progress(world) == (5, 5, 0, 0)
        world.server.remove(EXECUTIONS, "bf")
    assert len(world.receiver.received) == 10


@pytest.mark.parametrize("spec", [{}, {"suspend": True}, {"suspendUntil": "2026-03-01T18:00:00Z"}])
async def test_what_the_schedule_has_yet_to_decide_on_is_not_begun(world: World, spec: Object) -> None:
    world.task(history={"successful": 100}, **spec)
    world.start()
    await until(world, "12:00:59")
    for verb in ("patch", "update"):
        world.server.hold(verb, LEASES, times=50)
    await until(world, "12:01:00.100")
    backfill(world, start="2026-03-01T12:01:00Z", end="2026-03-01T12:01:00Z")
    await until(world, "12:01:01.500")
    world.server.heal()
    await until(world, "12:01:30")
    begun = [dict(request.headers)["CronTask-Scheduled-At"] for _, request in world.receiver.received]
    assert begun.count("2026-03-01T12:01:00Z") == 1
    assert status(world)["phase"] == "Succeeded"
    assert progress(world) == ((1, 1, 0, 0) if spec else (1, 0, 0, 1))


def test_the_days_are_what_the_tests_think() -> None:
    start, end = (datetime.fromisoformat(DAYS[name]) for name in ("start", "end"))
    assert end - start + timedelta(seconds=1) == timedelta(days=5)
    assert start.tzinfo == UTC
