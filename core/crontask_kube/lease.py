"""A shard's Lease in our hand: taking it, keeping it, claiming instants on it, giving it back.

The operator's loop calls `try_acquire` when it may be free (`free_at`) until it
holds the shard, then `renew` when that is due (`renew_at`; a claim renews as
well); the scheduler calls `claim` before anything of an instant is sent and
`valid` right before each send. What to write and who may take is decided in
`crontask_core.lease`. A write whose answer was lost is looked up before anything
else happens: a claim has either landed or it has not. Who waits for the Lease is
told of each change by a watch (`told`); that a holder is gone is believed only
together with the version of its last sign of life, so an event that comes late
can do no harm.
"""

import asyncio
from collections import deque
from datetime import datetime
from typing import Any

from crontask_core.errors import FieldError
from crontask_core.lease import (
    MAX_DOUBLINGS,
    LeaseRecord,
    Sighting,
    first_body,
    free_at,
    may_take,
    patience,
    release_patch,
    renew_patch,
    shows,
    still_ours,
    take_patch,
)
from crontask_kube.client import ApiClient, Object
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, Conflict, NotFound, Unavailable
from crontask_kube.resources import LEASES

MAX_WRITES = 5
"""So often a write is tried that others' edits get in the way of."""
RENEW_SHARE = 0.3
"""Share of the duration after which a sign of life is due."""
WITHIN_SHARE = 0.5
"""Share of the duration that one request may take: a stuck connection leaves time for a look and another write."""
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
        duration_seconds: float,
        shards: int = 1,
    ) -> None:
        self.name = name
        self.identity = identity
        self.renew_seconds = duration_seconds * RENEW_SHARE
        self.inherited_through: datetime | None = None
        """The claim as found when we took the shard: no call at or below it may be started."""
        self.finishing_seconds = 0.0
        """For how long after we took the shard the holder before us may still end calls of its own."""
        self._client = client
        self._namespace = namespace
        self._clock = clock
        self._shards = shards
        self._duration = duration_seconds
        self._within = duration_seconds * WITHIN_SHARE
        self._lock = asyncio.Lock()
        self._held = False
        self._all_finished = False
        self._record: LeaseRecord | None = None
        self._sighting: Sighting | None = None
        self._losses: deque[float] = deque(maxlen=MAX_DOUBLINGS + 1)
        """The monotonic moments at which another has taken the shard from us."""
        self._good_since = 0.0

    @property
    def held(self) -> bool:
        """Whether we hold the shard as far as we know; `valid` says whether we may still act on it."""
        return self._held

    @property
    def claimed_through(self) -> datetime | None:
        """The claim as last read or written."""
        return self._record.claimed_through if self._record and self._record.shards == self._shards else None

    @property
    def transitions(self) -> int:
        """How often the shard has changed hands: a fencing number for logs."""
        return self._record.transitions if self._record else 0

    def valid(self) -> bool:
        """Whether nobody else can hold the shard yet, by the monotonic clock. Ask right before each send."""
        return self._held and self._clock.monotonic() < self.valid_until

    @property
    def valid_until(self) -> float:
        """The monotonic moment at which our right to act ends, unless it is renewed before."""
        return self._good_since + self._duration * (1 - MARGIN)

    @property
    def renew_at(self) -> float:
        """The monotonic moment at which a sign of life is due; each renewal and each claim puts it off."""
        return self._good_since + self.renew_seconds

    @property
    def free_at(self) -> float:
        """The monotonic moment at which the shard may be taken, as far as is known; 0: that has to be looked up."""
        return free_at(self._sighting, least_seconds=self._patience()) if self._sighting else 0.0

    def told(self, body: Object | None) -> None:
        """The Lease as an event tells of it, or that it is gone. Means nothing to its holder."""
        try:
            self._saw(LeaseRecord.from_body(body) if body is not None else None)
        except FieldError:
            self._saw(None)  # who wants to take it reads it then, and says what is wrong

    async def try_acquire(self, *, look: bool = True) -> bool:
        """Takes the shard if it is free, was released, or its holder has been still for its duration.

        `look` reads the Lease first; without it what was seen last counts, where there is something.
        Raises Unavailable if it could not be written, or if nobody knows whether it was, FieldError if the claim on it
        cannot be read.
        """
        async with self._lock:
            if self._held:
                return True
            if look or self._sighting is None:
                self._saw(await self._read())
            seen = self._sighting
            if seen is None:
                return await self._take(None)
            return may_take(seen, self._clock.monotonic(), least_seconds=self._patience()) and await self._take(
                seen.record
            )

    def _saw(self, found: LeaseRecord | None) -> None:
        """Another reading, while somebody else holds the Lease or nobody does."""
        if self._held:
            return
        if found is None:
            self._sighting = None
            return
        now = self._clock.monotonic()
        self._sighting = self._sighting.followed_by(found, now) if self._sighting else Sighting(found, now)
        self._record = found

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

    def forget_finishing(self) -> None:
        """The holder before us has nothing more to end; the next renewal says so."""
        self._all_finished = True

    async def release(self, finishing_seconds: float = 0.0) -> None:
        """Gives the shard up at once, the claim stays. Raises Unavailable: the next holder then has to wait.

        For `finishing_seconds` this replica still ends calls, which the next one is told.
        """
        was_held, self._held = self._held, False
        async with self._lock:
            for _ in range(MAX_WRITES):
                if not was_held or self._record is None:
                    return
                try:
                    await self._patch(release_patch(self._record, self._clock.now(), finishing_seconds))
                except NotFound:
                    return
                except Conflict:
                    was_held = await self._found_ours()
                else:
                    return

    async def _take(self, record: LeaseRecord | None) -> bool:
        started, now = self._clock.monotonic(), self._clock.now()
        if record is None:
            body = first_body(self.name, self.identity, now, self._duration, self.claimed_through, shards=self._shards)
        else:
            body = take_patch(record, self.identity, now, self._duration, shards=self._shards)
        try:
            written = LeaseRecord.from_body(await (self._patch(body) if record else self._create(body)))
        except NotFound:
            self._sighting = None
            return False
        except (Conflict, AlreadyExists, Unavailable) as error:
            found = await self._read()
            if found is None or not shows(found, body):
                self._saw(found)
                if isinstance(error, Unavailable):
                    raise  # to be asked again after a pause, and not at once because it still looks free
                return False
            written = found
        self._record, self._good_since, self._held, self._sighting = written, started, True, None
        self.inherited_through, self.finishing_seconds = written.claimed_through, written.finishing_seconds
        self._all_finished = False
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
            body = renew_patch(self._record, self._clock.now(), through, all_finished=self._all_finished)
            try:
                self._record = LeaseRecord.from_body(await self._patch(body), known_claim=self.claimed_through)
            except NotFound:
                self._lost()
                return False
            except (Conflict, Unavailable) as error:
                if not await self._found_ours():
                    self._lost()
                    return False
                if not shows(self._record, body):
                    if error.status is not None and isinstance(error, Unavailable):
                        raise  # the server has answered that it cannot: the loops that ask pause before they do again
                    continue
            self._good_since = started
            return True
        raise Unavailable(f"lease {self._namespace}/{self.name}: the write did not get through, others write to it")

    def _lost(self) -> None:
        self._held = False
        self._losses.append(self._clock.monotonic())

    def _patience(self) -> float:
        return patience(self._duration, self._losses, self._clock.monotonic())

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
            body = await self._client.get(LEASES, self._namespace, self.name, within=self._within)
        except NotFound:
            return None
        return LeaseRecord.from_body(body, known_claim=known_claim)

    async def _patch(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._client.patch(LEASES, self._namespace, self.name, body, within=self._within)

    async def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._client.create(LEASES, self._namespace, body, within=self._within)
