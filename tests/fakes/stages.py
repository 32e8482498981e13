"""The stores that the contract of stores holds for, each with the means to play its operator and its kubectl."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Protocol

from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock
from fakes.store import MemoryStore

from crontask_core.bonds import owner
from crontask_core.manifests import execution_labels
from crontask_core.names import LABEL_LEASE, Key, replica_lease
from crontask_gateway.progress import Place
from crontask_gateway.replica import Replica
from crontask_gateway.store import Member, Store
from crontask_kube.client import ApiClient
from crontask_kube.resources import EXECUTIONS, LEASES, SECRETS, TASKS, Resource

LEASES_IN = "crontask-system"


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something holds; give it a time limit."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.005)


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
        return self._store.kept.get(key, {})


class KubeStage:
    """On the store on Kubernetes, one replica of it alone, on the fake API server."""

    def __init__(self, server: FakeApiServer, api: ApiClient, clock: ManualClock) -> None:
        self.clock, self.server = clock, server
        self.replica = Replica(
            api,
            clock,
            namespaces=["default"],
            dialects=["dkron", "cronjob-org", "gua"],
            lease_namespace=LEASES_IN,
            identity="gw",
            cache_bytes=100_000,
        )
        self.store: Store = self.replica.store

    async def ready(self) -> None:
        """The replica's watches have begun."""
        async with asyncio.timeout(5):
            await until(lambda: not self.replica.problem())

    async def tell(self, key: Key, **status: Any) -> None:
        await self._told(TASKS, self.server.edit(TASKS, key.name, {"status": status}))

    async def edit(self, key: Key, **spec: Any) -> None:
        await self._told(TASKS, self.server.edit(TASKS, key.name, {"spec": spec}))

    async def ran(self, key: Key, name: str, **status: Any) -> None:
        uid = self.server.object(TASKS, key.name)["metadata"]["uid"]
        body = {
            "metadata": {
                "name": name,
                "labels": execution_labels(key.name, name, "Schedule"),
                "ownerReferences": [owner(key, uid)],
            },
            "spec": {"taskRef": {"name": key.name}, "trigger": "Schedule"},
            "status": status,
        }
        await self._told(EXECUTIONS, self.server.put(EXECUTIONS, body))

    async def lead(self, leader: Member | None, *others: Member) -> None:
        members = others if leader is None else (leader, *others)
        for member in members:
            self._lease(replica_lease(member.name), "replica", member.name)
        if leader is not None:
            self._lease("crontask-shard-0", "shard", leader.name)
        async with asyncio.timeout(5):
            await until(lambda: len(self.replica.operators.members()) == len(members))
            await until(lambda: (self.replica.operators.leader() is None) == (leader is None))

    async def secret(self, key: Key) -> dict[str, bytes]:
        found = [body for body in self.server.all(SECRETS) if body["metadata"]["name"] == key.name]
        return {name: b64decode(value) for body in found for name, value in body["data"].items()}

    def _lease(self, name: str, kind: str, holder: str) -> None:
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": "2026-03-01T12:00:00.000000Z"}
        self.server.put(LEASES, {"metadata": {"name": name, "labels": {LABEL_LEASE: kind}}, "spec": spec}, LEASES_IN)

    async def _told(self, resource: Resource, body: dict[str, Any]) -> None:
        version = int(body["metadata"]["resourceVersion"])
        async with asyncio.timeout(5):
            await self.replica.freshness.progress[Place(resource.plural, "default")].reach(version)
