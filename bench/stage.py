"""What every row gets: the cluster, a client of its API server, the sizes, and chance as an argument."""

import asyncio
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.cluster import Cluster
from crontask_kube.client import ApiClient


@dataclass(frozen=True)
class Sizes:
    """How large the rows are; the command line changes them."""

    burst: tuple[int, ...] = (1000,)
    """Tasks due at one instant; a run for each."""
    idle: int = 2000
    probe_seconds: int = 60
    rates: tuple[int, ...] = (10, 15, 22, 33, 50, 75, 110, 165, 250, 375)
    """Starts per second that are tried, from the middle on."""
    rate_seconds: int = 15
    contestants: tuple[str, ...] = ("ours", "stock", "tuned")


@dataclass(frozen=True)
class Stage:
    """One run of the benchmark."""

    cluster: Cluster
    api: ApiClient
    sizes: Sizes
    chance: random.Random
    paces: dict[str, float] = field(default_factory=dict)
    """Starts a second of the rivals while they worked through a burst, as far as this run has measured it."""


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
