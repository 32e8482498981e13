"""Holds the shard's Lease: acquires it, renews it, and says when it is won or lost."""

import asyncio
from collections.abc import Callable

import structlog

from crontask_kube.errors import KubeError
from crontask_kube.lease import ShardLease

log = structlog.get_logger(__name__)


class Leadership:
    """The loop around one Lease.

    `on_won` is called when the shard becomes ours and `on_lost` when it is somebody else's. In between,
    `on_pause` and `on_resume` tell that the Lease could not be renewed in time (nothing may be sent, nobody
    else need have it) and that it was renewed after all.
    """

    def __init__(
        self,
        lease: ShardLease,
        *,
        every_seconds: float,
        on_won: Callable[[], None],
        on_lost: Callable[[], None],
        on_pause: Callable[[], None],
        on_resume: Callable[[], None],
    ) -> None:
        self._lease, self._every = lease, every_seconds
        self._on_won, self._on_lost = on_won, on_lost
        self._on_pause, self._on_resume = on_pause, on_resume
        self._paused = False
        self._leaving = False
        self.holding = False
        self.seen = False
        """Whether the Lease has been read at all, which is what a standby's readiness means."""

    async def run(self) -> None:
        """The loop; ends with `release`."""
        while not self._leaving:
            try:
                await self._step()
                self.seen = True
            except KubeError as error:
                log.warning("the Lease cannot be reached", error=str(error))
            except Exception:
                log.exception("the Lease loop failed")
            self._check()
            await asyncio.sleep(self._every)

    async def _step(self) -> None:
        if self.holding:
            if not await self._lease.renew():
                self.holding, self._paused = False, False
                log.warning("no longer leading")
                self._on_lost()
        elif await self._lease.try_acquire():
            self.holding = True
            log.info("leading", claimed_through=str(self._lease.claimed_through))
            self._on_won()

    def _check(self) -> None:
        """Tells when the right to send runs out, and when it is back."""
        if not self.holding or self._paused != self._lease.valid():
            return
        self._paused = not self._paused
        if self._paused:
            log.warning("the Lease could not be renewed in time, nothing is started")
            self._on_pause()
        else:
            log.info("the Lease is renewed, going on")
            self._on_resume()

    async def release(self) -> None:
        """Hands the shard over in an orderly stop, and does not ask for it again."""
        self._leaving = True
        if not self.holding:
            return
        self.holding = False
        self._on_lost()
        try:
            await self._lease.release()
        except KubeError as error:
            log.warning("the Lease cannot be released, it will run out", error=str(error))
