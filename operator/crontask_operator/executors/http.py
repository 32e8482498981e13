"""Makes HTTP calls: a bounded number at once, one connection per hop, every ending a fact.

The engine calls `HttpExecutor.call` for an attempt and judges the facts with
`crontask_core.httpcall.judge`. Building the request, retrying and recording
are not done here. httpx2 reads URLs, its engine httpcore2 speaks HTTP/1.1; why not
its client as well is told in docs/decisions/0004-http-client.md.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from time import perf_counter

import httpcore2

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import CallError, CallFacts, HttpRequest, Reason, body_matches
from crontask_core.model.execution import Timings
from crontask_operator.executors.redirects import Hop, first_hop, location, next_hop
from crontask_operator.executors.stream import CallFailed, Trace
from crontask_operator.executors.transport import Resolve, Resolver, Transport

DEFAULT_LIMIT = 500
_MATCHERS = 2
_QUOTED = re.compile(r":| b['\"]| bytearray")

# At DEBUG the engine logs the headers of answers, which may echo a credential; no log level may bring that out.
logging.getLogger("httpcore2").setLevel(logging.INFO)

MaySend = Callable[[], bool]
"""Asked right before each send; False drops the call (the caller may have lost its shard while it waited)."""


class HttpExecutor:
    """All HTTP calls of one process."""

    def __init__(self, *, policy: EgressPolicy, limit: int = DEFAULT_LIMIT, resolve: Resolve | None = None) -> None:
        """`limit` calls are under way at once, others wait for a slot; `resolve` replaces the system's resolver."""
        self._resolver = Resolver() if resolve is None else None
        self._transport = Transport(policy, resolve or self._resolver or Resolver())
        self._slots = asyncio.Semaphore(limit)
        # RE2 lets go of the interpreter while it matches: a slow expression holds up neither calls nor the Lease.
        self._matchers = ThreadPoolExecutor(_MATCHERS, thread_name_prefix="match")
        self._closed = False
        self.active = 0
        """How many calls are under way, those that wait for a slot not counted."""

    async def call(self, request: HttpRequest, *, may_send: MaySend | None = None) -> CallFacts:
        """Makes the call and tells what happened; only CancelledError is ever raised.

        Waiting for a slot is lateness (`queued_microseconds`), not part of the call's time.
        Cancelling closes the connection and frees the slot.
        """
        asked = perf_counter()
        async with self._slots:
            call = _Call(request, self._transport, may_send)
            call.queued = call.started - asked
            self.active += 1
            try:
                return await self._bounded(call)
            finally:
                self.active -= 1

    async def close(self) -> None:
        """Refuses further calls; those under way are their callers' to wait for or cancel."""
        self._closed = True
        self._matchers.shutdown(wait=False, cancel_futures=True)
        if self._resolver is not None:
            self._resolver.close()

    async def _bounded(self, call: "_Call") -> CallFacts:
        if self._closed:
            return call.facts(CallError(Reason.NOT_SENT, "the operator is stopping"))
        try:
            async with asyncio.timeout(call.request.total_seconds):
                await call.run(self._matchers)
        except TimeoutError:
            seconds = call.request.total_seconds
            return call.facts(CallError(Reason.TIMEOUT, f"not done within {seconds:g} s, still {call.trace.phase}"))
        except CallFailed as failed:
            return call.facts(CallError(failed.reason, failed.message))
        except httpcore2.LocalProtocolError as error:
            return call.facts(
                CallError(Reason.INVALID_REQUEST, f"the request breaks the rules of HTTP: {_rule(error)}")
            )
        except httpcore2.RemoteProtocolError as error:
            return call.facts(CallError(Reason.PROTOCOL_ERROR, f"the answer breaks the rules of HTTP: {_rule(error)}"))
        except Exception as error:
            # The outermost edge of a call: whatever it is, it must not stop the calls of other tasks.
            problem = f"CronTask failed on this call ({type(error).__name__}); please report it"
            return call.facts(CallError(Reason.INTERNAL_ERROR, problem))
        return call.facts(None)


