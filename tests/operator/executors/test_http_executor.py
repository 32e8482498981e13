"""Calls to a real server on the loopback: what is sent, what comes back, and every way to fail."""

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from fakes.webserver import WebServer, answers, listening, resets_after, says, stalls_after

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import CallFacts, HttpRequest, PhaseSeconds, Reason, SuccessRule, judge
from crontask_operator.executors import exchange
from crontask_operator.executors.http import HttpExecutor

LOOPBACK = EgressPolicy.standard(allow=[ip_network("127.0.0.0/8"), ip_network("::1/128")])
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer() as running:
        yield running


@pytest.fixture
async def executor() -> AsyncIterator[HttpExecutor]:
    made = HttpExecutor(policy=LOOPBACK, limit=10)
    yield made
    await made.close()
    assert made.active == 0


def reason(facts: CallFacts) -> str | None:
    return None if facts.error is None else facts.error.reason.value


async def test_a_plain_get(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/a"] = answers(200, b"hello")
    facts = await executor.call(HttpRequest("GET", web.url("/a?x=%20y#z"), headers=(("X-One", "1"), ("x-two", "ü"))))
    assert (facts.http_status, facts.body, facts.truncated, facts.error) == (200, b"hello", False, None)
    assert (facts.redirects, facts.sent) == (0, True)
    [seen] = web.seen
    assert (seen.method, seen.target, seen.body) == ("GET", "/a?x=%20y", b"")
    assert seen.headers == {
        "host": f"127.0.0.1:{web.port}",
        "x-one": "1",
        "x-two": "ü",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }


async def test_timings_tell_the_phases_apart(web: WebServer) -> None:
    async def slow_lookup(host: str, port: int) -> Sequence[str]:
        await asyncio.to_thread(socket.getaddrinfo, "127.0.0.1", port)
        return ["127.0.0.1"]

    executor = HttpExecutor(policy=LOOPBACK, resolve=slow_lookup)
    web.routes["/"] = answers()
    timings = (await executor.call(HttpRequest("GET", web.url(host="shop.test")))).timings
    assert timings is not None
    phases = [timings.lookup_microseconds, timings.connect_microseconds, timings.first_byte_microseconds]
    total = timings.total_microseconds
    assert all(phase is not None and phase > 0 for phase in phases)
    assert total is not None
    assert total >= sum(phase or 0 for phase in phases)
    ready = timings.ready_microseconds
    assert ready is not None
    assert ready + 2 >= (timings.lookup_microseconds or 0) + (timings.connect_microseconds or 0), "rounded one by one"
    assert total + 2 >= ready + (timings.first_byte_microseconds or 0)
    assert timings.tls_microseconds is None
    assert web.seen[0].headers["host"] == f"shop.test:{web.port}"


async def test_what_the_last_answer_says_of_itself(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/"] = says(b"HTTP/1.1 302 Over There\r\nLocation: /b\r\nX-First: 1\r\nContent-Length: 0\r\n\r\n")
    web.routes["/b"] = says(b"HTTP/1.1 200 Sch\xc3\xb6n\r\nX-B: \xff\r\nx-a: 1\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n")
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert (facts.http_status, facts.status_text) == (200, "Sch\u00f6n")
    assert facts.headers == ((b"X-B", b"\xff"), (b"x-a", b"1"), (b"X-B", b"2"), (b"Content-Length", b"0"))


async def test_an_answer_that_breaks_off_has_said_so_much(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/"] = says(b"HTTP/1.1 200\r\nX-A: 1\r\nContent-Length: 9\r\n\r\nabc")
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert (facts.http_status, facts.status_text, facts.headers[0]) == (200, "", (b"X-A", b"1"))
    assert facts.error is not None
    nothing = await executor.call(HttpRequest("GET", "http://127.0.0.1:1/"))
    assert (nothing.status_text, nothing.headers) == ("", ())
    assert nothing.timings is not None
    assert nothing.timings.ready_microseconds is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_bodies_are_sent_with_their_length(web: WebServer, executor: HttpExecutor, method: str) -> None:
    web.routes["/"] = answers(204, b"")
    body = b'{"a": "\x00"}'
    facts = await executor.call(HttpRequest(method, web.url(), body=body))
    assert (facts.http_status, facts.error) == (204, None)
    assert (web.seen[0].body, web.seen[0].headers["content-length"]) == (body, "10")
    await executor.call(HttpRequest(method, web.url()))
    assert web.seen[1].headers["content-length"] == "0"


async def test_large_bodies_go_out_and_come_in(web: WebServer, executor: HttpExecutor) -> None:
    body = b"x" * 3_000_000
    web.routes["/"] = answers(200, body)
    facts = await executor.call(HttpRequest("POST", web.url(), body=body, max_response_bytes=3_000_000))
    assert (web.seen[0].body == body, facts.error, len(facts.body), facts.truncated) == (True, None, 262_144, True)


async def test_head_has_a_length_but_no_body(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/"] = says(HEAD + b"Content-Length: 99999999\r\n\r\n")
    facts = await executor.call(HttpRequest("HEAD", web.url(), max_response_bytes=10))
    assert (facts.http_status, facts.body, facts.error) == (200, b"", None)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (HEAD + b"\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"\r\nok", b"ok"),
        (HEAD + b"Content-Length: 5\r\n\r\na\x00b\xff\x1b", b"a\x00b\xff\x1b"),
        (HEAD + b"Content-Length: 2\r\n\r\nok and what nobody asked for", b"ok"),
        (HEAD + b"Content-Length: 0\r\nX: \xff\xfe\r\n\r\n", b""),
    ],
)
async def test_answers_of_all_shapes(web: WebServer, executor: HttpExecutor, answer: bytes, body: bytes) -> None:
    web.routes["/"] = says(answer)
    request = HttpRequest("GET", web.url())
    facts = await executor.call(request)
    assert (facts.http_status, facts.body, facts.error) == (200, body, None)
    json.dumps(judge(request, facts, output_bytes=100).output)


async def test_a_compressed_answer_is_never_unpacked(web: WebServer, executor: HttpExecutor) -> None:
    packed = gzip.compress(b"\x00" * 5_000_000)
    web.routes["/"] = answers(200, packed, "Content-Encoding: gzip")
    facts = await executor.call(HttpRequest("GET", web.url(), max_response_bytes=len(packed)))
    assert (facts.error, facts.body) == (None, packed)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (HEAD + b"Content-Length: 11\r\n\r\n" + b"x" * 11, b""),
        (HEAD + b"\r\n" + b"x" * 11, b"x" * 10),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"6\r\nxxxxxx\r\n" * 2, b"x" * 10),
    ],
)
async def test_too_large(web: WebServer, executor: HttpExecutor, answer: bytes, kept: bytes) -> None:
    # The server never ends its answer: whatever is beyond the limit is not waited for.
    web.routes["/"] = stalls_after(answer)
    facts = await executor.call(HttpRequest("GET", web.url(), max_response_bytes=10))
    assert (reason(facts), facts.http_status, facts.body, facts.truncated) == ("TooLarge", 200, kept, True)


