"""Backfills: executions that stand for many past instants, each of which becomes an execution of its own.

`plan_backfill` says which are begun. They are created as objects under names made
of the instant and the backfill, and begin like those made by hand, so that doing
it twice is harmless. What has ended stays, beyond the history limits too, until
the backfill's own record counts it (`holds`): a successor goes on from there.
"""

import asyncio
from collections.abc import Callable, Iterable, Set
from datetime import datetime
from typing import Any

import structlog

from crontask_core.history import kept_without_task
from crontask_core.manifests import execution_body
from crontask_core.model import FINAL_PHASES, BackfillProgress, ExecutionSpec, ExecutionStatus
from crontask_core.names import Key, execution_name
from crontask_core.planning.backfill import (
    STARTED,
    BackfillObservation,
    BackfillPlan,
    Child,
    outcome,
    plan_backfill,
)
from crontask_core.planning.overlap import concurrency_limit
from crontask_core.planning.task import Closed
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, KubeError, NotFound
from crontask_kube.resources import EXECUTIONS
from crontask_operator.byhand import ByHand
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
        self._index, self._api, self._crew = index, api, crew
        self._executions, self._by_hand, self._records = executions, by_hand, records
        self._leads, self._closed = leads, closed
        self._acceptance = Acceptance(api, clock, crew=crew, by_hand=by_hand, records=records, again=AGAIN_SECONDS)
        self._acceptance.look = self._look
        self._open: dict[Key, Filling] = {}
        self._parents: dict[Key, tuple[Filling, datetime]] = {}
        """By the execution of an instant, as long as the backfill's record does not count it."""
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
        spec, status = (
            ExecutionSpec.model_validate(body["spec"]),
            ExecutionStatus.model_validate(body.get("status") or {}),
        )
        if status.phase not in FINAL_PHASES:
            filling = filling_of(body, spec, status)
            self._open[filling.key] = filling

    def _take_over_child(self, body: dict[str, Any]) -> None:
        spec, status = (
            ExecutionSpec.model_validate(body["spec"]),
            ExecutionStatus.model_validate(body.get("status") or {}),
        )
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        filling, at = self._open.get(Key(key.namespace, spec.parent or "")), spec.scheduled_at
        if filling is not None and at is not None and filling.is_beyond(at) and filling.child(at) == key:
            filling.children[at] = status.phase if status.phase in FINAL_PHASES else "Pending"
            self._parents[key] = (filling, at)

    def resume(self) -> None:
        """After a take-over: goes on, and stops what belongs to backfills that were deleted meanwhile."""
        for run in list(self._index.runs.values()):
            if run.trigger == "Backfill" and run.parent and run.key not in self._parents:
                self._executions.stop(run, "Stopped")
        for filling in list(self._open.values()):
            self._look(filling)

    # What others ask and tell.

    def holds(self, execution: Key) -> bool:
        """Whether the record of an ended execution must stay, because no backfill's record counts it yet."""
        return execution in self._parents

    def wants(self, execution: Key) -> bool:
        """Whether the backfill that has made the execution still wants it to begin."""
        found = self._parents.get(execution)
        return found is not None and not found[0].stop

    def of_task(self, task: Key) -> bool:
        """Whether a backfill of the task is going on."""
        return any(filling.run.task == task for filling in self._open.values())

    def stored(self, run: Run) -> None:
        """An execution has ended, durably: one of a backfill, a backfill, or one that leaves room."""
        if run.backfill is not None:
            self._forget(run.key)
            return
        if (found := self._parents.get(run.key)) is not None:
            found[0].children[found[1]] = run.phase
        for filling in self._open.values():
            if filling.run.task == run.task:
                self._look(filling)

    def progress(self, run: Run, stored: BackfillProgress) -> None:
        """A backfill's record has come to show this progress: what it counts needs nobody's memory any more."""
        filling = self._open.get(run.key)
        if filling is None or filling.run is not run:
            return
        filling.stored = stored
        for at in [at for at in filling.children if not filling.is_beyond(at)]:
            del filling.children[at]
            self._parents.pop(filling.child(at), None)

    def rest(self) -> None:
        """Begins nothing more (an orderly stop)."""
        self._resting = True

    def forget_all(self) -> None:
        """Does nothing more: the shard is somebody else's."""
        for key in list(self._open):
            self._forget(key)
        self._parents.clear()

    def _forget(self, key: Key) -> None:
        filling = self._open.pop(key, None)
        if filling is None:
            return
        if filling.timer is not None:
            filling.timer.cancel()
        for at in filling.children:
            self._parents.pop(filling.child(at), None)

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
            self._begin(filling, at)
        if filling.stop:
            self._stop_children(filling, task)
        self._note(filling, plan, "" if not filling.stop else "Stopped" if task is not None else "TaskDeleted")

    def _observe(self, filling: Filling, task: Task | None) -> BackfillObservation:
        return BackfillObservation(
            schedule=task.schedule if task is not None else None,
            wanted=filling.wanted,
            progress=filling.progress,
            children={at: self._state(filling, at, child) for at, child in filling.children.items()},
            leave_out=_LeaveOut(filling, task, self._closed(task)) if task is not None else lambda at: False,
            room=self._room(filling, task) if task is not None and not self._resting else 0,
            stop=filling.stop,
            # What lies before its next look the schedule has decided on, or will only skip (a pause with an end).
            held_from=task.wake_at if task is not None else None,
        )

    def _state(self, filling: Filling, at: datetime, child: Child) -> Child:
        if child != "Pending":
            return child
        key = filling.child(at)
        is_open = key in self._index.runs or at in filling.creating or self._by_hand.deals_with(key)
        return "Running" if is_open else "Pending"

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

    # The executions of the instants.

    def _stop_children(self, filling: Filling, task: Task | None) -> None:
        for at, child in list(filling.children.items()):
            run = self._index.runs.get(filling.child(at))
            if child == "Pending" and run is not None:
                if task is not None:  # otherwise it outlives the task, and goes on
                    self._executions.stop(run, "Stopped")
            elif self._state(filling, at, child) == "Pending":
                self._begin(filling, at)  # which ends it

    def _begin(self, filling: Filling, at: datetime) -> None:
        filling.children[at] = "Pending"
        self._parents[filling.child(at)] = (filling, at)
        filling.creating.add(at)
        self._crew.submit(lambda: self._create(filling, at))

    async def _create(self, filling: Filling, at: datetime) -> None:
        try:
            await self._create_or_find(filling, at)
        except KubeError as error:
            log.warning("an instant cannot be begun yet", backfill=str(filling.key), error=str(error))
        finally:
            filling.creating.discard(at)

    async def _create_or_find(self, filling: Filling, at: datetime) -> None:
        """Makes the execution of an instant and has it accepted, or looks at the one that there is."""
        key, task = filling.child(at), self._index.tasks.get(filling.run.task)
        if not self._is_current(filling):
            return
        body: dict[str, Any] | None = None
        if task is not None and not filling.stop:
            try:
                body = await self._api.create(EXECUTIONS, key.namespace, _body(filling, key, at, task))
            except AlreadyExists:
                body = None
        if body is None:
            try:
                body = await self._api.get(EXECUTIONS, key.namespace, key.name)
            except NotFound:
                filling.children.pop(at, None)
                self._parents.pop(key, None)
                self._look(filling)
                return
        phase = ExecutionStatus.model_validate(body.get("status") or {}).phase
        if phase in FINAL_PHASES:
            filling.children[at] = phase
            self._look(filling)
        elif phase == "Pending" and key not in self._index.runs:
            self._by_hand.accept(key, body, ExecutionSpec.model_validate(body["spec"]))

    def _is_current(self, filling: Filling) -> bool:
        return self._leads() and self._open.get(filling.key) is filling


