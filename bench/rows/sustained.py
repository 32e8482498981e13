"""How many starts a second are kept up with, second after second, each at most a second late.

Each task is due every five seconds, and every second a fifth of them is, all at once. A rate counts as kept when
99 % of the instants of the measured seconds are on time; rates are tried upwards from a likely one, or downwards
where that one fails. The CronJob controller knows whole minutes only: what stands beside ours is the pace
at which it works through a burst, none of which is on time.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bench.audit import Write, created
from bench.contestant import running
from bench.lines import Line, at_least, times_of
from bench.load import clear, create, namespace
from bench.objects import http_action, pod_action, task
from bench.received import at_path
from bench.rows.burst import native_paces
from bench.stage import Stage, say, until
from crontask_kube.resources import TASKS

SPACE = "bench-sustained"
PERIOD = 5
ON_TIME = 1.0
SHARE = 0.99
LIKELY = {"pods": 110, "http": 250}
"""Starts a second to begin with."""


async def pods(stage: Stage) -> list[Line]:
    """Pods created, beside the CronJob controller's pace."""
    kept = await _climbs(stage, "pods")
    goals = (("stock", times_of, 15, "≥ 15 × stock"), ("tuned", times_of, 2, "≥ 2 × tuned"))
    sides = {"ours": kept, **await native_paces(stage)}
    return [Line.beside("pod starts kept up, on time", "/s", sides, goals)]


async def http(stage: Stage) -> list[Line]:
    """HTTP calls received."""
    line = Line.beside("HTTP calls kept up, on time", "/s", {"ours": await _climbs(stage, "http")}, ())
    return [replace(line, goals=(at_least(line.ours.deciding.median, 100, "≥ 100/s"),))]


async def _climbs(stage: Stage, kind: str) -> list[float]:
    """The highest rate that is kept, in each repetition; each begins where the one before has ended."""
    rates = sorted(stage.sizes.rates)
    found: list[float] = []
    for _ in stage.turns(["ours"]):
        likely = found[-1] if found else LIKELY[kind]
        place = min(range(len(rates)), key=lambda at: abs(rates[at] - likely))
        found.append(await _climb(stage, kind, rates, place))
    return found


async def _climb(stage: Stage, kind: str, rates: Sequence[int], place: int) -> float:
    """The highest rate of the ladder that is kept, tried from one place upwards or downwards; 0 where none is."""
    passed = first = await _kept(stage, kind, rates[place])
    best, step = (float(rates[place]), 1) if first else (0.0, -1)
    while passed == first and 0 <= place + step < len(rates):
        place += step
        passed = await _kept(stage, kind, rates[place])
        best = float(rates[place]) if passed else best
    return best


async def _kept(stage: Stage, kind: str, rate: int) -> bool:
    """Whether so many starts a second are on time."""
    share = await _share(stage, kind, rate)
    say(f"    {rate} {kind} a second: {share:.1%} on time")
    return share >= SHARE


async def _share(stage: Stage, kind: str, rate: int) -> float:
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    path = f"/bench/sustained/{rate}"
    action = pod_action() if kind == "pods" else http_action(stage.cluster.values()["RECEIVER_URL"] + path)
    seconds = stage.sizes.rate_seconds
    async with running(stage.cluster):
        pods, calls = stage.cluster.writes(), stage.cluster.arrivals()
        await create(stage.api, TASKS, SPACE, steady(rate, action))
        begin = math.ceil(time.time()) + PERIOD
        await until(begin + seconds + ON_TIME + 0.5)
        if kind == "pods":
            starts = lateness_of_pods(created(pods.read(), "pods", SPACE))
        else:
            starts = [(call.scheduled_at, call.lateness) for call in at_path(calls.read(), path)]
        share = on_time(starts, begin, begin + seconds) / (rate * seconds)
    stage.cluster.stop_controllers()
    await clear(stage.api, SPACE)
    await asyncio.sleep(1)
    return share


def steady(rate: int, action: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """So many tasks for each second of the period; none keeps the one before from being started again."""
    for n in range(rate * PERIOD):
        yield task(f"rate-{n:05}", f"{n % PERIOD}-59/{PERIOD} * * * * *", action, concurrencyPolicy="Allow")


def lateness_of_pods(writes: Sequence[Write]) -> list[tuple[float, float]]:
    """The instant of each pod, read from its name (TASK-YYYYMMDDhhmmss-ATTEMPT), and how late it was created."""
    found = []
    for write in writes:
        text = write.name.rsplit("-", 2)[1]
        due = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
        found.append((due, write.at - due))
    return found


def on_time(starts: Iterable[tuple[float, float]], begin: float, end: float) -> int:
    """How many starts for instants from `begin` to `end` (exclusive) were at most a second late."""
    return sum(1 for due, late in starts if begin <= due < end and late <= ON_TIME)
