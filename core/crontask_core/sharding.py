"""Which shard a task belongs to, and which replica should hold how many.

A task belongs to the shard of its namespace: groups, calendars, targets, `after`,
backfills and history all bind inside a namespace, and no task ever leaves its own.
So every rule between tasks stays inside one shard, whoever holds it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

MAX_SHARDS = 64
SHARD_LEASE = "crontask-shard-"


@lru_cache(maxsize=4096)
def shard_of(namespace: str, shards: int) -> int:
    """The shard (0 to `shards` - 1) of a namespace: the same in every process and every release."""
    return int.from_bytes(blake2b(namespace.encode(), digest_size=8).digest()) % shards


@dataclass(frozen=True, slots=True)
class Place:
    """One shard among `shards`."""

    number: int
    shards: int

    @property
    def lease(self) -> str:
        """The name of the shard's Lease."""
        return f"{SHARD_LEASE}{self.number}"

    def holds(self, namespace: str) -> bool:
        """Whether what is in a namespace belongs to the shard."""
        return shard_of(namespace, self.shards) == self.number


def shares(held: Mapping[str, int], shards: int) -> dict[str, int]:
    """How many shards each replica should hold; `held` says how many each of those alive holds.

    Nobody has two more than another, and as few as can be change hands: who holds more keeps what is left over.
    """
    least, over = divmod(shards, len(held))
    in_order = sorted(held, key=lambda replica: (-held[replica], replica))
    return {replica: least + (place < over) for place, replica in enumerate(in_order)}


def heirs(held: Mapping[str, int], free: Iterable[int], shards: int) -> dict[int, str]:
    """Who takes which of the `free` shards at once, so that none is taken by two; the others wait a little first.

    `held` is without a holder that has died.
    """
    wanted = shares(held, shards)
    places = [replica for replica in sorted(held) for _ in range(wanted[replica] - held[replica])]
    return dict(zip(sorted(free), places, strict=False))


def gives(me: str, held: Mapping[str, int], shards: int) -> bool:
    """Whether I hand one of my shards over, because somebody else holds too few."""
    return held[me] > shares(held, shards)[me]
