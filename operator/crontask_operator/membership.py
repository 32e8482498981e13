"""This replica among the others: its own Lease, what it knows of theirs, and which shards are for it to take.

Each replica keeps a Lease of its own, so that all know who is alive; the loop
here renews it, looks at all Leases, sweeps those of replicas that died, and
brings the layout in force once no replica of another number of shards is left.
Whether a shard is wanted is decided in `crontask_core.sharding`.
"""

import asyncio
from collections.abc import Callable
from math import inf

import structlog

from crontask_core.errors import FieldError
from crontask_core.layout import Layout
from crontask_core.lease import written
from crontask_core.names import ANNOTATION_SHARDS, LABEL_LEASE, fraction, replica_lease
from crontask_core.sharding import SHARD_LEASE, gives, heirs
from crontask_kube.client import ApiClient, Object
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from crontask_kube.leasewatch import LeaseWatch
from crontask_kube.resources import LEASES
from crontask_operator.layouts import Layouts
from crontask_operator.roster import Roster
from crontask_operator.settings import Settings

LOOK_SECONDS = 1.0
RENEW_SECONDS = 5.0
REPLICA_SECONDS = 15
SWEEP_SECONDS = 60.0
WITHIN_SECONDS = 5.0
RELEASED_SECONDS = 2.0
"""So long a shard that was released is left to who should have it."""
DIED_SECONDS = 0.5
"""The same for one whose holder has died."""
log = structlog.get_logger(__name__)


class Membership:
    """See the module."""

    def __init__(self, settings: Settings, *, clock: Clock, api: ApiClient, identity: str, watch: LeaseWatch) -> None:
        self._api, self._clock, self._identity = api, clock, identity
        self._namespace, self._shards = settings.lease_namespace, settings.shards
        self._lease = replica_lease(identity)
        self.roster = Roster(clock, settings.lease_seconds)
        self._layouts = Layouts(api, clock, self.roster, settings)
        self._watch = watch
        watch.listeners.append(self._told)
        self._renew_at = self._look_at = -inf
        self._not_before = -inf
        """After a shard had to be given back because of the layout, none is taken for a while."""
        self._leaving = False
        # By its identity, so that replicas do not ask in step while requests fail, and the same each time.
        self._spread = 1.0 + fraction(identity)
        self._news = asyncio.Event()
        self.known = asyncio.Event()
        """Set when all Leases have been read once."""
        self.own: Callable[[], int] = lambda: 0
        """How many shards this replica holds."""

    async def run(self) -> None:
        """The loop; ends only by cancellation."""
        while True:
            pause = LOOK_SECONDS * self._spread
            try:
                await self._step()
                pause = LOOK_SECONDS
            except (KubeError, FieldError) as error:
                log.warning("the replicas' Leases have to wait", error=str(error))
            except Exception:
                log.exception("the look at the replicas' Leases failed")
            self._news.set()
            await asyncio.sleep(pause)

    async def changed(self) -> None:
        """Waits until there has been another look."""
        await self._news.wait()
        self._news.clear()

    async def leave(self) -> None:
        """An orderly stop: the others share out what this replica holds."""
        self._leaving = True
        try:
            await self._api.delete(LEASES, self._namespace, self._lease, within=WITHIN_SECONDS)
        except KubeError as error:
            log.warning("the replica's Lease cannot be deleted, it will run out", error=str(error))

    def is_wanted(self, lease: str) -> bool:
        """Whether a shard is for this replica to take, once its Lease is free."""
        now = self._clock.monotonic()
        if self._leaving or not self._layouts.in_force or now < self._not_before:
            return False
        seen = self.roster.shard(lease)
        holder = seen.sighting.record.holder if seen else ""
        if self._is_heir(lease, holder):
            return True
        free_at = self.roster.free_at(seen) if seen else self.roster.known_at
        return now >= free_at + (DIED_SECONDS if holder else RELEASED_SECONDS)

    def _is_heir(self, lease: str, holder: str) -> bool:
        """Whether we are the first to take a shard once `holder`, if there is one, is gone."""
        left = {replica: count for replica, count in self._candidates().items() if replica != holder}
        names = {f"{SHARD_LEASE}{number}": number for number in range(self._shards)}
        free = [number for name, number in names.items() if name == lease or self.roster.holder(name) not in left]
        return heirs(left, free, self._shards).get(names[lease]) == self._identity

    def _candidates(self) -> dict[str, int]:
        """Who may be an heir, and how many shards each holds: one that has just begun knows nothing yet."""
        warm = self._held(steady=True)
        if self.roster.steady(self.roster.known_at):
            return warm
        del warm[self._identity]
        return warm or self._held()

    def gives(self) -> int:
        """How many of its shards this replica hands over now."""
        if self._leaving or not self.known.is_set():
            return 0
        if self.roster.layout.shards != self._shards:
            return self._shards
        return int(gives(self._identity, self._held(steady=True), self._shards))

    async def agreed(self) -> Layout | None:
        """Looks again, after a shard has been taken, whether everybody divides tasks as we do; None: give it back."""
        await self._layouts.look()
        if self._layouts.in_force and not self._layouts.others_hold():
            return self.roster.layout
        self._not_before = self._clock.monotonic() + RELEASED_SECONDS
        log.warning("the shard is given back: tasks are divided otherwise", shards=self.roster.layout.shards)
        return None

    def _told(self, name: str, body: Object | None) -> None:
        """A Lease has changed, as the watch tells."""
        try:
            if self.roster.told(name, body):
                self._news.set()
        except FieldError as error:
            log.warning("a Lease cannot be read", error=str(error))

    def _held(self, *, steady: bool = False) -> dict[str, int]:
        """How many shards each replica that is alive holds, and this one."""
        held = {replica: 0 for replica, shards in self.roster.replicas(steady=steady).items() if shards == self._shards}
        for number in range(self._shards):
            holder = self.roster.holder(f"{SHARD_LEASE}{number}")
            if holder in held:
                held[holder] += 1
        held[self._identity] = self.own()
        return held

    async def _step(self) -> None:
        if not self._leaving and self._clock.monotonic() >= self._renew_at:
            await self._renew()
        if not self._watch.live or self._clock.monotonic() >= self._look_at:
            self._look_at = self._clock.monotonic() + RENEW_SECONDS
            await self._layouts.look()
        self.known.set()
        for name, version in self.roster.stale(SWEEP_SECONDS):
            await self._sweep(name, version)
        if not self._leaving:
            await self._layouts.bring_about(self._identity)

    async def _sweep(self, name: str, version: str) -> None:
        try:
            await self._api.delete(LEASES, self._namespace, name, resource_version=version, within=WITHIN_SECONDS)
        except Conflict:
            return  # it lives

    async def _renew(self) -> None:
        at = self._clock.monotonic()
        body = self._body()
        try:
            await self._api.patch(LEASES, self._namespace, self._lease, body, within=WITHIN_SECONDS)
        except NotFound:
            try:
                await self._api.create(LEASES, self._namespace, body, within=WITHIN_SECONDS)
            except AlreadyExists:
                return
        self._renew_at = at + RENEW_SECONDS
        if self._leaving:
            await self.leave()  # it was deleted while we wrote

    def _body(self) -> Object:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self._lease,
                "labels": {LABEL_LEASE: "replica"},
                "annotations": {ANNOTATION_SHARDS: str(self._shards)},
            },
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": REPLICA_SECONDS,
                "renewTime": written(self._clock.now()),
            },
        }
