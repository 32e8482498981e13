"""A web server on the loopback for tests of HTTP calls: it says what a test tells it to, byte for byte.

A route is a coroutine that gets the request and the connection; it may stall,
lie about lengths or reset. It is cancelled when the client goes away, and with the
server at the latest.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived; header names in lower case, of equal ones the last."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Route = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Accepts connections on a port of its own; each is closed when its handler ends, at the latest on exit."""
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            running.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=2048)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(set(running), timeout=5)


@dataclass
class WebServer:
    """Serves `routes` by path (the query is ignored) on a port of its own."""

    routes: dict[str, Route] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    open: int = 0
    peak: int = 0

    async def __aenter__(self) -> Self:
        self._listening = listening(self._serve, self.tls)
        self.port = await self._listening.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._listening.__aexit__(kind, error, at)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            await self._answer(reader, writer)
        finally:
            self.open -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(method, target, headers, body)
        self.seen.append(seen)
        route = asyncio.ensure_future(self.routes[target.partition("?")[0]](seen, writer))
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({route, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            route.cancel()
            gone.cancel()
            await asyncio.gather(route, gone, return_exceptions=True)


def says(*parts: bytes) -> Route:
    """Sends these bytes, then closes."""

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return route


def answers(status: int = 200, body: bytes = b"ok", *headers: str) -> Route:
    """A plain answer with its length."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return says("\r\n".join(lines).encode() + body)


def redirects(to: str, status: int = 302) -> Route:
    return answers(status, b"", f"Location: {to}")


def stalls_after(*parts: bytes) -> Route:
    """Sends these bytes, then nothing more, and keeps the connection."""

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await says(*parts)(seen, writer)
        await asyncio.Event().wait()

    return route


def resets_after(*parts: bytes) -> Route:
    """Sends these bytes, then resets the connection (RST)."""

    async def route(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await says(*parts)(seen, writer)
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return route
