"""Makes HTTP calls: a bounded number at once, one connection per hop, every ending a fact.

The engine calls `HttpExecutor.call` for an attempt and judges the facts with
`crontask_core.httpcall.judge`. Building the request, retrying and recording
are not done here. httpx2 reads URLs, h11 speaks HTTP/1.1; why neither httpx2's client nor its
engine is told in docs/decisions/0004-http-client.md.
"""

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import h11

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import CallError, CallFacts, HttpRequest, PhaseSeconds, Reason
from crontask_operator.executors.exchange import Exchange, MaySend
from crontask_operator.executors.stream import CallFailed
from crontask_operator.executors.transport import Resolve, Resolver, Transport

DEFAULT_LIMIT = 500
_MATCHERS = 2
_QUOTED = re.compile(r":| b['\"]| bytearray")


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
            call = Exchange(request, self._transport, may_send)
            call.queued = call.started - asked
            self.active += 1
            try:
                return await self._bounded(call)
            finally:
                self.active -= 1
                self._end_threads()

    async def permitted(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host, all of them permitted by the egress policy; raises CallFailed."""
        return await self._transport.permitted(host, port, PhaseSeconds().lookup)

    async def close(self) -> None:
        """Refuses further calls; those under way are their callers' to wait for or cancel."""
        self._closed = True
        self._end_threads()

    def _end_threads(self) -> None:
        if self._closed and self.active == 0:
            self._matchers.shutdown(wait=False)
            if self._resolver is not None:
                self._resolver.close()

    async def _bounded(self, call: Exchange) -> CallFacts:
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
        except h11.LocalProtocolError as error:
            return call.facts(
                CallError(Reason.INVALID_REQUEST, f"the request breaks the rules of HTTP: {_rule(error)}")
            )
        except h11.RemoteProtocolError as error:
            return call.facts(CallError(Reason.PROTOCOL_ERROR, f"the answer breaks the rules of HTTP: {_rule(error)}"))
        except Exception as error:
            # The outermost edge of a call: whatever it is, it must not stop the calls of other tasks.
            problem = f"CronTask failed on this call ({type(error).__name__}); please report it"
            return call.facts(CallError(Reason.INTERNAL_ERROR, problem))
        return call.facts(None)


def _rule(error: Exception) -> str:
    """The broken rule without the text that broke it: that may be a header with a credential, or an echo of one."""
    return _QUOTED.split(str(error), maxsplit=1)[0]
