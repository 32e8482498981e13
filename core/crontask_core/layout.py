"""The layout: into how many shards all tasks are divided, and what a change of that number must not lose.

Two replicas that divide differently must never both start tasks of one namespace.
So the number in force stands in one Lease. Who takes a shard takes it first and
reads the layout then; who changes the layout writes it first and looks then that
nobody holds a shard under another one. Whichever of the two came first, one of
them sees the other. What the shards of the old layout had claimed goes into the
new layout before anybody starts under it, by namespace (law 2).
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from crontask_core.errors import FieldError
from crontask_core.lease import LeaseRecord, claim_of, later, written
from crontask_core.names import ANNOTATION_LAYOUT, ANNOTATION_SHARDS, LABEL_LEASE
from crontask_core.sharding import MAX_SHARDS, shard_of

LAYOUT_LEASE = "crontask-layout"


@dataclass(frozen=True, slots=True)
class Layout:
    """A number of shards. Where nobody has ever changed it there is no Lease, and it is 1."""

    shards: int = 1
    settled: bool = True
    """Whether nobody can hold a shard of the layout before any more; until then nothing is started."""
    before: int = 0
    """The number of shards before; 0 where there was none."""
    claims: tuple[datetime | None, ...] = ()
    """How far each shard of the layout before had claimed; while this one is not settled, of those before it."""
    finishing_seconds: float = 0.0
    """For how long who held them may still end calls, counted from their release."""
    version: str = ""

    @classmethod
    def from_body(cls, body: dict[str, Any] | None) -> "Layout":
        """Reads the layout's Lease; raises FieldError for one that nobody can read: nothing is started then."""
        if body is None:
            return cls()
        meta = body["metadata"]
        annotations = meta.get("annotations") or {}
        text, more = annotations.get(ANNOTATION_SHARDS, ""), annotations.get(ANNOTATION_LAYOUT, "")
        try:
            shards, told = int(text), json.loads(more)
            if not 1 <= shards <= MAX_SHARDS:
                raise ValueError(text)
            claims = tuple(claim_of(claim) for claim in told["claims"])
            return cls(
                shards,
                bool(told["settled"]),
                int(told["before"]),
                claims,
                float(told["finishing"]),
                meta["resourceVersion"],
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            remedy = f"stop all operators, and delete the Lease {LAYOUT_LEASE}"
            raise FieldError(f"Lease {LAYOUT_LEASE}", f"{text!r}, {more!r}", "is no layout", remedy) from None

    def body(self) -> dict[str, Any]:
        """The Lease to write, on condition of the version that was read."""
        told = {
            "settled": self.settled,
            "before": self.before,
            "finishing": self.finishing_seconds,
            "claims": [written(claim) if claim else "" for claim in self.claims],
        }
        meta: dict[str, Any] = {
            "name": LAYOUT_LEASE,
            "labels": {LABEL_LEASE: "layout"},
            "annotations": {ANNOTATION_SHARDS: str(self.shards), ANNOTATION_LAYOUT: json.dumps(told)},
        }
        if self.version:
            meta["resourceVersion"] = self.version
        spec = {"holderIdentity": f"shards={self.shards}"}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}

    def claim_of(self, namespace: str) -> datetime | None:
        """How far leaders under the layout before had claimed what is in a namespace."""
        return self.claims[shard_of(namespace, len(self.claims))] if self.claims else None

    def changed(self, shards: int) -> "Layout":
        """The layout to write first; nobody starts anything under it yet."""
        before = self.shards if self.settled else self.before
        return replace(self, shards=shards, settled=False, before=before)

    def settle(self, records: dict[int, LeaseRecord]) -> "Layout":
        """The layout to write once nobody holds a shard of another one; `records` are the shards' Leases."""
        floor: datetime | None = None
        for claim in self.claims:
            floor = later(floor, claim)
        found = [records[number].claimed_through if number in records else None for number in range(self.before)]
        finishing = max((record.finishing_seconds for record in records.values()), default=0.0)
        return replace(
            self, settled=True, finishing_seconds=finishing, claims=tuple(later(floor, claim) for claim in found)
        )
