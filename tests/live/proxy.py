"""An API server's front door that can be held shut: a plain HTTP proxy on loopback which passes everything on.

`hold` names one request to come. It is stopped on its way in (it never arrives) or
its answer is (it has arrived, nobody learns of it), so that a test can kill a client at
exactly that point; a watch that is let go is told that its place in history is gone.
`refuse` is an outage, `delay` a slow server, `hole` a network that swallows everything.
Runs in a thread, because the tests themselves wait by blocking.
"""

import asyncio
import re
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType

import aiohttp
from aiohttp import web

HOPS = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade"}
"""Headers that speak of one connection and are not passed on (RFC 9110, 7.6.1), and those that aiohttp sets."""


@dataclass(eq=False)
class Held:
    """One request that is to be held: the next whose method and path (with its query) match."""

    method: str
    path: "re.Pattern[str]"
    body: str
    answer: bool
    reached: threading.Event = field(default_factory=threading.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, method: str, path: str, body: str) -> bool:
        """Whether this is the request; only the first is."""
        fits = method == self.method and self.path.search(path) is not None and self.body in body
        return fits and not self.reached.is_set()

    async def stand(self) -> None:
        """Keeps the request until it is let go, or the proxy ends and drops its connection."""
        self.reached.set()
        await self.over.wait()


class Proxy:
    """The proxy as a context manager; `url` is where clients connect to."""

    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        self._server, self._tls = server, tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._held: list[Held] = []
        self._streams: set[asyncio.Task[object]] = set()
        self._refusing = 0
        self._seconds = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self.requests = 0
        """How many have come so far."""
        self.url = ""

    def hold(self, method: str, path: str, *, body: str = "", answer: bool = False) -> Held:
        """Holds the next request whose path matches and whose body holds `body`; with `answer`, what it answers."""
        held = Held(method, re.compile(path), body, answer)
        self._held.append(held)
        return held

    def let_go(self, held: Held) -> None:
        """Answers a request that was held on its way in with 410 Gone."""
        self._loop.call_soon_threadsafe(held.over.set)

    def refuse(self, status: int) -> None:
        """Answers everything with this status from now on, and ends what is open; 0 is back to normal."""
        self._refusing = status
        self.cut()

    def delay(self, seconds: float) -> None:
        """From now on each request takes so long on its way in and its answer on its way out; 0 is back to normal."""
        self._seconds = seconds / 2

    def hole(self, there: bool) -> None:
        """While it is there nothing comes through in either direction, and nobody is told so."""
        self._loop.call_soon_threadsafe(self._open.clear if there else self._open.set)

    def cut(self) -> None:
        """Ends all open connections, as a load balancer does now and then."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(30)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> str:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        no_limit = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._session = aiohttp.ClientSession(connector=connector, timeout=no_limit, auto_decompress=False)
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _cut(self) -> None:
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def _stop(self) -> None:
        await self._cut()
        await self._runner.cleanup()
        await self._session.close()
        # aiohttp closes TLS connections behind our back, and its documentation knows no other way to wait for them.
        await asyncio.sleep(0.25)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self._refusing:
            return web.Response(status=self._refusing, text="refused by the test")
        this = asyncio.current_task()
        assert this is not None
        self._streams.add(this)
        try:
            return await self._answered(request)
        except aiohttp.ClientConnectorError:
            _abort(request)  # as if the client itself had found nobody there
            return web.Response(status=502)
        except (aiohttp.ClientError, ConnectionError) as error:
            return web.Response(status=502, text=str(error))
        finally:
            self._streams.discard(this)

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        text = body.decode(errors="replace")
        held = next((held for held in self._held if held.matches(request.method, request.raw_path, text)), None)
        if held is not None and not held.answer:
            await held.stand()
            gone = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Expired", "code": 410}
            return web.json_response(gone, status=410)
        await self._pass()
        if request.transport is None or request.transport.is_closing():
            return web.Response(status=499)  # the client has given up, and its connection is gone
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOPS}
        where = self._server + request.raw_path
        async with self._session.request(request.method, where, headers=headers, data=body or None) as answer:
            if held is not None:
                await answer.read()
                await held.stand()
            await self._pass()
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in HOPS}
            response = web.StreamResponse(status=answer.status, headers=passed)
            await response.prepare(request)
            try:
                async for chunk in answer.content.iter_any():
                    await self._open.wait()
                    await response.write(chunk)
            except aiohttp.ClientError:
                _abort(request)  # half an answer, as the client itself would have seen; another one cannot follow it
                return response
            await response.write_eof()
            return response

    async def _pass(self) -> None:
        """What one way through the network takes."""
        if self._seconds:
            await asyncio.sleep(self._seconds)
        await self._open.wait()


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
