"""The calls of a shard that was handed over while they were under way: this replica writes how they ended.

It keeps no more than their records: no statuses, events, notices or further
attempts, which are the successor's (`elsewhere`). Nobody else writes these
records until the seconds have passed that were told with the Lease.
"""

import asyncio
from collections.abc import Callable

import structlog

from crontask_core.model import FINAL_PHASES
from crontask_core.names import Key
from crontask_core.planning.execution import EndAttempt, ExecutionObservation, Finish, plan_execution
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_operator.index import Run
from crontask_operator.records import Records
from crontask_operator.workers import Workers

WRITE_SECONDS = 5.0
"""How long the records of the last calls may take."""
log = structlog.get_logger(__name__)


class Finishing:
    """Runs that end here although the shard is another's."""

    def __init__(self, api: ApiClient, clock: Clock, crew: Workers) -> None:
        self._clock = clock
        self._records = Records(api, crew, lambda: clock.monotonic() < self._until, lambda: False)
        self._records.on_stored.append(self._stored)
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self.runs: dict[Key, Run] = {}
        self.on_ended: Callable[[Run], None] = lambda run: None
        """Called with a run that has its outcome, before that is written: it names its followers."""

    def take(self, runs: list[Run], seconds: float) -> None:
        """From now on these end here, within `seconds`."""
        self._until = self._clock.monotonic() + seconds
        self.leave()
        self.runs = {run.key: run for run in runs}
        self._timer = asyncio.get_running_loop().call_later(seconds, self.leave) if runs else None

    @property
    def settled(self) -> bool:
        """Whether all of them have ended and are recorded."""
        return not self.runs and self._records.idle

    def _stored(self, run: Run) -> None:
        self.runs.pop(run.key, None)

    def leave(self) -> None:
        """The time is over, or there was nobody to tell: what has not ended by now is lost."""
        if self._timer is not None:
            self._timer.cancel()
        self.runs.clear()
        self._records.forget_all()

    def goes_on(self, run: Run) -> bool:
        """Whether the run is one of those."""
        return self.runs.get(run.key) is run

    def ended(self, run: Run) -> None:
        """Its call is over. Whether another attempt follows is seen, and done, by the successor."""
        now = self._clock.now()
        step = plan_execution(ExecutionObservation(run.phase, tuple(run.attempts), run.spec(), run.stop, None), now)
        if isinstance(step, Finish):
            run.phase, run.reason, run.message, run.finished_at = step.phase, step.reason, step.message, now
            self.on_ended(run)
        self._write(run)

    def unsent(self, run: Run) -> None:
        """Its call was not sent after all: without the attempt, the record tells the successor to send it."""
        run.attempts.pop()
        self._write(run)

    def stop(self, key: Key, end: Callable[[Run, EndAttempt], None]) -> None:
        """Somebody wants it stopped; `end` drops its call."""
        run = self.runs.get(key)
        if run is not None and run.calling and run.stop is None:
            run.stop = "Stopped"
            run.ending = EndAttempt("Stopped", "The execution was stopped (spec.stop).")
            end(run, run.ending)

    def _write(self, run: Run) -> None:
        log.info("ended after the shard was handed over", execution=str(run.key), phase=run.phase)
        self._records.touch(run, 0)
        if run.phase not in FINAL_PHASES:
            self.runs.pop(run.key, None)
