"""One request to the API server: slots, time limits, retries, and the translation of what goes wrong.

`client.py` says what to ask; this module sends it, again where that is safe, and
tells an observer about each request. Requests wait for a slot of their lane:
Lease writes have a lane of their own, because they must not queue behind bulk
writes, and so have logs, which a dead node can hold up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from yarl import URL

from crontask_kube.clock import Clock
from crontask_kube.connection import Connection
from crontask_kube.errors import MAX_MESSAGE, Unavailable, error_of
from crontask_kube.resources import LEASES, SECRETS, Resource

T = TypeVar("T")

ATTEMPTS = 6
WITHIN_SECONDS = 60.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
SILENCE_SECONDS = 100.0
"""A watch hears a bookmark about once a minute, at times only after more than 75 s; one that does not is dead."""
LEASE_SLOTS = 4
LOG_SLOTS = 8

LOST = (aiohttp.ClientError, TimeoutError, OSError)
"""What aiohttp raises where there is no answer, or only half of one."""

_TIMEOUT = aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS)
_STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it went, for metrics. `status` is None where there was no answer."""

    verb: str
    resource: str
    subresource: str | None
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as it is wanted. `repeatable` says whether sending it twice is harmless; `within` are seconds."""

    verb: str
    method: str
    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None
    query: str = ""
    body: bytes | None = None
    headers: dict[str, str] | None = None
    repeatable: bool = True
    within: float = WITHIN_SECONDS

    def __str__(self) -> str:
        kind = f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {kind} {place}".rstrip()

    def url(self, server: str) -> URL:
        """The URL on a server; parts and query are escaped already."""
        path = self.resource.path(self.namespace, self.name, self.subresource)
        return URL(f"{server}{path}?{self.query}" if self.query else server + path, encoded=True)


Read = Callable[[aiohttp.StreamReader], Awaitable[T]]
Observe = Callable[[Call], None]
Sleep = Callable[[float], Awaitable[None]]


class Transport:
    """Sends what is asked over one session; `sleep` and `jitter` (0 ≤ x < 1) are the outside world's."""

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock,
        limit: int,
        observe: Observe | None,
        sleep: Sleep,
        jitter: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._observe = observe
        self._sleep = sleep
        self._jitter = jitter
        self._bulk = asyncio.Semaphore(limit)
        self._leases = asyncio.Semaphore(LEASE_SLOTS)
        self._logs = asyncio.Semaphore(LOG_SLOTS)
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes all connections; requests in flight fail."""
        if self._opened is not None:
            await self._opened.close()

    async def send(self, ask: Ask, read: Read[T]) -> T:
        """What `read` makes of the answer. Raises a KubeError; Unavailable once retries or `within` are used up."""
        deadline = self._clock.monotonic() + ask.within
        attempt = 1
        while True:
            try:
                return await self._try(ask, read, deadline)
            except Unavailable as error:
                pause = self._pause(attempt, error)
                if not ask.repeatable or attempt >= ATTEMPTS or self._clock.monotonic() + pause >= deadline:
                    raise
            attempt += 1
            await self._sleep(pause)

    @asynccontextmanager
    async def stream(self, ask: Ask) -> AsyncIterator[aiohttp.StreamReader]:
        """An answer that goes on for long (a watch): no slot, no retries, a limit on silence instead of on time."""
        started, status = self._clock.monotonic(), None
        try:
            async with self._request(ask, _STREAM_TIMEOUT) as response:
                status = response.status
                await _refuse(ask, response)
                yield response.content
        except LOST as error:
            raise self._lost(ask, error, started) from error
        finally:
            self._tell(ask, status, started)

    async def _try(self, ask: Ask, read: Read[T], deadline: float) -> T:
        lane = self._lane(ask)
        await self._enter(lane, ask, deadline)
        started, status = self._clock.monotonic(), None
        try:
            async with self._request(ask, _limits(deadline - started)) as response:
                status = response.status
                await _refuse(ask, response)
                return await read(response.content)
        except LOST as error:
            raise self._lost(ask, error, started) from error
        finally:
            lane.release()
            self._tell(ask, status, started)

    def _request(self, ask: Ask, limits: aiohttp.ClientTimeout) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._opened is None:
            self._opened = self._connection.open_session()
        return self._opened.request(
            ask.method,
            ask.url(self._connection.server),
            data=ask.body,
            headers=ask.headers,
            timeout=limits,
            allow_redirects=False,
        )

    async def _enter(self, lane: asyncio.Semaphore, ask: Ask, deadline: float) -> None:
        if not lane.locked():
            await lane.acquire()
            return
        try:
            async with asyncio.timeout(deadline - self._clock.monotonic()):
                await lane.acquire()
        except TimeoutError:
            raise Unavailable(f"{ask}: not sent, all slots were taken for {ask.within:g} s") from None

    def _lane(self, ask: Ask) -> asyncio.Semaphore:
        if ask.resource is LEASES:
            return self._leases
        return self._logs if ask.subresource == "log" else self._bulk

    def _pause(self, attempt: int, error: Unavailable) -> float:
        backoff = min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE) * (0.5 + self._jitter() / 2)
        return max(backoff, error.retry_after or 0.0)

    def _lost(self, ask: Ask, error: BaseException, started: float) -> Unavailable:
        # Only a failure to connect says more in its text than in its name: which address, which certificate.
        more = f": {error}"[:MAX_MESSAGE] if isinstance(error, aiohttp.ClientConnectorError) else ""
        return Unavailable(f"{ask}: {type(error).__name__} after {self._clock.monotonic() - started:.1f} s{more}")

    def _tell(self, ask: Ask, status: int | None, started: float) -> None:
        if self._observe is not None:
            seconds = self._clock.monotonic() - started
            self._observe(Call(ask.verb, ask.resource.plural, ask.subresource, status, seconds))


async def _refuse(ask: Ask, response: aiohttp.ClientResponse) -> None:
    """Raises the error of an answer that is not success."""
    if response.status >= 300:
        body = await response.read()
        raise error_of(str(ask), response.status, body, response.headers, quote=ask.resource is not SECRETS)


def _limits(left: float) -> aiohttp.ClientTimeout:
    """The time limits of one request that may take `left` seconds at most."""
    if left >= TOTAL_SECONDS:
        return _TIMEOUT
    return aiohttp.ClientTimeout(total=max(left, 0.001), sock_connect=CONNECT_SECONDS)
