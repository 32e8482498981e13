"""Many tasks due at one instant: how late are their pods, and their HTTP calls.

Lateness is the time from the instant to the API server's answer to the pod's create (audit log), or to the arrival at
the receiver. The CronJob controller gets the same number of CronJobs, due at one minute.
"""

import math
import time
from typing import Any

from bench.audit import created
from bench.contestant import running
from bench.figures import Goal, Line, Spread, at_most, share_of
from bench.load import clear, create, namespace
from bench.objects import CRONJOBS, cronjob, daily, http_action, pod_action, task
from bench.received import at_path
from bench.stage import Stage, counted, say, until
from crontask_kube.resources import TASKS

SPACE = "bench-burst"
CREATES = 40
"""Objects a second that are expected to be created, and to get their first status, before the instant."""
OURS_SECONDS, NATIVE_SECONDS = 90, 300
"""How long a burst is waited for."""
PACE_SIZES = {"stock": 200, "tuned": 1000}
"""CronJobs that are enough to measure the pace alone."""


async def pods(stage: Stage) -> list[Line]:
    """The lines for pods, one for each size."""
    return [await _pods(stage, size) for size in stage.sizes.burst]


async def http(stage: Stage) -> list[Line]:
    """The lines for HTTP calls, one for each size."""
    return [await _http(stage, size) for size in stage.sizes.burst]


async def _pods(stage: Stage, size: int) -> Line:
    order = list(stage.sizes.contestants)
    stage.chance.shuffle(order)
    seen: dict[str, Spread] = {}
    for name in order:
        say(f"{size} pods due at one instant: {name}")
        seen[name] = await (_our_pods(stage, size) if name == "ours" else _native_pods(stage, name, size))
        say(f"  p50 {seen[name].p50:.2f} s, p99 {seen[name].p99:.2f} s, missing {seen[name].missing}")
    stock, tuned = seen.get("stock"), seen.get("tuned")
    return Line(f"{size} pods due at once", "s", seen["ours"], stock, tuned, _goals(seen))


def _goals(seen: dict[str, Spread]) -> tuple[Goal, ...]:
    goals = []
    if "stock" in seen:
        goals.append(share_of(seen["ours"], seen["stock"], 1 / 20, "p99 ≤ 1/20 stock"))
    if "tuned" in seen:
        goals.append(share_of(seen["ours"], seen["tuned"], 1 / 2, "p99 ≤ 1/2 tuned"))
    return tuple(goals)


async def _our_pods(stage: Stage, size: int) -> Spread:
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    async with running(stage.cluster):
        due = await _tasks(stage, size, pod_action())
        spread = await _pods_from(stage, due, size, OURS_SECONDS)
    await _clear(stage)
    return spread


async def _native_pods(stage: Stage, native: str, size: int) -> Spread:
    stage.cluster.up("tuned" if native == "tuned" else "stock")
    await namespace(stage.api, SPACE)
    due = math.ceil((time.time() + 5 + size / CREATES) / 60) * 60
    schedule = daily(due, seconds=False)
    await create(stage.api, CRONJOBS, SPACE, (cronjob(f"burst-{n:05}", schedule) for n in range(size)))
    _in_time(due)
    spread = await _pods_from(stage, due, size, NATIVE_SECONDS)
    stage.paces[native] = spread.count / (spread.largest if math.isfinite(spread.largest) else NATIVE_SECONDS)
    await _clear(stage)
    return spread


async def native_pace(stage: Stage, native: str) -> float:
    """Starts a second of the CronJob controller in a burst; measured now unless this run has done so."""
    if native not in stage.paces:
        say(f"the pace of the CronJob controller, {native}")
        await _native_pods(stage, native, min(stage.sizes.burst[0], PACE_SIZES[native]))
    return stage.paces[native]


async def _tasks(stage: Stage, size: int, action: dict[str, Any]) -> float:
    """Creates tasks that are all due at one instant, waits until the operator knows them, and returns the instant."""
    seen = stage.cluster.writes()
    due = math.ceil(time.time() + 5 + size / CREATES)
    schedule = daily(due, seconds=True)
    await create(stage.api, TASKS, SPACE, (task(f"burst-{n:05}", schedule, action) for n in range(size)))

    def known() -> int:
        return len({write.name for write in seen.read() if write.resource == "crontasks/status"})

    await counted(known, size, due - time.time())
    _in_time(due)
    return float(due)


def _in_time(due: float) -> None:
    if time.time() > due - 1:
        raise RuntimeError(
            "the objects were not ready by their instant: this machine is too busy, or --burst too large"
        )


async def _pods_from(stage: Stage, due: float, size: int, seconds: float) -> Spread:
    seen = stage.cluster.writes()
    await until(due + 1)
    await counted(lambda: len(created(seen.read(), "pods", SPACE)), size, seconds)
    return Spread.of([write.at - due for write in created(seen.read(), "pods", SPACE)], size)


async def _clear(stage: Stage) -> None:
    stage.cluster.stop_controllers()
    await clear(stage.api, SPACE)


async def _http(stage: Stage, size: int) -> Line:
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    path = f"/bench/burst/{size}"
    say(f"{size} HTTP calls due at one instant")
    async with running(stage.cluster):
        due = await _tasks(stage, size, http_action(stage.cluster.values()["RECEIVER_URL"] + path))
        seen = stage.cluster.arrivals()
        await until(due + 1)
        await counted(lambda: len(at_path(seen.read(), path)), size, OURS_SECONDS)
        spread = Spread.of([call.lateness for call in at_path(seen.read(), path)], size)
        say(f"  p50 {spread.p50:.2f} s, p99 {spread.p99:.2f} s, missing {spread.missing}")
    await _clear(stage)
    goals = (at_most(spread.p99, 1.0, "p99 ≤ 1 s"),)
    return Line(f"{size} HTTP calls due at once", "s", spread, goals=goals)
