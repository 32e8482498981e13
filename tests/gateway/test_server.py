"""The gateway's server on real loopback sockets: limits of heads, bodies, time and connections, ids and logs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fakes.dialect import dialect
from fakes.store import MemoryStore
from structlog.testing import capture_logs

from crontask_gateway.app import App, Limits
from crontask_gateway.deps import Deps
from crontask_gateway.limits import Gate
from crontask_gateway.management import Management
from crontask_gateway.metrics import Metrics
from crontask_gateway.pipeline import Mounted
from crontask_gateway.principal import Access, Credential, Principal
from crontask_gateway.server import Bounds, listen, make_server
from crontask_kube.clock import SystemClock

OPEN = Access("default", open=True)


class Served:
    """A server with the small dialect at the root of one port, and under /toy of another one."""

    def __init__(self, access: Access, **limits: float) -> None:
        clock = SystemClock()
        self.metrics, self.problem = Metrics(), ""
        self._management = Management(ready=lambda: self.problem, metrics=lambda: self.metrics.text(jobs=0, runs=0))
        self._app = App(
            limits=Limits(
                body_bytes=int(limits.get("body_bytes", 10_000)),
                body_seconds=limits.get("body_seconds", 5.0),
                request_seconds=limits.get("request_seconds", 5.0),
            ),
            metrics=self.metrics,
            clock=clock,
            other=self._management,
        )
        deps = Deps(store=MemoryStore(clock), clock=clock, access=access, options=None, node="gw")
        mounted = Mounted(dialect(body_bytes=100_000), deps, Gate())
        self._sockets = [listen("port", "127.0.0.1", 0) for _ in range(3)]
        self.port, self.common, self.management = (each.getsockname()[1] for each in self._sockets)
        self._app.sites = {self.port: {"": mounted}, self.common: {"/toy": mounted, "/toy/deep": mounted}}
        self._management.port = self.management
        self.bounds = Bounds(
            connections=int(limits.get("connections", 50)),
            header_bytes=int(limits.get("header_bytes", 2_000)),
            header_seconds=limits.get("header_seconds", 5.0),
            metrics=self.metrics,
        )
        self._server = make_server(self._app, self.bounds, drain_seconds=1.0)
        self._serving = asyncio.create_task(self._server.serve(sockets=self._sockets))

    async def close(self) -> None:
        self._server.should_exit = True
        await self._serving

    async def send(self, text: str | bytes, port: int = 0) -> bytes:
        """What the server answers to these bytes until it closes the connection; fails after 5 s."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        async with asyncio.timeout(5):
            try:
                writer.write(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode())
                return await reader.read()
            finally:
                writer.close()

    async def drip(self, head: str, drop: str = "a") -> bytes:
        """The same where the client goes on sending a drop every 20 ms after the head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def send() -> None:
            writer.write(head.replace("\n", "\r\n").encode())
            while True:
                writer.write(drop.replace("\n", "\r\n").encode())
                await asyncio.sleep(0.02)

        sending, found = asyncio.create_task(send()), b""
        try:
            async with asyncio.timeout(5):
                with suppress(ConnectionError):  # what is still on its way when the server closes makes it a reset
                    while part := await reader.read(65_536):
                        found += part
        finally:
            sending.cancel()
            writer.close()
        return found

    async def nobody_is_there(self) -> None:
        """Waits until all connections to the dialect's own port are gone."""
        async with asyncio.timeout(5):
            while self.bounds.open[self.port]:  # noqa: ASYNC110 - what is awaited has no event
                await asyncio.sleep(0.01)

    async def ask(self, method: str, target: str, body: bytes = b"", *, port: int = 0, **headers: str) -> "Answer":
        lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return Answer(await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body, port))


