"""Law 4: one bad object stops nothing but itself. What handling it raises is logged with its name."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog

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
