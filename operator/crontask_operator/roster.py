"""What the Leases say: which replicas are alive, who holds which shard, and which layout is in force.

Fed with Leases as they are listed or change (`told`); does no I/O. As with shards,
other machines' clocks are not trusted: a replica counts as gone when its Lease has
stayed the same for its duration on our monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any

from crontask_core.layout import LAYOUT_LEASE, Layout
from crontask_core.lease import LeaseRecord, Sighting
from crontask_core.names import REPLICA_LEASE, replica_lease
from crontask_core.sharding import SHARD_LEASE
from crontask_kube.clock import Clock

EARLIEST = datetime.min.replace(tzinfo=UTC)
STEADY_SECONDS = 5.0
"""So long a replica has to be there before it gets shards of others: one that crashes again and again gets none."""

LIVELY_SECONDS = 7.0
"""A replica that has shown no sign of life for so long, of those that come each 5 s, gets no shard, though nobody knows
yet that it is gone: one that was killed and came back under another name would wait for itself."""


@dataclass(slots=True)
class Seen:
    """A Lease as it was last seen."""

    sighting: Sighting
    first: float
    """The monotonic moment at which it was first seen."""


def read(body: dict[str, Any]) -> LeaseRecord:
    """A Lease, whatever its claim says."""
    return LeaseRecord.from_body(body, known_claim=EARLIEST)


class Roster:
    """See the module."""

    def __init__(self, clock: Clock, lease_seconds: float) -> None:
        self._clock, self._lease_seconds = clock, lease_seconds
        self._seen: dict[str, Seen] = {}
        self._suspects: dict[str, str] = {}
        """Replicas that let a shard's Lease run out, and their last sign of life then: gone, until there is another."""
        self.layout = Layout()
        self.known_at = inf
        """The monotonic moment at which all Leases were first known."""

    def listed(self, bodies: Iterable[dict[str, Any]]) -> None:
        """All Leases of the namespace; raises FieldError for a layout that nobody can read."""
        by_name = {body["metadata"]["name"]: body for body in bodies}
        for name in self._seen.keys() - by_name.keys():
            del self._seen[name]
        self.layout = Layout.from_body(by_name.get(LAYOUT_LEASE))
        for name, body in by_name.items():
            self._saw(name, body)
        self.known_at = min(self.known_at, self._clock.monotonic())

    def told(self, name: str, body: dict[str, Any] | None) -> bool:
        """A Lease is so now, or is gone; returns whether more has changed than a sign of life."""
        if name == LAYOUT_LEASE:
            self.layout = Layout.from_body(body)
            return True
        if body is None:
            return self._seen.pop(name, None) is not None
        return self._saw(name, body)

    def _saw(self, name: str, body: dict[str, Any]) -> bool:
        if not name.startswith((REPLICA_LEASE, SHARD_LEASE)):
            return False
        record, now = read(body), self._clock.monotonic()
        known = self._seen.get(name)
        if known is None:
            self._seen[name] = Seen(Sighting(record, now), now)
            return True
        held_by = known.sighting.record.holder
        if name.startswith(REPLICA_LEASE) and record.renewed != known.sighting.record.renewed:
            self._suspects.pop(record.holder, None)
        known.sighting = known.sighting.followed_by(record, now)
        if name.startswith(SHARD_LEASE) and record.holder and held_by not in ("", record.holder):
            self._suspect(held_by)  # the Lease was taken from it
        return held_by != record.holder

    def replicas(self, *, steady: bool = False) -> dict[str, int]:
        """Identity of each replica that is alive (`steady`: that may get more), and how many shards it knows of."""
        now = self._clock.monotonic()
        for name, seen in self._seen.items():
            if name.startswith(SHARD_LEASE) and seen.sighting.record.holder and self._gone_at(seen) <= now:
                self._suspect(seen.sighting.record.holder)
        return {
            seen.sighting.record.holder: seen.sighting.record.shards
            for name, seen in self._seen.items()
            if name.startswith(REPLICA_LEASE)
            and self._gone_at(seen) > now
            and self._suspects.get(seen.sighting.record.holder) != seen.sighting.record.renewed
            and (not steady or (self.steady(seen.first) and now - seen.sighting.since < LIVELY_SECONDS))
        }

    def steady(self, since: float) -> bool:
        """Whether a replica that is there since a monotonic moment is no newcomer any more."""
        return self._clock.monotonic() - since >= STEADY_SECONDS

    def _suspect(self, replica: str) -> None:
        seen = self._seen.get(replica_lease(replica))
        if seen is not None:
            self._suspects.setdefault(replica, seen.sighting.record.renewed)

    def stale(self, seconds: float) -> list[tuple[str, str]]:
        """Name and version of each replica's Lease that has shown no sign of life for so long."""
        limit = self._clock.monotonic() - seconds
        return [
            (name, seen.sighting.record.version)
            for name, seen in self._seen.items()
            if name.startswith(REPLICA_LEASE) and seen.sighting.since < limit
        ]

    def shard(self, lease: str) -> Seen | None:
        """A shard's Lease."""
        return self._seen.get(lease)

    def holder(self, lease: str) -> str:
        """Who is alive and holds a shard; empty for nobody."""
        return self._seen[lease].sighting.record.holder if self.held(lease) else ""

    def free_at(self, seen: Seen) -> float:
        """The monotonic moment at which a shard's Lease is nobody's, unless its holder shows itself before."""
        return self._gone_at(seen) if seen.sighting.record.holder else seen.sighting.since

    def _gone_at(self, seen: Seen) -> float:
        return seen.sighting.since + max(seen.sighting.record.duration_seconds, self._lease_seconds)

    def held(self, lease: str) -> bool:
        """Whether somebody alive holds a shard."""
        seen = self._seen.get(lease)
        return seen is not None and bool(seen.sighting.record.holder) and self._gone_at(seen) > self._clock.monotonic()
