"""The stages that the contracts are played on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock
from fakes.stages import KubeStage, MemoryStage, Stage

from crontask_kube.client import ApiClient


@pytest.fixture(params=["memory", "kube"])
async def stage(
    request: pytest.FixtureRequest, server: FakeApiServer, client: ApiClient, clock: ManualClock
) -> AsyncIterator[Stage]:
    if request.param == "memory":
        yield MemoryStage()
        return
    made = KubeStage(server, client, clock)
    running = asyncio.create_task(made.replica.run())
    await made.ready()
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
