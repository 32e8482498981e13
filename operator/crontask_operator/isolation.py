"""Law 4: one bad object stops nothing but itself. What handling it raises is logged with its name."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import orjson
import structlog

SLICE = 50
"""Objects handled between two looks at the rest of the loop: a Lease must be renewed meanwhile."""
T = TypeVar("T")
log = structlog.get_logger(__name__)


def each(bodies: Iterable[dict[str, Any]], handle: Callable[[dict[str, Any]], T]) -> list[T]:
    """Handles object after object and returns what came of those that could be handled."""
    handled: list[T] = []
    for body in bodies:
        try:
            handled.append(handle(body))
        except Exception:
            meta = body.get("metadata") or {}
            log.exception(
                "an object cannot be handled",
                kind=body.get("kind"),
                namespace=meta.get("namespace"),
                name=meta.get("name"),
            )
    return handled


async def gradually(bodies: Sequence[dict[str, Any]], handle: Callable[[dict[str, Any]], T]) -> list[T]:
    """`each`, in slices between which everything else goes on."""
    handled: list[T] = []
    for start in range(0, len(bodies), SLICE):
        handled += each(bodies[start : start + SLICE], handle)
        await asyncio.sleep(0)
    return handled


async def read_gradually(texts: Iterable[bytes], handle: Callable[[dict[str, Any]], object]) -> None:
    """As `gradually`, with objects that are read only when it is their turn."""
    waiting = list(texts)
    for start in range(0, len(waiting), SLICE):
        each(map(orjson.loads, waiting[start : start + SLICE]), handle)
        await asyncio.sleep(0)