QUICK = PhaseSeconds(lookup=0.1, connect=0.1, tls=0.1, first_byte=0.1)


@pytest.mark.parametrize(
    ("route", "fields", "expected", "message"),
    [
        (stalls_after(), {"phases": QUICK}, "Timeout", "no answer within 0.1 s"),
        (stalls_after(), {}, "Timeout", "still waiting for the answer"),
        (stalls_after(b"HTTP/1.1 20"), {"phases": QUICK}, "Timeout", "still reading the answer's headers"),
        (stalls_after(HEAD + b"\r\nabc"), {"phases": QUICK}, "Timeout", "still reading the answer's body"),
        (resets_after(), {}, "Reset", "while waiting for the answer"),
        (resets_after(HEAD), {}, "Reset", "while reading the answer's headers"),
        (resets_after(HEAD + b"Content-Length: 9\r\n\r\nabc"), {}, "Reset", "while reading the answer's body"),
        (says(), {}, "ProtocolError", "without sending a response"),
        (says(HEAD + b"Content-Length: 9\r\n\r\nabc"), {}, "ProtocolError", "without sending complete message body"),
        (says(HEAD), {}, "ProtocolError", "breaks the rules of HTTP"),
        (says(b"\x15\x03\x01\x00\x02\x02\x16"), {}, "ProtocolError", "breaks the rules of HTTP"),
        (says(b"SSH-2.0-OpenSSH_9.6\r\n"), {}, "ProtocolError", "breaks the rules of HTTP"),
        (says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), {}, "ProtocolError", "breaks the rules of HTTP"),
        (says(HEAD + b"Content-Length: -1\r\n\r\n"), {}, "ProtocolError", "breaks the rules of HTTP"),
        (says(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), {}, "ProtocolError", "breaks the rules"),
        (says(HEAD, *[b"X-Fill: " + b"x" * 4096 + b"\r\n"] * 60), {}, "ProtocolError", "breaks the rules of HTTP"),
    ],
)
async def test_failures(
    web: WebServer, executor: HttpExecutor, route: Any, fields: dict[str, Any], expected: str, message: str
) -> None:
    web.routes["/"] = route
    facts = await executor.call(HttpRequest("GET", web.url(), total_seconds=0.5, **fields))
    assert facts.error is not None
    assert (facts.error.reason.value, message in facts.error.message) == (expected, True), facts.error
    assert facts.sent
    assert facts.timings is not None
    assert facts.timings.total_microseconds


