"""A shard: one engine with its Lease, its index and everything that happens to its tasks.

A replica runs one for each shard, whether it holds it or not: one that it does
not hold is a hot standby with a warm index. `Operator` feeds it events and stops it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from crontask_core.layout import Layout
from crontask_core.lease import later
from crontask_core.names import Key, key_of
from crontask_core.sharding import Place
from crontask_kube.errors import KubeError
from crontask_kube.resources import EXECUTIONS, PODS, TASKS
from crontask_operator.companions import kind_of
from crontask_operator.handover import HandOver
from crontask_operator.leadership import Leadership
from crontask_operator.membership import Membership
from crontask_operator.wiring import Shared, Wiring
from crontask_operator.workers import keep

TAKE_OVER_AGAIN = 1.0
log = structlog.get_logger(__name__)


class Shard(Wiring):
    """See the module."""

    def __init__(self, shared: Shared, place: Place, membership: Membership) -> None:
        super().__init__(shared, place, leads=lambda: self.leadership.holding)
        self.leadership = Leadership(
            self.lease,
            shared.lease_watch,
            shared.clock,
            on_won=self._won,
            on_lost=self._lost,
            on_pause=self._pause,
            on_resume=self._resume,
        )
        self._hand_over = HandOver(self, self.leadership)
        self._membership = membership
        self.leadership.is_wanted = self._is_wanted
        self._loops: list[asyncio.Task[None]] = []
        self._to_take_over = asyncio.Event()
        self._until_lost: asyncio.Timeout | None = None
        """Ends the take-over that is under way."""

    def start(self) -> None:
        """Creates the loops; to be called once, before Kopf runs."""
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "leadership": self._lead,
            "take-over": self._take_overs,
            "scheduler": self.scheduler.run,
            "sweeper": self.sweeper.run,
            "resync": self._resync,
            "companions": self.companions.run,
            "companion statuses": self.companion_statuses.run,
        }
        for name, loop in loops.items():
            self._loops.append(asyncio.create_task(keep(name, loop), name=name))

    def receive(self, plural: str, deleted: bool, body: dict[str, Any]) -> None:
        """An object of this shard exists in this state, or was in this state when it went."""
        meta, key = body["metadata"], key_of(body)
        if plural == TASKS.plural:
            if deleted:
                self.tasks.gone(key, meta["uid"], self.clock.now())
            elif (task := self.tasks.seen(body, self.clock.now())) is not None:
                self.scheduler.set(task)
        elif plural == EXECUTIONS.plural:
            if deleted:
                self.adoption.execution_gone(key, Key(key.namespace, body["spec"]["taskRef"]["name"]))
            else:
                self.adoption.execution_seen(body)
        elif plural == PODS.plural:
            self.adoption.pod_seen(body, gone=deleted)
        elif (kind := kind_of(plural)) is not None:
            if deleted:
                self.companions.gone(kind, key, meta["uid"])
            else:
                self.companions.seen(kind, body)

    def known(self, plural: str) -> set[Key]:
        """The executions or pods that are believed to exist."""
        return self.adoption.known_pods() if plural == PODS.plural else self.adoption.known_executions()

    def missing(self, plural: str, keys: set[Key]) -> None:
        """Some of these that do not exist any more, which no event has told."""
        if plural == PODS.plural:
            self.adoption.pods_missing(keys)
        else:
            self.adoption.executions_missing(keys)

    async def _lead(self) -> None:
        await self._membership.known.wait()
        await self.leadership.run()

    def _is_wanted(self) -> bool:
        """Not while calls of ours from before end here: their records are written by who held the shard then."""
        return not self.finishing.runs and self._membership.is_wanted(self.place.lease)

    def problem(self) -> str:
        """Why this shard is not ready; empty where it is."""
        if not self.leadership.seen:
            return f"the Lease {self.place.lease} has not been read yet"
        if self.leadership.holding and not self.taken_over:
            return f"the index of {self.place.lease} is being built"
        return ""

    def idle_seconds(self) -> float:
        """How long ago the scheduler's loop last came round."""
        return self.clock.monotonic() - self.scheduler.ticked_at

    def _won(self) -> None:
        self._to_take_over.set()

    async def _take_overs(self) -> None:
        """In a loop of its own: the writers may all be waiting for answers that do not come."""
        while True:
            await self._to_take_over.wait()
            self._to_take_over.clear()
            try:
                await self._take_over()
            except asyncio.CancelledError:
                self._to_take_over.set()  # where this loop was only interrupted (`workers.keep`) it is done once more
                raise
            except Exception:
                log.exception("a take-over failed", shard=self.place.lease)

    async def _take_over(self) -> None:
        """Brings the index up to date, unless the shard is lost meanwhile.

        Then what has been picked up is forgotten: when this replica leads again others have decided on it, and a run
        that looks as if it still waited would be started a second time.
        """
        self.instants.taken_at = self.clock.now()
        agreed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._until_lost:
                agreed = await self._pick_up()
        self._until_lost = None
        if not agreed:
            await self.leadership.release(self.lease.finishing_seconds)
        if not self.taken_over:
            self._forget()

    async def _pick_up(self) -> bool:
        """Tries until it is done or the shard is lost; False where it is not for this layout to hold."""
        while self.leadership.holding and not self.taken_over:
            try:
                layout = await self._membership.agreed()
                if layout is None:
                    return False
                self._inherit(layout)
                await self.take_over.run()
            except Exception as error:
                # A shard that is held and not taken over would start nothing: whatever it was, try again.
                log.warning(
                    "the take-over has to wait",
                    shard=self.place.lease,
                    error=str(error),
                    exc_info=not isinstance(error, KubeError),
                )
                await asyncio.sleep(TAKE_OVER_AGAIN)
                continue
            if self.leadership.holding:
                self._begin()
        return True

    def _begin(self) -> None:
        self.taken_over = True
        self.gates.take_over()
        self.line.look_all()
        self.scheduler.allow()
        self.notifier.look_at_all()
        log.info("taken over", shard=self.place.lease, tasks=len(self.index.tasks), running=len(self.index.runs))

    def _inherit(self, layout: Layout) -> None:
        """What leaders before have claimed and still finish: those of this shard, and those of the layout before."""
        own = self.lease.inherited_through
        self.elsewhere.expect(max(self.lease.finishing_seconds, layout.finishing_seconds))
        self.instants.inherited_claim = lambda namespace: later(own, layout.claim_of(namespace))

    def _pause(self) -> None:
        self.scheduler.forbid()

    def _resume(self) -> None:
        if self.taken_over:
            self.scheduler.allow()

    def _lost(self) -> None:
        self.scheduler.forbid()
        self.taken_over = False
        if self._until_lost is not None:
            self._until_lost.reschedule(asyncio.get_running_loop().time())
        self._forget()

    def _forget(self) -> None:
        self.adoption.leave()
        self.companions.complete = False
        self.line.leave()
        self.executions.leave()
        self.keeper.leave()
        for queue in (
            self.records,
            self.statuses,
            self.companion_statuses,
            self.gates,
            self.sweeper,
            self.by_hand,
            self.backfills,
            self.notifier,
            self.elsewhere,
        ):
            queue.forget_all()  # the new leader finds all of it by itself

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            if not self.taken_over:
                continue
            try:
                await self.resync.run()
            except KubeError as error:
                log.warning("the resync has to wait", shard=self.place.lease, error=str(error))
            except Exception:
                log.exception("the resync failed", shard=self.place.lease)

    async def hand_over(self) -> None:
        """Gives the shard up in order; returns when somebody else may hold it."""
        await self._hand_over.begin()

    async def finish(self) -> None:
        """After that: waits until the calls under way have ended and are recorded."""
        await self._hand_over.finish()

    async def close(self) -> None:
        """Ends the loops."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
