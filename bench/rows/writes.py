"""API writes for one execution, everything included: claims, records, statuses, deletions, events.

Counted for both sides from the API server's audit log, by who wrote, in windows of a minute: one for each repetition,
one after the other. Pods end 3 s after their creation, because a stand-in for the kubelet says so; histories keep
nothing, so that deletions are counted too. CronJobs are due at the beginning of each window and done long before its
end, at the controller's stock settings: how many writes a Job costs does not depend on them.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bench.audit import NATIVE, OPERATOR, Write
from bench.contestant import running
from bench.lines import Line, at_most
from bench.load import clear, create, namespace
from bench.objects import CRONJOBS, cronjob, http_action, pod_action, task
from bench.stage import Stage, say, until
from bench.standin import Kubelet
from crontask_kube.resources import TASKS

SPACES = {kind: f"bench-writes-{kind}" for kind in ("pods", "http", "native")}
TASKS_EACH, PERIOD = 60, 20
WARM, WINDOW = 20, 60
GOALS = {"pods": 4, "http": 3}
_HISTORY = {"history": {"successful": 0, "failed": 0}}


async def writes(stage: Stage) -> list[Line]:
    """Two lines: pods beside the CronJob controller, and HTTP calls."""
    stage.cluster.up("stock")
    for space in SPACES.values():
        await namespace(stage.api, space)
    say("API writes per execution")
    async with Kubelet(stage.api, set(SPACES.values())), running(stage.cluster):
        seen = stage.cluster.writes()
        begin = math.ceil((time.time() + WARM) / WINDOW) * WINDOW
        await asyncio.gather(_start_native(stage), _start_ours(stage))
        await until(begin + WINDOW * stage.sizes.repetitions + 1)
        found = list(seen.read())
    await _clear(stage)
    windows = [within(found, begin + WINDOW * n) for n in range(stage.sizes.repetitions)]
    rival = [native_writes(window) for window in windows]
    pods, http = _line("pods", windows, rival if "stock" in stage.sizes.contestants else []), _line("http", windows, [])
    return [pods, http]


def within(found: Iterable[Write], begin: float) -> list[Write]:
    """The writes of one window."""
    return [write for write in found if begin <= write.at < begin + WINDOW]


def _line(kind: str, windows: list[list[Write]], rival: list[dict[str, float]]) -> Line:
    ours = [per_execution(window, kind) for window in windows]
    for name, counts in ((kind, ours[-1]), *(("native", counts) for counts in rival[-1:])):
        say(f"  {name}: " + ", ".join(f"{what} {count:.2f}" for what, count in sorted(counts.items())))
    sides = {"ours": [_sum(counts) for counts in ours], "stock": [_sum(counts) for counts in rival if counts]}
    line = Line.beside("API writes for a pod" if kind == "pods" else "API writes for an HTTP call", "writes", sides, ())
    goal = at_most(line.ours.deciding.median, GOALS[kind], f"≤ {GOALS[kind]}")
    return replace(line, goals=(goal,), details=ours[-1])


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


async def _start_native(stage: Stage) -> None:
    """CronJobs due at each minute."""
    limits = {"successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0}
    bodies = (cronjob(f"writes-{n:03}", "* * * * *", **limits) for n in range(TASKS_EACH))
    await create(stage.api, CRONJOBS, SPACES["native"], bodies)


async def _clear(stage: Stage) -> None:
    stage.cluster.stop_controllers()
    for space in SPACES.values():
        await clear(stage.api, space)
