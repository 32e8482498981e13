"""A backfill as the operator knows it, and how it is accepted or refused when it comes.

The backfill's own execution is a `Run` outside the index: it makes no attempts,
`records` writes it like others, and what its record shows of the progress is what
a successor begins with. `backfills` decides what is next.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from crontask_core.model import Backfill, BackfillProgress, ExecutionSpec, ExecutionStatus, Phase
from crontask_core.names import Key, caused_name, key_of
from crontask_core.planning.backfill import MAX_INSTANTS, Child, before, counted, refusal, too_many
from crontask_core.schedule import Schedule
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError
from crontask_kube.resources import EXECUTIONS
from crontask_operator.byhand import ByHand, execution_metadata
from crontask_operator.index import Run, Task
from crontask_operator.records import Records
from crontask_operator.workers import Workers

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Filling:
    """A backfill that has not ended."""

    run: Run
    uid: str
    wanted: Backfill
    body: dict[str, Any] | None
    """The object, until it is accepted."""
    progress: BackfillProgress
    stored: BackfillProgress
    """The progress that its record shows."""
    stop: bool = False
    deleted: bool = False
    """Whether its object is gone, so that there is nothing to write."""
    children: dict[datetime, Child] = field(default_factory=dict)
    """Instants beyond the stored cursor: LeftOut, Pending where an execution has been made, or how that has ended."""
    creating: set[datetime] = field(default_factory=set)
    accepting: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def key(self) -> Key:
        """The backfill's own execution."""
        return self.run.key

    def child(self, at: datetime) -> Key:
        """The execution of an instant. It is made of the uid too, because a name may be used again."""
        return Key(self.key.namespace, caused_name(self.run.task.name, at, f"{self.key.name}/{self.uid}"))

    def is_beyond(self, at: datetime) -> bool:
        """Whether the backfill's record does not count the instant yet."""
        return self.stored.cursor is None or at > self.stored.cursor


def filling_of(body: dict[str, Any], spec: ExecutionSpec, status: ExecutionStatus) -> Filling:
    """The backfill that an object stands for."""
    assert spec.backfill is not None
    meta, progress = body["metadata"], status.backfill or BackfillProgress()
    created = datetime.fromisoformat(meta["creationTimestamp"])
    key = key_of(body)
    run = Run(
        key=key,
        task=Key(key.namespace, spec.task_ref.name),
        uid="",
        spec_bytes=b"",
        trigger="Backfill",
        scheduled_at=created,
        phase=status.phase,
        started_at=status.started_at,
        backfill=progress,
        stored=True,
        version=meta["resourceVersion"],
    )
    return Filling(run, meta["uid"], spec.backfill, body, progress, progress, spec.stop)


class Acceptance:
    """Looks at each backfill once, before anything of it is begun."""

    def __init__(
        self, api: ApiClient, clock: Clock, *, crew: Workers, by_hand: ByHand, records: Records, again: float
    ) -> None:
        self._api, self._clock, self._crew = api, clock, crew
        self._by_hand, self._records, self._again = by_hand, records, again
        self.look: Callable[[Filling, float], None] = lambda filling, seconds: None
        """Called with what has been accepted, or could not be decided on, and in how many seconds to look again."""

    def submit(self, filling: Filling) -> None:
        """Has it accepted or refused."""
        if not filling.accepting:
            filling.accepting = True
            self._crew.submit(lambda: self._accept(filling))

    async def _accept(self, filling: Filling) -> None:
        wait = 0.0
        try:
            await self._decide(filling)
        except KubeError as error:
            log.warning("the backfill cannot be begun yet", backfill=str(filling.key), error=str(error))
            wait = self._again
        finally:
            filling.accepting = False
        if filling.run.finished_at is None:
            self.look(filling, wait)

    async def _decide(self, filling: Filling) -> None:
        run, now = filling.run, self._clock.now()
        task = await self._by_hand.task(run.task)
        if task is not None:
            run.uid = task.uid
            run.kept_seconds = task.kept_seconds()
        end = await self._problem(filling, task, now)
        total = 0
        if end is None and task is not None and task.schedule is not None:
            total = await count(task.schedule, filling)
            end = ("Failed", "TooManyInstants", too_many(filling.wanted)) if total > MAX_INSTANTS else None
        # Labels and the bond to the task, so that history limits and deletion reach it too.
        body = {"metadata": execution_metadata(run, task, filling.body or {"metadata": {}})}
        await self._api.patch(EXECUTIONS, run.key.namespace, run.key.name, body)
        filling.body = None
        if end is not None:
            self.finish(filling, *end)
            return
        ended = filling.progress.succeeded + filling.progress.failed + filling.progress.skipped
        filling.progress = run.backfill = filling.progress.model_copy(update={"total": ended + total})
        run.phase, run.started_at = "Running", run.started_at or now
        self._records.touch(run, 0)
        log.info("backfill begun", backfill=str(run.key), instants=total)

    async def _problem(self, filling: Filling, task: Task | None, now: datetime) -> tuple[Phase, str, str] | None:
        """Why the backfill cannot be begun: phase, reason, message."""
        if filling.stop:
            return "Cancelled", "Stopped", "The backfill was stopped before it began."
        if task is None:
            return "Failed", "TaskNotFound", f'There is no CronTask "{filling.run.task.name}" in this namespace.'
        if task.schedule is None:
            return "Failed", task.problem_reason, task.problem
        problem = refusal(filling.wanted, task.schedule, now)
        return ("Failed", "InvalidSpec", problem) if problem else None

    def finish(self, filling: Filling, phase: Phase, reason: str, message: str) -> None:
        """The backfill has ended so, which is written now."""
        run = filling.run
        run.phase, run.reason, run.message, run.finished_at = phase, reason, message, self._clock.now()
        self._records.touch(run, 0)
        log.info("backfill finished", backfill=str(run.key), phase=phase, reason=reason)


async def count(schedule: Schedule, filling: Filling) -> int:
    """How many instants are to come, at most one more than there may be; lets everything else go on meanwhile."""
    total = 0
    after: datetime | None = filling.progress.cursor or before(filling.wanted)
    while after is not None and total <= MAX_INSTANTS:
        found, after = counted(schedule, after, filling.wanted)
        total += found
        await asyncio.sleep(0)
    return total
