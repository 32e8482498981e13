"""API writes for one execution, everything included: claims, records, statuses, deletions, events.

Counted for both sides from the API server's audit log, by who wrote. Pods end 3 s after their creation, because a
stand-in for the kubelet says so; histories keep nothing, so that deletions are counted too.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bench.audit import NATIVE, OPERATOR, Write
from bench.contestant import running
from bench.figures import Line, at_most
from bench.load import clear, create, namespace
from bench.objects import CRONJOBS, cronjob, daily, http_action, pod_action, task
from bench.stage import Stage, say, until
from bench.standin import Kubelet
from bench.tail import Tail
from crontask_kube.resources import TASKS

SPACES = {kind: f"bench-writes-{kind}" for kind in ("pods", "http", "native")}
TASKS_EACH, PERIOD = 60, 20
WARM, WINDOW = 30, 60
QUIET = 12
"""Seconds without a write after which the CronJob controller is done."""
_HISTORY = {"history": {"successful": 0, "failed": 0}}


async def writes(stage: Stage) -> list[Line]:
    """Two lines: pods beside the CronJob controller, and HTTP calls."""
    stage.cluster.up("stock")
    for space in SPACES.values():
        await namespace(stage.api, space)
    say("API writes per execution")
    async with Kubelet(stage.api, set(SPACES.values())), running(stage.cluster):
        seen = stage.cluster.writes()
        native, _ = await asyncio.gather(_start_native(stage), _start_ours(stage))
        begin = math.ceil(time.time()) + WARM
        await until(max(begin + WINDOW, native))
        await _finished(seen)
        found = list(seen.read())
    await _clear(stage)
    ours = [write for write in found if begin <= write.at < begin + WINDOW]
    pods, http = per_execution(ours, "pods"), per_execution(ours, "http")
    rival = native_writes(found)
    for name, counts in (("pods", pods), ("http", http), ("native", rival)):
        say(f"  {name}: " + ", ".join(f"{what} {count:.2f}" for what, count in sorted(counts.items())))
    stock = sum(rival.values()) if "stock" in stage.sizes.contestants else None
    return [
        Line("API writes for a pod", "writes", _sum(pods), stock, None, (at_most(_sum(pods), 4, "≤ 4"),), pods),
        Line("API writes for an HTTP call", "writes", _sum(http), None, None, (at_most(_sum(http), 3, "≤ 3"),), http),
    ]


def per_execution(found: Iterable[Write], kind: str) -> dict[str, float]:
    """Our writes for one execution of a kind, by verb and resource; Leases are shared by all executions."""
    mine = [write for write in found if write.user == OPERATOR]
    counts = Counter(what(write) for write in mine if write.namespace == SPACES[kind])
    leases = sum(write.resource == "leases" for write in mine)
    created = Counter(write.namespace for write in mine if what(write) == "create crontaskexecutions")
    if not created[SPACES[kind]]:
        raise RuntimeError(f"no execution of {kind} was recorded while the writes were counted")
    shares = {name: count / created[SPACES[kind]] for name, count in counts.items()}
    return {**shares, "patch leases": leases / sum(created.values())}


def native_writes(found: Iterable[Write]) -> dict[str, float]:
    """The CronJob controller's writes (and its helpers') for one Job, by verb and resource."""
    mine = [write for write in found if write.user in NATIVE and write.namespace == SPACES["native"]]
    counts = Counter(what(write) for write in mine)
    jobs = counts["create jobs"]
    return {name: count / jobs for name, count in counts.items()} if jobs else {}


def what(write: Write) -> str:
    """Verb and resource as one text."""
    return f"{write.verb} {write.resource}"


def _sum(counts: dict[str, float]) -> float:
    return round(sum(counts.values()), 2)


async def _start_ours(stage: Stage) -> None:
    """Tasks of both kinds, each due every 20 seconds, spread over the seconds."""
    url = stage.cluster.values()["RECEIVER_URL"] + "/bench/writes"
    actions: dict[str, dict[str, Any]] = {"pods": pod_action(), "http": http_action(url)}
    for kind, action in actions.items():
        bodies = (
            task(f"writes-{n:03}", f"{n % PERIOD}-59/{PERIOD} * * * * *", action, **_HISTORY) for n in range(TASKS_EACH)
        )
        await create(stage.api, TASKS, SPACES[kind], bodies)


async def _start_native(stage: Stage) -> float:
    """CronJobs due at the next minute; returns when."""
    due = math.ceil((time.time() + 8) / 60) * 60
    limits = {"successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0}
    bodies = (cronjob(f"writes-{n:03}", daily(due, seconds=False), **limits) for n in range(TASKS_EACH))
    await create(stage.api, CRONJOBS, SPACES["native"], bodies)
    return float(due)


async def _finished(seen: Tail[Write]) -> None:
    """Waits until the CronJob controller has written nothing for a while (two minutes at most)."""
    end = time.time() + 120
    while time.time() < end:
        times = [write.at for write in seen.read() if write.user in NATIVE and write.namespace == SPACES["native"]]
        if times and time.time() - times[-1] > QUIET:
            return
        await asyncio.sleep(2)


async def _clear(stage: Stage) -> None:
    stage.cluster.stop_controllers()
    for space in SPACES.values():
        await clear(stage.api, space)
