"""Calls that the holder before us still has under way: they end there, and we learn of it from their records.

A holder that hands a shard over tells with the Lease for how long it still ends
its calls (`finishing`). Until then an open call is left alone, neither lost nor
written to; it counts as running. What becomes of it is taken over from its
record: an outcome is counted, an ended attempt may be followed by another one.
What has said nothing when the time is over is lost, as after a crash.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from crontask_core.model import FINAL_PHASES, ExecutionStatus
from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError, NotFound
from crontask_kube.resources import EXECUTIONS
from crontask_operator.executions import Executions
from crontask_operator.index import Index, Run
from crontask_operator.workers import Workers

MARGIN_SECONDS = 2.0
"""So much longer than the other one writes we wait for what it has written."""
AGAIN_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Elsewhere:
    """See the module."""

    def __init__(self, index: Index, api: ApiClient, clock: Clock, crew: Workers, executions: Executions) -> None:
        self._index, self._api, self._clock, self._crew = index, api, clock, crew
        self._executions = executions
        self._until = 0.0
        self._runs: dict[Key, Run] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.on_over: Callable[[], None] = lambda: None
        """Called when the holder before us has nothing more to end."""

    def expect(self, seconds: float) -> None:
        """At the take-over: the holder before us ends its calls for so long; 0 where it ends none.

        A take-over that fails is tried again: what the first try has found under way is still waited for.
        """
        self._stop_waiting()
        self._until = self._clock.monotonic() + seconds + MARGIN_SECONDS if seconds else 0.0
        if seconds:
            self._timer = asyncio.get_running_loop().call_later(seconds + MARGIN_SECONDS, self._over)

    def forget_all(self) -> None:
        """The shard is somebody else's."""
        self._runs.clear()
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def seconds_left(self) -> float:
        """For how long something may still end elsewhere."""
        return max(0.0, self._until - self._clock.monotonic()) if self._runs else 0.0

    def keeps(self, run: Run) -> bool:
        """Whether an open call that is found at the take-over may still end where it was made; then it is kept."""
        if self._clock.monotonic() >= self._until:
            return False
        self._runs[run.key] = run
        run.elsewhere = run.calling = True
        return True

    def changed(self, run: Run, status: ExecutionStatus) -> None:
        """An event tells of a run that is elsewhere. An outcome is final; anything else may be an old event."""
        if status.phase in FINAL_PHASES:
            self._settle(run, status)
        elif _is_closed(status):
            self._crew.submit(lambda: self._look(run))

    def stop(self, run: Run) -> None:
        """Asks whoever has the call under way to stop it."""
        self._crew.submit(lambda: self._stop(run))

    async def _stop(self, run: Run) -> None:
        try:
            await self._api.patch(EXECUTIONS, run.key.namespace, run.key.name, {"spec": {"stop": True}})
        except KubeError as error:
            log.warning("the execution cannot be stopped", execution=str(run.key), error=str(error))

    def _over(self) -> None:
        self._timer = None
        self.on_over()
        for run in list(self._runs.values()):
            self._crew.submit(partial(self._look, run))

    async def _look(self, run: Run) -> None:
        """Reads the record as it is now. When the time is over and it tells of no end, the call is lost."""
        if not self._is_elsewhere(run):
            return
        status = None
        try:
            body = await self._api.get(EXECUTIONS, run.key.namespace, run.key.name)
            status = ExecutionStatus.model_validate(body.get("status") or {})
        except NotFound:
            log.info("the record was deleted meanwhile", execution=str(run.key))
        except KubeError:
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._crew.submit, partial(self._look, run))
            return
        if not self._is_elsewhere(run):
            return
        if status is not None and (status.phase in FINAL_PHASES or _is_closed(status)):
            self._settle(run, status)
        elif self._clock.monotonic() >= self._until:
            self._take_back(run)
            self._executions.attempt_lost(run, run.spec(), self._clock.now())

    def _is_elsewhere(self, run: Run) -> bool:
        return self._runs.get(run.key) is run and self._index.runs.get(run.key) is run

    def _settle(self, run: Run, status: ExecutionStatus) -> None:
        self._take_back(run)
        if status.phase in FINAL_PHASES:
            self._executions.ended_elsewhere(run, status)
        else:
            run.attempts = list(status.attempts)
            self._executions.advance(run)

    def _take_back(self, run: Run) -> None:
        self._runs.pop(run.key, None)
        run.elsewhere = run.calling = False


def _is_closed(status: ExecutionStatus) -> bool:
    """Whether no call of it is under way: the last one has ended, or was not sent after all."""
    return not status.attempts or status.attempts[-1].finished_at is not None
