"""A way to one API server: address, TLS, and an Authorization header that is read again while it is in use.

`config.py` makes a `Connection`; the API client and Kopf's login open their
sessions from it, so that both follow rotated tokens alike. Tokens stay inside a
`Login` and appear in no repr, error or log line.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from crontask_core.errors import CronTaskError
from crontask_kube.clock import Clock

REREAD_SECONDS = 60.0
"""The kubelet renews a service account's token well before its end; client-go re-reads each minute too."""

ReadHeader = Callable[[], Awaitable[str | None]]
"""Reads the Authorization header's value anew; raises OSError or CronTaskError. None where there is none."""


class Login:
    """The Authorization header's value, read again once a minute and when the server has refused it."""

    def __init__(self, read: ReadHeader, clock: Clock, value: str | None) -> None:
        self._read = read
        self._clock = clock
        self._value = value
        self._read_at: float | None = clock.monotonic()
        self._lock = asyncio.Lock()

    async def header(self) -> str | None:
        """The current value. A re-read that fails keeps the last one: the server judges whether it still holds."""
        if self._is_old():
            async with self._lock:
                if self._is_old():
                    await self._reread()
        return self._value

    def refused(self, value: str | None) -> None:
        """The server answered 401 to this value: read again before the next request, unless that has happened."""
        if value == self._value:
            self._read_at = None

    def _is_old(self) -> bool:
        return self._read_at is None or self._clock.monotonic() - self._read_at >= REREAD_SECONDS

    async def _reread(self) -> None:
        try:
            self._value = await self._read()
        except (OSError, CronTaskError):
            if self._value is None:
                raise
        self._read_at = self._clock.monotonic()


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything needed to talk to one API server.

    `server` is a URL without a trailing slash, `tls` None for plain HTTP, `tls_server_name` the name to expect in
    the server's certificate where it differs from the URL's, `proxy` an HTTP proxy's URL.
    """

    server: str
    tls: ssl.SSLContext | None = None
    login: Login | None = field(default=None, repr=False)
    namespace: str = "default"
    tls_server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def open_session(self) -> aiohttp.ClientSession:
        """A new session that authorises each request; who opens it closes it. Needs a running loop.

        There is no limit on its connections: watches hold theirs for long, so limits belong to the callers.
        """
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self.tls or True, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "crontask"},
            # Compressing a list costs the API server more than sending it does within a cluster.
            skip_auto_headers=("Accept-Encoding",),
            middlewares=(self._authorise,) if self.login or self.tls_server_name else (),
            proxy=self.proxy,
        )

    async def _authorise(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.server_hostname = self.tls_server_name
        if self.login is None:
            return await send(request)
        value = await self.login.header()
        _set(request, value)
        response = await send(request)
        if response.status != 401:
            return response
        self.login.refused(value)
        renewed = await self.login.header()
        if renewed == value:
            return response
        response.release()
        _set(request, renewed)
        return await send(request)


def _set(request: aiohttp.ClientRequest, value: str | None) -> None:
    if value is not None:
        request.headers["Authorization"] = value
