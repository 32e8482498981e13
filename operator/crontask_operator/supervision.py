"""Runs Kopf, and starts it anew when it gives up.

Kopf ends as a whole when one of its watchers meets an error that outlasts its
retries, or a kind that has vanished (a CRD deleted). The rest of the operator
goes on meanwhile: it holds the Lease, finishes what runs, starts what is due.
After each new start Kopf lists everything again, and the resync finds what was
deleted in between.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

LONGEST_WAIT = 30.0
STEADY_SECONDS = 60.0
"""A run that lasted so long was healthy: the next failure begins with the shortest wait again."""
log = structlog.get_logger(__name__)


async def supervise(
    run: Callable[[], Awaitable[None]],
    *,
    stopping: Callable[[], bool],
    monotonic: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Awaits `run()` again and again, with growing waits, until `stopping()`.

    An exception of `run` is logged; a return without one while nobody stops us counts as a failure too.
    """
    wait = 1.0
    while not stopping():
        began = monotonic()
        try:
            await run()
            problem = "it ended without being asked to"
        except Exception as error:  # Kopf raises whatever its watchers met
            problem = f"{type(error).__name__}: {error}"
        if stopping():
            return
        wait = 1.0 if monotonic() - began > STEADY_SECONDS else wait
        log.warning("the watches are started anew", problem=problem, wait_seconds=wait)
        await sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)
