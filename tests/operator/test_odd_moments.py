"""Things that happen at bad moments: edits, stops, refusals and odd objects between a plan and its end."""

import asyncio

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallError, CallFacts, Reason
from crontask_core.names import Key
from crontask_kube.resources import EXECUTIONS, LEASES, PODS, TASKS, Resource

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
MAP_FOR_LIST = {"template": {"spec": {"containers": [{"name": "a", "image": "i", "env": {"A": "b"}}]}}}


def phase(world: World, name: str) -> str:
    return {found: phase for found, phase, _ in world.outcomes()}[name]


async def test_an_instant_at_the_end_of_the_calendar_stops_nobody(world: World) -> None:
    world.pod_task("odd", schedule="@manual", timeZone="Pacific/Kiritimati")
    world.pod_task()
    world.kubelet()
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x", task="odd", scheduledAt="9999-12-31T23:59:59Z")
    await until(world, "12:00:20")
    assert phase(world, "x") == "Succeeded"
    await world.crash()
    world.start("b")
    await until(world, "12:01:20")
    assert phase(world, "t-20260301120100") == "Succeeded"


async def test_an_execution_that_makes_the_operator_fail_ends_and_stops_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pod_task("odd", schedule="@manual")
    world.pod_task()
    world.kubelet()
    operator = world.start()
    await until(world, "11:59:55")
    executor = operator.shards[0].executions.executors["pod"]
    prepare = type(executor).prepare

    def fail(self: object, run: object, spec: object, number: int) -> bytes:
        if run.task.name == "odd":  # type: ignore[attr-defined]
            raise RuntimeError("made to fail by the test")
        return prepare(self, run, spec, number)  # type: ignore[arg-type]

    monkeypatch.setattr(type(executor), "prepare", fail)
    world.by_hand("x", task="odd")
    await until(world, "12:00:20")
    assert ("x", "Failed", "InternalError") in world.outcomes()
    assert phase(world, FIRST) == "Succeeded"


async def test_a_template_of_which_no_pod_can_be_made_is_told_at_once(world: World) -> None:
    world.task("odd", schedule="@manual", pod=MAP_FOR_LIST)
    world.start()
    await until(world, "11:59:58")
    [ready] = [c for c in world.status("odd")["conditions"] if c["type"] == "Ready"]
    assert ready["status"] == "False"
    assert "spec.pod.template" in ready["message"]


async def test_a_run_now_that_somebody_labels_meanwhile_still_runs(world: World) -> None:
    world.pod_task(schedule="@manual")
    world.kubelet()
    world.start()
    await until(world, "11:59:55")
    held = world.server.hold("patch", EXECUTIONS)
    world.by_hand("x")
    await asyncio.sleep(0.2)
    world.server.edit(EXECUTIONS, "x", {"metadata": {"labels": {"a": "b"}}})
    held.set()
    await until(world, "12:00:20")
    assert phase(world, "x") == "Succeeded"


async def test_a_run_now_survives_an_api_that_does_not_answer(world: World) -> None:
    world.pod_task(schedule="@manual")
    world.kubelet()
    world.start()
    await until(world, "11:59:55")
    world.server.fail("patch", EXECUTIONS, times=4)
    world.by_hand("x")
    await until(world, "12:01:00")
    assert phase(world, "x") == "Succeeded"
    assert len(world.pods_made()) == 1


def take_the_shard(world: World) -> None:
    """Somebody else holds the shard from now on, and never renews: who held it gets it back some seconds later."""
    name, space = "crontask-shard-0", "crontask-system"
    renewed = world.server.object(LEASES, name, space)["spec"]["renewTime"]
    spec = {"holderIdentity": "other", "renewTime": renewed, "leaseTransitions": 9}
    world.server.edit(LEASES, name, {"spec": spec}, namespace=space)


