"""What every row gets: the cluster, a client of its API server, the sizes, and chance as an argument."""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.cluster import Cluster
from crontask_kube.client import ApiClient
from crontask_kube.connection import Connection


@dataclass(frozen=True)
class Sizes:
    """How large the rows are; the command line changes them."""

    burst: tuple[int, ...] = (1000,)
    """Tasks due at one instant; a run for each."""
    idle: int = 10_000
    probe_seconds: int = 40
    """How long one task among the idle ones is watched, in each repetition."""
    rates: tuple[int, ...] = (10, 15, 22, 33, 50, 75, 110, 165, 250, 375, 560)
    """Starts per second that are tried."""
    rate_seconds: int = 10
    minutes: float = 10
    """How long HTTP executions are counted that go on and on."""
    long_rates: tuple[int, ...] = (100, 200)
    """How many of them a second: what is to be borne, and what is tried for a minute."""
    dkron_rates: tuple[int, ...] = (100, 200)
    """HTTP jobs a second beside Dkron: what is to be borne, and what is tried."""
    dkron_seconds: int = 30
    """How long they are counted, in each repetition."""
    jobs: int = 5000
    """Jobs that the gateway has to show."""
    connections: int = 10_000
    """Idle ones to the gateway."""
    contestants: tuple[str, ...] = ("ours", "stock", "tuned")
    repetitions: int = 3


@dataclass(frozen=True)
class Stage:
    """One run of the benchmark."""

    cluster: Cluster
    api: ApiClient
    connection: Connection
    """For who needs no more than the bare API server."""
    sizes: Sizes
    chance: random.Random
    paces: dict[str, list[float]] = field(default_factory=dict)
    """Starts a second of the rivals while they worked through a burst, as often as this run has measured it."""

    def turns(self, contestants: Sequence[str] | None = None) -> Iterator[str]:
        """Whose turn it is, all repetitions one after the other; says so."""
        names = self.sizes.contestants if contestants is None else contestants
        order = turns(names, self.sizes.repetitions, self.chance)
        for number, name in enumerate(order):
            say(f"  {name}, repetition {number // len(names) + 1} of {self.sizes.repetitions}")
            yield name


def turns(contestants: Sequence[str], repetitions: int, chance: random.Random) -> list[str]:
    """In each repetition everybody has one turn, in an order of its own: what changes with time meets all alike."""
    return [name for _ in range(repetitions) for name in chance.sample(contestants, len(contestants))]


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


async def until(moment: float) -> None:
    """Sleeps until a Unix time."""
    while (left := moment - time.time()) > 0:  # noqa: ASYNC110 - awaits a clock
        await asyncio.sleep(min(left, 1.0))


async def counted(count: Callable[[], int], expected: int, seconds: float) -> int:
    """Looks each half second until `count` reaches what is expected, or the time is over; returns the last count."""
    end = time.monotonic() + seconds
    while (found := count()) < expected and time.monotonic() < end:  # noqa: ASYNC110 - awaits a file
        await asyncio.sleep(0.5)
    return found