class Answer:
    """One reply, taken apart."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@asynccontextmanager
async def serving(access: Access = OPEN, **limits: float) -> AsyncIterator[Served]:
    served = Served(access, **limits)
    try:
        yield served
    finally:
        await served.close()


async def test_a_dialect_is_at_the_root_of_its_port_and_under_its_prefix() -> None:
    async with serving() as served:
        assert (await served.ask("GET", "/jobs/a?x=1")).json["target"] == "/jobs/a?x=1"
        assert (await served.ask("GET", "/toy/jobs/a", port=served.common)).json["target"] == "/toy/jobs/a"
        assert (await served.ask("GET", "/toy/deep/jobs/a", port=served.common)).json["target"] == "/toy/deep/jobs/a"
        for path in ("/jobs/a", "/toyjobs", "/", "*"):
            assert (await served.ask("GET", path, port=served.common)).status in {400, 404}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/jobs/%2e%2e%2fopen", 200),  # a name, not a path
        ("/jobs/../open", 404),
        ("/jobs//", 404),
        ("//jobs", 404),
        ("/jobs/%zz", 200),
        ("/jobs/%ff%fe", 200),
        ("/jobs/%00", 200),
        ("http://other.example/jobs/a", 200),
        ("/jobs/" + "a" * 1500, 200),
        ("/jobs?" + "&".join(["a"] * 700), 200),
    ],
)
async def test_odd_targets_are_answered(target: str, status: int) -> None:
    async with serving() as served:
        assert (await served.ask("GET", target)).status == status


@pytest.mark.parametrize(
    "text",
    [
        "\n\n\n",
        "GET\n\n",
        "GET /jobs HTTP/9.9\n\n",
        "nonsense\n\n",
        "GET /jobs HTTP/1.1\nContent-Length: x\n\n",
        "\0\0\n",
    ],
)
async def test_what_is_no_http_is_answered_400_or_closed(text: str) -> None:
    async with serving(header_seconds=0.3) as served:
        assert (await served.send(text))[:12] in {b"", b"HTTP/1.1 400"}
        assert (await served.ask("GET", "/jobs")).status == 200


async def test_raw_bytes_in_a_target_are_refused_and_nothing_breaks() -> None:
    async with serving() as served:
        found = await served.send("GET /jobs/ä HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert Answer(found).status == 400
        assert (await served.ask("GET", "/jobs")).status == 200


async def test_a_body_is_read_up_to_the_limit() -> None:
    async with serving(body_bytes=1000) as served:
        assert len((await served.ask("POST", "/jobs", b"x" * 1000)).json["body"]) == 1000
        refused = await served.ask("POST", "/jobs", b"x" * 1001)
        assert refused.body == b"TooLarge: the body exceeds 1000 bytes"
        chunked = "POST /jobs HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nConnection: close\n\n"
        body = "".join(f"{500:x}\n{'x' * 500}\n" for _ in range(3)) + "0\n\n"
        assert Answer(await served.send(chunked + body)).body.startswith(b"TooLarge")


async def test_a_great_body_that_is_refused_is_answered_before_the_connection_ends() -> None:
    async with serving(body_bytes=1000) as served:
        refused = await served.ask("POST", "/jobs", b"x" * 2_000_000)
        assert refused.body.startswith(b"TooLarge")


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with serving(body_seconds=0.2) as served:
        found = Answer(await served.send("POST /jobs HTTP/1.1\nHost: x\nContent-Length: 10\n\nabc"))
        assert found.body == b"TooSlow: the body did not arrive within 0.2 s"
        assert found.headers["connection"] == "close"


async def test_a_body_or_a_head_that_comes_byte_by_byte_is_not_waited_for() -> None:
    async with serving(body_seconds=0.3, header_seconds=0.3) as served:
        body = Answer(await served.drip("POST /jobs HTTP/1.1\nHost: x\nContent-Length: 1000\n\n"))
        assert body.body == b"TooSlow: the body did not arrive within 0.3 s"
        chunks = Answer(await served.drip("POST /jobs HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n", "1\na\n"))
        assert chunks.body == b"TooSlow: the body did not arrive within 0.3 s"
        assert await served.drip("GET /jobs HTTP/1.1\nHost: x\nX-Long: ") == b""
        assert await served.drip("", "\n") == b""


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 5\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: 5\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\nContent-Length: 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999",
        "Content-Length : 5",
        "X Y: a",
        "X: a\0b",
        ": a",
        "X",
    ],
)
async def test_a_request_whose_end_is_unclear_begins_no_other(headers: str) -> None:
    """Where a proxy and the gateway see different ends, the rest of one client's body is another's request."""
    async with serving(header_seconds=0.3, body_seconds=0.3) as served:
        hidden = "0\n\nGET /jobs/hidden HTTP/1.1\nHost: x\n\n"
        found = await served.send(f"POST /jobs HTTP/1.1\nHost: x\n{headers}\n\n{hidden}")
        assert found.count(b"HTTP/1.1 ") <= 1
        assert found[:12] in {b"", b"HTTP/1.1 400"}


@pytest.mark.parametrize("chunk", ["x\n", "-1\n", "F" * 17 + "\n", "1\nabc\n", "1;" + "a" * 20_000 + "\n"])
async def test_a_chunk_that_is_none_ends_the_connection(chunk: str) -> None:
    async with serving(header_seconds=0.3, body_seconds=0.3) as served:
        head = "POST /jobs HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n"
        found = await served.send(f"{head}{chunk}GET /jobs/hidden HTTP/1.1\nHost: x\n\n")
        assert b"hidden" not in found
        assert Answer(found).status in {0, 400, 499}
        assert (await served.ask("GET", "/jobs")).status == 200


async def test_a_request_that_takes_too_long_is_answered() -> None:
    async with serving(request_seconds=0.2) as served:
        assert (await served.ask("GET", "/sleep?seconds=3")).body.startswith(b"TooSlow: no answer within 0.2 s")


async def test_a_head_that_is_too_long_is_refused() -> None:
    async with serving(header_bytes=2000) as served:
        head = "GET /jobs HTTP/1.1\nHost: x\n"
        whole = await served.send(f"{head}X-Long: {'a' * 3000}\n\n")
        endless = await served.send(f"{head}X-Long: {'a' * 3000}")
        many = await served.send(head + "".join(f"X-{n}: a\n" for n in range(500)) + "\n")
        assert [Answer(each).status for each in (whole, endless, many)] == [431, 431, 431]


@pytest.mark.parametrize("text", ["", "GET /jobs HT", "GET /jobs HTTP/1.1\nHost: x\n", "\n\n"])
async def test_a_connection_on_which_nothing_is_asked_is_closed(text: str) -> None:
    async with serving(header_seconds=0.2) as served:
        assert await served.send(text) == b""


async def test_a_connection_stays_for_further_requests_and_is_closed_when_none_comes() -> None:
    async with serving(header_seconds=1.0) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        for number in range(3):
            writer.write(f"GET /jobs/{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length))["params"] == {"job": str(number)}
        async with asyncio.timeout(4):
            assert await reader.read() == b""
        writer.close()


async def test_connections_beyond_the_limit_are_turned_away_from_that_listener_only() -> None:
    async with serving(connections=3) as served:
        idle = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
        turned = Answer(await served.send("GET /jobs HTTP/1.1\nHost: x\n\n"))
        assert (turned.status, turned.body) == (503, b"too many connections\n")
        assert (await served.ask("GET", "/toy/jobs", port=served.common)).status == 200
        assert (await served.ask("GET", "/healthz", port=served.management)).status == 200
        for _, writer in idle:
            writer.close()
            await writer.wait_closed()
        await served.nobody_is_there()
        assert (await served.ask("GET", "/jobs")).status == 200
        text = served.metrics.text(jobs=0, runs=0).decode()
        assert "crontask_gateway_connections_refused_total 1.0" in text


async def test_ten_thousand_idle_connections_harm_nobody_else() -> None:
    async with serving(connections=500, header_seconds=60.0) as served:
        idle, turned = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(500)], set()
        for _ in range(95):
            found = await asyncio.gather(*(served.send("") for _ in range(100)))
            turned |= {Answer(each).status for each in found}
            assert (await served.ask("GET", "/toy/jobs", port=served.common)).status == 200
        assert turned == {503}
        assert (await served.ask("GET", "/healthz", port=served.management)).status == 200
        for _, writer in idle:
            writer.close()
        await served.nobody_is_there()
        assert (await served.ask("GET", "/jobs")).status == 200


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as served:
        first = "GET /sleep?seconds=0.1 HTTP/1.1\nHost: x\n\n"
        found = await served.send(f"{first}GET /jobs/second HTTP/1.1\nHost: x\nConnection: close\n\n")
        assert found.index(b"slept") < found.index(b"second")


async def test_a_fault_is_answered_without_its_details_and_logged_with_the_request() -> None:
    async with serving() as served:
        with capture_logs() as logs:
            found = await served.ask("GET", "/fail", X_Request_Id="abc-1")
        assert found.body == b"Broken: the gateway has failed at this request; its log tells more"
        assert [line["request"] for line in logs if line["event"] == "a request has failed"] == ["abc-1"]


async def test_a_request_has_an_id_which_the_client_may_choose() -> None:
    async with serving() as served:
        assert (await served.ask("GET", "/jobs", X_Request_Id="my.id_1-2")).headers["x-request-id"] == "my.id_1-2"
        for odd in ("", "a b", "x" * 65, "é"):
            made = (await served.ask("GET", "/jobs", X_Request_Id=odd)).headers["x-request-id"]
            assert len(made) == 16


async def test_logs_tell_of_requests_and_of_no_secret() -> None:
    access = Access("default", (Credential(Principal("ci", "", "default"), b"s3cret-token"),))
    async with serving(access) as served:
        with capture_logs() as logs:
            asked = [
                await served.ask("POST", "/jobs?key=s3cret-query", b"s3cret-body", X_Token="s3cret-token"),
                await served.ask("GET", "/jobs", Authorization="Bearer s3cret-bearer"),
            ]
        assert [each.status for each in asked] == [200, 499]
        lines = [line for line in logs if line["event"] == "answered"]
        assert [(line["method"], line["route"], line["path"], line["status"]) for line in lines] == [
            ("POST", "/jobs", "/jobs", 200),
            ("GET", "/jobs", "/jobs", 499),
        ]
        assert "s3cret" not in json.dumps(logs, default=str)


async def test_a_line_end_in_a_header_begins_no_other_header() -> None:
    async with serving() as served:
        found = await served.ask("GET", "/inject/a%0d%0aX-Evil:%20yes%00")
        assert "x-evil" not in found.headers
        assert found.headers["x-told"] == "aX-Evil: yes"


async def test_who_is_asking_is_not_taken_from_headers() -> None:
    async with serving() as served:
        assert (await served.ask("GET", "/jobs", X_Forwarded_For="1.2.3.4")).json["peer"] == "127.0.0.1"


async def test_health_readiness_and_metrics_are_on_their_own_port() -> None:
    async with serving() as served:
        port = served.management
        assert (await served.ask("GET", "/healthz", port=port)).body == b"ok\n"
        assert (await served.ask("GET", "/readyz", port=port)).status == 200
        served.problem = "it joins the other replicas"
        found = await served.ask("GET", "/readyz", port=port)
        assert (found.status, found.body) == (503, b"it joins the other replicas\n")
        await served.ask("GET", "/jobs/a")
        text = (await served.ask("GET", "/metrics", port=port)).body.decode()
        line = 'crontask_gateway_requests_total{code="200",dialect="toy",method="GET",route="/jobs/{job}"} 1.0'
        assert line in text
        assert (await served.ask("GET", "/jobs", port=port)).status == 404
        assert (await served.ask("POST", "/healthz", port=port)).status == 405
        assert (await served.ask("GET", "/healthz")).status == 404


async def test_an_orderly_end_answers_what_is_under_way() -> None:
    served = Served(OPEN)
    asking = asyncio.create_task(served.ask("GET", "/sleep?seconds=0.4"))
    async with asyncio.timeout(5):
        while "requests_open 1.0" not in served.metrics.text(jobs=0, runs=0).decode():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    await served.close()
    assert (await asking).body == b"slept"
