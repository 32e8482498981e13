"""The ASGI application: requests become facts, replies are sent, each is logged and counted.

It reads bodies within the limits, finds the dialect by port and path prefix, and
has `pipeline.answer` do the rest. No web framework in between: the legacy APIs
parse raw bytes themselves, and what a framework would answer on its own (405,
redirections, its error bodies) is what must not be sent.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any
from urllib.parse import unquote

import structlog

from crontask_gateway.errors import Broken, TooLarge, TooSlow
from crontask_gateway.http import Facts, Query, Reply
from crontask_gateway.metrics import Metrics
from crontask_gateway.openapi import described
from crontask_gateway.pipeline import Mounted, answer
from crontask_gateway.proxies import Network, client_of
from crontask_kube.clock import Clock

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Site = Mapping[str, Mounted]
"""What a port serves: dialects by path prefix; the empty one is the root."""

NOTHING_HERE = Reply(404, b"no API is served here\n", (("Content-Type", "text/plain; charset=utf-8"),))
SHOWN_PATH = 200
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
DRAINED_BYTES = 8 * 1024 * 1024
DRAINED_SECONDS = 2.0
"""So much of a body that nobody wants is read before the reply: a connection that is closed on a client which still
sends often loses the reply."""
log = structlog.get_logger(__name__)


class ClientGoneError(Exception):
    """The client has hung up before its body was whole."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each request; the connection's own are the server's (`server.py`)."""

    body_bytes: int
    body_seconds: float
    request_seconds: float


class App:
    """See the module. `sites` are by port, and may be filled in after the sockets are bound."""

    def __init__(
        self,
        *,
        limits: Limits,
        metrics: Metrics,
        clock: Clock,
        trusted: Sequence[Network] = (),
        other: Callable[[Scope], Reply | None] = lambda scope: None,
    ) -> None:
        """`other` answers requests that are no dialect's, such as those to the management port."""
        self.sites: dict[int, Site] = {}
        self._limits, self._metrics, self._clock, self._trusted = limits, metrics, clock, trusted
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # there are no web sockets; the server refuses them, and its life is ours
        if (reply := self._other(scope)) is not None:
            await _send(send, reply)
            return
        facts, mounted = self._facts(scope)
        body = Body(receive, facts.headers, self._limits)
        self._metrics.began()
        began, status, route = self._clock.monotonic(), 0, "none"
        try:
            reply, route = await self._answer(mounted, facts, body)
            extra = [("X-Request-Id", facts.request_id)]
            await body.drain()
            if not body.whole:  # what is left of it would be taken for the next request
                extra.append(("Connection", "close"))
            await _send(send, reply.having(*extra))
            status = reply.status
        except ClientGoneError:
            log.info("the client has hung up", request=facts.request_id, peer=facts.peer)
        finally:
            self._tell(mounted, facts, route, status, self._clock.monotonic() - began)

    async def _answer(self, mounted: Mounted | None, facts: Facts, body: "Body") -> tuple[Reply, str]:
        if mounted is None:
            return NOTHING_HERE, "none"
        dialect = mounted.dialect
        if (told := described(dialect, facts, mounted.deps.version)) is not None:
            return told, facts.raw_path
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                reply, route = await answer(mounted, facts, body.read)
            return reply, route.path if route else "none"
        except TimeoutError:
            slow = TooSlow(f"no answer within {self._limits.request_seconds:g} s; whether it had effect is unknown")
            return dialect.finish(facts, dialect.render(slow), mounted.deps, False), "none"
        except ClientGoneError:
            raise
        except Exception:
            log.exception("a request has failed", request=facts.request_id, dialect=dialect.name, path=_shown(facts))
            broken = Broken("the gateway has failed at this request; its log tells more")
            return dialect.finish(facts, dialect.render(broken), mounted.deps, False), "none"

    def _facts(self, scope: Scope) -> tuple[Facts, Mounted | None]:
        headers = headers_of(scope["headers"])
        raw = _ascii(scope.get("raw_path") or scope["path"].encode())
        prefix, mounted = self._mounted(scope, raw)
        peer, scheme = client_of(headers, (scope.get("client") or ("", 0))[0], self._trusted)
        told = headers.get("x-request-id", "")
        facts = Facts(
            method=scope["method"],
            path=unquote(raw.removeprefix(prefix), errors="replace"),
            raw_path=raw.removeprefix(prefix),
            query=Query(_ascii(scope["query_string"])),
            headers=headers,
            peer=peer,
            prefix=prefix,
            scheme=scheme or scope.get("scheme", "http"),
            request_id=told if _REQUEST_ID.fullmatch(told) else token_hex(8),
        )
        return facts, mounted

    def _mounted(self, scope: Scope, raw: str) -> tuple[str, Mounted | None]:
        """The longest prefix of the port that the path begins with, and what is mounted there."""
        site = self.sites.get((scope.get("server") or ("", 0))[1] or 0, {})
        for prefix in sorted(site, key=len, reverse=True):
            if not prefix or raw == prefix or raw.startswith(f"{prefix}/"):
                return prefix, site[prefix]
        return "", None

    def _tell(self, mounted: Mounted | None, facts: Facts, route: str, status: int, seconds: float) -> None:
        dialect = mounted.dialect.name if mounted else "none"
        method = facts.method if facts.method in KNOWN_METHODS else "other"
        self._metrics.answered(dialect, method, route, status, seconds)
        log.info(
            "answered",
            request=facts.request_id,
            dialect=dialect,
            method=method,
            route=route,
            path=_shown(facts),
            status=status,
            milliseconds=round(seconds * 1000, 1),
            peer=facts.peer,
        )