class _Call:
    """One call under way, across its hops."""

    def __init__(self, request: HttpRequest, transport: Transport, may_send: MaySend | None) -> None:
        self.request = request
        self.trace = Trace()
        self.started = perf_counter()
        self.queued = 0.0
        self._transport = transport
        self._may_send = may_send
        self._status: int | None = None
        self._body = bytearray()
        self._truncated = False
        self._matched: bool | None = None
        self._redirects = 0
        self._sent = False

    async def run(self, matchers: ThreadPoolExecutor) -> None:
        hop: Hop | None = first_hop(self.request)
        while hop is not None:
            hop = await self._hop(hop)
        if self.request.success.body_regex is not None:
            self.trace.phase = "matching the answer's body"
            loop = asyncio.get_running_loop()
            self._matched = await loop.run_in_executor(matchers, body_matches, self.request, bytes(self._body))

    async def _hop(self, hop: Hop) -> Hop | None:
        """Makes one request and reads its answer; returns the hop that follows."""
        self.trace = trace = Trace()
        stream = await self._transport.open(hop.url, self.request, hop.server_name, trace)
        complete = False
        try:
            if self._may_send is not None and not self._may_send():
                raise CallFailed(Reason.NOT_SENT, "the right to start this execution had run out")
            answer = await _exchange(hop, stream)
            self._status = answer.status
            target = location(answer.status, answer.headers) if self.request.follow_redirects else None
            if target is not None:
                return self._redirected(hop, answer.status, target)
            trace.phase = "reading the answer's body"
            await self._read(hop, answer)
            complete = True
            return None
        finally:
            self._sent = self._sent or trace.sent
            if complete:
                await stream.aclose()
            else:
                stream.abort()

    def _redirected(self, hop: Hop, status: int, target: str) -> Hop:
        if self._redirects >= self.request.max_redirects:
            raise CallFailed(Reason.TOO_MANY_REDIRECTS, f"redirected more than {self.request.max_redirects} times")
        self._redirects += 1
        return next_hop(hop, status, target, self.request)

    async def _read(self, hop: Hop, answer: httpcore2.Response) -> None:
        most = self.request.max_response_bytes
        announced = next((int(value) for name, value in answer.headers if name.lower() == b"content-length"), 0)
        if announced > most and hop.method != "HEAD" and answer.status not in (204, 304):
            self._truncated = True
            raise CallFailed(Reason.TOO_LARGE, f"the answer has {announced} bytes, at most {most} are read")
        count = 0
        async with aclosing(answer.aiter_stream()) as chunks:
            async for chunk in chunks:
                self._keep(chunk[: most - count])
                count += len(chunk)
                if count > most:
                    self._truncated = True
                    raise CallFailed(Reason.TOO_LARGE, f"the answer is longer than the {most} bytes that are read")

    def _keep(self, chunk: bytes) -> None:
        room = self.request.keep_bytes - len(self._body)
        self._body += chunk[:room]
        self._truncated = self._truncated or len(chunk) > room

    def facts(self, error: CallError | None) -> CallFacts:
        """What is known now; an answer that broke off counts as truncated."""
        trace = self.trace
        return CallFacts(
            http_status=self._status,
            body=bytes(self._body),
            truncated=self._truncated or (error is not None and bool(self._body)),
            matched=self._matched,
            error=error,
            timings=Timings(
                lookup_microseconds=_microseconds(trace.lookup),
                connect_microseconds=_microseconds(trace.connect),
                tls_microseconds=_microseconds(trace.tls),
                first_byte_microseconds=_microseconds(trace.first_byte),
                total_microseconds=_microseconds(perf_counter() - self.started),
            ),
            redirects=self._redirects,
            sent=self._sent,
            queued_microseconds=_microseconds(self.queued) or 0,
        )


async def _exchange(hop: Hop, stream: httpcore2.AsyncNetworkStream) -> httpcore2.Response:
    """Sends the hop's request and reads the answer up to the end of its headers."""
    url = hop.url
    target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    request = httpcore2.Request(hop.method, target, headers=hop.wire_headers(), content=hop.body)
    return await httpcore2.AsyncHTTP11Connection(target.origin, stream).handle_async_request(request)


def _rule(error: Exception) -> str:
    """The broken rule without the text that broke it: that may be a header with a credential, or an echo of one."""
    return _QUOTED.split(str(error), maxsplit=1)[0]


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)
