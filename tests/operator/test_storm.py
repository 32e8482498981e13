"""Leaders that die again and again, at moments drawn by lot, under every policy: nothing doubled, all accounted for."""

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random  # noqa: TID251 - with a seed, so that each story can be told again

import pytest
from fakes.accounting import moment
from fakes.world import World

from crontask_kube.resources import EXECUTIONS, PODS, TASKS

pytestmark = pytest.mark.looptime

POD_SECONDS = 4
KEEP = {"history": {"successful": 1000, "failed": 1000}}
POLICIES = {
    "allow": {"missed": {"policy": "All", "limit": 100}},
    "forbid": {"concurrencyPolicy": "Forbid", "missed": {"policy": "All", "limit": 3}},
    "queue": {"concurrencyPolicy": "Queue", "queueLimit": 4},
    "two": {"concurrencyPolicy": "Queue", "concurrencyLimit": 2, "startingDeadlineSeconds": 20},
    "replace": {"concurrencyPolicy": "Replace"},
}


def most_at_once(world: World, task: str) -> int:
    """How many executions of the task ran at the same time at most.

    Ends are those of the pods: what ended while no operator watched is recorded later. A second is left out, because
    an operator that finds a pod knows its creation no better.
    """
    told = [e["status"] for e in world.executions() if e["spec"]["taskRef"]["name"] == task]
    begun = [(moment(each["startedAt"]), moment(each["finishedAt"])) for each in told if "startedAt" in each]
    spans = [(begin, min(end, begin + timedelta(seconds=POD_SECONDS - 1))) for begin, end in begun]
    return max((sum(begin <= at < end for begin, end in spans) for at, _ in spans), default=0)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_doubled_and_everything_accounted_for(world: World, seed: int) -> None:
    lot = Random(seed)
    for name, rules in POLICIES.items():
        world.pod_task(f"p-{name}", schedule="*/5 * * * * *", **rules, **KEEP)
        world.task(f"h-{name}", schedule="*/5 * * * * *", **rules, **KEEP)
    world.receiver.seconds = 3
    world.kubelet(POD_SECONDS)
    leader = "a"
    world.start(leader)
    for n in range(3):
        await asyncio.sleep(lot.uniform(3, 20))
        if lot.random() < 0.7:
            verb, kind = lot.choice([("create", EXECUTIONS), ("patch", EXECUTIONS), ("create", PODS), ("patch", TASKS)])
            world.server.hold(verb, kind, times=lot.randint(1, 5), after=lot.random() < 0.5)
            await asyncio.sleep(lot.uniform(0, 6))
        await (world.crash if lot.random() < 0.8 else world.stop)(leader)
        world.server.heal()
        leader = f"leader-{n}"
        world.start(leader)
    await asyncio.sleep(60)
    for name in POLICIES:
        world.server.edit(TASKS, f"p-{name}", {"spec": {"endAt": world.clock.now().isoformat()}})
        world.server.edit(TASKS, f"h-{name}", {"spec": {"endAt": world.clock.now().isoformat()}})
    await asyncio.sleep(120)
    twice = [name for name, count in Counter([*world.pods_made(), *world.receiver.keys()]).items() if count > 1]
    assert not twice
    unfinished = [each for each in world.outcomes() if each[1] in ("Pending", "Queued", "Running")]
    assert not unfinished
    for task, limit in (("p-forbid", 1), ("p-queue", 1), ("p-two", 2), ("p-replace", 2)):
        assert most_at_once(world, task) <= limit
    for body in world.server.all(TASKS):
        assert body["status"]["activeCount"] == body["status"]["queuedCount"] == 0
        assert not any(entry["outcome"] == "Queued" for entry in body["status"]["ledger"])
