"""HTTP jobs made through Dkron's API, by us and by Dkron itself: are they run, how late, is each recorded?

Both get the same jobs by the same requests, and are judged by the same two witnesses: the receiver (each call, in
microseconds) and the lists of executions that their own API shows. A call belongs to the latest instant of its job that
had come; a job is due every ten seconds, so what is later than that counts as missing, and as a further call of the
next instant. A job that was not taken is one whose instants are all missing. In each turn a new process, with no jobs
but these, gets two minutes to take them.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import dkron
from bench.contestant import running
from bench.figures import Spread
from bench.gateway import SPACE, serving
from bench.jobs import Api, client, every, job
from bench.lines import Line, at_least, at_most, share_of
from bench.load import clear, namespace
from bench.received import Call
from bench.stage import Stage, say, until

PERIOD = 10
"""Seconds from one instant of a job to its next."""
TAKE_SECONDS, RECORDED_SECONDS = 120.0, 60.0
"""How long the jobs may take to be made, and the records to be there."""
LATE = 0.25

Due = tuple[str, int]
"""An instant of a job: its name, and the Unix time."""


@dataclass(frozen=True)
class Account:
    """What became of the instants that were expected."""

    lateness: Spread
    twice: int
    """Further calls of an instant that had been called."""
    unrecorded: int
    """Instants without an execution in the lists."""
    taken: int
    """Jobs."""

    @property
    def share(self) -> float:
        """How many in a hundred were called."""
        return 100 * self.lateness.count / (self.lateness.count + self.lateness.missing)


async def run(stage: Stage) -> list[Line]:
    """Three lines for each rate: the share that was run, the lateness, and what was not recorded or called twice.

    Where Dkron cannot be had, they are ours alone.
    """
    program = await asyncio.to_thread(dkron.build)
    if program is None:
        say("Dkron is left out")
    borne, *others = stage.sizes.dkron_rates
    found = await _at(stage, borne, program)
    for rate in others:
        found += [replace(line, goals=()) for line in await _at(stage, rate, program)]
    return found


async def _at(stage: Stage, rate: int, program: Path | None) -> list[Line]:
    say(f"{rate} HTTP jobs a second through Dkron's API, for {stage.sizes.dkron_seconds} s")
    names = ("ours", "dkron") if program else ("ours",)
    found: dict[str, list[Account]] = {name: [] for name in names}
    for name in stage.turns(names):
        async with _theirs(stage, program) if name == "dkron" and program else _ours(stage) as api:
            turn = await _measured(stage, api, rate)
        _say(turn, rate * PERIOD)
        found[name].append(turn)
    return lines(rate, found)


@asynccontextmanager
async def _ours(stage: Stage) -> AsyncIterator[Api]:
    """Our operator and gateway on an empty namespace."""
    stage.cluster.up("stock")
    await namespace(stage.api, SPACE)
    try:
        async with running(stage.cluster), serving(stage.cluster) as gateway, client(gateway.url) as api:
            yield api
    finally:
        stage.cluster.stop_controllers()
        await clear(stage.api, SPACE)


@asynccontextmanager
async def _theirs(stage: Stage, program: Path) -> AsyncIterator[Api]:
    """A node of Dkron without jobs."""
    stage.cluster.up("stock")
    async with dkron.node(stage.cluster, program) as node, client(node.url) as api:
        yield api


async def _measured(stage: Stage, api: Api, rate: int) -> Account:
    prefix = f"/bench/dkron/{rate}/"
    calls, url = stage.cluster.calls(prefix), stage.cluster.values()["RECEIVER_URL"] + prefix
    names = [f"job-{n:05}" for n in range(rate * PERIOD)]
    bodies = (job(name, every(PERIOD, n % PERIOD), url + name) for n, name in enumerate(names))
    taken = await api.put(bodies, within=TAKE_SECONDS)
    begin, seconds = math.ceil(time.time()) + PERIOD, stage.sizes.dkron_seconds
    wanted = expected(names, begin, seconds)
    await until(begin + seconds + PERIOD)
    seen = calls.read()
    return account(wanted, seen, await _recorded(api, wanted), taken)


async def _recorded(api: Api, wanted: set[Due]) -> set[Due]:
    """The instants that the lists of executions know; asked for again while one is missing that was expected."""
    end, found = time.monotonic() + RECORDED_SECONDS, set[Due]()
    while missing := wanted - found:
        if (left := end - time.monotonic()) <= 0:
            break
        answered = await api.ran(sorted({name for name, _ in missing}), within=left)
        if not answered:
            break  # nobody is there any more
        found |= {(name, due_at(name, moment)) for name, moments in answered.items() for moment in moments}
        await asyncio.sleep(1)
    return found


def offset(name: str) -> int:
    """The second of the period at which a job is due, of those called `job-NUMBER`."""
    return int(name.rpartition("-")[2]) % PERIOD


def due_at(name: str, moment: float) -> int:
    """The latest instant of a job at that moment."""
    whole = math.floor(moment)
    return whole - (whole - offset(name)) % PERIOD


def expected(names: Iterable[str], begin: int, seconds: int) -> set[Due]:
    """The instants of these jobs from a moment on."""
    due = list(names)
    return {(name, at) for name in due for at in range(begin, begin + seconds) if at % PERIOD == offset(name)}


def account(wanted: set[Due], calls: Iterable[Call], recorded: set[Due], taken: int) -> Account:
    """Compares the instants with what both witnesses saw; calls in the order of time."""
    first: dict[Due, float] = {}
    twice = 0
    for call in calls:
        due = (call.job, due_at(call.job, call.at))
        if due in first:
            twice += 1
        elif due in wanted:
            first[due] = call.at - due[1]
    return Account(Spread.of(list(first.values()), len(wanted)), twice, len(wanted - recorded), taken)


def lines(rate: int, found: Mapping[str, Sequence[Account]]) -> list[Line]:
    """The lines of one rate, from the accounts of each contestant."""
    measure = f"{rate} HTTP jobs a second through Dkron's API"
    shares = {name: [each.share for each in accounts] for name, accounts in found.items()}
    spreads = {name: [each.lateness for each in accounts] for name, accounts in found.items()}
    wrong = {name: [float(each.unrecorded + each.twice) for each in accounts] for name, accounts in found.items()}
    run = Line.beside(f"{measure}: run", "%", shares, ())
    late = Line.beside(f"{measure}: lateness", "s", spreads, (("dkron", share_of, 1.0, "p99 ≤ Dkron's"),))
    kept = Line.beside(f"{measure}: not recorded, or called twice", "", wrong, ())
    details = {f"jobs_taken_{name}": float(min(each.taken for each in accounts)) for name, accounts in found.items()}
    bound = at_most(late.ours.deciding.median, LATE, "p99 ≤ 250 ms")
    return [
        replace(run, goals=(at_least(run.ours.deciding.least, 100, "all"),), details=details),
        replace(late, goals=(bound, *late.goals)),
        replace(kept, goals=(at_most(kept.ours.deciding.most, 0, "0"),)),
    ]


def _say(found: Account, jobs: int) -> None:
    spread = found.lateness
    told = f"{found.taken} of {jobs} jobs taken, {found.share:.1f} % run"
    told += f", {found.unrecorded} not recorded, {found.twice} twice"
    say(f"    {told}; p50 {spread.p50:.3f} s, p99 {spread.p99:.3f} s")
