"""uvicorn with limits of our own: how many connections, how long their heads, how slow and how idle they may be.

uvicorn reads a head of any length for as long as its client likes, and keeps a
connection on which nothing was ever asked. Here such a connection is answered 431
or closed, each listener has a bound of its own, so that clients of one dialect
cannot lock out those of another or the probes.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crontask_core.errors import FieldError
from crontask_gateway.app import App
from crontask_gateway.metrics import Metrics

BACKLOG = 2048
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\ntoo many connections\n"
)
TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 25\r\nconnection: close\r\n\r\nthe headers are too long\n"
)


@dataclass
class Bounds:
    """What all connections keep to, and how many there are."""

    connections: int
    """Of each listener."""
    header_bytes: int
    header_seconds: float
    metrics: Metrics
    open: Counter[Any] = field(default_factory=Counter)
    """By the listener's port."""


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, bounds: Bounds, **given: Any) -> None:
        super().__init__(**given)
        self._bounds = bounds
        self._port: int | None = None
        """Set while the connection is counted."""
        self._timer: asyncio.TimerHandle | None = None
        """Runs until the head of the request that is awaited is complete."""
        self._head = 0
        """Bytes of that head so far."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts it, or turns it away."""
        port = (transport.get_extra_info("sockname") or ("", 0))[1]
        if self._bounds.open[port] >= self._bounds.connections:
            self._bounds.metrics.refused()
            transport.write(BUSY)
            transport.close()
            return
        self._port = port
        self._bounds.open[port] += 1
        self._bounds.metrics.connected()
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Takes it from the count."""
        self._head_is_there()
        if self._port is not None:
            self._bounds.open[self._port] -= 1
            self._port = None
            self._bounds.metrics.disconnected()
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; a head that is too long or never ends is not read to its end."""
        if self._port is None or self.transport.is_closing():
            return
        super().data_received(data)
        if self._timer is not None:
            self._head += len(data)
            if self._head > self._bounds.header_bytes:
                self._refuse()
        elif self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete):
            # Bytes after a reply that begin no request, such as empty lines.
            self._await_head()

    def on_message_begin(self) -> None:
        """A request's first line has begun."""
        super().on_message_begin()
        if self._timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there; one that is too long has come in one piece with its end."""
        self._head_is_there()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._bounds.header_bytes:
            self._refuse()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came after a reply; a client that does not even read that one is cut off."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _await_head(self) -> None:
        self._head_is_there()
        self._timer = self.loop.call_later(self._bounds.header_seconds, self._too_slow)

    def _head_is_there(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._head = None, 0

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()


class Server(uvicorn.Server):
    """Leaves signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def make_server(app: App, bounds: Bounds, *, drain_seconds: float) -> Server:
    """A server for `serve(sockets=…)`; it ends within about `drain_seconds` once `should_exit` is set."""
    config = uvicorn.Config(
        app,
        http=partial(Connection, bounds),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        # X-Forwarded-For is believed only of proxies that the configuration names (`proxies.py`).
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=ceil(bounds.header_seconds),
        timeout_graceful_shutdown=ceil(drain_seconds),
        backlog=BACKLOG,
    )
    return Server(config)


def listen(name: str, host: str, port: int) -> socket.socket:
    """A socket that listens; raises FieldError, with the setting's name, where it cannot."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
    except OSError as error:
        problem = f"cannot be listened on ({error.strerror or error})"
        raise FieldError(name, f"{host}:{port}", problem, "choose another one, or end what uses it") from None
    made.setblocking(False)
    return made
