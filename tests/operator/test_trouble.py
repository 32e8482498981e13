"""The API server in trouble: what is asked of it meanwhile, and what becomes of every instant afterwards."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from fakes.accounting import assert_accounted, outcomes
from fakes.apiserver import Request
from fakes.wire import Trouble, TroubledWorld
from fakes.world import until

from crontask_kube.resources import TASKS

pytestmark = pytest.mark.looptime


@pytest.fixture
async def world() -> AsyncIterator[TroubledWorld]:
    made = TroubledWorld()
    yield made
    await made.close()
    for body in made.server.all(TASKS):
        assert_accounted(made, body["metadata"]["name"])


AWAY = Trouble(away=True)
KINDS = {
    "away": AWAY,
    "silent": Trouble(silent=True),
    "cut": Trouble(cut=True),
    "500": Trouble(status=500),
    "429": Trouble(status=429, headers={"Retry-After": "10"}),
    "410": Trouble(status=410),
    "403": Trouble(status=403),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_outage_of_minutes_is_no_storm(world: TroubledWorld, kind: str) -> None:
    for n in range(100):
        world.task(f"t{n}", schedule="* * * * *")
    world.start("a")
    world.start("b")
    await until(world, "12:00:00.5")
    world.begin(KINDS[kind])
    began = world.clock.monotonic()
    await until(world, "12:02:30")
    for wire in world.wires.values():
        rates = wire.per_second(began, world.clock.monotonic())
        # What is refused for good, each record under way learns by itself, once.
        assert max(rates.values()) <= (110 if kind in ("403", "410") else 30), f"in one second: {rates}"
        later = sum(count for second, count in rates.items() if second > began + 20)
        assert later <= 130 * 7, "seven a second and replica, once it is known: 4.5 shard's Lease, 2 replica's, lists"
    one, other = ({round(at, 2) for at, _ in wire.asked if at > began + 20} for wire in world.wires.values())
    assert len(one & other) < min(len(one), len(other)) / 2, "the replicas do not march in step"
    world.end()
    await until(world, "12:03:30")
    assert len(set(world.receiver.keys())) == len(world.receiver.keys()) == 300, "12:00, 12:03, the latest missed"


POLICIES = {"skip": {"policy": "Skip"}, "latest": {"policy": "Latest"}, "all": {"policy": "All", "limit": 100}}
AFTERWARDS = [
    # Away from 12:00:05 on; seconds away; what becomes of 12:00:10, :20, :30 and :40.
    (1.0, {"skip": "SSSS", "latest": "SSSS", "all": "SSSS"}),
    (10.0, {"skip": "SSSS", "latest": "SSSS", "all": "SSSS"}),
    (40.0, {"skip": "MMMS", "latest": "MMMS", "all": "SSSS"}),
]


@pytest.mark.parametrize("replicas", ["a", "ab"])
@pytest.mark.parametrize(("seconds", "expected"), AFTERWARDS)
async def test_what_becomes_of_each_instant(
    world: TroubledWorld, replicas: str, seconds: float, expected: dict[str, str]
) -> None:
    for name, missed in POLICIES.items():
        world.task(name, schedule="*/10 * * * * *", missed=missed)
    for name in replicas:
        world.start(name)
    await until(world, "12:00:05")
    world.begin(AWAY)
    await asyncio.sleep(seconds)
    world.end()
    await until(world, "12:01:20")
    found = {}
    for name in POLICIES:
        told = outcomes(world, name)
        found[name] = "".join(told[f"12:00:{second}"][0].replace("L", "S") for second in (10, 20, 30, 40))
    assert found == expected, {name: outcomes(world, name) for name in POLICIES}
    assert len(set(world.receiver.keys())) == len(world.receiver.keys())


@pytest.mark.parametrize("replicas", ["a", "ab"])
@pytest.mark.parametrize("seconds", [1.0, 5.0, 40.0])
@pytest.mark.parametrize(
    ("verb", "plural"), [("patch", "leases"), ("create", "pods"), ("create", "ctexecutions"), ("patch", "crontasks")]
)
async def test_an_outage_that_begins_in_the_middle(
    world: TroubledWorld, replicas: str, seconds: float, verb: str, plural: str
) -> None:
    """The request has had its effect, its answer is lost, and so is everything that follows."""
    plural = "crontaskexecutions" if plural == "ctexecutions" else plural
    world.task("call", schedule="*/10 * * * * *", missed={"policy": "All", "limit": 100})
    world.pod_task("pod", schedule="*/10 * * * * *", missed={"policy": "All", "limit": 100})
    world.kubelet(1.0)
    for name in replicas:
        world.start(name)
    await until(world, "12:00:09")
    begun: list[float] = []

    def look(request: Request) -> None:
        if not begun and (request.verb, request.resource) == (verb, plural):
            begun.append(world.clock.monotonic())
            world.begin(AWAY)

    for wire in world.wires.values():
        wire.after = look
    await until(world, "12:00:25")
    assert begun, "the outage has begun"
    await asyncio.sleep(max(0.0, seconds - world.clock.monotonic() + begun[0]))
    world.end()
    await until(world, "12:02:00")
    for made in (world.pods_made(), world.receiver.keys()):
        assert len(set(made)) == len(made)
    assert not [each for each in world.outcomes() if each[1] == "Running" and each[0] < "call-20260301120150"]


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.9, 1.7])
async def test_a_standby_that_was_cut_off_takes_over_in_time(world: TroubledWorld, seconds: float) -> None:
    """The leader dies so many seconds after its standby, alone in trouble for long, is fine again."""
    world.task("call", schedule="* * * * * *")
    world.start("a")
    await until(world, "12:00:00")
    world.start("b")
    await until(world, "12:00:02")
    world.wires["b"].trouble = AWAY
    world.server.end_watches()
    await until(world, "12:00:20.3")
    assert len(world.receiver.received) >= 20, "its trouble is nobody else's"
    world.end()
    await asyncio.sleep(seconds)
    await world.crash("a")
    died = world.clock.now()
    await asyncio.sleep(5)
    taken = next(moment for moment, _ in world.receiver.received if moment > died)
    assert 1.0 < (taken - died).total_seconds() <= 3.1


@pytest.mark.parametrize(("kind", "longest"), [("403", 0.3), ("429", 0.3), ("500", 0.45), ("away", 0.45)])
async def test_a_leader_tries_hard_while_it_may_send(world: TroubledWorld, kind: str, longest: float) -> None:
    """At most 0.3 s between two tries; the client itself repeats a request after up to 0.4 s."""
    world.task("call", schedule="* * * * *")
    operator = world.start("a")
    await until(world, "12:00:10")
    world.begin(KINDS[kind])
    await asyncio.sleep(4)
    lease = operator.shards[0].lease
    asked = [at for at, request in world.wires["a"].asked if request.name == lease.name and at > lease.renew_at - 0.01]
    hard = [at for at in asked if at <= lease.valid_until]
    assert len(hard) >= 4
    assert max(after - before for before, after in pairwise(hard)) <= longest
    world.end()
    await asyncio.sleep(10.5 if kind == "429" else 1.5)  # it was asked to wait for 10 s
    assert lease.valid()


@pytest.mark.parametrize(
    ("effect", "policy", "first"), [(False, "All", "S"), (False, "Skip", "M"), (True, "All", "S"), (True, "Skip", "S")]
)
async def test_a_pod_behind_an_outage_is_no_failure(
    world: TroubledWorld, effect: bool, policy: str, first: str
) -> None:
    """The client gives up when the right to send has long run out. With `effect` the pod was made."""
    world.pod_task("pod", schedule="* * * * *", missed={"policy": policy})
    world.kubelet(1.0)
    world.start("a")
    await until(world, "11:59:58")

    def look(request: Request) -> None:
        if (request.verb, request.resource) == ("create", "pods"):
            world.begin(AWAY)

    wire = world.wires["a"]
    setattr(wire, "after" if effect else "before", look)
    await until(world, "12:01:30")
    wire.after = wire.before = lambda request: None
    world.end()
    await until(world, "12:02:30")
    assert outcomes(world, "pod")["12:00:00"][0].replace("L", "S") == first
    assert world.pods_made().count("pod-20260301120000-1") == (first == "S")
    assert {phase for _, phase, _ in world.outcomes()} == {"Succeeded"}
