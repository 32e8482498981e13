"""What a replica knew or began before it holds the shard, or held it last, must not reach into its next term."""

import asyncio

import pytest
from fakes.wire import Trouble, TroubledWorld
from fakes.world import World, at, until

from crontask_core.history import Ended
from crontask_core.ledger import EMPTY, at_once
from crontask_core.model.ledger import Outcome
from crontask_core.names import Key
from crontask_core.tally import Tally
from crontask_kube.resources import EXECUTIONS, GROUPS, LEASES, PODS, SECRETS, TASKS
from crontask_operator.accounts import conclude
from crontask_operator.index import Task
from crontask_operator.scheduler import SPARE
from crontask_operator.shard import Shard

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
ONCE = "2026-03-01T12:00:00Z"


def taken(world: World, seconds: int = 2) -> None:
    """Somebody takes the shard for so long, and is heard of no more."""
    lease = {"spec": {"holderIdentity": "somebody", "leaseTransitions": 7, "leaseDurationSeconds": seconds}}
    world.server.edit(LEASES, "crontask-shard-0", lease, "crontask-system")


def with_secret(world: World) -> dict[str, object]:
    reference = {"secretKeyRef": {"name": "key", "key": "token"}}
    world.server.put(SECRETS, {"metadata": {"name": "key"}, "data": {"token": "czNjcmV0"}})
    return {"url": "http://receiver.test/", "headers": [{"name": "Authorization", "valueFrom": reference}]}


@pytest.mark.parametrize(("retry", "calls", "phase"), [({}, 0, "Lost"), ({"lost": True, "limit": 1}, 1, "Succeeded")])
async def test_a_call_of_an_earlier_term_is_not_sent(
    world: World, retry: dict[str, object], calls: int, phase: str
) -> None:
    """It waits for its Secret while the shard is lost, and regained: by then it has been taken for lost."""
    world.task("t", http=with_secret(world), retry=retry, endAt=ONCE)
    shard = world.start("a").shards[0]
    secret = world.server.hold("get", SECRETS)
    await until(world, "12:00:00.500")
    taken(world)
    await until(world, "12:00:10")
    assert shard.taken_over
    secret.set()
    await until(world, "12:00:20")
    assert [found for _, found, _ in world.outcomes()] == [phase]
    assert len(world.receiver.received) == calls


async def test_what_was_claimed_is_not_begun_once_the_shard_is_lost(world: World) -> None:
    """The clock goes back between the claim and its instant, which then comes when the shard is somebody else's."""
    world.task("t", http=with_secret(world), endAt=ONCE)
    shard = world.start("a").shards[0]
    secret = world.server.hold("get", SECRETS)
    await until(world, "11:59:59.950")
    assert shard.lease.claimed_through == at("12:00:00")
    world.clock.step(-5)
    taken(world, 8)
    await until(world, "12:00:01")
    assert not shard.leadership.holding
    assert not shard.index.runs
    await until(world, "12:00:10")
    assert shard.taken_over
    secret.set()
    await until(world, "12:00:20")
    assert world.receiver.received == []
    assert [phase for _, phase, _ in world.outcomes()] == ["Lost"]


async def test_a_pod_of_an_earlier_term_is_not_made(world: World) -> None:
    """Its creation fails, after the shard was lost and regained; meanwhile it has run, and is gone with its record."""
    world.pod_task("t", endAt=ONCE)
    world.kubelet(0.5)
    shard = world.start("a").shards[0]
    made = world.server.hold("create", PODS)
    await until(world, "12:00:00.500")
    taken(world)
    await until(world, "12:00:12")
    assert shard.taken_over
    (name,) = world.pods_made()
    world.server.remove(EXECUTIONS, FIRST)
    await until(world, "12:00:20")
    assert name not in [body["metadata"]["name"] for body in world.server.all(PODS)]
    world.server.fail("create", PODS)
    made.set()
    await until(world, "12:00:40")
    assert world.pods_made() == [name]


async def test_a_take_over_does_not_wait_for_what_an_earlier_term_writes(world: World) -> None:
    """A network that swallows what is sent holds every writer up for half a minute."""
    for n in range(20):
        world.task(f"t{n}", endAt=ONCE)
    shard = world.start("a").shards[0]
    written = world.server.hold("create", EXECUTIONS, times=20)
    await until(world, "12:00:03")
    taken(world)
    await until(world, "12:00:10")
    taken_over = shard.taken_over
    written.set()
    await until(world, "12:01:00")
    assert taken_over


