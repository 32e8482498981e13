"""The floor: what API server and etcd bear of this machine, when nothing but bare creates of pods comes in.

As many pods as in a burst, the same ones, sent by aiohttp with 32 requests in flight: no schedule, no claim, no record.
Nobody can have a burst of pods there sooner; it stands beside `pods-burst` as context and has no goal.
"""

import asyncio
import time

import orjson

from bench.audit import created
from bench.figures import Spread
from bench.lines import Line
from bench.load import clear, namespace
from bench.objects import pod_template
from bench.stage import Stage, counted, say

SPACE = "bench-floor"
IN_FLIGHT = 32
LONGEST = 120.0


async def floor(stage: Stage) -> list[Line]:
    """The lines, one for each size of a burst."""
    return [await _line(stage, size) for size in stage.sizes.burst]


async def _line(stage: Stage, size: int) -> Line:
    say(f"{size} pods created by a bare client")
    spreads = [await _creates(stage, size) for _ in stage.turns(["bare client"])]
    return Line.beside(f"the floor: {size} pods created by a bare client", "s", {"ours": spreads}, ())


async def _creates(stage: Stage, size: int) -> Spread:
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    seen = stage.cluster.writes()
    url = f"{stage.connection.server}/api/v1/namespaces/{SPACE}/pods"
    numbers = iter(range(size))
    async with stage.connection.open_session() as session:

        async def work() -> None:
            for number in numbers:
                async with session.post(url, data=_pod(number), headers={"Content-Type": "application/json"}) as answer:
                    answer.raise_for_status()
                    await answer.read()

        began = time.time()
        async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work())
    await counted(lambda: len(created(seen.read(), "pods", SPACE)), size, 10)
    spread = Spread.of([write.at - began for write in created(seen.read(), "pods", SPACE)], size)
    say(f"    p50 {spread.p50:.2f} s, p99 {spread.p99:.2f} s")
    await clear(stage.api, SPACE)
    return spread


def _pod(number: int) -> bytes:
    return orjson.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{number:05}"}, **pod_template()})
