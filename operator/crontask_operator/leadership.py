"""Holds the shard's Lease: acquires it, renews it, and says when it is won or lost."""

import asyncio
from collections.abc import Callable

import structlog

from crontask_kube.errors import KubeError
from crontask_kube.lease import ShardLease

log = structlog.get_logger(__name__)


class Leadership:
    """The loop around one Lease. `on_won` and `on_lost` are called once for each change."""

    def __init__(
        self,
        lease: ShardLease,
        *,
        every_seconds: float,
        on_won: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._lease, self._every = lease, every_seconds
        self._on_won, self._on_lost = on_won, on_lost
        self.holding = False
        self.seen = False
        """Whether the Lease has been read at all, which is what a standby's readiness means."""

    async def run(self) -> None:
        """The loop; ends only by cancellation."""
        while True:
            try:
                await self._step()
                self.seen = True
            except KubeError as error:
                log.warning("the Lease cannot be reached", error=str(error))
            except Exception:
                log.exception("the Lease loop failed")
            if self.holding and not self._lease.valid():
                self._lose()
            await asyncio.sleep(self._every)

    async def _step(self) -> None:
        if self.holding:
            if not await self._lease.renew():
                self._lose()
        elif await self._lease.try_acquire():
            self.holding = True
            log.info("leading", claimed_through=str(self._lease.claimed_through))
            self._on_won()

    def _lose(self) -> None:
        self.holding = False
        log.warning("no longer leading")
        self._on_lost()

    async def release(self) -> None:
        """Hands the shard over in an orderly stop."""
        if not self.holding:
            return
        self.holding = False
        self._on_lost()
        try:
            await self._lease.release()
        except KubeError as error:
            log.warning("the Lease cannot be released, it will run out", error=str(error))
