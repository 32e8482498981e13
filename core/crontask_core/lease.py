"""What a shard's Lease says, who may take it, and what to write into it.

A Lease (coordination.k8s.io/v1) makes one replica the leader of a shard, and an
annotation on it, the claim, says through which instant starts have been claimed
(law 2 of the design): no later leader starts a call at or below it. Decisions
only; `crontask_kube.lease` reads, writes and keeps time. Other machines' clocks
are never trusted: a holder counts as gone when its record has stayed the same
for its duration on *our* monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from crontask_core.errors import FieldError
from crontask_core.names import ANNOTATION_CLAIMED_THROUGH, ANNOTATION_FINISHING, ANNOTATION_SHARDS, LABEL_LEASE

MOST_FINISHING_SECONDS = 900.0
"""Longer than any drain; what somebody writes there must not hold up the lost for ever."""
LOSSES_COUNT_SECONDS = 60.0
MAX_DOUBLINGS = 3
CLAIM_PATH = f"metadata.annotations[{ANNOTATION_CLAIMED_THROUGH}]"


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """One reading of a shard's Lease. An empty `holder` means that nobody holds it."""

    version: str
    """The resourceVersion, the precondition of every write."""
    holder: str
    duration_seconds: int
    transitions: int
    renewed: str
    """`renewTime` as written; only ever compared with itself."""
    claim_text: str
    """The claim's annotation as it stands there."""
    claimed_through: datetime | None
    finishing_seconds: float = 0.0
    """For how long after its release the holder before still ends calls of its own; 0 where there is none."""
    shards: int = 1
    """The number of shards that its holder goes by; 0 where nobody can tell."""

    @classmethod
    def from_body(cls, body: dict[str, Any], *, known_claim: datetime | None = None) -> "LeaseRecord":
        """Reads a Lease. `known_claim` is what a holder knows it has claimed, whatever became of the annotation.

        Raises FieldError for a claim that is no instant and unknown otherwise: starting anything then could start
        it twice.
        """
        meta, spec = body["metadata"], body.get("spec") or {}
        annotations = meta.get("annotations") or {}
        text = annotations.get(ANNOTATION_CLAIMED_THROUGH) or ""
        shards = annotations.get(ANNOTATION_SHARDS) or "1"
        return cls(
            version=meta["resourceVersion"],
            holder=spec.get("holderIdentity") or "",
            duration_seconds=spec.get("leaseDurationSeconds") or 0,
            transitions=spec.get("leaseTransitions") or 0,
            renewed=spec.get("renewTime") or "",
            claim_text=text,
            claimed_through=later(claim_of(text, lenient=known_claim is not None), known_claim),
            finishing_seconds=_finishing(annotations.get(ANNOTATION_FINISHING) or ""),
            shards=int(shards) if shards.isdecimal() else 0,
        )

    def same_hold(self, other: "LeaseRecord") -> bool:
        """Whether the holder has shown no sign of life between the two readings; edits by others are none."""
        return (self.holder, self.transitions, self.renewed) == (other.holder, other.transitions, other.renewed)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A holder's record and when we, on our monotonic clock, first saw it just so."""

    record: LeaseRecord
    since: float

    def followed_by(self, record: LeaseRecord, monotonic: float) -> "Sighting":
        """The sighting after another reading: patience starts anew with each sign of life."""
        return Sighting(record, self.since if record.same_hold(self.record) else monotonic)


def may_take(sighting: Sighting, monotonic: float, *, least_seconds: float) -> bool:
    """Whether the Lease is free, was released, or its holder has been still for its duration.

    `least_seconds` is our own duration: a record without one, or with a shorter one, is waited for that long.
    """
    return monotonic >= free_at(sighting, least_seconds=least_seconds)


def free_at(sighting: Sighting, *, least_seconds: float) -> float:
    """The moment of our monotonic clock at which the Lease may be taken, unless its holder shows itself before."""
    if not sighting.record.holder:
        return sighting.since
    return sighting.since + max(sighting.record.duration_seconds, least_seconds)


def patience(seconds: float, losses: Iterable[float], monotonic: float) -> float:
    """How long a holder must be still before we take from it, who have lost the shard at these moments ourselves.

    `seconds` at first; twice that with each loss of late after the first one. Two replicas that are too busy to renew
    in time would else take it from each other for ever, and each take-over makes them busier.
    """
    recent = sum(loss > monotonic - LOSSES_COUNT_SECONDS for loss in losses)
    return seconds * 2.0 ** min(max(recent - 1, 0), MAX_DOUBLINGS)


def still_ours(held: LeaseRecord, found: LeaseRecord) -> bool:
    """Whether a Lease that somebody wrote to is still in our hand: nobody took it over meanwhile."""
    return (found.holder, found.transitions) == (held.holder, held.transitions)


