"""Thousands of tasks that wait: what they cost in memory, how late one due task among them is, and a cold start.

The waiting tasks are due in twelve hours. One more task calls the receiver at even seconds, another creates a pod at
odd ones. A cold start is a new process while all tasks exist: until it is ready, and until its first call on time.
"""

import asyncio
import time

from bench.audit import created
from bench.contestant import Operator, running
from bench.figures import Goal, Line, Spread, at_most
from bench.load import clear, create, namespace
from bench.objects import daily, http_action, pod_action, task
from bench.received import at_path
from bench.rows.sustained import ON_TIME, lateness_of_pods
from bench.stage import Stage, counted, say
from crontask_kube.resources import TASKS

IDLE, PROBE = "bench-idle", "bench-probe"
PATH = "/bench/idle"
HALF_DAY = 43_200


async def idle(stage: Stage) -> list[Line]:
    """Five lines: memory, lateness of a call and of a pod, cold start to ready and to the first start."""
    stage.cluster.up("stock")
    for space in (IDLE, PROBE):
        await namespace(stage.api, space)
    count = stage.sizes.idle
    say(f"{count} tasks that wait")
    async with running(stage.cluster) as operator:
        empty = await operator.settled()
        await _fill(stage, count)
        full = await operator.settled()
        per_task = (full - empty) / 1024 / count
        say(f"  {empty / 2**20:.1f} MiB without tasks, {full / 2**20:.1f} MiB with: {per_task:.2f} KB each")
        call, pod = await _probe(stage)
    ready, first, again = await _cold(stage)
    say(f"  cold start: ready after {ready:.2f} s, first start on time after {first:.2f} s, {again / 2**20:.1f} MiB")
    await _clear(stage)
    memory = {"empty_mib": empty / 2**20, "full_mib": full / 2**20, "cold_mib": again / 2**20}
    return [
        Line("memory per idle task", "KB", round(per_task, 2), goals=(at_most(per_task, 4, "≤ 4 KB"),), details=memory),
        Line(f"one call due among {count} idle", "s", call, goals=_prompt(call)),
        Line(f"one pod due among {count} idle", "s", pod, goals=_prompt(pod)),
        Line(f"cold start with {count}, to ready", "s", ready),
        Line(f"cold start with {count}, to first start", "s", first, goals=(at_most(first, 10, "≤ 10 s"),)),
    ]


def _prompt(spread: Spread) -> tuple[Goal, ...]:
    return (at_most(spread.p50, 0.010, "p50 ≤ 10 ms"), at_most(spread.p99, 0.050, "p99 ≤ 50 ms"))


async def _fill(stage: Stage, count: int) -> None:
    """Creates the tasks and waits until each has its status."""
    seen = stage.cluster.writes()
    schedule = daily(time.time() + HALF_DAY, seconds=True)
    url = stage.cluster.values()["RECEIVER_URL"] + PATH
    await create(stage.api, TASKS, IDLE, (task(f"idle-{n:05}", schedule, http_action(url)) for n in range(count)))

    def known() -> int:
        return len({w.name for w in seen.read() if w.resource == "crontasks/status"})

    if await counted(known, count, 120) < count:
        raise RuntimeError(f"only {known()} of {count} tasks have a status after two minutes")


async def _probe(stage: Stage) -> tuple[Spread, Spread]:
    """The lateness of one call, and of one pod, every other second."""
    url = stage.cluster.values()["RECEIVER_URL"] + PATH
    writes, arrivals = stage.cluster.writes(), stage.cluster.arrivals()
    probes = (
        task("call", "*/2 * * * * *", http_action(url)),
        task("pod", "1-59/2 * * * * *", pod_action(), concurrencyPolicy="Allow"),
    )
    await create(stage.api, TASKS, PROBE, probes)
    await asyncio.sleep(stage.sizes.probe_seconds)
    calls = [call.lateness for call in at_path(arrivals.read(), PATH)]
    pods = [late for _, late in lateness_of_pods(created(writes.read(), "pods", PROBE))]
    await stage.api.delete(TASKS, PROBE, "pod")
    return Spread.of(calls[1:]), Spread.of(pods[1:])


async def _cold(stage: Stage) -> tuple[float, float, int]:
    """Seconds to ready and to the first call on time, and the memory afterwards in bytes."""
    arrivals = stage.cluster.arrivals()

    def first(operator: Operator) -> list[float]:
        return [
            call.at - operator.started
            for call in at_path(arrivals.read(), PATH)
            if call.scheduled_at >= operator.started and call.lateness <= ON_TIME
        ]

    async with running(stage.cluster, wait=False) as operator:
        ready = await operator.ready()
        if not await counted(lambda: len(first(operator)), 1, 60):
            raise RuntimeError("no call was made on time within a minute after a cold start")
        return ready, first(operator)[0], await operator.settled()


async def _clear(stage: Stage) -> None:
    stage.cluster.stop_controllers()
    for space in (IDLE, PROBE):
        await clear(stage.api, space)
