"""The stores that the contract of stores holds for, each with the means to play its operator and its kubectl."""

from typing import Any, Protocol

from fakes.clock import ManualClock
from fakes.store import MemoryStore

from crontask_core.names import Key
from crontask_gateway.store import Member, Store


class Stage(Protocol):
    """A store, and what others do to its objects."""

    store: Store
    clock: ManualClock

    async def tell(self, key: Key, **status: Any) -> None:
        """The operator writes fields of a job's status."""
        ...

    async def edit(self, key: Key, **spec: Any) -> None:
        """kubectl changes fields of a job's spec; None takes one away."""
        ...

    async def ran(self, key: Key, name: str, **status: Any) -> None:
        """The operator records a run."""
        ...

    async def lead(self, leader: Member | None, *others: Member) -> None:
        """These are the operator's replicas."""
        ...

    async def secret(self, key: Key) -> dict[str, bytes]:
        """What the job's Secret holds; empty where there is none."""
        ...


class MemoryStage:
    """On the store in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._store = MemoryStore(self.clock)
        self.store: Store = self._store

    async def tell(self, key: Key, **status: Any) -> None:
        self._store.tell(key, **status)

    async def edit(self, key: Key, **spec: Any) -> None:
        self._store.edit(key, **spec)

    async def ran(self, key: Key, name: str, **status: Any) -> None:
        self._store.ran(key, name, **status)

    async def lead(self, leader: Member | None, *others: Member) -> None:
        self._store.lead(leader, *others)

    async def secret(self, key: Key) -> dict[str, bytes]:
        return self._store.secrets.get(key, {})
