"""How many calls at once, what waiting and cancelling do, and that credentials stay where they belong."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from ipaddress import ip_network
from time import perf_counter

import pytest
import uvloop
from fakes.webserver import Seen, WebServer, answers, redirects, stalls_after

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import HttpRequest, SuccessRule, judge
from crontask_operator.executors.http import HttpExecutor

LOOPBACK = EgressPolicy.standard(allow=[ip_network("127.0.0.0/8")])


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer() as running:
        yield running


async def until(holds: Callable[[], bool]) -> None:
    """Waits until the condition holds; fails after five seconds."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - many conditions, one way to wait
            await asyncio.sleep(0.005)


async def test_never_more_calls_than_the_limit_and_all_are_made(web: WebServer) -> None:
    executor = HttpExecutor(policy=LOOPBACK, limit=7)
    active: list[int] = []

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        active.append(executor.active)
        await answers()(seen, writer)

    web.routes["/"] = route
    found = await asyncio.gather(*[executor.call(HttpRequest("GET", web.url())) for _ in range(100)])
    assert [facts.http_status for facts in found] == [200] * 100
    assert (len(active), max(active), executor.active) == (100, 7, 0)


async def test_waiting_for_a_slot_is_not_the_time_of_the_call(web: WebServer) -> None:
    release = asyncio.Event()

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await answers()(seen, writer)

    web.routes |= {"/": route, "/quick": answers()}
    executor = HttpExecutor(policy=LOOPBACK, limit=1)
    first = asyncio.create_task(executor.call(HttpRequest("GET", web.url())))
    await until(lambda: executor.active == 1)
    second = asyncio.create_task(executor.call(HttpRequest("GET", web.url("/quick"), total_seconds=0.3)))
    began = perf_counter()
    await until(lambda: perf_counter() - began > 0.4)  # longer than the second call may take in all
    release.set()
    one, two = await first, await second
    assert (one.error, two.error) == (None, None)
    assert two.queued_microseconds >= 300_000 > one.queued_microseconds
    assert two.timings is not None
    assert two.timings.total_microseconds is not None
    assert two.timings.total_microseconds < 300_000


async def test_cancelling_closes_the_connection_and_frees_the_slot(web: WebServer) -> None:
    executor = HttpExecutor(policy=LOOPBACK, limit=1)
    closed = asyncio.Event()

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        try:
            await stalls_after(b"HTTP/1.1 200 OK\r\n\r\npart")(seen, writer)
        finally:
            closed.set()

    web.routes |= {"/": route, "/next": answers()}
    call = asyncio.create_task(executor.call(HttpRequest("GET", web.url())))
    await until(lambda: len(web.seen) == 1)
    waiting = asyncio.create_task(executor.call(HttpRequest("GET", web.url("/next"))))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await waiting).http_status == 200
    await asyncio.wait_for(closed.wait(), 5)
    assert executor.active == 0


@pytest.mark.parametrize("phase", ["slot", "lookup"])
async def test_cancelling_before_anything_is_sent(web: WebServer, phase: str) -> None:
    looked_up = asyncio.Event()

    async def never(host: str, port: int) -> Sequence[str]:
        looked_up.set()
        await asyncio.Event().wait()
        return []

    executor = HttpExecutor(policy=LOOPBACK, limit=1, resolve=never)
    request = HttpRequest("GET", web.url(host="slow.test"))
    first = asyncio.create_task(executor.call(request))
    await asyncio.wait_for(looked_up.wait(), 5)
    cancelled = asyncio.create_task(executor.call(request)) if phase == "slot" else first
    await asyncio.sleep(0)
    cancelled.cancel()
    first.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError)
        for end in await asyncio.gather(first, cancelled, return_exceptions=True)
    )
    web.routes["/"] = answers()
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert (facts.http_status, len(web.seen)) == (200, 1)


async def test_permission_is_asked_right_before_the_send(web: WebServer) -> None:
    web.routes["/"] = answers()
    executor = HttpExecutor(policy=LOOPBACK, limit=1)
    refused = await executor.call(HttpRequest("GET", web.url()), may_send=lambda: False)
    assert refused.error is not None
    assert (refused.error.reason.value, refused.sent, web.seen) == ("NotSent", False, [])
    assert (await executor.call(HttpRequest("GET", web.url()), may_send=lambda: True)).sent


