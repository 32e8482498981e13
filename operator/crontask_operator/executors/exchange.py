"""One call under way, across its redirects: what goes out, what comes in, and the facts gathered so far.

`HttpExecutor` makes one for each call, bounds its time and gives endings their
reason; connections come from the transport.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from time import perf_counter

from crontask_core.httpcall import CallError, CallFacts, HttpRequest, Reason, body_matches
from crontask_core.model.execution import Timings
from crontask_operator.executors.http1 import Answer, exchange
from crontask_operator.executors.redirects import Hop, first_hop, location, next_hop
from crontask_operator.executors.stream import CallFailed, Trace
from crontask_operator.executors.transport import Transport

MaySend = Callable[[], bool]
"""Asked right before each send; False drops the call (the caller may have lost its shard while it waited)."""


class Exchange:
    """One call under way, across its hops."""

    def __init__(self, request: HttpRequest, transport: Transport, may_send: MaySend | None) -> None:
        self.request = request
        self.trace = Trace()
        self.started = perf_counter()
        self.queued = 0.0
        self._transport = transport
        self._may_send = may_send
        self._status: int | None = None
        self._text = ""
        self._headers: list[tuple[bytes, bytes]] = []
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
            # Asked once: what was sent and redirected has started, and must not be taken for unsent.
            if not self._sent and self._may_send is not None and not self._may_send():
                raise CallFailed(Reason.NOT_SENT, "the right to start this execution had run out")
            answer = await exchange(hop, stream)
            self._status, self._text, self._headers = answer.status, answer.text, answer.headers
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
                stream.close()
            else:
                stream.abort()

    def _redirected(self, hop: Hop, status: int, target: str) -> Hop:
        if self._redirects >= self.request.max_redirects:
            raise CallFailed(Reason.TOO_MANY_REDIRECTS, f"redirected more than {self.request.max_redirects} times")
        self._redirects += 1
        return next_hop(hop, status, target, self.request)

    async def _read(self, hop: Hop, answer: Answer) -> None:
        most = self.request.max_response_bytes
        announced = next((int(value) for name, value in answer.headers if name.lower() == b"content-length"), 0)
        if announced > most and hop.method != "HEAD" and answer.status not in (204, 304):
            self._truncated = True
            raise CallFailed(Reason.TOO_LARGE, f"the answer has {announced} bytes, at most {most} are read")
        count = 0
        async with aclosing(answer.body()) as chunks:
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
                ready_microseconds=None if trace.started is None else _microseconds(trace.started - trace.begun),
                first_byte_microseconds=_microseconds(trace.first_byte),
                total_microseconds=_microseconds(perf_counter() - self.started),
            ),
            redirects=self._redirects,
            sent=self._sent,
            queued_microseconds=_microseconds(self.queued) or 0,
            status_text=self._text,
            headers=tuple(self._headers),
        )


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)
