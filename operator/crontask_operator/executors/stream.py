"""One TCP or TLS connection, with stamps of what happened when.

`connect` and `secure` are called by the transport, once per hop; `http1` reads
and writes. A lean protocol of our own stands in for asyncio's streams. Errors come out as `CallFailed`.
"""

import asyncio
import ssl
from time import perf_counter

from crontask_core.httpcall import Reason

_PAUSE_AT = 256 * 1024
_TLS_GOODBYE_SECONDS = 1.0


class CallFailed(Exception):  # noqa: N818 - told as a fact, not as an error of ours
    """The call ends here, for a reason that belongs into its facts."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ClosedEarly(Exception):  # noqa: N818 - no error yet: there may be an answer
    """The server closed the connection before the whole request was written."""


class Trace:
    """What one hop is doing and how long its phases took, in seconds; None where a phase was not reached."""

    __slots__ = ("begun", "connect", "first_byte", "lookup", "phase", "sent", "started", "tls")

    def __init__(self) -> None:
        self.phase = "looking up the host"
        self.begun = perf_counter()
        self.lookup: float | None = None
        self.connect: float | None = None
        self.tls: float | None = None
        self.first_byte: float | None = None
        self.started: float | None = None
        """When the request's first byte was handed to the connection."""
        self.sent = False


class _Wire(asyncio.Protocol):
    """Buffers what arrives; wakes the one reader or the one writer."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self._paused = False
        self._writable = True
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # a stream transport, as create_connection promises

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) >= _PAUSE_AT and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.error = exc
        self._wake()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    def take(self, most: int) -> bytes:
        """What has arrived, at most `most` bytes."""
        data = bytes(self.buffer[:most])
        del self.buffer[:most]
        if self._paused and self.transport is not None and len(self.buffer) < _PAUSE_AT:
            self._paused = False
            self.transport.resume_reading()
        return data

    async def readable(self) -> None:
        while not self.buffer and not self.ended:
            await self._wait()

    async def drained(self) -> None:
        """Waits until what was written is nearly sent, or an answer makes the rest of it pointless to wait for."""
        while not self._writable and not self.ended and not self.buffer:
            await self._wait()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class WireStream:
    """A connection to a checked address."""

    def __init__(self, wire: _Wire, trace: Trace, first_byte_seconds: float) -> None:
        self._wire = wire
        self._transport = wire.transport
        self._trace = trace
        self._first_byte_seconds = first_byte_seconds

    async def secure(self, context: ssl.SSLContext, server_name: str) -> None:
        """Makes a TLS connection of it; raises what asyncio raises. The caller bounds the time."""
        assert self._transport is not None
        self._transport = await asyncio.get_running_loop().start_tls(
            self._transport,
            self._wire,
            context,
            server_hostname=server_name,
            ssl_shutdown_timeout=_TLS_GOODBYE_SECONDS,
        )
        self._wire.transport = self._transport

    async def read(self, max_bytes: int) -> bytes:
        """What has arrived, once something has; empty at the end. Raises CallFailed."""
        trace, wire = self._trace, self._wire
        if trace.first_byte is None:
            await self._first_byte()
        elif not wire.buffer:
            await wire.readable()
        if not wire.buffer and wire.error is not None:
            raise CallFailed(Reason.RESET, f"the connection broke while {trace.phase}: {told(wire.error)}")
        return wire.take(max_bytes)

    async def write(self, buffer: bytes) -> None:
        """Sends; returns when nearly all of it has left. Raises ClosedEarly."""
        if not buffer:
            return
        trace, wire = self._trace, self._wire
        if trace.started is None:
            trace.started = perf_counter()
            trace.phase = "sending the request"
        if wire.ended or self._transport is None:
            raise ClosedEarly
        trace.sent = True
        self._transport.write(buffer)
        await wire.drained()

    def close(self) -> None:
        """Ends the connection in good order."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once; what was not sent is dropped."""
        if self._transport is not None:
            self._transport.abort()

    async def _first_byte(self) -> None:
        trace, wire = self._trace, self._wire
        trace.phase = "waiting for the answer"
        try:
            async with asyncio.timeout(self._first_byte_seconds):
                await wire.readable()
        except TimeoutError:
            problem = f"no answer within {self._first_byte_seconds:g} s of the request"
            raise CallFailed(Reason.TIMEOUT, problem) from None
        if wire.buffer:
            trace.first_byte = perf_counter() - (trace.started or perf_counter())
            trace.phase = "reading the answer's headers"


async def connect(address: str, port: int, trace: Trace, first_byte_seconds: float) -> WireStream:
    """A plain connection to a literal address; raises OSError. The caller checked the address and bounds the time."""
    _, wire = await asyncio.get_running_loop().create_connection(_Wire, address, port)
    return WireStream(wire, trace, first_byte_seconds)


def told(error: BaseException) -> str:
    """An operating system's or TLS library's complaint, for a human, without addresses of objects or code lines."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
