"""What the client does when the API server is busy, broken or gone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock

from crontask_kube.client import ApiClient
from crontask_kube.connection import Connection
from crontask_kube.errors import AlreadyExists, Unavailable
from crontask_kube.resources import PODS, TASKS
from crontask_kube.transport import ATTEMPTS, Call

POD = {"metadata": {"name": "p"}}


@pytest.fixture
def calls() -> list[Call]:
    return []


@pytest.fixture
async def client(server: FakeApiServer, clock: ManualClock, calls: list[Call]) -> AsyncIterator[ApiClient]:
    made = ApiClient(server.connection, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0, observe=calls.append)
    yield made
    await made.close()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_asked_again(
    client: ApiClient, server: FakeApiServer, clock: ManualClock, status: int
) -> None:
    server.put(PODS, POD)
    server.fail("get", PODS, status=status, times=3)
    assert await client.get(PODS, "default", "p")
    assert clock.slept == [0.1, 0.2, 0.4]


async def test_jitter_takes_up_to_half_off_a_pause(server: FakeApiServer, clock: ManualClock) -> None:
    client = ApiClient(server.connection, clock=clock, sleep=clock.sleep, jitter=lambda: 0.0)
    server.put(PODS, POD)
    server.fail("get", PODS, times=2)
    await client.get(PODS, "default", "p")
    assert clock.slept == [0.05, 0.1]
    await client.close()


async def test_attempts_are_limited(client: ApiClient, server: FakeApiServer, clock: ManualClock) -> None:
    server.fail("get", PODS, times=100)
    with pytest.raises(Unavailable) as caught:
        await client.get(PODS, "default", "p")
    assert caught.value.status == 503
    assert len(server.requests) == ATTEMPTS
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6]


async def test_time_is_limited(client: ApiClient, server: FakeApiServer, clock: ManualClock) -> None:
    server.fail("get", PODS, times=100)
    with pytest.raises(Unavailable):
        await client.get(PODS, "default", "p", within=0.5)
    assert clock.slept == [0.1, 0.2]


async def test_the_server_says_how_long_to_wait(client: ApiClient, server: FakeApiServer, clock: ManualClock) -> None:
    server.put(PODS, POD)
    server.fail("get", PODS, status=429, headers={"Retry-After": "7"})
    await client.get(PODS, "default", "p")
    assert clock.slept == [7.0]


async def test_a_wait_beyond_the_time_limit_is_not_begun(
    client: ApiClient, server: FakeApiServer, clock: ManualClock
) -> None:
    server.fail("get", PODS, status=429, headers={"Retry-After": "90"})
    with pytest.raises(Unavailable) as caught:
        await client.get(PODS, "default", "p")
    assert caught.value.retry_after == 90.0
    assert clock.slept == []


async def test_a_dropped_connection_is_tried_again(
    client: ApiClient, server: FakeApiServer, clock: ManualClock
) -> None:
    server.drop("create", PODS)
    await client.create(PODS, "default", POD)
    assert len(server.all(PODS)) == 1
    assert clock.slept == [0.1]


async def test_a_create_whose_answer_was_lost_finds_its_own_name(client: ApiClient, server: FakeApiServer) -> None:
    server.drop("create", PODS, after=True)
    with pytest.raises(AlreadyExists):
        await client.create(PODS, "default", POD)
    assert len(server.all(PODS)) == 1


@pytest.mark.parametrize("body", [{"metadata": {"generateName": "p-"}}, b'{"metadata":{"generateName":"p-"}}'])
async def test_a_create_without_a_name_is_sent_once(
    client: ApiClient, server: FakeApiServer, body: dict[str, object] | bytes
) -> None:
    server.drop("create", PODS, after=True)
    with pytest.raises(Unavailable):
        await client.create(PODS, "default", body)
    assert len(server.all(PODS)) == 1


async def test_a_server_that_is_not_there_is_unavailable(clock: ManualClock) -> None:
    client = ApiClient(Connection("http://127.0.0.1:1"), clock=clock, sleep=clock.sleep)
    with pytest.raises(Unavailable, match=r"ClientConnectorError after .* s: Cannot connect to host 127.0.0.1:1 "):
        await client.get(PODS, "a", "p")
    await client.close()


async def test_an_answer_that_is_no_json_is_unavailable(clock: ManualClock) -> None:
    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<html>a proxy's page</html>\n")

    runner = web.ServerRunner(web.Server(page))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = ApiClient(Connection(f"http://127.0.0.1:{runner.addresses[0][1]}"), clock=clock)
    with pytest.raises(Unavailable, match="get pods a/p: the answer is no JSON"):
        await client.get(PODS, "a", "p")
    with pytest.raises(Unavailable, match="watch pods: an event is no JSON"):
        await anext(client.watch(PODS, resource_version="1"))
    await client.close()
    await runner.cleanup()


async def test_a_silent_server_is_given_up(client: ApiClient, server: FakeApiServer) -> None:
    server.hold("get", PODS, times=10)
    with pytest.raises(Unavailable, match="TimeoutError"):
        await client.get(PODS, "default", "p", within=0.05)


async def test_waiting_for_a_slot_is_limited_too(server: FakeApiServer, clock: ManualClock) -> None:
    client = ApiClient(server.connection, clock=clock, limit=1)
    go = server.hold("create", PODS)
    first = asyncio.create_task(client.create(PODS, "default", POD))
    await server.until(lambda: len(server.requests) == 1)
    with pytest.raises(Unavailable, match="not sent, all slots were taken"):
        await client.create(PODS, "default", {"metadata": {"name": "q"}}, within=0.05)
    go.set()
    await first
    assert len(server.requests) == 1
    await client.close()


async def test_each_request_is_observed(client: ApiClient, server: FakeApiServer, calls: list[Call]) -> None:
    server.put(TASKS, {"metadata": {"name": "t"}})
    server.fail("patch", TASKS, status=500)
    server.drop("patch", TASKS)
    await client.patch(TASKS, "default", "t", {"status": {}}, subresource="status")
    assert [(call.verb, call.resource, call.subresource, call.status) for call in calls] == [
        ("patch", "crontasks", "status", 500),
        ("patch", "crontasks", "status", None),
        ("patch", "crontasks", "status", 200),
    ]
