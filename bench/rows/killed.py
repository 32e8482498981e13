"""The leader killed every ten seconds while 50 calls a second are started; a hot standby takes over each time.

Two replicas run at any time: in place of the killed one another is started at once. Witnesses are the receiver (which
call of which execution came when) and `tools/audit`, which judges of each instant whether it has one outcome. The gap
is the longest time without any call in the ten seconds after a kill; as tasks are due at whole seconds, it is a
second where nothing dies.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import orjson

from bench.cluster import CHECKOUT
from bench.contestant import Operator, running
from bench.figures import Repeated, once
from bench.lines import Line, at_most
from bench.load import clear, create, namespace
from bench.objects import http_action
from bench.received import Arrival, at_path
from bench.rows.sustained import PERIOD, steady
from bench.stage import Stage, say, until
from crontask_core.sharding import SHARD_LEASE
from crontask_kube.resources import EXECUTIONS, LEASES, TASKS

SPACE = "bench-killed"
LEASES_AT, LEASE = "crontask-system", f"{SHARD_LEASE}0"
PATH = "/bench/killed"
RATE, EVERY, KILLS_EACH = 50, 10, 2
SETTLED, AUDIT_SECONDS = 35, 60
"""How long everything may take to be written, and then to be found in order."""
LONGEST_GAP = 3.0
LEADER_SECONDS = 30
"""How long after the last kill nobody may lead until the row is given up."""


async def killed(stage: Stage) -> list[Line]:
    """Three lines: the gaps, what was started twice, and instants without one outcome."""
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    kills = KILLS_EACH * stage.sizes.repetitions
    say(f"the leader is killed {kills} times under {RATE} starts a second")
    arrivals = stage.cluster.arrivals()
    async with Replicas(stage) as replicas:
        await create(stage.api, TASKS, SPACE, steady(RATE, http_action(stage.cluster.values()["RECEIVER_URL"] + PATH)))
        moments: list[float] = []
        for _ in range(kills):
            await until(moments[-1] + EVERY if moments else time.time() + 2 * PERIOD)
            moments.append(await replicas.kill())
        await until(moments[-1] + EVERY)
        seen = at_path(arrivals.read(), PATH)
        await asyncio.sleep(SETTLED)
        report = await _audited(stage)
    stage.cluster.stop_controllers()
    await clear(stage.api, SPACE)
    return lines(seen, moments, report)


def lines(seen: Sequence[Arrival], kills: Sequence[float], report: dict[str, Any]) -> list[Line]:
    """The lines of the calls, of the moments of the kills (Unix times), and of the auditor's report."""
    gaps = Repeated(tuple(longest_gap((call.at for call in seen), moment, moment + EVERY) for moment in kills))
    again = twice(seen)
    wrong = len(report["findings"]) + len(report["unjudged"])
    say(f"  gaps {', '.join(f'{gap:.2f}' for gap in gaps.values)} s; {again} twice; {wrong} without one outcome")
    for finding in report["findings"][:5]:
        say(f"    {finding}")
    measure = f"leader killed every {EVERY} s under {RATE} starts a second"
    details = {"kills": len(kills), "received": len(seen), "instants_judged": report["instants"]}
    longest = gaps.deciding.most
    return [
        Line(f"{measure}: gap", "s", gaps, goals=(at_most(longest, LONGEST_GAP, "each ≤ 3 s"),), details=details),
        Line(f"{measure}: started twice", "", once(float(again)), goals=(at_most(again, 0, "0"),)),
        Line(f"{measure}: without one outcome", "", once(float(wrong)), goals=(at_most(wrong, 0, "0"),)),
    ]


def longest_gap(calls: Iterable[float], begin: float, end: float) -> float:
    """The longest time between `begin` and `end` in which nothing arrived."""
    moments = [begin, *sorted(at for at in calls if begin < at < end), end]
    return max(later - earlier for earlier, later in pairwise(moments))


def twice(calls: Iterable[Arrival]) -> int:
    """How many calls were made of executions that had been called before."""
    counts = Counter(call.key for call in calls)
    return sum(count - 1 for count in counts.values())


class Replicas:
    """Two operators of which one leads, as a context manager."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._stack = stage, AsyncExitStack()
        self._alive: dict[str, Operator] = {}
        self._started = 0

    async def __aenter__(self) -> "Replicas":
        async with AsyncExitStack() as on_failure:
            on_failure.push_async_callback(self._stack.aclose)
            for _ in range(2):
                await (await self._start()).ready()
            on_failure.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def kill(self) -> float:
        """Kills the leader, starts another replica in its place; returns the moment of the kill."""
        leader = await self._leader()
        moment = time.time()
        self._alive.pop(leader).kill()
        await self._start()
        return moment

    async def _start(self) -> Operator:
        self._started += 1
        starting = running(self._stage.cluster, wait=False, identity=f"bench-{self._started}")
        operator = await self._stack.enter_async_context(starting)
        self._alive[operator.identity] = operator
        return operator

    async def _leader(self) -> str:
        """Who holds the shard, of those that live."""
        async with asyncio.timeout(LEADER_SECONDS):
            while True:
                lease = await self._stage.api.get(LEASES, LEASES_AT, LEASE)
                if (holder := lease["spec"].get("holderIdentity")) in self._alive:
                    return str(holder)
                await asyncio.sleep(0.1)


async def _audited(stage: Stage) -> dict[str, Any]:
    """The auditor's report of the namespace; it looks again until it finds nothing, or the time is over."""
    end = time.monotonic() + AUDIT_SECONDS
    while True:
        tasks = await stage.api.list(TASKS, SPACE)
        executions = await stage.api.list(EXECUTIONS, SPACE)
        report = await asyncio.to_thread(_audit, orjson.dumps({"items": [*tasks.items, *executions.items]}))
        if not report["findings"] or time.monotonic() > end:
            return report
        await asyncio.sleep(2)


def _audit(dump: bytes) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "audit", "--dump", "-", "--json"]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tools")}
    run = subprocess.run(command, input=dump, capture_output=True, env=env, timeout=60, check=False)
    if run.returncode not in (0, 1):
        raise RuntimeError(f"the auditor could not judge: {run.stderr.decode().strip()}")
    report: dict[str, Any] = orjson.loads(run.stdout)
    return report