@pytest.mark.parametrize("after", [False, True], ids=["before-it-is-claimed", "after-it-is-claimed"])
@pytest.mark.parametrize("seconds", [0.5, 30])
async def test_a_run_now_whose_claim_hangs_while_the_shard_is_lost_and_won(
    world: World, after: bool, seconds: float
) -> None:
    world.pod_task(schedule="@manual")
    world.kubelet()
    operator = world.start()
    await until(world, "11:59:55")
    held = world.server.hold("patch", EXECUTIONS, after=after)
    world.by_hand("x")
    await asyncio.sleep(0.2)
    take_the_shard(world)
    await asyncio.sleep(seconds)
    assert operator.shards[0].leadership.holding == (seconds > 10)
    held.set()
    await until(world, "12:01:00")
    assert phase(world, "x") == "Succeeded"
    assert world.pods_made() == ["x-1"]


async def test_a_run_now_whose_claim_was_never_answered(world: World) -> None:
    world.pod_task(schedule="@manual")
    world.kubelet()
    world.start()
    await until(world, "11:59:55")
    world.server.drop("patch", EXECUTIONS, times=1000, after=True)
    world.by_hand("x")
    await until(world, "12:01:00")
    world.server.heal()
    await until(world, "12:02:00")
    assert phase(world, "x") == "Succeeded"
    assert world.pods_made() == ["x-1"]


async def test_a_record_that_is_refused_leaves_the_pod_alone(world: World) -> None:
    world.pod_task(schedule="0 12 * * *")
    world.kubelet(30)
    world.start()
    await until(world, "11:59:58")
    world.server.fail("create", EXECUTIONS, times=1, status=403, reason="Forbidden")
    await until(world, "12:00:10")
    assert [body["metadata"]["name"] for body in world.server.all(PODS)] == [f"{FIRST}-1"]
    await until(world, "12:02:00")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert world.status()["counts"]["succeeded"] == 1


async def test_refused_executions_are_part_of_history(world: World) -> None:
    world.pod_task(schedule="@manual", concurrencyPolicy="Forbid", history={"failed": 1, "successful": 1})
    world.kubelet(600)
    world.start()
    await until(world, "11:59:55")
    world.by_hand("first")
    for n in range(4):
        await asyncio.sleep(5)
        world.by_hand(f"refused-{n}")
    await until(world, "12:01:00")
    assert [name for name, phase, _ in world.outcomes() if phase == "Cancelled"] == ["refused-3"]


async def test_an_execution_by_hand_under_a_scheduled_name_orphans_nothing(world: World) -> None:
    world.pod_task()
    world.pod_task("u", schedule="@manual", concurrencyPolicy="Forbid")
    world.kubelet(20)
    world.start()
    await until(world, "11:59:55")
    world.by_hand(FIRST, task="u")
    await until(world, "12:00:50")
    world.by_hand("later", task="u")
    await until(world, "12:02:50")
    assert phase(world, "later") == "Succeeded"
    assert world.status("u")["active"] == []


@pytest.mark.parametrize("moment", ["11:59:59.600", "11:59:59.930", "11:59:59.990", "12:00:00.005"])
async def test_an_orderly_stop_around_an_instant_loses_it_never(world: World, moment: str) -> None:
    world.receiver.seconds = 0.2
    world.task(schedule="0 12 * * *")
    world.start()
    await until(world, moment)
    await world.stop()
    world.start("b")
    await until(world, "12:01:00")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert world.receiver.keys() == [FIRST]


async def test_a_call_that_was_sent_and_then_not_followed_is_not_sent_again(world: World) -> None:
    refused = CallError(Reason.NOT_SENT, "the right to start this execution had run out")
    world.receiver.answers = [CallFacts(error=refused, sent=True, redirects=1)]
    world.task(schedule="0 12 * * *")
    world.start()
    await until(world, "12:01:00")
    assert world.receiver.keys() == [FIRST]
    assert [phase for _, phase, _ in world.outcomes()] == ["Failed"]


