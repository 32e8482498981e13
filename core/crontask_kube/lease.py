"""A shard's Lease in our hand: taking it, keeping it, claiming instants on it, giving it back.

The operator's loop calls `try_acquire` until it holds the shard, then `renew`
each `renew_seconds`; the scheduler calls `claim` before anything of an instant
is sent and `valid` right before each send. What to write and who may take is
decided in `crontask_core.lease`. A write whose answer was lost is looked up
before anything else happens: a claim has either landed or it has not.
"""

import asyncio
from datetime import datetime
from typing import Any

from crontask_core.lease import (
    LeaseRecord,
    Sighting,
    first_body,
    may_take,
    release_patch,
    renew_patch,
    shows,
    still_ours,
    take_patch,
)
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, Conflict, NotFound, Unavailable
from crontask_kube.resources import LEASES

MAX_WRITES = 5
"""So often a write is tried that others' edits get in the way of."""
MARGIN = 0.1
"""Share of the duration by which we stop trusting our own hold earlier than others stop: clocks differ in speed, and
a send takes time."""


class ShardLease:
    """One shard as one replica sees it. `identity` must be unique to the process: a restart is somebody else."""

    def __init__(
        self,
        client: ApiClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        duration_seconds: float = 3.0,
        renew_seconds: float = 1.0,
    ) -> None:
        self.name = name
        self.identity = identity
        self.renew_seconds = renew_seconds
        self.inherited_through: datetime | None = None
        """The claim as found when we took the shard: no call at or below it may be started."""
        self._client = client
        self._namespace = namespace
        self._clock = clock
        self._duration = duration_seconds
        self._lock = asyncio.Lock()
        self._held = False
        self._record: LeaseRecord | None = None
        self._sighting: Sighting | None = None
        self._good_since = 0.0

    @property
    def held(self) -> bool:
        """Whether we hold the shard as far as we know; `valid` says whether we may still act on it."""
        return self._held

    @property
    def claimed_through(self) -> datetime | None:
        """The claim as last read or written."""
        return self._record.claimed_through if self._record else None

    @property
    def transitions(self) -> int:
        """How often the shard has changed hands: a fencing number for logs."""
        return self._record.transitions if self._record else 0

    def valid(self) -> bool:
        """Whether nobody else can hold the shard yet, by the monotonic clock. Ask right before each send."""
        return self._held and self._clock.monotonic() < self._good_since + self._duration * (1 - MARGIN)

    async def try_acquire(self) -> bool:
        """Takes the shard if it is free, was released, or its holder has been still for its duration.

        Raises Unavailable if nobody knows whether it was taken, FieldError if the claim on it cannot be read.
        """
        async with self._lock:
            if self._held:
                return True
            found = await self._read()
            if found is None:
                return await self._take(None)
            now = self._clock.monotonic()
            self._sighting = self._sighting.followed_by(found, now) if self._sighting else Sighting(found, now)
            self._record = found
            return may_take(self._sighting, now, least_seconds=self._duration) and await self._take(found)

    async def renew(self) -> bool:
        """A sign of life. False when the shard is lost; raises Unavailable when that is unknown."""
        async with self._lock:
            return await self._keep(None)

    async def claim(self, through: datetime) -> bool:
        """Makes the claim cover `through`, and renews. False when the shard is lost: send nothing.

        Raises Unavailable when it is unknown whether the claim stands: send nothing either, and claim again.
        """
        async with self._lock:
            return await self._keep(through)

    async def release(self) -> None:
        """Gives the shard up at once, the claim stays. Raises Unavailable: the next holder then has to wait."""
        was_held, self._held = self._held, False
        async with self._lock:
            for _ in range(MAX_WRITES):
                if not was_held or self._record is None:
                    return
                try:
                    await self._patch(release_patch(self._record, self._clock.now()))
                except NotFound:
                    return
                except Conflict:
                    was_held = await self._found_ours()
                else:
                    return

    async def _take(self, record: LeaseRecord | None) -> bool:
        started, now = self._clock.monotonic(), self._clock.now()
        if record is None:
            body = first_body(self.name, self.identity, now, self._duration, self.claimed_through)
        else:
            body = take_patch(record, self.identity, now, self._duration)
        try:
            written = LeaseRecord.from_body(await (self._patch(body) if record else self._create(body)))
        except NotFound:
            return False
        except (Conflict, AlreadyExists, Unavailable):
            found = await self._read()
            if found is None or not shows(found, body):
                return False
            written = found
        self._record, self._good_since, self._held = written, started, True
        self.inherited_through = written.claimed_through
        return True

    async def _keep(self, through: datetime | None) -> bool:
        """Renews, and claims `through`; where others' edits or lost answers get in the way, looks and writes again."""
        deadline = self._clock.monotonic() + self._duration
        for _ in range(MAX_WRITES):
            if not self._held or self._record is None:
                return False
            started = self._clock.monotonic()
            if started >= deadline:
                break
            body = renew_patch(self._record, self._clock.now(), through)
            try:
                self._record = LeaseRecord.from_body(await self._patch(body), known_claim=self.claimed_through)
            except NotFound:
                self._held = False
                return False
            except (Conflict, Unavailable):
                if not await self._found_ours():
                    self._held = False
                    return False
                if not shows(self._record, body):
                    continue
            self._good_since = started
            return True
        raise Unavailable(f"lease {self._namespace}/{self.name}: the write did not get through, others write to it")

    async def _found_ours(self) -> bool:
        """Reads the Lease again after a write that failed or may have: is it still in our hand?

        We know our claim, whatever others have made of the annotation meanwhile.
        """
        found = await self._read(known_claim=self.claimed_through)
        if found is None or self._record is None or not still_ours(self._record, found):
            return False
        self._record = found
        return True

    async def _read(self, known_claim: datetime | None = None) -> LeaseRecord | None:
        try:
            body = await self._client.get(LEASES, self._namespace, self.name, within=self.renew_seconds)
        except NotFound:
            return None
        return LeaseRecord.from_body(body, known_claim=known_claim)

    async def _patch(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._client.patch(LEASES, self._namespace, self.name, body, within=self.renew_seconds)

    async def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._client.create(LEASES, self._namespace, body, within=self.renew_seconds)
