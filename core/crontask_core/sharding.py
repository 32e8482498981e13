"""Which shard a task belongs to.

A task belongs to the shard of its namespace: groups, calendars, targets, `after`,
backfills and history all bind inside a namespace, and no task ever leaves its own.
So every rule between tasks stays inside one shard, whoever holds it.
"""

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