async def test_calls_that_hang_keep_no_record_from_being_written(world: World) -> None:
    world.receiver.seconds = 280
    for n in range(4):
        world.task(f"hangs-{n}")
    world.pod_task()
    world.kubelet()
    world.start(http_limit=2)
    await until(world, "12:02:30")
    assert phase(world, FIRST) == "Succeeded"
    assert world.status()["counts"]["succeeded"] >= 1


async def test_the_sweeper_outlives_a_change_of_leader_in_its_middle(world: World) -> None:
    operator = world.start()
    await until(world, "11:59:55")
    for namespace in ("n1", "n2", "n3"):
        operator.shards[0].sweeper.pods_of(Key(namespace, "e"))
    held = world.server.hold("deletecollection", PODS)
    await asyncio.sleep(6)
    operator.shards[0].sweeper.forget_all()
    held.set()
    operator.shards[0].sweeper.pods_of(Key("n4", "e"))
    await asyncio.sleep(11)
    assert [r.namespace for r in world.server.seen("deletecollection", PODS)][-1] == "n4"


async def test_a_spec_that_cannot_be_read_is_refused(world: World) -> None:
    world.pod_task(schedule="@manual")
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x", scheduledAt="0000-01-01T00:00:00Z")
    await until(world, "11:59:58")
    assert world.outcomes() == [("x", "Failed", "InvalidSpec")]


async def test_work_goes_on_when_something_inside_of_it_is_cancelled(world: World) -> None:
    world.task()
    operator = world.start()
    await until(world, "11:59:55")

    async def interrupted() -> None:
        raise asyncio.CancelledError

    for _ in range(30):
        operator.shards[0].writers.submit(interrupted)
    await until(world, "12:00:30")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]


async def test_a_lost_shard_lets_the_rest_of_the_loop_go_on(world: World) -> None:
    world.task(schedule="* * * * * *")
    operator = world.start()
    await until(world, "12:00:00.500")
    take_the_shard(world)
    await until(world, "12:00:02")
    assert not operator.shards[0].leadership.holding


async def test_a_pod_that_waits_says_why_meanwhile_and_not_afterwards(world: World) -> None:
    world.task(schedule="0 12 * * *", pod={"image": "i", "pendingTimeoutSeconds": 10})
    world.start()
    await until(world, "12:00:01")
    state = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    waiting = {"phase": "Pending", "containerStatuses": [{"name": "main", "state": state}]}
    world.server.edit(PODS, f"{FIRST}-1", {"status": waiting})
    await until(world, "12:00:03")
    assert world.outcomes() == [(FIRST, "Running", "ImagePullBackOff")]
    held = world.server.hold("patch", EXECUTIONS)
    await until(world, "12:00:13")
    assert world.server.all(PODS) == [], "its end is seen before the record of it is stored"
    held.set()
    await until(world, "12:00:30")
    assert world.outcomes() == [(FIRST, "Failed", "ImagePull")]


YEAR = 365 * 86400


async def test_a_clock_that_was_a_year_ahead_is_told_and_an_edit_takes_the_task_up(world: World) -> None:
    world.task(history={"successful": 100})
    world.start()
    await until(world, "11:59:30")
    world.clock.step(YEAR)
    await asyncio.sleep(90)
    world.clock.step(-YEAR)
    sent = len(world.receiver.received)
    await until(world, "12:05:30")
    assert len(world.receiver.received) == sent
    status, reason, message = world.condition("Scheduled")
    assert (status, reason) == ("False", "ClockBehind")
    assert "until 2027-03-01T12:0" in message
    assert [reason for reason, _ in world.events()].count("ClockBehind") == 1
    world.server.edit(TASKS, "t", {"spec": {"missed": {"policy": "Skip"}}})
    await until(world, "12:08:30")
    assert world.receiver.keys()[sent:] == [f"t-202603011{n}00" for n in (206, 207, 208)]
    assert world.condition("Scheduled")[:2] == ("True", "Waiting")
    # A successor inherits a claim that is a year ahead, and executions that are counted already.
    counted = world.status()["counts"]
    await world.crash()
    world.start("b")
    await until(world, "12:11:30")
    assert world.receiver.keys()[sent + 3 :] == [f"t-202603011{n}00" for n in (209, 210, 211)]
    assert len(set(world.receiver.keys())) == len(world.receiver.keys())
    assert world.status()["counts"] == counted | {"succeeded": counted["succeeded"] + 3}


