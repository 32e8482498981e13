"""The operator's replicas, as their Leases tell: who is alive, and who leads.

Listens to a `LeaseWatch`. Other machines' clocks are not trusted: alive is who
has shown a sign of life within its Lease's duration on our monotonic clock.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from crontask_core.names import LABEL_LEASE
from crontask_core.sharding import SHARD_LEASE
from crontask_gateway.store import Member
from crontask_kube.client import Object
from crontask_kube.clock import Clock
from crontask_kube.leasewatch import LeaseWatch

REPLICA, SHARD = "replica", "shard"
FIRST_SHARD = f"{SHARD_LEASE}0"


@dataclass(frozen=True, slots=True)
class _Seen:
    kind: str
    holder: str
    created: datetime | None
    renewed: str
    seconds: int
    since: float
    """The monotonic moment at which this sign of life was first seen."""


class Operators:
    """See the module."""

    def __init__(self, clock: Clock, watch: LeaseWatch) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        watch.listeners.append(self._told)

    def members(self) -> list[Member]:
        """The replicas that are alive, by name."""
        leases = [seen for seen in self._seen.values() if self._alive(seen)]
        shards = [seen.holder for seen in leases if seen.kind == SHARD]
        found = [
            Member(seen.holder, seen.created, shards.count(seen.holder)) for seen in leases if seen.kind == REPLICA
        ]
        return sorted(found, key=lambda member: member.name)

    def leader(self) -> Member | None:
        """The one that holds the first shard."""
        seen = self._seen.get(FIRST_SHARD)
        if seen is None or not self._alive(seen):
            return None
        known = [member for member in self.members() if member.name == seen.holder]
        return known[0] if known else Member(seen.holder, None, 1)

    def _alive(self, seen: _Seen) -> bool:
        return bool(seen.holder) and self._clock.monotonic() < seen.since + seen.seconds

    def _told(self, name: str, body: Object | None) -> None:
        if body is None:
            self._seen.pop(name, None)
            return
        meta, spec = body["metadata"], body.get("spec") or {}
        kind = (meta.get("labels") or {}).get(LABEL_LEASE, "")
        if kind not in {REPLICA, SHARD}:
            return
        created = meta.get("creationTimestamp")
        told = _Seen(
            kind=kind,
            holder=spec.get("holderIdentity") or "",
            created=datetime.fromisoformat(created) if created else None,
            renewed=spec.get("renewTime") or "",
            seconds=spec.get("leaseDurationSeconds") or 0,
            since=self._clock.monotonic(),
        )
        before = self._seen.get(name)
        if before is not None and (before.renewed, before.holder) == (told.renewed, told.holder):
            told = replace(told, since=before.since)
        self._seen[name] = told
