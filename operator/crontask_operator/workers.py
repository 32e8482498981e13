"""A fixed crew of tasks that carries out everything the operator has under way.

Kopf cancels every asyncio task that was created while it ran as soon as it
stops, its own or not. So all work is done by tasks that were created before it
starts; a restart of Kopf then interrupts nothing. The crew's size also bounds
what is under way at once; what waits is bounded by the number of executions.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

Job = Callable[[], Awaitable[None]]
log = structlog.get_logger(__name__)


def was_cancelled() -> bool:
    """Whether the current task itself is to end, rather than something that it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Workers:
    """Runs jobs in the order in which they came, `count` at a time."""

    def __init__(self, name: str, count: int) -> None:
        self._queue: asyncio.Queue[Job] = asyncio.Queue()
        self._name, self._count = name, count
        self._tasks: list[asyncio.Task[None]] = []
        self._busy = 0

    def start(self) -> None:
        """Creates the crew; to be called before Kopf runs."""
        self._tasks = [asyncio.create_task(self._work(), name=f"{self._name}-{n}") for n in range(self._count)]

    def submit(self, job: Job) -> None:
        """Queues a job. Jobs handle their own errors; one that does not is logged, and the crew goes on."""
        self._queue.put_nowait(job)

    @property
    def backlog(self) -> int:
        """Jobs that wait because the whole crew is busy."""
        return self._queue.qsize()

    @property
    def under_way(self) -> int:
        """Jobs that are running or waiting."""
        return self._busy + self._queue.qsize()

    async def idle(self, seconds: float) -> bool:
        """Waits until nothing is under way; False when the time ran out first."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Cancels the crew, whatever it does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            self._busy += 1
            try:
                await job()
            except asyncio.CancelledError:
                if was_cancelled():
                    raise
                # Kopf's end cancels tasks inside of our HTTP client; the job fails, the crew goes on.
                log.warning("a job was interrupted", crew=self._name)
            except Exception:
                log.exception("a job failed", crew=self._name)
            finally:
                self._busy -= 1
                self._queue.task_done()