async def test_tasks_that_come_and_go_do_not_pile_up_in_a_standbys_timers(world: World) -> None:
    world.start("a")
    standby = world.start("b").shards[0]
    await until(world, "12:00:00")
    for _ in range(SPARE + 100):
        world.task("t", "@hourly")
        await asyncio.sleep(0.01)
        world.server.remove(TASKS, "t")
        await asyncio.sleep(0.01)
    assert len(standby.scheduler._heap) <= SPARE + 2


async def test_a_standby_has_no_status_to_write(world: World) -> None:
    """It saw the task come, with no status yet; what it would write is as old as that."""
    world.start("a")
    standby = world.start("b").shards[0]
    await until(world, "11:59:55")
    world.task("t", "* * * * * *")
    await until(world, "12:00:30")
    assert not standby.statuses._waiting


@pytest.mark.parametrize("action", [{}, {"pod": {"image": "i"}}])
async def test_a_take_over_that_takes_long_leaves_the_statuses_alone(
    world: World, action: dict[str, dict[str, str]]
) -> None:
    """The stored watermark went back to when the standby had seen the task come, and pods were made twice."""
    world.kubelet(0.5)
    world.start("a")
    world.start("b")
    await until(world, "11:59:55")
    world.task("t", "*/2 * * * * *", history={"successful": 1, "failed": 1}, **action)
    await until(world, "12:01:03")
    succeeded = world.status()["counts"]["succeeded"]
    await world.crash("a")
    listed = world.server.hold("list", GROUPS)
    world.server.edit(TASKS, "t", {"spec": {"timeoutSeconds": 20}})
    asyncio.get_running_loop().call_later(8, listed.set)
    await until(world, "12:01:30")
    assert len(set(world.pods_made())) == len(world.pods_made())
    assert [entry["outcome"] for entry in world.status()["ledger"]] == ["Started"]
    assert world.status()["counts"]["succeeded"] > succeeded + 10


async def test_what_ends_elsewhere_is_not_forgotten_by_a_second_try_of_the_take_over(world: World) -> None:
    """The first try fails after it has found the call; then the replica dies that was to end it."""
    world.receiver.seconds = 15.0
    world.task("t", endAt=ONCE)
    world.pod_task("p", endAt=ONCE)
    world.start("a")
    world.start("b")
    await until(world, "12:00:01")
    world.server.fail("get", PODS)
    stop = asyncio.create_task(world.operators["a"][0].drain())
    await until(world, "12:00:08")
    await world.crash("a")
    stop.cancel()
    await until(world, "12:01:00")
    assert world.outcomes() == [("p-20260301120000", "Running", ""), (FIRST, "Lost", "Lost")]


async def test_leases_that_can_be_read_and_not_written_are_no_storm() -> None:
    """The API server has no room for writes: it says so at once, and when to come again."""
    world = TroubledWorld()
    world.task("t", "* * * * * *")
    world.start("a")
    world.start("b")
    await until(world, "12:00:00")
    began = world.clock.monotonic()
    for wire in world.wires.values():
        wire.trouble = Trouble(status=429, headers={"Retry-After": "1"}, writes=True)
    await until(world, "12:00:20")
    rates = {name: wire.per_second(began, world.clock.monotonic()) for name, wire in world.wires.items()}
    await world.close()
    assert max(rates["b"].values()) <= 10
    assert max(rates["a"].values()) <= 30, "it tries hard while it may send"


async def test_an_end_that_was_told_before_the_loss_of_the_shard_is_known_afterwards(world: World) -> None:
    """A leader that was paused hears that what it believes to be running has ended, and then that it leads no more."""
    world.pod_task("t", "*/5 * * * * *", retry={"limit": 1}, endAt=ONCE)
    shard = world.start("a").shards[0]
    await until(world, "11:59:56")
    world.end_pod("t-20260301115955-1")
    await until(world, "12:00:03")
    earlier, pod = world.pods_made()
    attempts = [{"number": 1, "pod": pod, "startedAt": ONCE, "finishedAt": ONCE, "reason": "Completed"}]
    ended = {"phase": "Succeeded", "startedAt": ONCE, "finishedAt": ONCE, "attempts": attempts}
    world.server.edit(EXECUTIONS, FIRST, {"status": ended})
    await asyncio.sleep(0.05)
    taken(world, 8)
    await until(world, "12:00:05")
    assert not shard.leadership.holding
    world.end_pod(pod, exit_code=1)
    world.server.hold("create", EXECUTIONS, times=10)  # no answer says that there is a record
    await until(world, "12:01:00")
    assert shard.taken_over
    assert world.pods_made() == [earlier, pod]
    assert world.executions()[-1]["status"]["attempts"] == attempts


