"""Holds a shard's Lease: acquires it, renews it, and says when it is won or lost.

Who holds it renews it when the last sign of life, claims included, is old
enough. Who waits for it is told of each sign of life by the watch, and sleeps
until the moment at which the holder counts as gone; without a watch it looks by
itself.
"""

import asyncio
from collections.abc import Callable

import structlog

from crontask_core.names import fraction
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError, Unavailable
from crontask_kube.lease import ShardLease
from crontask_kube.leasewatch import LeaseWatch

AGAIN_SECONDS = 0.25
"""After a request that failed; twice as long after each further one, unless the right to send is there to keep."""
LONGEST_SECONDS = 1.0
"""No longer: a holder may die meanwhile, and what is due then is to start within 3 s, 2 of which are the Lease's."""
MOST_ASKED_SECONDS = 10.0
"""So long a pause that the API server asks for is kept; what is due then is still on time (15 s)."""
LEAST_SECONDS = 0.005
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
        watch: LeaseWatch,
        clock: Clock,
        *,
        on_won: Callable[[], None],
        on_lost: Callable[[], None],
        on_pause: Callable[[], None],
        on_resume: Callable[[], None],
    ) -> None:
        self._lease, self._watch, self._clock = lease, watch, clock
        self._on_won, self._on_lost = on_won, on_lost
        self._on_pause, self._on_resume = on_pause, on_resume
        self._paused = False
        self._news = asyncio.Event()
        self.is_wanted: Callable[[], bool] = lambda: True
        """Whether the shard, once it is free, is for this replica to take."""
        self._failures = 0
        # By its identity, so that replicas do not ask in step, and the same each time.
        self._spread = 0.5 + fraction(f"{lease.identity}/{lease.name}") / 2
        self.holding = False
        self.seen = False
        """Whether the Lease has been read at all, which is what a standby's readiness means."""
        watch.listeners.append(self._told)

    async def run(self) -> None:
        """The loop; ends only by cancellation."""
        while True:
            self._news.clear()
            try:
                await self._step()
                self.seen = True
                seconds, self._failures = self._rest_seconds(), 0
            except KubeError as error:
                log.warning("the Lease cannot be reached", shard=self._lease.name, error=str(error))
                seconds = self._pause_seconds(error.retry_after if isinstance(error, Unavailable) else None)
            except Exception:
                log.exception("the Lease loop failed", shard=self._lease.name)
                seconds = self._pause_seconds(None)
            self._check()
            await self._sleep(seconds)
            self._check()

    def look(self) -> None:
        """Something has changed that bears on whether the shard is wanted; no reason to cut a pause short."""
        if not self._failures:
            self._news.set()

    async def _step(self) -> None:
        if self.holding:
            if self._clock.monotonic() >= self._lease.renew_at and not await self._lease.renew():
                self.holding, self._paused = False, False
                log.warning("no longer leading", shard=self._lease.name)
                self._on_lost()
        elif self._may_be_free() and self.is_wanted() and await self._lease.try_acquire(look=not self._watch.live):
            self.holding = True
            log.info("leading", shard=self._lease.name, claimed_through=str(self._lease.claimed_through))
            self._on_won()

    def _may_be_free(self) -> bool:
        return not self._watch.live or self._lease.free_at <= self._clock.monotonic()

    def _rest_seconds(self) -> float:
        """How long nothing need be done, if nothing is told meanwhile."""
        now, lease = self._clock.monotonic(), self._lease
        if self.holding:
            return min(lease.renew_at, lease.valid_until if lease.valid() else lease.renew_at) - now
        if not self._watch.live:
            return min(lease.renew_seconds, lease.free_at - now) if lease.free_at > now else lease.renew_seconds
        wait = lease.free_at - now
        return wait if wait > 0 or self.is_wanted() else AGAIN_SECONDS

    def _pause_seconds(self, asked: float | None) -> float:
        """How long to wait after one more failure; `asked` is the server's wish."""
        if self.holding and self._lease.valid():
            return AGAIN_SECONDS * self._spread
        pause = min(AGAIN_SECONDS * 2.0 ** min(self._failures, 10), LONGEST_SECONDS) * self._spread
        self._failures += 1
        return max(pause, min(asked or 0.0, MOST_ASKED_SECONDS))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, LEAST_SECONDS)):
                await self._news.wait()
        except TimeoutError:
            return

    def _told(self, name: str, body: dict[str, object] | None) -> None:
        if name == self._lease.name and not self.holding:
            self._lease.told(body)
            self._news.set()

    def _check(self) -> None:
        """Tells when the right to send runs out, and when it is back."""
        if not self.holding or self._paused != self._lease.valid():
            return
        self._paused = not self._paused
        if self._paused:
            log.warning("the Lease could not be renewed in time, nothing is started", shard=self._lease.name)
            self._on_pause()
        else:
            log.info("the Lease is renewed, going on", shard=self._lease.name)
            self._on_resume()

    async def release(self, finishing_seconds: float = 0.0) -> bool:
        """Gives the shard up, until it is wanted again; False where nobody may know.

        For `finishing_seconds` this replica still ends calls of its own.
        """
        if not self.holding:
            return False
        self.holding, self._paused = False, False
        self._on_lost()
        try:
            await self._lease.release(finishing_seconds)
        except KubeError as error:
            log.warning("the Lease cannot be released, it will run out", shard=self._lease.name, error=str(error))
            return False
        return True