def _body(filling: Filling, key: Key, at: datetime, task: Task) -> dict[str, Any]:
    return execution_body(
        key,
        task=task.key,
        uid=task.uid,
        trigger="Backfill",
        scheduled_at=at,
        status=ExecutionStatus(),
        parent=filling.key.name,
        kept_seconds=kept_without_task(task.spec()) if not task.problem else None,
    )


class _LeaveOut:
    """Which instants a backfill leaves out: closed ones, and what the schedule or another backfill has started."""

    def __init__(self, filling: Filling, task: Task, closed: Closed | None) -> None:
        self._task, self._closed, self._again = task, closed, filling.wanted.again
        self._names = {ended.name for ended in task.ended if ended.began} | task.runs.keys()
        parents = (None, "", filling.key.name)
        ended = {each.scheduled_at for each in task.ended if each.trigger == "Backfill" and each.parent not in parents}
        runs = task.runs.values()
        self._filled = ended | {
            run.scheduled_at for run in runs if run.trigger == "Backfill" and run.parent not in parents
        }

    def __call__(self, at: datetime) -> bool:
        """Whether the instant is left out."""
        if self._closed is not None and self._closed(at) == "Calendar":
            return True
        if self._again:
            return False
        entry = self._task.tally.ledger.at(at)
        if entry is not None and entry.outcome in STARTED:
            return True
        return at in self._filled or execution_name(self._task.key.name, at) in self._names
