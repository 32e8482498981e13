"""Many tasks due at one instant: how late are their pods, and their HTTP calls.

Lateness is the time from the instant to the API server's answer to the pod's create (audit log), or to the arrival at
the receiver. The CronJob controller gets the same number of CronJobs, due at one minute.
"""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from bench.audit import created
from bench.contestant import running
from bench.figures import Spread
from bench.lines import Line, at_most, share_of
from bench.load import clear, create, namespace
from bench.objects import CRONJOBS, cronjob, daily, http_action, pod_action, task
from bench.received import at_path
from bench.stage import Stage, counted, say, until
from crontask_kube.resources import TASKS

SPACE = "bench-burst"
CREATES, NATIVE_CREATES = 80, 200
"""Objects a second that are expected to be created before the instant; ours get their first status as well."""
OURS_SECONDS, NATIVE_SECONDS = 90, 300
"""How long a burst is waited for."""
PACE_SIZES = {"stock": 200, "tuned": 1000}
"""CronJobs that are enough to measure the pace alone."""

Measure = Callable[[Stage, int, int], Awaitable[Spread]]
"""One burst of so many objects; the last argument multiplies the time that their preparation gets."""


class NotReady(Exception):  # noqa: N818 - ends in another try
    """The instant had come before everything was prepared for it."""


async def pods(stage: Stage) -> list[Line]:
    """The lines for pods, one for each size."""
    return [await _pods(stage, size) for size in stage.sizes.burst]


async def http(stage: Stage) -> list[Line]:
    """The lines for HTTP calls, one for each size."""
    return [await _http(stage, size) for size in stage.sizes.burst]


async def _pods(stage: Stage, size: int) -> Line:
    say(f"{size} pods due at one instant")
    seen: dict[str, list[Spread]] = {name: [] for name in stage.sizes.contestants}
    for name in stage.turns():
        spread = await _burst(stage, size, _our_pods if name == "ours" else partial(_native_pods, name))
        say(f"    p50 {spread.p50:.2f} s, p99 {spread.p99:.2f} s, missing {spread.missing}")
        seen[name].append(spread)
    goals = (("stock", share_of, 1 / 20, "p99 ≤ 1/20 stock"), ("tuned", share_of, 1 / 2, "p99 ≤ 1/2 tuned"))
    return Line.beside(f"{size} pods due at once", "s", seen, goals)


async def _burst(stage: Stage, size: int, measure: Measure) -> Spread:
    """One contestant's turn; a slow machine gets more time to prepare the objects, twice."""
    for slack in (1, 2, 4):
        try:
            return await measure(stage, size, slack)
        except NotReady:
            say(f"    the objects were not ready by their instant, with slack {slack}")
        finally:
            stage.cluster.stop_controllers()
            await clear(stage.api, SPACE)
    raise RuntimeError("the objects were never ready by their instant: this machine is too busy, or --burst too large")


async def _our_pods(stage: Stage, size: int, slack: int) -> Spread:
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    async with running(stage.cluster) as operator:
        due = await _tasks(stage, size, slack, pod_action())
        used = operator.processor_seconds()
        spread = await _pods_from(stage, due, size, OURS_SECONDS)
        _say_used(operator.processor_seconds() - used, size)
        return spread


def _say_used(seconds: float, size: int) -> None:
    """Until the last start; what the records of a burst cost comes later."""
    say(f"    the operator has used {seconds / size * 1000:.2f} ms of processor time for each start")


async def _native_pods(native: str, stage: Stage, size: int, slack: int) -> Spread:
    stage.cluster.up("tuned" if native == "tuned" else "stock")
    await namespace(stage.api, SPACE)
    due = math.ceil((time.time() + 5 + slack * size / NATIVE_CREATES) / 60) * 60
    schedule = daily(due, seconds=False)
    await create(stage.api, CRONJOBS, SPACE, (cronjob(f"burst-{n:05}", schedule) for n in range(size)))
    _check(due)
    spread = await _pods_from(stage, due, size, NATIVE_SECONDS)
    taken = spread.largest if math.isfinite(spread.largest) else NATIVE_SECONDS
    stage.paces.setdefault(native, []).append(spread.count / taken)
    return spread


async def native_paces(stage: Stage) -> dict[str, list[float]]:
    """Starts a second of the CronJob controller in a burst; measured now unless this run has done so."""
    unknown = [name for name in stage.sizes.contestants if name != "ours" and name not in stage.paces]
    for name in stage.turns(unknown):
        await _burst(stage, min(stage.sizes.burst[0], PACE_SIZES[name]), partial(_native_pods, name))
    return stage.paces


async def _tasks(stage: Stage, size: int, slack: int, action: dict[str, Any]) -> float:
    """Creates tasks that are all due at one instant, waits until the operator knows them, and returns the instant."""
    seen = stage.cluster.writes()
    due = math.ceil(time.time() + 5 + slack * size / CREATES)
    schedule = daily(due, seconds=True)
    await create(stage.api, TASKS, SPACE, (task(f"burst-{n:05}", schedule, action) for n in range(size)))

    def known() -> int:
        return len({write.name for write in seen.read() if write.resource == "crontasks/status"})

    await counted(known, size, due - time.time())
    _check(due)
    return float(due)


def _check(due: float) -> None:
    if time.time() > due - 1:
        raise NotReady


async def _pods_from(stage: Stage, due: float, size: int, seconds: float) -> Spread:
    seen = stage.cluster.writes()
    await until(due + 1)
    await counted(lambda: len(created(seen.read(), "pods", SPACE)), size, seconds)
    return Spread.of([write.at - due for write in created(seen.read(), "pods", SPACE)], size)


async def _http(stage: Stage, size: int) -> Line:
    say(f"{size} HTTP calls due at one instant")
    spreads = [await _burst(stage, size, _our_calls) for _ in stage.turns(["ours"])]
    line = Line.beside(f"{size} HTTP calls due at once", "s", {"ours": spreads}, ())
    return replace(line, goals=(at_most(line.ours.deciding.median, 1.0, "p99 ≤ 1 s"),))


async def _our_calls(stage: Stage, size: int, slack: int) -> Spread:
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    path = f"/bench/burst/{size}"
    async with running(stage.cluster) as operator:
        due = await _tasks(stage, size, slack, http_action(stage.cluster.values()["RECEIVER_URL"] + path))
        seen, used = stage.cluster.arrivals(), operator.processor_seconds()
        await until(due + 1)
        await counted(lambda: len(at_path(seen.read(), path)), size, OURS_SECONDS)
        _say_used(operator.processor_seconds() - used, size)
        spread = Spread.of([call.lateness for call in at_path(seen.read(), path)], size)
    say(f"    p50 {spread.p50:.2f} s, p99 {spread.p99:.2f} s, missing {spread.missing}")
    return spread