async def test_an_early_answer_is_read_although_the_request_was_not(executor: HttpExecutor) -> None:
    done = asyncio.Event()

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await done.wait()
        writer.transport.abort()

    async with listening(hasty) as port:
        facts = await executor.call(HttpRequest("POST", f"http://127.0.0.1:{port}/", body=b"x" * 30_000_000))
        done.set()
    assert (facts.http_status, facts.body, facts.error) == (413, b"no", None)


async def test_refused_connection(executor: HttpExecutor) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        facts = await executor.call(HttpRequest("GET", f"http://127.0.0.1:{port}/"))
    assert (reason(facts), facts.sent, facts.http_status) == ("Refused", False, None)


async def test_a_fault_of_our_own_is_a_reason_too(web: WebServer) -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise RuntimeError("tok-123456")

    facts = await HttpExecutor(policy=LOOPBACK, resolve=broken).call(HttpRequest("GET", web.url(host="a.test")))
    assert facts.error is not None
    assert facts.error.reason is Reason.INTERNAL_ERROR
    assert "RuntimeError" in facts.error.message
    assert "tok-123456" not in facts.error.message


@pytest.mark.parametrize(
    "url",
    [
        "unix:///var/run/docker.sock",
        "http://",
        "ftp://127.0.0.1/",
        "http://x\x00/",
        "http://0177.0.0.1/",
        "http://h:99999/",
        "http://h:0/",
    ],
)
async def test_urls_that_are_no_http_are_invalid(executor: HttpExecutor, url: str) -> None:
    facts = await executor.call(HttpRequest("GET", url))
    assert (reason(facts), facts.sent) == ("InvalidUrl", False)


async def test_a_header_that_http_forbids_is_never_sent(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/"] = answers()
    facts = await executor.call(HttpRequest("GET", web.url(), headers=(("X", "a\r\nX-Evil: 1"),)))
    assert (reason(facts), facts.sent, web.seen) == ("InvalidRequest", False, [])


@pytest.mark.parametrize(("regex", "matched"), [("^he.*o$", True), ("bye", False), (None, None)])
async def test_a_body_is_matched(
    web: WebServer, executor: HttpExecutor, regex: str | None, matched: bool | None
) -> None:
    web.routes["/"] = answers(200, b"hello")
    request = HttpRequest("GET", web.url(), success=SuccessRule(body_regex=regex))
    facts = await executor.call(request)
    assert (facts.error, facts.matched) == (None, matched)
    assert judge(request, facts, output_bytes=10).reason == ("BodyMismatch" if matched is False else "Completed")


async def test_a_slow_match_does_not_hold_up_other_calls(
    web: WebServer, executor: HttpExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, release = threading.Event(), threading.Event()

    def slow(request: HttpRequest, body: bytes) -> bool:
        started.set()
        return release.wait(10)

    monkeypatch.setattr(exchange, "body_matches", slow)
    web.routes["/"] = answers()
    match = asyncio.create_task(executor.call(HttpRequest("GET", web.url(), success=SuccessRule(body_regex="x"))))
    await asyncio.to_thread(started.wait, 10)
    assert (await executor.call(HttpRequest("GET", web.url()))).http_status == 200
    assert not match.done()
    release.set()
    assert (await match).matched is True