async def test_a_small_step_back_fires_nothing_twice_and_shows_nothing(world: World) -> None:
    world.task(history={"successful": 100})
    world.start()
    await until(world, "12:01:10")
    world.clock.step(-30)
    await until(world, "12:03:30")
    assert world.receiver.keys() == [f"t-202603011{n}00" for n in (200, 201, 202, 203)]
    assert world.condition("Scheduled")[:2] == ("True", "Waiting")
    assert "ClockBehind" not in [reason for reason, _ in world.events()]


async def test_a_forged_watermark_is_told_at_the_take_over(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:00:30")
    await world.crash()
    world.server.edit(TASKS, "t", {"status": {"watermark": "2030-01-01T00:00:00Z"}})
    world.start("b")
    await until(world, "12:02:30")
    assert world.condition("Scheduled")[:2] == ("False", "ClockBehind")
    assert "ClockBehind" in [reason for reason, _ in world.events()]
    world.server.edit(TASKS, "t", {"spec": {"missed": {"policy": "Skip"}}})
    await until(world, "12:04:30")
    assert world.receiver.keys() == [FIRST, "t-20260301120300", "t-20260301120400"]


def relisted(world: World, resource: Resource, name: str = "a") -> set[str]:
    """What a watch does that begins anew: it tells what is known and does not exist. Returns the names of these."""
    operator = world.operators[name][0]
    existing = {Key("default", body["metadata"]["name"]) for body in world.server.all(resource)}
    missing = operator.known(resource.plural) - existing
    operator.missing(resource.plural, missing)
    return {key.name for key in missing}


async def test_a_pod_that_was_deleted_unseen_ends_its_attempt(world: World) -> None:
    world.pod_task("quick")
    world.pod_task("slow")
    world.start()
    await until(world, "12:00:05")
    world.end_pod("quick-20260301120000-1")
    await until(world, "12:00:10")
    world.operators["a"][2].cancel()  # the watch sees nothing more
    world.server.remove(PODS, "slow-20260301120000-1")
    assert relisted(world, PODS) == {"slow-20260301120000-1"}
    await until(world, "12:00:20")
    assert world.outcomes() == [
        ("quick-20260301120000", "Succeeded", "Completed"),
        ("slow-20260301120000", "Failed", "Deleted"),
    ]


async def test_executions_that_were_deleted_unseen(world: World) -> None:
    """One that runs is stopped, one that has ended is history no more, one just being begun is left alone."""
    world.pod_task("ended", schedule="0 0 12 * * *")
    world.pod_task("runs", schedule="0 0 12 * * *")
    world.pod_task("begins", schedule="30 0 12 * * *")
    operator = world.start()
    await until(world, "12:00:05")
    world.end_pod("ended-20260301120000-1")
    await until(world, "12:00:20")
    world.operators["a"][2].cancel()
    for name in ("ended", "runs"):
        world.server.remove(EXECUTIONS, f"{name}-20260301120000")
    await until(world, "12:00:30")
    await asyncio.sleep(0.1)
    assert relisted(world, EXECUTIONS) == {"ended-20260301120000", "runs-20260301120000"}
    assert relisted(world, EXECUTIONS) == {"runs-20260301120000"}, "it is being stopped"
    await until(world, "12:00:40")
    assert [body["metadata"]["name"] for body in world.server.all(PODS)] == ["begins-20260301120030-1"]
    assert not operator.shards[0].index.tasks[Key("default", "ended")].ended
    assert phase(world, "begins-20260301120030") == "Running"
