"""Dkron's API with 5,000 jobs, first in quiet, then while 100 executions a second go on: how long requests take, and
the gateway's memory.

Every request stands alone: one client asks for all kinds by turns, in an order of chance, and reads each answer whole
before it asks again. That an answer is the right one is checked by its status and its count of jobs. The jobs were
made through the same API. Each repetition has a gateway of its own; the operator runs on.
"""

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.contestant import running
from bench.figures import Repeated, Spread, once
from bench.gateway import SPACE, Gateway, serving
from bench.jobs import Api, client, every, job
from bench.kinds import KINDS, PROMPT, Stock
from bench.lines import Line, at_most
from bench.load import clear, namespace
from bench.objects import daily
from bench.received import at_path
from bench.stage import Stage, say, until

PATH = "/bench/gateway"
RATE, PERIOD = 100, 5
"""Executions a second, of jobs that are due every so many seconds."""
ROUNDS = 100
"""How often each kind is asked for in a repetition."""
HALF_DAY = 43_200
MAKE_SECONDS = 600.0
PROMPT_SECONDS = 0.1


@dataclass(frozen=True)
class Window:
    """What one repetition has measured."""

    seconds: dict[str, Spread]
    """How long the requests took, by their kind."""
    wrong: int
    """Answers other than they should have been."""
    executions: Spread | None
    """The lateness of the executions that went on meanwhile; None in quiet."""
    memory: int
    """Of the gateway, in bytes, at the end."""
    ready: float
    """Seconds from the gateway's start until it was ready."""


async def run(stage: Stage) -> list[Line]:
    """A line for each kind of request in quiet, then for each under load, with their wrong answers and the memory."""
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    stock = _stock(stage)
    try:
        async with running(stage.cluster):
            say(f"{stock.jobs} jobs that wait")
            pace = await _taken(stage, [stock.idle(n) for n in range(stock.jobs)])
            quiet = await _windows(stage, replace(stock, busy=0), 0)
            say(f"the same, of which {RATE} a second are due")
            await _taken(stage, [job(stock.name(n), every(PERIOD, n % PERIOD), _url(stage)) for n in range(stock.busy)])
            loaded = await _windows(stage, stock, RATE)
    finally:
        stage.cluster.stop_controllers()
        await clear(stage.api, SPACE)
    return lines(stock.jobs, pace, quiet, loaded)


def _url(stage: Stage) -> str:
    return stage.cluster.values()["RECEIVER_URL"] + PATH


def _stock(stage: Stage) -> Stock:
    if stage.sizes.jobs < 2 * RATE * PERIOD:
        raise ValueError(f"--jobs: at least {2 * RATE * PERIOD} are needed, as {RATE * PERIOD} are due all the time")
    return Stock(stage.sizes.jobs, RATE * PERIOD, daily(time.time() + HALF_DAY, seconds=True), f"{_url(stage)}/by-hand")


async def _taken(stage: Stage, bodies: Sequence[Mapping[str, Any]]) -> float:
    """Has jobs made, or made anew, by a gateway of their own; returns how many a second."""
    async with serving(stage.cluster) as gateway, client(gateway.url) as api:
        began = time.monotonic()
        if (taken := await api.put(bodies, within=MAKE_SECONDS)) < len(bodies):
            raise RuntimeError(f"the gateway has taken only {taken} of {len(bodies)} jobs")
        return len(bodies) / (time.monotonic() - began)


async def _windows(stage: Stage, stock: Stock, rate: int) -> list[Window]:
    """The repetitions, each with a new gateway, while so many executions a second go on."""
    found = []
    for _ in stage.turns(["ours"]):
        async with serving(stage.cluster) as gateway, client(gateway.url) as api:
            found.append(await _window(stage, gateway, api, stock, rate))
    return found


async def _window(stage: Stage, gateway: Gateway, api: Api, stock: Stock, rate: int) -> Window:
    arrivals = stage.cluster.arrivals()
    begin = math.ceil(time.time()) + PERIOD
    await until(begin)
    seconds, wrong = await _asked(api, stock, stage.chance)
    end = math.floor(time.time())
    memory = gateway.resident()
    await until(end + PERIOD)
    late = [call.lateness for call in at_path(arrivals.read(), PATH) if begin <= call.scheduled_at < end]
    executions = Spread.of(late, rate * (end - begin)) if rate else None
    for kind, spread in seconds.items():
        say(f"    {kind}: p50 {spread.p50 * 1000:.1f} ms, p99 {spread.p99 * 1000:.1f} ms")
    meanwhile = f", executions meanwhile: p99 {executions.p99:.3f} s" if executions else ""
    say(f"    {wrong} wrong, {memory / 2**20:.1f} MiB{meanwhile}")
    return Window(seconds, wrong, executions, memory, gateway.ready_after)


async def _asked(api: Api, stock: Stock, chance: random.Random) -> tuple[dict[str, Spread], int]:
    """How long each kind took, and how many answers were wrong."""
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    wrong = 0
    for _ in range(ROUNDS):
        for kind in chance.sample(list(KINDS), len(KINDS)):
            asked = KINDS[kind](stock, chance)
            began = time.perf_counter()
            status, _body, total = await api.ask(asked.method, asked.path, asked.body)
            took[kind].append(time.perf_counter() - began)
            wrong += not asked.fits(status, total)
    return {kind: Spread.of(times) for kind, times in took.items()}, wrong


def lines(jobs: int, pace: float, quiet: Sequence[Window], loaded: Sequence[Window]) -> list[Line]:
    """The lines of all repetitions; `pace` is how many jobs a second were made at first."""
    measure = f"Dkron's API with {jobs} jobs"
    under = f"{measure} under {RATE} executions a second"
    late = [window.executions for window in loaded if window.executions]
    memory = Repeated(tuple(window.memory / 2**20 for window in loaded))
    details = {"made_per_second": pace, "ready_seconds": max(window.ready for window in (*quiet, *loaded))}
    return [
        *_requests(measure, quiet),
        *_requests(under, loaded),
        Line(f"{under}: their lateness", "s", Repeated(tuple(late))),
        Line(f"{under}: the gateway's memory", "MiB", memory, details=details),
    ]


def _requests(measure: str, windows: Sequence[Window]) -> list[Line]:
    """A line for each kind, and one for the answers that were wrong."""
    wrong = sum(window.wrong for window in windows)
    return [
        *(_line(f"{measure}: {kind}", kind, windows) for kind in KINDS),
        Line(f"{measure}: wrong answers", "", once(float(wrong)), goals=(at_most(wrong, 0, "0"),)),
    ]


def _line(measure: str, kind: str, windows: Sequence[Window]) -> Line:
    side = Repeated(tuple(window.seconds[kind] for window in windows))
    prompt = at_most(side.deciding.median, PROMPT_SECONDS, "p99 ≤ 100 ms")
    return Line(measure, "s", side, goals=(prompt,) if kind in PROMPT else ())
