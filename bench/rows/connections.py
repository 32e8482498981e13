"""10,000 idle connections to the gateway: are all of them held, does it answer meanwhile, and what beyond its bound?

First with a bound above their number and half a minute of patience, then as the gateway comes: it turns away what is
beyond its bound, its probes answer all the time, and requests are answered again once it has given up connections on
which nothing was asked for ten seconds. Where this machine allows fewer open files, there are fewer connections.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from bench.crowd import Crowd
from bench.figures import Repeated, Spread, once
from bench.gateway import SPACE, Gateway, serving
from bench.jobs import Api, client, job
from bench.lines import Line, at_most
from bench.load import clear, namespace
from bench.process import raise_file_limit
from bench.stage import Stage, say
from crontask_gateway.settings import Settings

HELD = 30
"""Seconds that they are held."""
PATIENCE = 4 * HELD
"""Seconds that the gateway is told to keep an idle connection."""
PAUSE = 0.1
"""Between two requests meanwhile."""
SPARE = 500
"""Files that both processes need besides, and connections of others."""
AGAIN_SECONDS = 60.0
PROMPT = 0.1
GAUGE = "crontask_gateway_connections"


@dataclass(frozen=True)
class Within:
    """What one crowd below the bound has shown."""

    lost: int
    """Connections that were not held."""
    answers: Spread
    """How long requests took meanwhile."""
    wrong: int
    """Requests meanwhile without the answer that they should have had."""
    each: float
    """Kilobytes of the gateway's memory."""
    left: int
    """Connections that the gateway still counted a while after they were given up."""


@dataclass(frozen=True)
class Beyond:
    """What one crowd beyond the bound has shown."""

    held: int
    again: float
    """Seconds from the last of them until a request was answered; 0 where it was answered at once."""
    probes: int
    """Probes meanwhile that were not answered."""


async def run(stage: Stage) -> list[Line]:
    """Three lines for a crowd below the bound, three for one beyond it."""
    count = raise_file_limit(stage.sizes.connections + SPARE) - SPARE
    if count < stage.sizes.connections:
        say(f"  this machine allows {count} connections, not {stage.sizes.connections}: see `ulimit -Hn`")
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    say(f"{count} idle connections")
    try:
        within = [await _within(stage, count) for _ in stage.turns(["ours"])]
        beyond = [await _beyond(stage, count) for _ in stage.turns(["ours"])]
    finally:
        stage.cluster.stop_controllers()
        await clear(stage.api, SPACE)
    return lines(count, within, beyond, Settings())


async def _within(stage: Stage, count: int) -> Within:
    settings = {"CONNECTIONS": str(count + SPARE), "HEADER_SECONDS": str(PATIENCE)}
    async with serving(stage.cluster, **settings) as gateway, client(gateway.url) as api:
        await _one_job(stage, api)
        crowd, before = Crowd(gateway.port), gateway.resident()
        try:
            await crowd.join(count)
            answers, wrong = await _asked(api)
            held = min(crowd.open, await _connections(gateway))
            each = (gateway.resident() - before) / 1024 / count
        finally:
            crowd.leave()
        await asyncio.sleep(1)
        left = await _connections(gateway)
    found = Within(max(0, count - held), answers, wrong, each, left)
    say(f"    {held} held, p99 {answers.p99 * 1000:.1f} ms, {wrong} wrong, {each:.1f} KB each, {left} left")
    return found


async def _asked(api: Api) -> tuple[Spread, int]:
    """Asks for the job again and again while they are held; how long that took, and how often it failed."""
    took: list[float] = []
    wrong, end = 0, time.monotonic() + HELD
    while time.monotonic() < end:
        began = time.perf_counter()
        status, _, _ = await api.ask("GET", "/v1/jobs/one")
        took.append(time.perf_counter() - began)
        wrong += status != 200
        await asyncio.sleep(PAUSE)
    return Spread.of(took), wrong


async def _beyond(stage: Stage, count: int) -> Beyond:
    async with serving(stage.cluster) as gateway:
        async with client(gateway.url) as api:
            await _one_job(stage, api)
        crowd = Crowd(gateway.port)
        try:
            await crowd.join(count)
            held, last = await _connections(gateway), time.monotonic()
            probes = await _until_answered(gateway)
            found = Beyond(held, time.monotonic() - last, probes)
        finally:
            crowd.leave()
    say(f"    {found.held} held, answers again after {found.again:.1f} s, {found.probes} probes without an answer")
    return found


async def _until_answered(gateway: Gateway) -> int:
    """Asks for the job and probes by turns, on new connections, until it is shown; how many probes had no answer."""
    end, probes = time.monotonic() + AGAIN_SECONDS, 0
    while time.monotonic() < end:
        async with client(gateway.url) as api, client(gateway.management) as probe:
            status, _, _ = await api.ask("GET", "/v1/jobs/one")
            ready, _, _ = await probe.ask("GET", "/readyz")
        probes += ready != 200
        if status == 200:
            return probes
        await asyncio.sleep(PAUSE)
    raise TimeoutError(f"the gateway answers no request {AGAIN_SECONDS:.0f} s after the last idle connection")


async def _connections(gateway: Gateway) -> int:
    """How many connections the gateway counts, this one excepted."""
    async with aiohttp.ClientSession() as session:
        return int(await gateway.gauge(session, GAUGE)) - 1


async def _one_job(stage: Stage, api: Api) -> None:
    """The job that is asked for; it is never due."""
    if not await api.put([job("one", "@manually", stage.cluster.values()["RECEIVER_URL"])], within=60):
        raise RuntimeError("the gateway has not taken the job")


def lines(count: int, within: Sequence[Within], beyond: Sequence[Beyond], settings: Settings) -> list[Line]:
    """The lines of all repetitions; `settings` are the gateway's own."""
    below = f"{count} idle connections for {HELD} s"
    above = f"{count} idle connections where {settings.connections} are allowed"
    bad = sum(each.lost + each.wrong for each in within)
    answers, memory = Repeated(tuple(each.answers for each in within)), Repeated(tuple(each.each for each in within))
    again, held = Repeated(tuple(each.again for each in beyond)), max(each.held for each in beyond)
    probes, patience = sum(each.probes for each in beyond), settings.header_seconds + 1
    prompt = at_most(answers.deciding.median, PROMPT, "p99 ≤ 100 ms")
    soon = at_most(again.deciding.median, patience, f"≤ {patience:g} s")
    left = {"left_afterwards": float(max(each.left for each in within))}
    return [
        _none(f"{below}: lost, or a request not answered", bad),
        Line(f"{below}: a request meanwhile", "s", answers, goals=(prompt,), details=left),
        Line(f"{below}: memory for each", "KB", memory),
        _none(f"{above}: held beyond that", max(0, held - settings.connections)),
        Line(f"{above}: until requests are answered again", "s", again, goals=(soon,)),
        _none(f"{above}: probes not answered", probes),
    ]


def _none(measure: str, count: int) -> Line:
    """The line of something that should not be."""
    return Line(measure, "", once(float(count)), goals=(at_most(count, 0, "0"),))
