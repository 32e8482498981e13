"""The whole gateway on the fake API server: it serves when it is ready, and ends in order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock
from fakes.dialect import dialect
from fakes.dkron import job
from fakes.stages import until
from fakes.store import MemoryStore

from crontask_core.errors import FieldError
from crontask_gateway.dialects import DIALECTS
from crontask_gateway.dialects.shape import Dialect
from crontask_gateway.keyring import KeyRing
from crontask_gateway.metrics import Metrics
from crontask_gateway.mounts import mounted
from crontask_gateway.program import Gateway
from crontask_gateway.settings import Settings
from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.resources import EXECUTIONS, LEASES, SECRETS, TASKS


def settings(**told: object) -> Settings:
    toy = {"open": True, "port": 0, "prefix": "/toy"}
    return Settings.model_validate(
        {"metricsAddress": "127.0.0.1:0", "commonAddress": "127.0.0.1:0", "dialects": {"toy": toy}} | told
    )


@asynccontextmanager
async def running(
    server: FakeApiServer, of: Settings, dialects: Sequence[Dialect] = (dialect(),)
) -> AsyncIterator[Gateway]:
    clock, metrics = SystemClock(), Metrics()
    api = ApiClient(server.connection, clock=clock, observe=metrics.call)
    gateway = Gateway(of, dialects, api=api, clock=clock, metrics=metrics, identity="gw-1")
    stop = asyncio.Event()
    life = asyncio.create_task(gateway.run(stop))
    try:
        yield gateway
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await life
        await api.close()


async def test_it_is_ready_when_it_has_read_and_says_so_when_it_stops(server: FakeApiServer) -> None:
    async with aiohttp.ClientSession() as web:
        go = server.hold("list", LEASES)
        async with running(server, settings(graceSeconds=0.5)) as gateway:
            ready = f"http://127.0.0.1:{gateway.ports['metrics']}/readyz"
            async with web.get(ready) as reply:
                assert (reply.status, await reply.text()) == (503, "it joins the other replicas\n")
            go.set()
            async with asyncio.timeout(5):
                await until(lambda: not gateway.problem())
            async with web.get(ready) as reply:
                assert reply.status == 200
            async with web.get(f"http://127.0.0.1:{gateway.ports['common']}/toy/jobs/a") as reply:
                assert (await reply.json())["params"] == {"job": "a"}
            stopping = asyncio.create_task(_stopped(web, ready))
        assert await stopping == "it is stopping\n"
    lease = server.object(LEASES, "crontask-gateway-gw-1", "crontask-system")
    assert lease["spec"]["holderIdentity"] == ""


async def _stopped(web: aiohttp.ClientSession, url: str) -> str:
    """What the readiness says once it has changed."""
    while True:
        async with web.get(url) as reply:
            if reply.status == 503:
                return await reply.text()


async def test_a_port_that_is_taken_is_told_and_nothing_stays_open(server: FakeApiServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(FieldError, match=f'commonAddress: "{address}" cannot be listened on'):
            async with running(server, settings(commonAddress=address)):
                pass


async def test_dkrons_api_on_kubernetes(server: FakeApiServer) -> None:
    told = {"dkron": {"open": True, "port": 0, "prefix": "/dkron", "options": {"image": "busybox:9"}}}
    async with aiohttp.ClientSession() as web, running(server, settings(dialects=told), DIALECTS) as gateway:
        async with asyncio.timeout(5):
            await until(lambda: not gateway.problem())
        jobs = f"http://127.0.0.1:{gateway.ports['common']}/dkron/v1/jobs"

        async def disabled() -> bool:
            async with web.get(f"{jobs}/call") as reply:
                return bool((await reply.json())["disabled"])

        call = {"executor": "http", "executor_config": {"method": "GET", "url": "http://me:secret-word@service/"}}
        async with web.post(f"{jobs}?runoncreate", json=job("call", **call)) as reply:
            assert (reply.status, reply.headers["Location"]) == (201, "/dkron/v1/jobs/call")
            assert "secret-word" not in await reply.text()
        task = server.object(TASKS, "dkron-call")
        assert task["metadata"]["labels"] == {"crontask.dev/dialect": "dkron", "crontask.dev/id": "call"}
        assert "secret-word" not in str(task)
        assert server.object(SECRETS, "dkron-call")["data"].keys() == {"username", "password"}
        (run,) = server.all(EXECUTIONS)
        assert run["spec"] == {"taskRef": {"name": "dkron-call"}, "trigger": "Manual"}

        assert not await disabled()
        server.edit(TASKS, "dkron-call", {"spec": {"suspend": True}})
        async with asyncio.timeout(5):
            while not await disabled():
                pass
        async with web.delete(f"{jobs}/call") as reply:
            assert reply.status == 200
        async with web.get(f"{jobs}/call") as reply:
            assert (reply.status, await reply.read()) == (404, b"")


def test_the_options_of_a_dialect_are_checked() -> None:
    clock = ManualClock()
    for wrong, path in (
        ({"image": ""}, "image"),
        ({"address": "nowhere"}, "address"),
        ({"ui": "javascript:alert(1)"}, "ui"),
        ({"node": "a/b"}, "node"),
        ({"colour": "red"}, "colour"),
    ):
        mount = settings(dialects={"dkron": {"open": True, "options": wrong}}).dialects["dkron"]
        with pytest.raises(FieldError, match=rf"dialects\.dkron\.options\.{path}"):
            mounted(DIALECTS[0], mount, store=MemoryStore(clock), clock=clock, node="gw", version="", ring=KeyRing())
