"""A dialect with a whole operator behind it: the gateway and a world on one fake API server, in virtual time."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

from fakes import stages
from fakes.cronjob_org import CronJobOrg
from fakes.dkron import Dkron
from fakes.served import Answer, Served
from fakes.world import World

from crontask_gateway.dialects import DIALECTS
from crontask_gateway.replica import Replica
from crontask_kube.resources import PODS


class OnWorld(Served):
    """A dialect on a world, both of which begin with the first request: only then time is virtual."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world = world
        self._replica = Replica(
            world.connect("gateway")[0],
            world.clock,
            namespaces=["default"],
            dialects=[dialect.name for dialect in DIALECTS],
            lease_namespace=stages.LEASES_IN,
            identity="gw",
            cache_bytes=1_000_000,
        )
        self._running: asyncio.Task[None] | None = None
        super().__init__(cast(Any, SimpleNamespace(store=self._replica.store, clock=world.clock)), **options)

    async def ask(self, *args: Any, **more: Any) -> Answer:
        if self._running is None:
            self.world.start()
            self._running = asyncio.create_task(self._replica.run())
            await stages.until(lambda: not self._replica.problem())
        return await super().ask(*args, **more)

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        await self.world.close()


class WholeCronJobOrg(OnWorld, CronJobOrg):
    """cron-job.org's API on a world."""


class Whole(OnWorld, Dkron):
    """Dkron's API on a world."""

    async def job(self, name: str = "job") -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"/jobs/{name}")).json
        return found

    async def executions(self, name: str = "job") -> list[dict[str, Any]]:
        """Oldest first."""
        found: list[dict[str, Any]] = (await self.get(f"/jobs/{name}/executions?_order=ASC")).json
        return found

    async def told(self, name: str = "job") -> list[tuple[str, bool, str]]:
        """Of each execution: when it began, whether it succeeded, its output."""
        day = "2026-03-01T"
        return [
            (each["started_at"].removeprefix(day)[:8], each["success"], each.get("output", ""))
            for each in await self.executions(name)
        ]

    def says(self, text: str) -> None:
        """What the pods that there are have printed."""
        server = self.world.server
        for name in [pod["metadata"]["name"] for pod in server.all(PODS)]:
            server.edit(PODS, name, {"spec": {"nodeName": "n"}})
            server.logs["default", name, "main"] = text.encode()