class Body:
    """A request's body, which is read when the dialect's checks come to it."""

    def __init__(self, receive: Receive, headers: Mapping[str, str], limits: Limits) -> None:
        self._receive, self._headers, self._limits = receive, headers, limits
        self.whole = "transfer-encoding" not in headers and self._length() == 0
        """Whether nothing of it is left to be read."""
        self._waits = "expect" in headers
        """Whether the client sends it only when it is asked for."""

    def _length(self) -> int:
        text = self._headers.get("content-length", "0")
        return int(text) if text.isascii() and text.isdigit() else 0

    async def read(self, limit: int) -> bytes:
        """All of it. Raises TooLarge, TooSlow, ClientGoneError."""
        limit = min(limit, self._limits.body_bytes)
        if self._length() > limit:
            raise _too_large(limit)
        parts, size = list[bytes](), 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                self._waits = False
                while not self.whole:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise _too_large(limit)
                    self.whole = not message.get("more_body", False)
        except TimeoutError:
            raise TooSlow(f"the body did not arrive within {self._limits.body_seconds:g} s") from None
        return b"".join(parts)

    async def drain(self) -> None:
        """Reads what is left, within bounds, and drops it."""
        left = 0 if self._waits else DRAINED_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAINED_SECONDS):
                while not self.whole and left > 0:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    left -= len(message.get("body", b""))
                    self.whole = not message.get("more_body", False)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body exceeds {limit} bytes")


def headers_of(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case; several of a name are joined (RFC 9110 5.3; cookies by RFC 6265 with "; ")."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}" if name in headers else value
    return headers


def _ascii(raw: bytes) -> str:
    """What a client should have escaped and has not, escaped."""
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)


def _shown(facts: Facts) -> str:
    """The path for a log; never the query, whose values may be credentials."""
    path = f"{facts.prefix}{facts.path}"
    return path if len(path) <= SHOWN_PATH else f"{path[:SHOWN_PATH]}…"


def _header(value: str) -> bytes:
    """A header's value; line ends in it, which may come from a client, would begin another header."""
    return _CONTROLS.sub("", value).encode("latin-1", "replace")


async def _send(send: Send, reply: Reply) -> None:
    headers = [(name.lower().encode("ascii"), _header(value)) for name, value in reply.headers]
    if reply.status not in {204, 304}:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body if reply.status not in {204, 304} else b""})