def first_body(
    name: str,
    identity: str,
    now: datetime,
    duration_seconds: float,
    known_claim: datetime | None,
    *,
    shards: int = 1,
) -> dict[str, Any]:
    """The Lease to create where there is none; `known_claim` is what was seen on one that has been deleted."""
    meta: dict[str, Any] = {"name": name, **_marked(shards)}
    if known_claim is not None:
        meta["annotations"][ANNOTATION_CLAIMED_THROUGH] = written(known_claim)
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": meta,
        "spec": _taken(identity, now, duration_seconds, transitions=0),
    }


def take_patch(
    record: LeaseRecord, identity: str, now: datetime, duration_seconds: float, *, shards: int = 1
) -> dict[str, Any]:
    """Makes us the holder, and counts the change; the claim stays as it is."""
    spec = _taken(identity, now, duration_seconds, transitions=record.transitions + 1)
    return {"metadata": {"resourceVersion": record.version, **_marked(shards)}, "spec": spec}


def break_patch(record: LeaseRecord, now: datetime) -> dict[str, Any]:
    """Takes the Lease from a holder that shows no sign of life, for nobody: should it wake, it finds it lost."""
    spec = {"holderIdentity": "", "leaseTransitions": record.transitions + 1, "renewTime": written(now)}
    return {"metadata": {"resourceVersion": record.version}, "spec": spec}


def renew_patch(
    record: LeaseRecord, now: datetime, through: datetime | None, *, all_finished: bool = False
) -> dict[str, Any]:
    """A sign of life, and with `through` a claim as well; a claim never goes back.

    `all_finished`: what the holder before had under way has ended, and whoever comes next need not wait for it.
    """
    claim = later(record.claimed_through, through)
    annotations: dict[str, str | None] = {}
    if claim is not None:
        annotations[ANNOTATION_CLAIMED_THROUGH] = written(claim)
    if all_finished and record.finishing_seconds:
        annotations[ANNOTATION_FINISHING] = None
    meta: dict[str, Any] = {"resourceVersion": record.version}
    if annotations:
        meta["annotations"] = annotations
    return {"metadata": meta, "spec": {"renewTime": written(now)}}


def release_patch(record: LeaseRecord, now: datetime, finishing_seconds: float = 0.0) -> dict[str, Any]:
    """Gives the Lease up, so that the next one need not wait; the claim stays.

    For `finishing_seconds` we still end the calls whose records say Running.
    """
    finishing = f"{ceil(finishing_seconds)} {record.holder}" if finishing_seconds else None
    return {
        "metadata": {"resourceVersion": record.version, "annotations": {ANNOTATION_FINISHING: finishing}},
        "spec": {"holderIdentity": "", "renewTime": written(now)},
    }


def shows(found: LeaseRecord, wanted: dict[str, Any]) -> bool:
    """Whether a write has landed whose answer was lost: sign of life, holder and claim are there as written.

    The three go in one write, so either all of it landed or nothing.
    """
    spec, meta = wanted["spec"], wanted["metadata"]
    claim = meta.get("annotations", {}).get(ANNOTATION_CLAIMED_THROUGH)
    return (
        found.renewed == spec["renewTime"]
        and found.holder == spec.get("holderIdentity", found.holder)
        and found.transitions == spec.get("leaseTransitions", found.transitions)
        and found.claim_text == (claim or found.claim_text)
    )


def written(instant: datetime) -> str:
    """An instant as Kubernetes' MicroTime, the only form that it accepts: RFC 3339, UTC, six decimals."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _marked(shards: int) -> dict[str, Any]:
    return {"labels": {LABEL_LEASE: "shard"}, "annotations": {ANNOTATION_SHARDS: str(shards)}}


def _taken(identity: str, now: datetime, duration_seconds: float, *, transitions: int) -> dict[str, Any]:
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": ceil(duration_seconds),
        "leaseTransitions": transitions,
        "acquireTime": written(now),
        "renewTime": written(now),
    }


def claim_of(text: str, *, lenient: bool = False) -> datetime | None:
    """A claim as it is written; None for none. `lenient`: also for one that is no instant, which is a FieldError."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is not None and instant.tzinfo is not None:
        return instant.astimezone(UTC)
    if lenient:
        return None
    remedy = f"write the instant before which nothing may start, such as {written(datetime(2026, 1, 1, tzinfo=UTC))}"
    raise FieldError(CLAIM_PATH, text, "is no instant (RFC 3339)", remedy)


def _finishing(text: str) -> float:
    """Seconds, and then who; what cannot be read is no promise."""
    seconds = text.partition(" ")[0]
    return min(float(seconds), MOST_FINISHING_SECONDS) if seconds.isascii() and seconds.isdigit() else 0.0


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later one of two claims that need not be there."""
    return max((instant for instant in (one, other) if instant is not None), default=None)
