"""The one timer of a shard: a heap of (instant, task), a claim, and the starts.

Shortly before the earliest instants are due their plans are prepared, then the
shard's claim is written (law 2: before anything of an instant is sent, the
claim covers it), then the instants are awaited and fired. Heap entries are not
removed when a task changes; one that no longer matches its task is skipped, and
where there are far more of them than tasks, they are made anew.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count

import structlog

from crontask_core.names import Key
from crontask_kube.clock import Clock
from crontask_kube.errors import Unavailable
from crontask_kube.lease import ShardLease
from crontask_operator.index import Index, Task
from crontask_operator.instants import Due, Instants
from crontask_operator.metrics import Metrics
from crontask_operator.tasks import Tasks

PREPARE_AHEAD = timedelta(milliseconds=250)
PREPARE_EACH = timedelta(microseconds=600)
"""What reading a spec, planning and building a pod costs for each task on a slow core."""
PREPARE_MOST = timedelta(seconds=3)
CLAIM_AHEAD = timedelta(milliseconds=80)
STEP = timedelta(seconds=30)
"""A wall clock that moves so much against the monotonic one was set; no batch waits for longer than this."""
LONGEST_SLEEP = 1.0
"""Seconds; a step of the wall clock is noticed after this long at the latest."""
LOOK_SECONDS = 0.01
SLICE = 50
"""Plans made between two looks at the rest of the loop."""
SPARE = 1000
"""So many entries, and as many as there are tasks, may be out of date: edits, and tasks that come and go, leave them
until their instant, and on a standby for ever."""

log = structlog.get_logger(__name__)


class ClockSteppedBackError(Exception):
    """The instant that was waited for has moved far away."""


class Scheduler:
    """Wakes tasks when they are due, while this replica leads."""

    def __init__(
        self, index: Index, tasks: Tasks, instants: Instants, lease: ShardLease, clock: Clock, metrics: Metrics
    ) -> None:
        self._index, self._tasks, self._instants, self._lease = index, tasks, instants, lease
        self._clock, self._metrics = clock, metrics
        self._heap: list[tuple[datetime, int, Key]] = []
        self._order = count()
        self._due_at: Counter[datetime] = Counter()
        """How many entries the heap holds for each instant; tells how early to begin with it."""
        self._changed = asyncio.Event()
        self._allowed = asyncio.Event()
        self._busy = False
        """Whether something that is due is just being prepared, awaited or fired."""
        self._claiming = asyncio.Lock()
        """Held from a claim to its starts."""
        self._clock_offset = self._offset(clock.now())
        self.ticked_at = clock.monotonic()
        """When the loop last came round, for the liveness probe."""

    def allow(self) -> None:
        """Begins to start what is due."""
        self._allowed.set()

    def forbid(self) -> None:
        """Starts nothing more; what is being prepared is dropped."""
        self._allowed.clear()

    async def until_quiet(self, least_seconds: float, most_seconds: float) -> None:
        """Waits for a moment at which nothing is due within `least_seconds`, but no longer than `most_seconds`."""
        least, until = timedelta(seconds=least_seconds), self._clock.monotonic() + most_seconds
        while self._clock.monotonic() < until:
            if not self._busy and (not self._heap or self._heap[0][0] - self._clock.now() >= least):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def rest(self, seconds: float) -> None:
        """Starts nothing more, and waits until what is claimed has been started; a step of the clock may make that
        long, and what has not been started then is the successor's to tell of."""
        self.forbid()
        try:
            async with asyncio.timeout(seconds), self._claiming:
                return
        except TimeoutError:
            log.warning("what is claimed has not been started yet")

    def set(self, task: Task) -> None:
        """Puts a task at its next instant (`task.wake_at`), or nowhere."""
        if task.wake_at is None:
            return
        heappush(self._heap, (task.wake_at, next(self._order), task.key))
        self._due_at[task.wake_at] += 1
        if len(self._heap) > 2 * len(self._index.tasks) + SPARE:
            self._tidy()
        if self._heap and self._heap[0][2] == task.key:
            self._changed.set()

    def _tidy(self) -> None:
        """One entry for each task. Of a batch that is being carried out it is one too many, which is skipped."""
        due = [(task.wake_at, next(self._order), key) for key, task in self._index.tasks.items() if task.wake_at]
        self._heap, self._due_at = due, Counter(at for at, _, _ in due)
        heapify(self._heap)

    async def run(self) -> None:
        """The loop; ends only by cancellation."""
        while True:
            self.ticked_at = self._clock.monotonic()
            if not self._allowed.is_set():
                await self._wait(self._allowed, LONGEST_SLEEP)
                continue
            try:
                await self._tick()
            except Unavailable as error:
                log.warning("the claim cannot be written, nothing is started", error=str(error))
                await asyncio.sleep(LONGEST_SLEEP / 2)
            except Exception:
                log.exception("a tick failed")
                await asyncio.sleep(LONGEST_SLEEP)

    async def _tick(self) -> None:
        now = self._clock.now()
        self._notice_step(now)
        batch = self._pop(now)
        if not batch:
            self._changed.clear()
            await self._wait(self._changed, self._sleep_seconds(now))
            return
        self._busy = True
        try:
            await self._carry_out(batch, now)
        finally:
            self._busy = False

    async def _carry_out(self, batch: list[Task], now: datetime) -> None:
        try:
            dues, through = await self._prepare(batch, now)
            await self._sleep_until(through - CLAIM_AHEAD)
        except BaseException:
            self._put_back(batch)
            raise
        async with self._claiming:
            await self._claim_and_fire(batch, dues, through)

    async def _claim_and_fire(self, batch: list[Task], dues: list[Due], through: datetime) -> None:
        """What is claimed is fired, unless the shard is lost: a successor takes it for lost."""
        try:
            claimed = self._allowed.is_set() and await self._lease.claim(through)
        except BaseException:
            self._put_back(batch)
            raise
        if not claimed or not self._lease.held:
            log.warning("not claimed, what was due is left to whoever leads", tasks=len(batch))
            self._put_back(batch)
            self.forbid()  # until the Lease's loop says otherwise
            return
        held = self._lease.transitions
        try:
            await self._sleep_until(through)
        except ClockSteppedBackError:
            self._put_back(batch)
            raise
        if self._lease.held and self._lease.transitions == held:
            self._fire(dues)
        else:  # after a wait that a step of the clock made long; what was begun now would go into the next term
            self._put_back(batch)

    def _notice_step(self, now: datetime) -> None:
        """After a step of the wall clock, tasks may have their watermark far ahead of it, or no longer."""
        offset = self._offset(now)
        if abs(offset - self._clock_offset) > STEP:
            log.warning("the clock was set", seconds=(offset - self._clock_offset).total_seconds())
            self._tasks.look_at_clock(now)
        self._clock_offset = offset

    def _offset(self, now: datetime) -> timedelta:
        return now - datetime.fromtimestamp(self._clock.monotonic(), UTC)

    def _pop(self, now: datetime) -> list[Task]:
        """The tasks of the earliest instant where it is time to begin with it, and whatever is late; each once."""
        batch: dict[Key, Task] = {}
        if not self._heap or self._heap[0][0] - self._ahead() > now:
            return []
        # No further than the earliest: a later instant would make it wait.
        until = max(now, self._heap[0][0])
        while self._heap and self._heap[0][0] <= until:
            at, _, key = heappop(self._heap)
            self._due_at[at] -= 1
            if not self._due_at[at]:
                del self._due_at[at]
            task = self._index.tasks.get(key)
            if task is not None and task.wake_at == at:
                batch[key] = task
        return list(batch.values())

    def _put_back(self, batch: list[Task]) -> None:
        for task in batch:
            self.set(task)

    async def _prepare(self, batch: list[Task], now: datetime) -> tuple[list[Due], datetime]:
        """Plans for the moment at which the latest of the batch is due (or for now, where all are late)."""
        through = max(now, *(task.wake_at for task in batch if task.wake_at))
        dues: list[Due] = []
        for n, task in enumerate(batch):
            try:
                due = self._instants.prepare(task, through)
            except Exception:
                # Law 4: one bad object stops nothing but itself.
                log.exception("a plan failed", task=str(task.key))
                self._tasks.broken(task, now)
                continue
            if due is not None:
                dues.append(due)
            if n % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return dues, through

    def _fire(self, dues: list[Due]) -> None:
        now = self._clock.now()
        for due in dues:
            try:
                self._instants.fire(due, now)
            except Exception:
                log.exception("a start failed", task=str(due.task.key))
                self._tasks.broken(due.task, now)
            self.set(due.task)
        self._metrics.tick(len(dues))

    def _sleep_seconds(self, now: datetime) -> float:
        if not self._heap:
            return LONGEST_SLEEP
        left = (self._heap[0][0] - self._ahead() - now).total_seconds()
        return min(max(left, 0.001), LONGEST_SLEEP)

    def _ahead(self) -> timedelta:
        """How long before the earliest instant its plans have to be begun."""
        if not self._heap:
            return PREPARE_AHEAD
        return min(PREPARE_AHEAD + PREPARE_EACH * self._due_at[self._heap[0][0]], PREPARE_MOST)

    async def _sleep_until(self, at: datetime) -> None:
        """Sleeps by the wall clock; wakes at the first moment not before `at`."""
        while (seconds := (at - self._clock.now()).total_seconds()) > 0:
            if seconds > STEP.total_seconds():
                raise ClockSteppedBackError
            await asyncio.sleep(min(seconds, LONGEST_SLEEP))

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
