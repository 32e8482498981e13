"""Brings the layout in force by which this replica divides tasks, once nobody goes by another one.

`crontask_core.layout` says why in this order: the layout is written first, then
looked that nobody holds a shard under another one, then settled with what had
been claimed before.
"""

import structlog

from crontask_core.layout import LAYOUT_LEASE
from crontask_core.lease import LeaseRecord, break_patch
from crontask_core.sharding import SHARD_LEASE
from crontask_kube.client import ApiClient, Object
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, Conflict, NotFound
from crontask_kube.resources import LEASES
from crontask_operator.roster import Roster, read
from crontask_operator.settings import Settings

WITHIN_SECONDS = 5.0
log = structlog.get_logger(__name__)


class Layouts:
    """See the module."""

    def __init__(self, api: ApiClient, clock: Clock, roster: Roster, settings: Settings) -> None:
        self._api, self._clock, self._roster = api, clock, roster
        self._namespace, self._shards = settings.lease_namespace, settings.shards
        self._bodies: list[Object] = []
        self._told = False

    async def look(self) -> None:
        """Lists all Leases, as they are now."""
        listing = await self._api.list(LEASES, self._namespace, within=WITHIN_SECONDS)
        self._bodies = listing.items
        self._roster.listed(listing.items)

    @property
    def in_force(self) -> bool:
        """Whether tasks are divided as we divide them, and nobody can do otherwise any more."""
        layout = self._roster.layout
        return layout.shards == self._shards and layout.settled

    def others_hold(self) -> bool:
        """Whether a shard's Lease is, or may still be, in the hand of somebody who divides otherwise."""
        return any(record.holder and record.shards != self._shards for _, record in self._records())

    async def bring_about(self, me: str) -> None:
        """The next step to our layout, as far as the others allow it. `me` is this replica's identity."""
        layout = self._roster.layout
        if layout.shards != self._shards:
            others = [who for who, shards in self._roster.replicas().items() if shards == layout.shards and who != me]
            if others:
                self._tell_once(layout.shards, others)
                return
            await self._write(layout.changed(self._shards).body())
            log.info("the number of shards is changed", before=layout.shards, shards=self._shards)
            await self.look()
        elif not layout.settled or self._others():
            await self._end_others()
            if not layout.settled:
                await self._settle()

    async def _settle(self) -> None:
        await self.look()
        if self.others_hold() or self._roster.layout.settled or self._roster.layout.shards != self._shards:
            return
        records = {
            int(name.removeprefix(SHARD_LEASE)): LeaseRecord.from_body(body) for name, body in self._shard_bodies()
        }
        layout = self._roster.layout.settle(records)
        if not await self._write(layout.body()):
            return
        log.info("tasks are divided anew", shards=layout.shards, before=layout.before)
        await self.look()

    def _others(self) -> list[tuple[str, LeaseRecord]]:
        """The Leases of shards under another layout."""
        return [(name, record) for name, record in self._records() if record.shards != self._shards]

    async def _end_others(self) -> None:
        """Takes them from holders that are gone, and deletes them once what they say is in the layout."""
        for name, record in self._others():
            if record.holder and not self._roster.held(name):
                await self._break(name, record)
            elif not record.holder and self.in_force:
                await self._delete(name, record)

    async def _break(self, name: str, record: LeaseRecord) -> None:
        body = break_patch(record, self._clock.now())
        try:
            await self._api.patch(LEASES, self._namespace, name, body, within=WITHIN_SECONDS)
        except (Conflict, NotFound):
            return  # it shows itself, or somebody else was quicker

    async def _delete(self, name: str, record: LeaseRecord) -> None:
        """What it said is in the layout now."""
        try:
            await self._api.delete(
                LEASES, self._namespace, name, resource_version=record.version, within=WITHIN_SECONDS
            )
        except Conflict:
            return  # somebody has taken it for our layout

    async def _write(self, body: Object) -> bool:
        """Writes the layout unless somebody else did meanwhile; what became of it shows at the next look."""
        try:
            if "resourceVersion" in body["metadata"]:
                await self._api.patch(LEASES, self._namespace, LAYOUT_LEASE, body, within=WITHIN_SECONDS)
            else:
                await self._api.create(LEASES, self._namespace, body, within=WITHIN_SECONDS)
        except (Conflict, NotFound, AlreadyExists):
            return False
        return True

    def _shard_bodies(self) -> list[tuple[str, Object]]:
        named = [(body["metadata"]["name"], body) for body in self._bodies]
        return [(name, body) for name, body in named if name.removeprefix(SHARD_LEASE).isdecimal()]

    def _records(self) -> list[tuple[str, LeaseRecord]]:
        return [(name, read(body)) for name, body in self._shard_bodies()]

    def _tell_once(self, shards: int, others: list[str]) -> None:
        if not self._told:
            self._told = True
            log.warning(
                "waiting for replicas with another number of shards",
                shards=self._shards,
                theirs=shards,
                replicas=others,
            )
