"""Two replicas under load by chance, with late watches and requests: each client always sees what it was answered."""

import asyncio
from collections.abc import AsyncGenerator
from random import Random  # noqa: TID251 - with a seed, so that each story can be told again
from typing import Any

import pytest
from fakes.apiserver import FakeApiServer
from fakes.direct import DirectApi
from fakes.stages import LEASES_IN, until
from fakes.world import VirtualClock

from crontask_gateway.errors import Unknown
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.replica import Replica
from crontask_gateway.store import Change, Job, Store
from crontask_kube.client import Event

pytestmark = pytest.mark.looptime

SCOPE = Scope("default", "dkron")
CLIENTS, STEPS = 4, 60


class LateApi(DirectApi):
    """Whose watches tell each event a little late, and some of them very late."""

    def __init__(self, server: FakeApiServer, lot: Random) -> None:
        super().__init__(server)
        self._lot = lot

    async def watch(self, *arguments: Any, **options: Any) -> AsyncGenerator[Event, None]:
        async for event in super().watch(*arguments, **options):
            if self._lot.random() < 0.15:
                await asyncio.sleep(self._lot.choice([0.001, 0.01, 0.1, 0.3]))
            yield event


class Client:
    """Has a job of its own, and asks now one replica and now the other; knows what it must see."""

    def __init__(self, number: int, lot: Random, stores: list[Store]) -> None:
        self.naming, self._lot, self._stores = Naming(SCOPE, f"job-{number}"), lot, stores
        self.document: dict[str, Any] | None = None
        self.runs = 0

    async def live(self) -> None:
        for step in range(STEPS):
            store = self._lot.choice(self._stores)
            if self.document is None or self._lot.random() < 0.4:
                await self._put(store, step)
            elif self._lot.random() < 0.3:
                await store.remove(self.naming.key)
                self.document, self.runs = None, 0
            else:
                await store.trigger(self.naming.key)
                self.runs += 1
            await self._look(self._lot.choice(self._stores))
            await asyncio.sleep(self._lot.choice([0.0, 0.005, 0.2]))

    async def _put(self, store: Store, step: int) -> None:
        def make(was: Job | None) -> Change:
            assert (was.document if was else None) == self.document
            return Change({"schedule": "@hourly", "pod": {"image": "x"}}, {"step": step})

        await store.put(self.naming, make)
        self.document = {"step": step}

    async def _look(self, store: Store) -> None:
        listed = {job.id: job.document for job in await store.jobs(SCOPE)}
        assert listed.get(self.naming.id) == self.document
        assert len(await store.runs(self.naming.key)) == self.runs
        if self.document is None:
            with pytest.raises(Unknown):
                await store.describe(self.naming.key)
        else:
            assert (await store.describe(self.naming.key)).document == self.document


@pytest.mark.parametrize("seed", range(5))
async def test_each_client_sees_what_it_was_answered(seed: int) -> None:
    lot, clock = Random(seed), VirtualClock()
    server = FakeApiServer(clock)
    replicas = [
        Replica(
            LateApi(server, lot).client(),
            clock,
            namespaces=["default"],
            dialects=["dkron"],
            lease_namespace=LEASES_IN,
            identity=identity,
            cache_bytes=1_000,
        )
        for identity in ("one", "two")
    ]
    running = [asyncio.create_task(replica.run()) for replica in replicas]
    async with asyncio.timeout(20):
        await until(lambda: not any(replica.problem() for replica in replicas))
    stores: list[Store] = [replica.store for replica in replicas]
    await asyncio.gather(*(Client(number, lot, stores).live() for number in range(CLIENTS)))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
