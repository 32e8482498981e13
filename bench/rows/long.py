"""HTTP executions second after second, for minutes: is each recorded, is none made twice, how late are they?

The witnesses are the receiver (each call, in microseconds) and the API server's audit log (each record that was
created). First the rate that is to be borne, for minutes; then others, for a minute at most.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bench.contestant import running
from bench.figures import Spread, once
from bench.lines import Line, at_most
from bench.load import clear, create, namespace
from bench.objects import http_action
from bench.received import Arrival, at_path
from bench.rows.sustained import PERIOD, steady
from bench.stage import Stage, counted, say, until
from crontask_core.names import execution_name
from crontask_kube.resources import TASKS

SPACE = "bench-long"
LATE = 0.25
RECORDED_SECONDS = 60
"""How long after the last instant the records may take."""


async def http(stage: Stage) -> list[Line]:
    """For each rate: the lateness, and how many executions were lost or made twice."""
    borne, *others = stage.sizes.long_rates
    found = await _at(stage, borne, stage.sizes.minutes)
    for rate in others:
        further = await _at(stage, rate, min(1.0, stage.sizes.minutes))
        found += [replace(line, goals=()) for line in further]
    return found


@dataclass(frozen=True)
class Account:
    """What became of the executions that were expected."""

    lateness: Spread
    received: int
    twice: int
    """Further calls of an execution that had been received."""
    unrecorded: int

    @property
    def wrong(self) -> int:
        """Executions without a call, without a record, or with more than one call."""
        return self.lateness.missing + self.unrecorded + self.twice


def account(expected: set[str], arrivals: Iterable[Arrival], recorded: set[str]) -> Account:
    """Compares the executions' names with what both witnesses saw; arrivals in the order of time."""
    first: dict[str, float] = {}
    twice = 0
    for arrival in arrivals:
        name = arrival.key.rpartition("/")[2]
        if name in first:
            twice += 1
        elif name in expected:
            first[name] = arrival.lateness
    spread = Spread.of(list(first.values()), len(expected))
    return Account(spread, len(first), twice, len(expected - recorded))


def expected(names: Iterable[tuple[int, str]], begin: int, seconds: int) -> set[str]:
    """The executions of tasks (the second of the period at which each is due, its name) from a moment on."""
    due = list(names)
    return {
        execution_name(name, datetime.fromtimestamp(at, UTC))
        for at in range(begin, begin + seconds)
        for offset, name in due
        if at % PERIOD == offset
    }


async def _at(stage: Stage, rate: int, minutes: float) -> list[Line]:
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    path, seconds = f"/bench/long/{rate}", round(minutes * 60)
    say(f"{rate} HTTP executions a second for {minutes:g} min")
    async with running(stage.cluster) as operator:
        bodies = list(steady(rate, http_action(stage.cluster.values()["RECEIVER_URL"] + path)))
        arrivals, records = stage.cluster.arrivals(), stage.cluster.records(SPACE)
        await create(stage.api, TASKS, SPACE, bodies)
        begin = math.ceil(time.time()) + PERIOD
        await until(begin)
        used = operator.processor_seconds()
        await until(begin + seconds + 1)
        used = operator.processor_seconds() - used
        wanted = expected(((n % PERIOD, body["metadata"]["name"]) for n, body in enumerate(bodies)), begin, seconds)
        await counted(lambda: len(wanted.intersection(records.read())), len(wanted), RECORDED_SECONDS)
        found = account(wanted, at_path(arrivals.read(), path), set(records.read()))
    stage.cluster.stop_controllers()
    await clear(stage.api, SPACE)
    return lines(rate, minutes, len(wanted), found, used)


def lines(rate: int, minutes: float, wanted: int, found: Account, used: float) -> list[Line]:
    """The lines of one rate; `used` is the processor time of the operator, in seconds."""
    spread = found.lateness
    told = f"{found.received} of {wanted} received, {found.unrecorded} unrecorded, {found.twice} twice"
    say(f"  {told}; p50 {spread.p50:.3f} s, p99 {spread.p99:.3f} s, max {spread.largest:.3f} s")
    measure = f"{rate} HTTP executions a second for {minutes:g} min"
    details = {
        "expected": wanted,
        "received": found.received,
        "unrecorded": found.unrecorded,
        "twice": found.twice,
        "largest_lateness": spread.largest if math.isfinite(spread.largest) else -1,
        "processor_ms_each": used / wanted * 1000,
    }
    late, none = at_most(spread.p99, LATE, "p99 ≤ 250 ms"), at_most(found.wrong, 0, "0")
    return [
        Line(f"{measure}: lateness", "s", once(spread), goals=(late,), details=details),
        Line(f"{measure}: lost, unrecorded or twice", "", once(float(found.wrong)), goals=(none,)),
    ]
