"""From a host name to a connection that the egress policy permits: lookup, verdict, TCP, TLS.

There is no other way out for an HTTP action: no proxies, no unix sockets, and the
connection goes to the very address that was judged, so that a name which
answers differently a moment later gains nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from ipaddress import ip_address
from time import perf_counter

import httpx2

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import HttpRequest, Reason, TlsSettings
from crontask_operator.executors.stream import CallFailed, Trace, WireStream, connect, told

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses, as text, of a host and port; raises OSError or UnicodeError."""

_LOOKUP_THREADS = 16
_CA_CONTEXTS = 64
_VERDICTS = 4096


class Resolver:
    """The system's resolver in threads of its own, so that a slow name server holds up lookups alone.

    Lookups of one host at the same time share one answer; nothing is kept beyond that.
    """

    def __init__(self, threads: int = _LOOKUP_THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="lookup")
        self._running: dict[tuple[str, int], asyncio.Future[tuple[str, ...]]] = {}

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        key = (host, port)
        running = self._running.get(key)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._running[key] = running
            running.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(running)

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    def _ended(self, key: tuple[str, int], done: "asyncio.Future[tuple[str, ...]]") -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # marked as seen: all who waited may have gone


def _look_up(host: str, port: int) -> tuple[str, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Transport:
    """Opens connections; one policy, one resolver, TLS contexts shared by all calls."""

    def __init__(self, policy: EgressPolicy, resolve: Resolve) -> None:
        self._verdict = lru_cache(maxsize=_VERDICTS)(policy.verdict)
        self._resolve = resolve
        self._system = _system_context()

    async def open(self, url: httpx2.URL, request: HttpRequest, server_name: str | None, trace: Trace) -> WireStream:
        """A connection for one hop; raises CallFailed. `server_name` replaces the URL's host in TLS."""
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        context = self._context(request.tls) if secure else None
        host = url.raw_host.decode("ascii")
        started = perf_counter()
        addresses = await self.permitted(host, port, request.phases.lookup)
        trace.lookup = perf_counter() - started
        stream = await _connect(addresses, port, request, trace)
        if context is not None:
            await _secure(stream, context, server_name or host, request, trace)
        return stream

    def _context(self, tls: TlsSettings) -> ssl.SSLContext:
        return self._system if tls.ca_pem is None else _own_context(tls.ca_pem)

    async def permitted(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """The host's addresses, looked up within `seconds`; every one must be permitted, since any could be the one
        that answers. Raises CallFailed."""
        try:
            addresses: Sequence[str] = (_literal(host),)
        except ValueError:
            addresses = await self._looked_up(host, port, seconds)
        for address in addresses:
            if refusal := self._verdict(address):
                raise CallFailed(Reason.EGRESS_DENIED, f"{host} may not be reached: {refusal}")
        return addresses

    async def _looked_up(self, host: str, port: int, seconds: float) -> Sequence[str]:
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise CallFailed(Reason.TIMEOUT, f"looking up {host} took longer than {seconds:g} s") from None
        except (OSError, UnicodeError) as error:
            raise CallFailed(Reason.DNS_ERROR, f"{host} cannot be looked up: {told(error)}") from error
        if not addresses:
            raise CallFailed(Reason.DNS_ERROR, f"{host} has no address")
        return addresses


@lru_cache(maxsize=_VERDICTS)
def _literal(host: str) -> str:
    """The address that a URL's host is; raises ValueError for a name."""
    return str(ip_address(host.strip("[]")))


async def _connect(addresses: Sequence[str], port: int, request: HttpRequest, trace: Trace) -> WireStream:
    """A connection to the first address that answers; the time is shared out among those still untried."""
    trace.phase = "connecting"
    started = perf_counter()
    failed = CallFailed(Reason.CONNECT_ERROR, "no address")
    for index, address in enumerate(addresses):
        left = started + request.phases.connect - perf_counter()
        try:
            async with asyncio.timeout(max(left / (len(addresses) - index), 0)):
                stream = await connect(address, port, trace, request.phases.first_byte)
        except TimeoutError:
            problem = f"connecting to {address} port {port} took longer than {request.phases.connect:g} s"
            failed = CallFailed(Reason.TIMEOUT, problem)
        except ConnectionRefusedError:
            failed = CallFailed(Reason.REFUSED, f"{address} refused the connection to port {port}")
        except OSError as error:
            failed = CallFailed(Reason.CONNECT_ERROR, f"{address} port {port} cannot be reached: {told(error)}")
        else:
            trace.connect = perf_counter() - started
            return stream
    raise failed


async def _secure(stream: WireStream, context: ssl.SSLContext, name: str, request: HttpRequest, trace: Trace) -> None:
    trace.phase = "the TLS handshake"
    started = perf_counter()
    done = False
    try:
        async with asyncio.timeout(request.phases.tls):
            await stream.secure(context, name.strip("[]"))
        done = True
    except TimeoutError:
        problem = f"the TLS handshake took longer than {request.phases.tls:g} s"
        raise CallFailed(Reason.TIMEOUT, problem) from None
    except (OSError, EOFError, ValueError) as error:
        raise CallFailed(Reason.TLS_ERROR, f"no TLS connection as {name}: {told(error)}") from error
    finally:
        if not done:
            stream.abort()
    trace.tls = perf_counter() - started


@cache
def _system_context() -> ssl.SSLContext:
    """Trusts what the system trusts; SSL_CERT_FILE and SSL_CERT_DIR are how an installation adds its own authority."""
    return _http1(httpx2.create_ssl_context())


@lru_cache(maxsize=_CA_CONTEXTS)
def _own_context(pem: bytes) -> ssl.SSLContext:
    """Trusts these certificates alone; raises CallFailed where they cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise CallFailed(
            Reason.INVALID_SECRET, f"spec.http.tls.caSecret holds no readable PEM: {told(error)}"
        ) from None
    return _http1(context)


def _http1(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["http/1.1"])
    return context
