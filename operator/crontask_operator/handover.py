"""Gives a shard up in order, so that the next holder goes on at once although calls are under way here.

A moment is chosen at which nothing is due. What is claimed is sent, and each call
under way has its record, before the Lease is given back; the Lease tells for how
long the calls may still end here (`finishing`, and `elsewhere` on the other
side). Where the records cannot be written, the Lease is kept until the calls
have ended, as nobody else could tell what became of them.
"""

import asyncio
from collections.abc import Callable

import structlog

from crontask_kube.errors import KubeError
from crontask_operator.finishing import WRITE_SECONDS
from crontask_operator.leadership import Leadership
from crontask_operator.wiring import Wiring

QUIET_SECONDS = 0.5
QUIET_WAIT_SECONDS = 1.5
"""Nothing is to be due within the former; a moment like this is waited for no longer than the latter."""
TIDY_SECONDS = 6.0
SENT_SECONDS = 5.0
RECORD_SECONDS = 5.0
STATUS_SECONDS = 0.5
"""Statuses may be left to the successor, which brings them in line anyway."""
LOOK_SECONDS = 0.01
log = structlog.get_logger(__name__)


class HandOver:
    """See the module. `begin` gives the shard up, `finish` waits for what ends here nevertheless."""

    def __init__(self, shard: Wiring, leadership: Leadership) -> None:
        self._shard, self._leadership = shard, leadership

    async def begin(self) -> None:
        """Returns when the Lease is given back."""
        shard = self._shard
        shard.backfills.rest()
        await self._tidy()
        await shard.scheduler.until_quiet(QUIET_SECONDS, QUIET_WAIT_SECONDS)
        await shard.scheduler.rest(SENT_SECONDS)
        await shard.line.rest(SENT_SECONDS)
        await shard.starters.idle(SENT_SECONDS)
        await self._until(self._all_sent, SENT_SECONDS)
        recorded = await self._record(RECORD_SECONDS)
        if not recorded:
            log.warning("calls have no record yet, the Lease is kept until they have ended", shard=shard.place.lease)
            await shard.callers.idle(shard.settings.drain_seconds)
            await self._record(RECORD_SECONDS)
        shard.statuses.hurry()
        await shard.writers.idle(STATUS_SECONDS)
        if recorded:
            await self._record(STATUS_SECONDS)  # what has ended meanwhile
        await self._release()

    async def finish(self) -> None:
        """Waits until the calls have ended that were under way, and are recorded."""
        shard, finishing = self._shard, self._shard.finishing
        if not await self._until(lambda: finishing.settled, shard.settings.drain_seconds):
            left = len(finishing.runs)
            log.warning("calls are still under way and will be recorded as lost", shard=shard.place.lease, calls=left)

    async def _tidy(self) -> None:
        """Lets notices under way end, so that none is told twice, while everything goes on to be started."""
        try:
            async with asyncio.timeout(TIDY_SECONDS):
                await asyncio.gather(self._shard.notifier.rest(), self._shard.sweeper.sweep())
        except (TimeoutError, KubeError) as error:
            log.info("something is left to the successor", shard=self._shard.place.lease, error=str(error))
        self._shard.statuses.hurry()

    def _all_sent(self) -> bool:
        return all(run.attempt is None or run.attempt.started_at for run in self._shard.executions.calls())

    async def _record(self, seconds: float) -> bool:
        """Writes the record of each call, as it stands; False where that cannot be done in time."""
        records = self._shard.records
        for run in self._shard.executions.calls():
            if not run.stored:
                records.touch(run, 0)

        def all_recorded() -> bool:
            records.hurry()
            return records.idle and all(run.stored for run in self._shard.executions.calls())

        return await self._until(all_recorded, seconds)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        deadline = self._shard.clock.monotonic() + seconds
        while not condition():
            if self._shard.clock.monotonic() >= deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _release(self) -> None:
        """From the last look at the records to the end of the right to write them nothing else happens."""
        shard, calls = self._shard, [run for run in self._shard.executions.calls() if run.stored]
        seconds = shard.settings.drain_seconds + WRITE_SECONDS if calls else 0.0
        seconds = max(seconds, shard.elsewhere.seconds_left)
        shard.finishing.take(calls, seconds)
        if not await self._leadership.release(seconds):
            shard.finishing.leave()  # the next holder does not know that it would have to wait
