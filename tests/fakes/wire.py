"""The real API client on a fake API server, in virtual time, over a wire that can be in trouble.

Unlike `DirectApi` this keeps everything of the client: slots, time limits, retries and back-off. `TroubledWorld` is a
`World` whose operators talk so; its watches hear nothing while the API server is away.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - with a seed
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import aiohttp
import orjson
from fakes.apiserver import FakeApiServer, Request, _verb
from fakes.objects import RefusedError
from fakes.world import World
from yarl import URL

from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.connection import Connection

LATENCY = 0.002


@dataclass
class Trouble:
    """What happens to requests: `away` (refused connections), `silent` (no answer), `cut` (half of them have their
    effect), `status` (an answer of that kind; with `writes` only to writes), or answers that take `slow` seconds, drawn
    by lot."""

    away: bool = False
    silent: bool = False
    cut: bool = False
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    slow: tuple[float, float] = (0.0, 0.0)
    writes: bool = False

    @property
    def deaf(self) -> bool:
        """Whether watches hear nothing either."""
        return not any(self.slow) and not self.writes


class Wire:
    """The way of one replica to the API server; stands for a `Connection`."""

    server, namespace, login = "http://fake", "default", None

    def __init__(self, server: FakeApiServer, clock: Clock, name: str) -> None:
        self._server, self._clock, self._lot = server, clock, Random(name)
        self._dead = False
        self.trouble: Trouble | None = None
        self.asked: list[tuple[float, Request]] = []
        self.before: Callable[[Request], None] = lambda request: None
        """Called with each request when it arrives."""
        self.after: Callable[[Request], None] = lambda request: None
        """Called when it has had its effect, before its answer."""

    def die(self) -> None:
        """The process at this end is gone."""
        self._dead = True

    def open_session(self) -> "Wire":
        return self

    async def close(self) -> None:
        return

    def request(self, method: str, url: URL, **given: Any) -> "Exchange":
        return Exchange(self, _request_of(method, url, given["data"], given["headers"] or {}), given["timeout"])

    def per_second(self, since: float, until: float) -> Counter[int]:
        """How many requests there were in each second."""
        return Counter(int(at) for at, _ in self.asked if since <= at < until)

    async def answer(self, request: Request) -> "Response":
        """What comes back; raises what aiohttp does."""
        self.asked.append((self._clock.monotonic(), request))
        if self._dead:
            await asyncio.Event().wait()
        self.before(request)
        trouble = self.trouble or Trouble()
        if trouble.silent:
            await asyncio.Event().wait()
        await asyncio.sleep(LATENCY / 2 + self._lot.uniform(*trouble.slow) / 2)
        if self._dead:
            await asyncio.Event().wait()
        if trouble.away:
            raise aiohttp.ClientConnectionError("refused")
        if trouble.status and not (trouble.writes and request.verb in ("get", "list", "watch")):
            body = RefusedError(trouble.status, "Trouble", "made by the test").body
            return Response(trouble.status, orjson.dumps(body), trouble.headers)
        if trouble.cut and self._lot.random() < 0.5:
            raise aiohttp.ServerDisconnectedError
        answer = self._performed(request)
        self.after(request)
        await asyncio.sleep(LATENCY / 2 + self._lot.uniform(*trouble.slow) / 2)
        if self._dead:
            await asyncio.Event().wait()
        if trouble.cut or ((self.trouble or trouble).deaf and self.trouble is not None):
            raise aiohttp.ServerDisconnectedError
        return answer

    def _performed(self, request: Request) -> "Response":
        server = self._server
        kind = next(kind for kind in server.kinds.values() if kind.plural == request.resource)
        server.requests.append(request)
        if request.verb == "watch":
            return Response(200, b"", {}, server._events(kind, request))
        try:
            if request.subresource == "log":
                return Response(200, server._log(request), {})
            return Response(200, orjson.dumps(server._perform(kind, request)), {})
        except RefusedError as refused:
            return Response(refused.status, orjson.dumps(refused.body), {})


@dataclass
class Response:
    """As much of aiohttp's as the client uses; its own `content` as well."""

    status: int
    body: bytes
    headers: dict[str, str]
    events: AsyncIterator[tuple[str, Any]] | None = None

    @property
    def content(self) -> "Response":
        return self

    async def read(self, _: int = -1) -> bytes:
        return self.body

    async def iter_any(self) -> AsyncIterator[bytes]:
        assert self.events is not None
        async for type_, found in self.events:
            await asyncio.sleep(LATENCY)
            yield orjson.dumps({"type": type_, "object": found}) + b"\n"


class Exchange:
    """A request and its answer within a time limit. It may take effect after its sender has given up."""

    def __init__(self, wire: Wire, request: Request, limits: aiohttp.ClientTimeout) -> None:
        self._wire, self._request = wire, request
        self._seconds = limits.total or limits.sock_connect

    async def __aenter__(self) -> Response:
        going = asyncio.ensure_future(self._wire.answer(self._request))
        async with asyncio.timeout(self._seconds):
            return await asyncio.shield(going)

    async def __aexit__(self, *_: object) -> None:
        return


def _request_of(method: str, url: URL, data: bytes | None, headers: dict[str, str]) -> Request:
    parts = [unquote(part) for part in url.raw_path.strip("/").split("/")]
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    name, subresource = [*rest[1:], "", ""][:2]
    query = dict(parse_qsl(url.raw_query_string))
    verb = _verb(method, name, query, headers.get("Content-Type", ""))
    return Request(verb, rest[0], namespace, name, subresource, query, orjson.loads(data) if data else None, headers)


class TroubledWorld(World):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.wires: dict[str, Wire] = {}
        self._fine = asyncio.Event()
        self._fine.set()

    def connect(self, name: str) -> tuple[ApiClient, Wire]:
        """The client of a replica."""
        wire = self.wires[name] = Wire(self.server, self.clock, name)
        client = ApiClient(cast(Connection, wire), clock=self.clock, limit=16, jitter=Random(name).random)
        return client, wire

    def begin(self, trouble: Trouble) -> None:
        """From now on all replicas are in trouble."""
        for wire in self.wires.values():
            wire.trouble = trouble
        if trouble.deaf:
            self._fine.clear()
            self.server.end_watches()

    def end(self) -> None:
        """All is well again."""
        for wire in self.wires.values():
            wire.trouble = None
        self._fine.set()

    async def hears(self) -> None:
        """Waits until watches tell of something again."""
        await self._fine.wait()
