"""Backfills: executions that stand for many past instants, each of which becomes an execution of its own.

`plan_backfill` says which are begun; `children` makes them and follows them.
"""

import asyncio
from collections.abc import Callable, Iterable, Set
from typing import Any

import structlog

from crontask_core.history import Ended
from crontask_core.model import FINAL_PHASES, BackfillProgress, ExecutionSpec, ExecutionStatus
from crontask_core.names import Key, key_of
from crontask_core.planning.backfill import BackfillObservation, BackfillPlan, outcome, plan_backfill
from crontask_core.planning.leaving_out import LeavingOut
from crontask_core.planning.observation import Closed
from crontask_core.planning.overlap import concurrency_limit
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_operator.byhand import ByHand
from crontask_operator.children import Children
from crontask_operator.executions import Executions
from crontask_operator.fillings import Acceptance, Filling, filling_of
from crontask_operator.index import Index, Run, Task
from crontask_operator.isolation import each
from crontask_operator.records import Records
from crontask_operator.workers import Workers

AGAIN_SECONDS = 5.0
"""After so long a backfill is looked at again, whatever has been missed."""
WRITE_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Backfills:
    """Carries backfills out, while this replica leads."""

    def __init__(
        self,
        index: Index,
        api: ApiClient,
        clock: Clock,
        *,
        crew: Workers,
        executions: Executions,
        by_hand: ByHand,
        records: Records,
        leads: Callable[[], bool],
        closed: Callable[[Task], Closed | None],
    ) -> None:
        """`closed`: see `Instants.closed`."""
        self._index, self._records, self._leads, self._closed = index, records, leads, closed
        self.children = Children(index, api, crew=crew, executions=executions, by_hand=by_hand)
        self.children.look, self.children.is_open = self._look, self._is_current
        self._acceptance = Acceptance(api, clock, crew=crew, by_hand=by_hand, records=records, again=AGAIN_SECONDS)
        self._acceptance.look = self._look
        self._open: dict[Key, Filling] = {}
        self._resting = False

    # What exists.

    def seen(self, key: Key, body: dict[str, Any], spec: ExecutionSpec, status: ExecutionStatus) -> None:
        """A backfill that has not ended exists in this state."""
        filling = self._open.get(key)
        if filling is None:
            filling = self._open[key] = filling_of(body, spec, status)
        filling.stop = filling.stop or spec.stop
        self._look(filling)

    def keys(self) -> Set[Key]:
        """The open backfills."""
        return self._open.keys()

    def gone(self, key: Key) -> None:
        """A backfill was deleted: what runs of it is stopped."""
        filling = self._open.get(key)
        if filling is not None:
            filling.stop = filling.deleted = True
            self._look(filling)

    def take_over(self, bodies: Iterable[dict[str, Any]]) -> None:
        """From a list of all executions: the open backfills, and what has become of their instants."""
        self.forget_all()
        self._resting = False
        found = [body for body in bodies if (body.get("spec") or {}).get("trigger") == "Backfill"]
        each((body for body in found if "backfill" in body["spec"]), self._take_over)
        each((body for body in found if "backfill" not in body["spec"]), self._take_over_child)

    def _take_over(self, body: dict[str, Any]) -> None:
        spec, status = _read(body)
        if status.phase not in FINAL_PHASES:
            filling = filling_of(body, spec, status)
            self._open[filling.key] = filling

    def _take_over_child(self, body: dict[str, Any]) -> None:
        spec, status = _read(body)
        key = key_of(body)
        filling = self._open.get(Key(key.namespace, spec.parent or ""))
        if filling is not None and spec.scheduled_at is not None:
            self.children.found(filling, key, spec.scheduled_at, status.phase)

    def resume(self) -> None:
        """After a take-over: goes on, and stops what belongs to backfills that were deleted meanwhile."""
        self.children.stop_strays()
        for filling in list(self._open.values()):
            self._look(filling)

    # What others ask and tell.

    def of_task(self, task: Key) -> bool:
        """Whether a backfill of the task is going on."""
        return any(filling.run.task == task for filling in self._open.values())

    def stored(self, run: Run) -> None:
        """An execution has ended, durably: one of a backfill, a backfill, or one that leaves room."""
        if run.backfill is not None:
            self._forget(run.key)
            return
        self.children.ended(run)
        for filling in self._open.values():
            if filling.run.task == run.task:
                self._look(filling)

    def progress(self, run: Run, stored: BackfillProgress) -> None:
        """A backfill's record has come to show this progress."""
        filling = self._open.get(run.key)
        if filling is None or filling.run is not run:
            return
        filling.stored = stored
        self.children.counted(filling)

    def rest(self) -> None:
        """Begins nothing more (an orderly stop)."""
        self._resting = True

    def forget_all(self) -> None:
        """Does nothing more: the shard is somebody else's."""
        for key in list(self._open):
            self._forget(key)
        self.children.forget_all()

    def _forget(self, key: Key) -> None:
        filling = self._open.pop(key, None)
        if filling is None:
            return
        if filling.timer is not None:
            filling.timer.cancel()
        self.children.forget(filling)

    # The next step.

    def _look(self, filling: Filling, seconds: float = 0.0) -> None:
        if filling.timer is not None:
            filling.timer.cancel()
        filling.timer = asyncio.get_running_loop().call_later(seconds, self._advance_safely, filling)

    def _advance_safely(self, filling: Filling) -> None:
        filling.timer = None
        if not self._is_current(filling) or filling.run.finished_at is not None:
            return
        try:
            self._advance(filling)
        except Exception:
            # Law 4: what makes the operator fail ends this backfill, and nothing else.
            log.exception("a backfill cannot go on", backfill=str(filling.key))
            why = "The operator failed on this backfill; its log says where."
            self._acceptance.finish(filling, "Failed", "InternalError", why)

    def _advance(self, filling: Filling) -> None:
        if filling.body is not None:
            self._acceptance.submit(filling)
            return
        task = self._index.tasks.get(filling.run.task)
        filling.stop = filling.stop or task is None
        self._look(filling, AGAIN_SECONDS)
        if task is not None and task.schedule is None and not filling.stop:
            return  # the task says itself what is wrong with it
        plan = plan_backfill(self._observe(filling, task))
        for at in plan.left_out:
            filling.children[at] = "LeftOut"
        for at in plan.begins:
            self.children.begin(filling, at)
        if filling.stop:
            self.children.stop(filling, task)
        self._note(filling, plan, "" if not filling.stop else "Stopped" if task is not None else "TaskDeleted")

    def _observe(self, filling: Filling, task: Task | None) -> BackfillObservation:
        return BackfillObservation(
            schedule=task.schedule if task is not None else None,
            wanted=filling.wanted,
            progress=filling.progress,
            children={at: self.children.state(filling, at) for at in filling.children},
            leave_out=self._leaving_out(filling, task) if task is not None else lambda at: False,
            room=self._room(filling, task) if task is not None and not self._resting else 0,
            stop=filling.stop,
            # What lies before its next look the schedule has decided on, or will only skip (a pause with an end).
            held_from=task.wake_at if task is not None else None,
        )

    def _leaving_out(self, filling: Filling, task: Task) -> LeavingOut:
        own = (None, "", filling.key.name)
        made: list[Ended | Run] = [*task.ended, *task.runs.values()]
        of_others = [each for each in made if each.trigger == "Backfill" and each.parent not in own]
        return LeavingOut(
            task=task.key.name,
            ledger=task.tally.ledger,
            begun={ended.name for ended in task.ended if ended.began} | task.runs.keys(),
            filled={each.scheduled_at for each in of_others if each.scheduled_at is not None},
            closed=self._closed(task),
            again=filling.wanted.again,
        )

    def _room(self, filling: Filling, task: Task) -> int:
        limit = concurrency_limit(task.spec())
        if limit is None:
            return filling.wanted.parallelism
        return limit - sum(run.finished_at is None for run in task.runs.values())

    def _note(self, filling: Filling, plan: BackfillPlan, stopped: str) -> None:
        """Has the record tell what the plan says; `stopped` is why the backfill ends before its time."""
        if filling.deleted:
            if plan.over:
                self._forget(filling.key)
            return
        if plan.progress != filling.progress:
            filling.progress = filling.run.backfill = plan.progress
            self._records.touch(filling.run, WRITE_SECONDS)
        if plan.over:
            self._acceptance.finish(filling, *outcome(plan.progress, stopped=stopped))
        elif plan.again:
            self._look(filling)

    def _is_current(self, filling: Filling) -> bool:
        return self._leads() and self._open.get(filling.key) is filling


def _read(body: dict[str, Any]) -> tuple[ExecutionSpec, ExecutionStatus]:
    return ExecutionSpec.model_validate(body["spec"]), ExecutionStatus.model_validate(body.get("status") or {})
