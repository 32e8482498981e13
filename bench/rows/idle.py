"""What many tasks cost that wait: memory, how prompt the one due task among them is, and a cold start.

The waiting tasks are due in twelve hours. One more task calls the receiver at even seconds, another creates a pod at
odd ones. Each repetition is a process of its own, started while all tasks exist (a cold start): until it is ready,
until its first call on time, its memory once that has settled, then the lateness of the two tasks. From the memory
that of processes is taken off which have the two tasks alone, and have done the same with them.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.audit import created
from bench.contestant import Operator, running
from bench.figures import Repeated, Spread
from bench.lines import Line, at_most
from bench.load import clear, create, namespace
from bench.objects import daily, http_action, pod_action, task
from bench.received import at_path
from bench.rows.sustained import ON_TIME, lateness_of_pods
from bench.stage import Stage, counted, say
from crontask_kube.resources import TASKS

IDLE, PROBE = "bench-idle", "bench-probe"
PATH = "/bench/idle"
HALF_DAY = 43_200
SLOWEST_FILL = 25
"""Tasks a second that are expected to get their first status at least."""
FIRST_SECONDS = 120


@dataclass(frozen=True)
class Start:
    """A cold start; times in seconds, memory in bytes."""

    ready: float
    first: float
    """From its start to the arrival of the first call that was on time."""
    memory: int


@dataclass(frozen=True)
class Run:
    """One process among the waiting tasks."""

    start: Start
    call: Spread
    pod: Spread


async def idle(stage: Stage) -> list[Line]:
    """Five lines: memory, lateness of a call and of a pod, cold start to ready and to the first start."""
    stage.cluster.up("stock")
    for space in (IDLE, PROBE):
        await namespace(stage.api, space)
    say("memory without tasks that wait")
    url = stage.cluster.values()["RECEIVER_URL"] + PATH
    await create(stage.api, TASKS, PROBE, _probes(url))
    empty = [await _empty(stage) for _ in stage.turns(["ours"])]
    say(f"{stage.sizes.idle} tasks that wait")
    filled = await _fill(stage, url)
    runs = [await _run(stage) for _ in stage.turns(["ours"])]
    stage.cluster.stop_controllers()
    for space in (IDLE, PROBE):
        await clear(stage.api, space)
    return lines(stage.sizes.idle, empty, filled, runs)


def lines(count: int, empty: Sequence[int], filled: int, runs: Sequence[Run]) -> list[Line]:
    """The figures of all repetitions. `filled`: memory of the process that saw the tasks come one by one."""
    base = median(empty)
    each = Repeated(tuple(round((run.start.memory - base) / 1024 / count, 3) for run in runs))
    call, pod = Repeated(tuple(run.call for run in runs)), Repeated(tuple(run.pod for run in runs))
    ready, first = Repeated(tuple(run.start.ready for run in runs)), Repeated(tuple(run.start.first for run in runs))
    details = {
        "empty_mib": base / 2**20,
        "full_mib": median(run.start.memory for run in runs) / 2**20,
        "filled_one_by_one_mib": filled / 2**20,
        "filled_one_by_one_kb_each": (filled - base) / 1024 / count,
    }
    memory, start = at_most(each.deciding.median, 4, "≤ 4 KB"), at_most(first.deciding.median, 10, "≤ 10 s")
    return [
        Line(f"memory per idle task, {count}", "KB", each, goals=(memory,), details=details),
        _prompt(f"one call due among {count} idle", call),
        _prompt(f"one pod due among {count} idle", pod),
        Line(f"cold start with {count}, to ready", "s", ready),
        Line(f"cold start with {count}, to first start on time", "s", first, goals=(start,)),
    ]


def _prompt(measure: str, side: Repeated) -> Line:
    assert side.half is not None, "a lateness is a spread"
    goals = (at_most(side.half.median, 0.010, "p50 ≤ 10 ms"), at_most(side.deciding.median, 0.050, "p99 ≤ 50 ms"))
    return Line(measure, "s", side, goals=goals)


def _probes(url: str) -> list[dict[str, Any]]:
    return [
        task("call", "*/2 * * * * *", http_action(url)),
        task("pod", "1-59/2 * * * * *", pod_action(), concurrencyPolicy="Allow"),
    ]


async def _empty(stage: Stage) -> int:
    async with running(stage.cluster, wait=False) as operator:
        return (await _started(stage, operator)).memory


async def _fill(stage: Stage, url: str) -> int:
    """Creates the tasks while an operator runs, waits until each has its status; its memory then."""
    seen = stage.cluster.writes()
    schedule, count = daily(time.time() + HALF_DAY, seconds=True), stage.sizes.idle

    def known() -> int:
        return len({w.name for w in seen.read() if w.resource == "crontasks/status"})

    async with running(stage.cluster) as operator:
        await create(stage.api, TASKS, IDLE, (task(f"idle-{n:05}", schedule, http_action(url)) for n in range(count)))
        if await counted(known, count, 30 + count / SLOWEST_FILL) < count:
            raise RuntimeError(f"only {known()} of {count} tasks have got a status")
        return await operator.settled()


async def _run(stage: Stage) -> Run:
    writes, arrivals = stage.cluster.writes(), stage.cluster.arrivals()
    async with running(stage.cluster, wait=False) as operator:
        start, watched = await _started(stage, operator), time.time()
        await asyncio.sleep(stage.sizes.probe_seconds)
    calls = [call.lateness for call in at_path(arrivals.read(), PATH) if call.scheduled_at > watched]
    pods = [late for due, late in lateness_of_pods(created(writes.read(), "pods", PROBE)) if due > watched]
    return Run(start, Spread.of(calls), Spread.of(pods))


async def _started(stage: Stage, operator: Operator) -> Start:
    """Waits until it is ready, has made a call on time, and its memory has settled."""
    arrivals = stage.cluster.arrivals()

    def first() -> list[float]:
        return [
            call.at - operator.started
            for call in at_path(arrivals.read(), PATH)
            if call.scheduled_at >= operator.started and call.lateness <= ON_TIME
        ]

    ready = await operator.ready()
    if not await counted(lambda: len(first()), 1, FIRST_SECONDS):
        raise RuntimeError(f"no call was made on time within {FIRST_SECONDS} s after a cold start")
    start = Start(ready, first()[0], await operator.settled())
    say(f"    ready after {ready:.2f} s, first start on time after {start.first:.2f} s, {start.memory / 2**20:.1f} MiB")
    return start
