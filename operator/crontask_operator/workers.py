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


class Crew:
    """Runs jobs in the order in which they came, `count` at a time. Each shard hands in its own by its `Workers`."""

    def __init__(self, name: str, count: int) -> None:
        self._queue: asyncio.Queue[tuple[Job, Workers]] = asyncio.Queue()
        self._name, self._count = name, count
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Creates the crew; to be called before Kopf runs."""
        self._tasks = [asyncio.create_task(self._work(), name=f"{self._name}-{n}") for n in range(self._count)]

    def submit(self, job: Job, of: "Workers") -> None:
        """Queues a job. Jobs handle their own errors; one that does not is logged, and the crew goes on."""
        self._queue.put_nowait((job, of))

    @property
    def backlog(self) -> int:
        """Jobs of anybody that wait because the whole crew is busy."""
        return self._queue.qsize()

    async def close(self) -> None:
        """Cancels the crew, whatever it does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            job, of = await self._queue.get()
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
                of.done()


class Workers:
    """A crew as one shard sees it: it knows which jobs are its own."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, job: Job) -> None:
        """Queues a job for the crew."""
        self._under_way += 1
        self._idle.clear()
        self._crew.submit(job, self)

    def done(self) -> None:
        """A job of ours has ended."""
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    @property
    def backlog(self) -> int:
        """Jobs that wait because the whole crew is busy, those of other shards included."""
        return self._crew.backlog

    @property
    def under_way(self) -> int:
        """Jobs of ours that are running or waiting."""
        return self._under_way

    async def idle(self, seconds: float) -> bool:
        """Waits until nothing of ours is under way; False when the time ran out first."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


def any_waits(*crews: Workers) -> Callable[[], bool]:
    """Tells whether jobs wait because one of these crews is busy, whenever it is asked."""
    return lambda: any(crew.backlog for crew in crews)


async def keep(name: str, loop: Job) -> None:
    """Runs a loop until it ends or is cancelled itself; what is cancelled inside of it does not end it."""
    while True:
        try:
            await loop()
        except asyncio.CancelledError:
            if was_cancelled():
                raise
            log.warning("a loop was interrupted and goes on", loop=name)
        else:
            return
