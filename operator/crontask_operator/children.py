"""The executions of a backfill's instants: made, found again, and stopped.

They are created as objects under names made of the instant and the backfill, and
begin like those made by hand, so that doing it twice is harmless. What has ended
stays, beyond the history limits too, until the backfill's own record counts it
(`holds`): a successor goes on from there. `backfills` decides what is next.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from crontask_core.manifests import execution_body
from crontask_core.model import FINAL_PHASES, ExecutionSpec, ExecutionStatus, Phase
from crontask_core.names import Key
from crontask_core.planning.backfill import Child
from crontask_kube.client import ApiClient
from crontask_kube.errors import AlreadyExists, KubeError, NotFound
from crontask_kube.resources import EXECUTIONS
from crontask_operator.byhand import ByHand
from crontask_operator.executions import Executions
from crontask_operator.fillings import Filling
from crontask_operator.index import Index, Run, Task
from crontask_operator.workers import Workers

log = structlog.get_logger(__name__)


class Children:
    """See the module."""

    def __init__(self, index: Index, api: ApiClient, *, crew: Workers, executions: Executions, by_hand: ByHand) -> None:
        self._index, self._api, self._crew = index, api, crew
        self._executions, self._by_hand = executions, by_hand
        self._parents: dict[Key, tuple[Filling, datetime]] = {}
        """By the execution of an instant, as long as the backfill's record does not count it."""
        self.look: Callable[[Filling], None] = lambda filling: None
        """Called with a backfill of which something has become known."""
        self.is_open: Callable[[Filling], bool] = lambda filling: False
        """Whether a backfill goes on, and is for this replica to carry out."""

    def holds(self, execution: Key) -> bool:
        """Whether the record of an ended execution must stay, because no backfill's record counts it yet."""
        return execution in self._parents

    def wants(self, execution: Key) -> bool:
        """Whether the backfill that has made the execution still wants it to begin."""
        found = self._parents.get(execution)
        return found is not None and not found[0].stop

    def found(self, filling: Filling, key: Key, at: datetime, phase: Phase) -> None:
        """An execution that an earlier leader has made, as its record shows it."""
        if filling.is_beyond(at) and filling.child(at) == key:
            filling.children[at] = phase if phase in FINAL_PHASES else "Pending"
            self._parents[key] = (filling, at)

    def ended(self, run: Run) -> None:
        """An execution has ended, durably."""
        if (found := self._parents.get(run.key)) is not None:
            found[0].children[found[1]] = run.phase

    def counted(self, filling: Filling) -> None:
        """The backfill's record has come to count more: that needs nobody's memory any more."""
        for at in [at for at in filling.children if not filling.is_beyond(at)]:
            del filling.children[at]
            self._parents.pop(filling.child(at), None)

    def forget(self, filling: Filling) -> None:
        """The backfill has ended, or is somebody else's."""
        for at in filling.children:
            self._parents.pop(filling.child(at), None)

    def forget_all(self) -> None:
        """The shard is somebody else's."""
        self._parents.clear()

    def state(self, filling: Filling, at: datetime) -> Child:
        """What has become of an instant so far."""
        child = filling.children[at]
        if child != "Pending":
            return child
        key = filling.child(at)
        is_open = key in self._index.runs or at in filling.creating or self._by_hand.deals_with(key)
        return "Running" if is_open else "Pending"

    def stop(self, filling: Filling, task: Task | None) -> None:
        """Stops what runs of the backfill, and ends what has not begun."""
        for at, child in list(filling.children.items()):
            run = self._index.runs.get(filling.child(at))
            if child == "Pending" and run is not None:
                if task is not None:  # otherwise it outlives the task, and goes on
                    self._executions.stop(run, "Stopped")
            elif self.state(filling, at) == "Pending":
                self.begin(filling, at)  # which ends it

    def stop_strays(self) -> None:
        """After a take-over: stops what belongs to backfills that were deleted meanwhile."""
        for run in list(self._index.runs.values()):
            if run.trigger == "Backfill" and run.parent and run.key not in self._parents:
                self._executions.stop(run, "Stopped")

    def begin(self, filling: Filling, at: datetime) -> None:
        """Makes the execution of an instant and has it accepted."""
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
        """Where there is an execution already, that one is looked at."""
        key, task = filling.child(at), self._index.tasks.get(filling.run.task)
        if not self.is_open(filling):
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
                self.look(filling)
                return
        phase = ExecutionStatus.model_validate(body.get("status") or {}).phase
        if phase in FINAL_PHASES:
            filling.children[at] = phase
            self.look(filling)
        elif phase == "Pending" and key not in self._index.runs:
            self._by_hand.accept(key, body, ExecutionSpec.model_validate(body["spec"]))


def _body(filling: Filling, key: Key, at: datetime, task: Task) -> dict[str, Any]:
    return execution_body(
        key,
        task=task.key,
        uid=task.uid,
        trigger="Backfill",
        scheduled_at=at,
        status=ExecutionStatus(),
        parent=filling.key.name,
        kept_seconds=task.kept_seconds(),
    )
