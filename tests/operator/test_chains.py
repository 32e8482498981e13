"""Tasks that run after others: who is started by which end, once, whoever dies in between."""

import asyncio

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_core.names import digest
from crontask_kube.resources import EXECUTIONS, TASKS

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
ONCE = "0 12 1 3 *"


def after(*tasks: str, when: str | None = None) -> list[dict[str, str]]:
    return [{"task": task} | ({"when": when} if when else {}) for task in tasks]


def child(name: str, parent: str = FIRST, instant: str = "20260301120000") -> str:
    return f"{name}-{instant}-{digest(parent)[:6]}"


def follower(world: World, name: str, *tasks: str, when: str | None = None, **spec: object) -> None:
    world.task(name, schedule=None, after=after(*tasks, when=when), **spec)


def condition(world: World, kind: str, name: str) -> tuple[str, str]:
    [found] = [each for each in world.status(name)["conditions"] if each["type"] == kind]
    return found["status"], found["reason"]


@pytest.mark.parametrize(
    ("answer", "started"),
    [(200, {"good", "any"}), (500, {"bad", "any"})],
    ids=["success", "failure"],
)
async def test_each_end_starts_those_who_wait_for_it(world: World, answer: int, started: set[str]) -> None:
    world.receiver.answers = [CallFacts(http_status=answer, sent=True)]
    world.task(schedule=ONCE)
    follower(world, "good", "t")
    follower(world, "bad", "t", when="Failure")
    follower(world, "any", "t", when="Completion")
    world.start()
    await until(world, "12:00:20")
    assert set(world.receiver.keys()[1:]) == {child(name) for name in started}
    for name in started:
        made = world.server.object(EXECUTIONS, child(name))
        assert made["spec"] == {
            "taskRef": {"name": name},
            "trigger": "After",
            "scheduledAt": "2026-03-01T12:00:00Z",
            "parent": FIRST,
        }
        assert made["metadata"]["ownerReferences"][0]["name"] == name
        assert made["status"]["phase"] == "Succeeded"
        assert world.status(name)["counts"]["succeeded"] == 1
    assert "followers" not in world.server.object(EXECUTIONS, FIRST)["status"]
    assert condition(world, "Scheduled", "good") == ("True", "After")


async def test_a_chain_passes_the_instant_on_and_fans_out(world: World) -> None:
    world.task(schedule=ONCE)
    follower(world, "b", "t")
    for name in ("c1", "c2"):
        follower(world, name, "b")
    follower(world, "d", "c1", "c2")
    world.start()
    await until(world, "12:00:20")
    b = child("b")
    c1, c2 = child("c1", b), child("c2", b)
    assert world.receiver.keys()[:2] == [FIRST, b]
    assert sorted(world.receiver.keys()[2:]) == sorted([c1, c2, child("d", c1), child("d", c2)])
    instants = {dict(request.headers)["CronTask-Scheduled-At"] for _, request in world.receiver.received}
    assert len(instants) == 1


@pytest.mark.parametrize("trigger", ["Manual", "Schedule"])
async def test_retries_start_those_who_follow_once(world: World, trigger: str) -> None:
    world.receiver.answers = [CallFacts(http_status=500, sent=True)] * 2
    world.task(schedule=ONCE, retry={"limit": 2, "backoff": {"initialSeconds": 1}})
    follower(world, "b", "t", when="Completion")
    world.start()
    if trigger == "Manual":
        await until(world, "11:59:52")
        world.by_hand("mine")
        await until(world, "11:59:59")
    else:
        await until(world, "12:00:20")
    parent = "mine" if trigger == "Manual" else FIRST
    keys = world.receiver.keys()
    assert keys[:3] == [parent] * 3
    [last] = keys[3:]
    assert last.startswith("b-2026030")
    assert last.endswith(digest(parent)[:6])


async def test_a_stopped_execution_and_one_that_was_refused_start_nobody(world: World) -> None:
    world.receiver.seconds = 30
    world.task(schedule=ONCE, concurrencyPolicy="Forbid", history={"failed": 10})
    follower(world, "b", "t", when="Completion")
    follower(world, "c", "broken", when="Completion")
    world.task("broken", schedule="nonsense")
    world.start()
    await until(world, "12:00:02")
    world.by_hand("overlaps")
    world.by_hand("cannot", task="broken")
    world.by_hand("nobodys", task="none")
    await until(world, "12:00:05")
    world.server.edit(EXECUTIONS, FIRST, {"spec": {"stop": True}})
    await until(world, "12:00:20")
    assert sorted(world.outcomes()) == [
        ("cannot", "Failed", "InvalidSpec"),
        ("nobodys", "Failed", "TaskNotFound"),
        ("overlaps", "Cancelled", "Overlap"),
        (FIRST, "Cancelled", "Stopped"),
    ]


async def test_the_follower_s_own_policies_hold(world: World) -> None:
    world.receiver.seconds = 5
    world.task(schedule="*/2 * * * * *", history={"successful": 100})
    follower(world, "one", "t", concurrencyPolicy="Forbid", history={"successful": 100, "failed": 100})
    follower(world, "paused", "t", suspend=True, history={"failed": 100})
    world.start()
    await until(world, "12:00:11.500")
    ends = {(name.split("-")[0], phase, reason) for name, phase, reason in world.outcomes() if reason}
    assert ends == {
        ("t", "Succeeded", "Completed"),
        ("one", "Succeeded", "Completed"),
        ("one", "Cancelled", "Overlap"),
        ("paused", "Cancelled", "Suspended"),
    }