async def test_what_history_gave_away_is_known_until_it_is_gone(world: World) -> None:
    """Its deletion waits when the shard is lost: later its pod must not look like one without a record."""
    world.pod_task("t", "*/2 * * * * *", history={"successful": 1, "failed": 1}, endAt="2026-03-01T12:00:10Z")
    world.kubelet(0.5)
    shard = world.start("a").shards[0]
    world.server.fail("deletecollection", PODS, times=100)
    world.server.fail("deletecollection", EXECUTIONS, times=100)
    await until(world, "12:00:20")
    (task,) = shard.index.tasks.values()
    assert len(task.ended) == 1 < len(world.executions())
    taken(world, 8)
    await until(world, "12:00:22")
    assert not shard.leadership.holding
    assert len(task.ended) == len(world.executions())
    world.server.heal()
    await until(world, "12:01:00")
    assert shard.taken_over
    assert world.status()["counts"]["succeeded"] == len(world.pods_made())
    assert len(world.executions()) == 1
    assert not world.server.all(PODS)


async def lost_with_a_pod_under_way(world: World) -> tuple[Shard, asyncio.Event]:
    """The shard is somebody else's for eight seconds; the event lets a pod of before that arrive."""
    world.pod_task("t", startingDeadlineSeconds=5, endAt=ONCE)
    world.kubelet(0.5)
    shard = world.start("a").shards[0]
    arrives = world.server.hold("create", PODS)
    await until(world, "12:00:00.500")
    taken(world, 8)
    return shard, arrives


async def test_a_pod_that_was_under_way_for_long_is_followed_and_its_instant_has_begun(world: World) -> None:
    """A network holds the request back until the next leader has decided that the instant is missed."""
    shard, arrives = await lost_with_a_pod_under_way(world)
    await until(world, "12:00:12")
    assert shard.taken_over
    assert [each["outcome"] for each in world.status()["ledger"]] == ["Missed"]
    arrives.set()
    await until(world, "12:00:30")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert [each["outcome"] for each in world.status()["ledger"]] == ["Started"]


async def test_a_pod_without_record_gets_one_while_it_runs(world: World) -> None:
    """Its leader has died between the two."""
    world.pod_task("t", endAt=ONCE)
    world.start("a")
    world.server.fail("create", EXECUTIONS, times=100)
    await until(world, "12:00:02")
    await world.crash("a")
    assert len(world.pods_made()) == 1
    world.server.heal()
    world.start("b")
    await until(world, "12:00:10")
    assert world.outcomes() == [(FIRST, "Running", "")]


async def test_a_pod_that_comes_during_the_take_over_is_known_to_it(world: World) -> None:
    """Pods were listed before it was there, and nobody follows events of pods yet."""
    shard, arrives = await lost_with_a_pod_under_way(world)
    tasks = world.server.hold("list", TASKS, times=10)
    await until(world, "12:00:12")
    assert shard.leadership.holding
    assert not shard.taken_over
    arrives.set()
    await until(world, "12:00:14")
    tasks.set()
    await until(world, "12:00:30")
    assert world.outcomes() == [(FIRST, "Succeeded", "Completed")]
    assert [each["outcome"] for each in world.status()["ledger"]] == ["Started"]
    assert world.status()["counts"].get("missed", 0) == 0


@pytest.mark.parametrize("taken_for", ["Lost", "Missed", "Skipped"])
def test_what_has_begun_after_all_is_told_anew(taken_for: Outcome) -> None:
    instant = at("12:00:00")
    task = Task(
        Key("default", "t"), "uid", instant, 1, b"", Tally(ledger=EMPTY.record(at_once(instant, taken_for))), instant
    )
    ended = Ended(
        FIRST, "Succeeded", instant, "Schedule", "Completed", instant, None, began=True, lateness_milliseconds=7
    )
    conclude(task, ended)
    assert [(each.outcome, each.lateness) for each in task.tally.ledger.entries] == [("Started", 7)]