async def test_permission_that_ends_while_the_call_waits_for_a_slot(web: WebServer) -> None:
    release = asyncio.Event()

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await answers()(seen, writer)

    web.routes |= {"/": route, "/late": answers()}
    executor = HttpExecutor(policy=LOOPBACK, limit=1)
    holds = [True]
    first = asyncio.create_task(executor.call(HttpRequest("GET", web.url()), may_send=lambda: holds[0]))
    await until(lambda: len(web.seen) == 1)
    late = asyncio.create_task(executor.call(HttpRequest("GET", web.url("/late")), may_send=lambda: holds[0]))
    await asyncio.sleep(0)
    holds[0] = False
    release.set()
    assert (await first).http_status == 200
    assert (await late).sent is False
    assert len(web.seen) == 1


async def test_a_closed_executor_sends_nothing(web: WebServer) -> None:
    executor = HttpExecutor(policy=LOOPBACK)
    await executor.close()
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert facts.error is not None
    assert (facts.error.reason.value, facts.sent, web.seen) == ("NotSent", False, [])


async def test_a_call_under_way_outlives_the_close(web: WebServer) -> None:
    release = asyncio.Event()

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await redirects(web.url("/end", host="localhost"))(seen, writer)

    web.routes |= {"/": route, "/end": answers(200, b"end")}
    executor = HttpExecutor(policy=EgressPolicy.standard(allow=[ip_network("127.0.0.0/8"), ip_network("::1/128")]))
    request = HttpRequest("GET", web.url(), success=SuccessRule(body_regex="end"))
    call = asyncio.create_task(executor.call(request))
    await until(lambda: len(web.seen) == 1)
    await executor.close()
    release.set()
    facts = await call
    assert (facts.error, facts.http_status, facts.matched) == (None, 200, True)


async def test_calls_share_no_cookies_and_no_connection(web: WebServer) -> None:
    web.routes["/"] = answers(200, b"ok", "Set-Cookie: session=abc")
    executor = HttpExecutor(policy=LOOPBACK)
    for _ in range(2):
        await executor.call(HttpRequest("GET", web.url()))
    assert all("cookie" not in seen.headers for seen in web.seen)
    await until(lambda: web.open == 0)


@pytest.mark.parametrize("path", ["/echo", "/broken", "/loop"])
async def test_credentials_reach_the_server_and_nothing_else(
    web: WebServer, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    token = "tok-123456"

    async def echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await answers(200, seen.headers["authorization"].encode())(seen, writer)

    async def broken(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(seen.headers["authorization"].encode() + b"\r\n\r\n")

    async def loop(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await answers(302, b"", f"Location: /loop?{seen.headers['authorization'].split()[1]}")(seen, writer)

    web.routes |= {"/echo": echo, "/broken": broken, "/loop": loop}
    request = HttpRequest(
        "GET",
        web.url(path),
        headers=(("Authorization", f"Bearer {token}"),),
        secret_headers=frozenset({"authorization"}),
        masked=(token.encode(),),
    )
    with caplog.at_level(logging.DEBUG):
        facts = await HttpExecutor(policy=LOOPBACK).call(request)
    result = judge(request, facts, output_bytes=1000)
    assert web.seen[0].headers["authorization"] == f"Bearer {token}"
    for shown in (repr(request), repr(facts), repr(result), caplog.text):
        assert token not in shown
    if path == "/echo":
        assert result.output == "Bearer ***"


def test_the_same_on_uvloop() -> None:
    """The operator runs on uvloop, whose transports are others: a whole call, and a cancelled one."""

    async def script() -> None:
        async with WebServer(
            {"/": answers(200, b"x" * 300_000), "/stall": stalls_after(b"HTTP/1.1 200 OK\r\n")}
        ) as web:
            executor = HttpExecutor(policy=LOOPBACK, limit=1)
            facts = await executor.call(HttpRequest("POST", web.url(), body=b"y" * 300_000))
            assert (facts.http_status, len(facts.body), facts.error) == (200, 262_144, None)
            stalled = await executor.call(HttpRequest("GET", web.url("/stall"), total_seconds=0.1))
            assert stalled.error is not None
            assert "reading the answer's headers" in stalled.error.message
            call = asyncio.create_task(executor.call(HttpRequest("GET", web.url("/stall"))))
            await until(lambda: len(web.seen) == 3)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await until(lambda: web.open == 0 and executor.active == 0)

    uvloop.run(script())