async def test_a_circle_starts_nobody_until_it_is_broken(world: World) -> None:
    world.task("a", schedule=ONCE, after=after("c", when="Completion"))
    follower(world, "b", "a")
    world.start()
    await until(world, "11:59:55")
    assert condition(world, "Ready", "a") == condition(world, "Ready", "b") == ("True", "Valid")
    follower(world, "c", "b")
    follower(world, "outside", "c")
    await until(world, "11:59:58")
    for name in ("a", "b", "c"):
        assert condition(world, "Ready", name) == ("False", "AfterCycle")
    [ready] = [each for each in world.status("b")["conditions"] if each["type"] == "Ready"]
    assert "(b -> c -> a -> b, each runs" in ready["message"]
    assert condition(world, "Ready", "outside") == ("True", "Valid")
    await until(world, "12:00:05")
    world.by_hand("x", task="b")
    await until(world, "12:00:10")
    assert world.outcomes() == [("x", "Failed", "AfterCycle")]
    world.server.edit(TASKS, "c", {"spec": {"after": after("t")}})
    await until(world, "12:00:15")
    for name in ("a", "b", "c"):
        assert condition(world, "Ready", name) == ("True", "Valid")
    world.by_hand("y", task="a")
    await until(world, "12:00:20")
    keys = world.receiver.keys()
    assert [key for key in keys if key.startswith("b-")] == keys[1:2]


async def test_a_task_after_itself_is_refused(world: World) -> None:
    follower(world, "t", "t")
    world.start()
    await until(world, "11:59:55")
    assert condition(world, "Ready", "t") == ("False", "AfterCycle")


async def test_a_parent_that_does_not_exist_is_told_and_heals(world: World) -> None:
    follower(world, "b", "t")
    follower(world, "c", "t", "b")
    world.start()
    await until(world, "11:59:55")
    assert condition(world, "Ready", "b") == ("True", "Valid")
    assert condition(world, "Scheduled", "b") == ("False", "ParentNotFound")
    assert condition(world, "Scheduled", "c") == ("True", "After")
    world.task(schedule=ONCE)
    await until(world, "11:59:58")
    assert condition(world, "Scheduled", "b") == ("True", "After")
    await until(world, "12:00:10")
    assert world.receiver.keys()[:2] == [FIRST, child("b")]
    world.server.remove(TASKS, "t")
    await until(world, "12:00:15")
    assert condition(world, "Scheduled", "b") == ("False", "ParentNotFound")


@pytest.mark.parametrize("took_effect", [False, True])
@pytest.mark.parametrize(("verb", "times"), [("create", 1), ("create", 2), ("patch", 1), ("patch", 2)])
async def test_killed_anywhere_between_an_end_and_who_follows(
    world: World, verb: str, times: int, took_effect: bool
) -> None:
    """The requests: the parent's record, the follower's execution; its claim, the list off the record."""
    world.pod_task(schedule=ONCE, history={"successful": 10})
    follower(world, "b", "t", pod={"image": "i"}, history={"successful": 10})
    world.kubelet(0.1)
    world.start()
    await until(world, "11:59:59")
    for _ in range(times - 1):
        world.server.hold(verb, EXECUTIONS, after=True).set()
    world.server.hold(verb, EXECUTIONS, after=took_effect)
    await until(world, "12:00:08")
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:00:40")
    assert world.pods_made() == [f"{FIRST}-1", f"{child('b')}-1"]
    assert world.outcomes() == [(child("b"), "Succeeded", "Completed"), (FIRST, "Succeeded", "Completed")]
    assert "followers" not in world.server.object(EXECUTIONS, FIRST)["status"]


async def test_a_lost_call_is_a_failure_for_those_who_follow(world: World) -> None:
    world.receiver.seconds = 10
    world.task(schedule=ONCE)
    follower(world, "b", "t", when="Failure")
    world.start()
    await until(world, "12:00:03")
    await world.crash()
    world.receiver.seconds = 0.01
    world.start("b")
    await until(world, "12:00:30")
    assert world.receiver.keys() == [FIRST, child("b")]


async def test_an_api_that_refuses_for_a_while_delays_only(world: World) -> None:
    world.task(schedule=ONCE, history={"successful": 0})
    follower(world, "b", "t")
    world.start()
    await until(world, "12:00:00.005")
    go = world.server.hold("create", EXECUTIONS, after=True)
    world.server.fail("create", EXECUTIONS, times=3, status=403, reason="Forbidden")
    go.set()
    await until(world, "12:00:30")
    assert FIRST in [name for name, _, _ in world.outcomes()], "the record stays as long as somebody is to follow"
    await until(world, "12:01:30")
    assert world.receiver.keys() == [FIRST, child("b")]
    assert FIRST not in [name for name, _, _ in world.outcomes()]


async def test_a_hundred_follow_at_once(world: World) -> None:
    world.task(schedule=ONCE)
    for n in range(100):
        follower(world, f"b{n}", "t")
    world.start()
    await until(world, "12:00:05")
    assert len(set(world.receiver.keys())) == len(world.receiver.keys()) == 101


async def test_what_ended_before_a_task_follows_does_not_start_it(world: World) -> None:
    world.task(schedule=ONCE)
    world.start()
    await until(world, "12:00:05")
    follower(world, "b", "t")
    await until(world, "12:00:10")
    await world.crash()
    world.start("b")
    await asyncio.sleep(10)
    assert world.receiver.keys() == [FIRST]
