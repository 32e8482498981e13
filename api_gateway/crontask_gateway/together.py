"""Work that does not end with its caller: many callers of one piece of work, and work that must not stop half-way."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Awaits the work, which goes on to its end even where who awaits it gives up."""
    task = asyncio.create_task(work)
    task.add_done_callback(_heard)
    return await asyncio.shield(task)


class Together(Generic[T]):
    """Each call is answered by a run of the work that began after the call did, and at most one runs at a time.

    So who calls while it is under way is served by the next round.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """The result of the work, or what it has raised. A caller that gives up stops it for nobody else."""
        if self._next is None:
            self._next = asyncio.create_task(self._round(self._running))
            self._next.add_done_callback(_heard)
        return await asyncio.shield(self._next)

    async def _round(self, before: "asyncio.Task[T] | None") -> T:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await self._work()


def _heard(task: "asyncio.Task[T]") -> None:
    """An error that nobody waits for any more is no news to the loop."""
    if not task.cancelled():
        task.exception()
