"""Attempts as HTTP calls: read the Secrets, build the request, call, judge.

A claim covers the first attempt: the shard's for a scheduled instant, the
object's own for an execution made by hand. Every further attempt is written into
its execution before it is sent, so that after a crash it is Lost and never
silently repeated.
"""

import asyncio
from collections.abc import Callable
from secrets import token_bytes
from uuid import UUID

import structlog

from crontask_core.errors import FieldError
from crontask_core.httpcall import AttemptResult, Reason, build_request, judge, refused, secret_refs
from crontask_core.model import TaskSpec
from crontask_core.names import Key
from crontask_core.planning.execution import EndAttempt
from crontask_core.pods import PodEnd, PodFacts
from crontask_core.substitution import NOW_UNIX, values
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.executors.tokens import TokenError, Tokens
from crontask_operator.index import Run
from crontask_operator.ports import AttemptEnd, Reports
from crontask_operator.records import Records
from crontask_operator.secrets import read_keys
from crontask_operator.workers import Workers

log = structlog.get_logger(__name__)


class HttpCalls:
    """Makes HTTP calls (see `ports.Executor`)."""

    def __init__(
        self,
        api: ApiClient,
        clock: Clock,
        http: HttpExecutor,
        *,
        callers: Workers,
        records: Records,
        reports: Reports,
        may_send: Callable[[], bool],
        default_zone: str,
        uuid: Callable[[], str] = lambda: str(UUID(bytes=token_bytes(16), version=4)),
    ) -> None:
        self._api, self._clock, self._http, self._uuid = api, clock, http, uuid
        self._callers, self._records, self._reports = callers, records, reports
        self._may_send, self._default_zone = may_send, default_zone
        self._tokens = Tokens(api, clock)
        self._under_way: dict[Key, asyncio.Timeout] = {}

    def prepare(self, run: Run, spec: TaskSpec, number: int) -> bytes:
        """Nothing: Secrets are read when the call is made."""
        return b""

    def start(self, run: Run, spec: TaskSpec, prepared: bytes) -> None:
        """Queues the call."""
        self._callers.submit(lambda: self._attempt(run, spec))

    def end(self, run: Run, why: EndAttempt) -> None:
        """Drops the connection of the call under way."""
        scope = self._under_way.get(run.key)
        if scope is not None:
            scope.reschedule(asyncio.get_running_loop().time())

    def collect(self, run: Run, spec: TaskSpec | None, end: PodEnd) -> None:
        """Never asked: a call reports its own end."""
        raise AssertionError("an HTTP attempt has no pod")

    def recall(self, run: Run, spec: TaskSpec | None, pod: PodFacts) -> None:
        """Never asked: a call leaves nothing but its record."""
        raise AssertionError("an HTTP attempt has no pod")

    async def _attempt(self, run: Run, spec: TaskSpec) -> None:
        try:
            async with asyncio.timeout(None) as scope:
                self._under_way[run.key] = scope
                result = await self._result(run, spec)
        except TimeoutError:
            # Only `end` sets this time: the caller's own limits are reasons of the result.
            result = AttemptResult(False, "Stopped", "The call was dropped.")
        except Exception:
            log.exception("a call failed inside the operator", execution=str(run.key))
            result = AttemptResult(False, Reason.INTERNAL_ERROR, "The operator failed; see its log.")
        finally:
            if self._under_way.get(run.key) is scope:  # and not that of a later term of this replica
                del self._under_way[run.key]
        if result is None:
            self._reports.unsent(run)
            return
        self._reports.ended(
            run,
            AttemptEnd(
                result.succeeded,
                result.reason,
                result.message,
                http_status=result.http_status,
                http_status_text=result.http_status_text,
                url=result.url,
                timings=result.timings,
                output=result.output,
                output_truncated=result.output_truncated,
                response_headers=result.response_headers,
            ),
        )

    async def _result(self, run: Run, spec: TaskSpec) -> AttemptResult | None:
        """How the call went; None where it was not sent because this replica no longer leads."""
        action, attempt = spec.http, run.attempt
        assert action is not None, "the plan makes calls only for tasks with an http action"
        assert attempt is not None, "an attempt is opened before it is carried out"
        if run.stop is not None:
            return AttemptResult(False, run.stop, "Stopped before the call was made.")
        known = values(
            namespace=run.key.namespace,
            task=run.task.name,
            execution=run.key.name,
            attempt=attempt.number,
            trigger=run.trigger,
            scheduled_at=run.scheduled_at,
            zone=spec.time_zone or self._default_zone,
        )
        try:
            secrets = await read_keys(self._api, run.key.namespace, secret_refs(action))
            wanted = action.auth.service_account_token if action.auth else None
            token = await self._tokens.get(run.key.namespace, wanted) if wanted else ""
            request = build_request(
                action,
                values=known | {NOW_UNIX: str(int(self._clock.now().timestamp()))},
                secrets=secrets,
                timeout_seconds=spec.timeout_seconds,
                # With the namespace: one receiver may serve tasks of one name in several of them.
                execution=str(run.key),
                token=token,
                uuid=self._uuid,
            )
        except FieldError as error:
            return refused(error)
        except TokenError as error:
            return AttemptResult(False, "TokenUnavailable", str(error))
        except KubeError as error:
            return AttemptResult(False, "SecretUnreadable", f"A Secret cannot be read: {error}")

        def may_send() -> bool:
            return self._may_send() and self._reports.goes_on(run)

        if attempt.number > 1 and may_send() and not await self._records.write_now(run):
            return AttemptResult(False, "ApiUnavailable", "The attempt could not be recorded, so it was not sent.")
        if not may_send():
            return None
        self._reports.started(run, self._clock.now(), None)
        facts = await self._http.call(request, may_send=may_send)
        if facts.error is not None and facts.error.reason is Reason.NOT_SENT and not facts.sent:
            return None
        kept = spec.history
        return judge(request, facts, output_bytes=kept.output_bytes, header_bytes=kept.header_bytes)
