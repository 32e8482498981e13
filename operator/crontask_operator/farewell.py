"""Deletes tasks that were to be deleted by themselves (the rule is `crontask_core.planning.farewell`).

Looked at after each durable status, and at the take-over: what was counted is
stored by then, so that nothing that depends on the task's end is lost with it.
A task that was edited in the meantime is judged anew.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from crontask_core.names import Key
from crontask_core.planning.dependencies import Dependencies
from crontask_core.planning.farewell import Farewell as Verdict
from crontask_core.planning.farewell import FarewellObservation, judge_farewell
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import Conflict, KubeError, NotFound
from crontask_kube.resources import TASKS
from crontask_operator.index import Index, Task
from crontask_operator.recorder import Recorder
from crontask_operator.workers import Workers

MAX_TRIES = 10
LONGEST_WAIT = 300.0
log = structlog.get_logger(__name__)


def observe(task: Task, dependencies: Dependencies) -> FarewellObservation:
    """What is known of the task."""
    tally, runs = task.tally, task.runs.values()
    return FarewellObservation(
        delete_after=task.delete_after,
        dispatched=bool(tally.last_run or tally.lost)
        or any(run.started_at for run in runs)
        or any(ended.began for ended in task.ended),
        succeeded=tally.succeeded > 0,
        comes=task.schedule is None or task.schedule.next(task.watermark) is not None,
        came=task.schedule is not None and task.schedule.next(task.created - timedelta(seconds=1)) is not None,
        paused=task.paused,
        busy=bool(task.runs),
        unsaved=bool(task.unsaved) or any(not run.stored for run in runs),
        untold=tally.outbox is not None and bool(tally.outbox.pending),
        owns=any(run.kept_seconds is None for run in runs),
        awaited=bool(dependencies.children(task.key)),
    )


class Farewell:
    """Sees tasks off, one deletion each."""

    def __init__(
        self,
        api: ApiClient,
        index: Index,
        clock: Clock,
        *,
        crew: Workers,
        recorder: Recorder,
        leads: Callable[[], bool],
        is_needed: Callable[[Key], bool],
    ) -> None:
        """`is_needed` says whether something goes on besides a task's executions that would end with the task."""
        self._api, self._index, self._clock = api, index, clock
        self._crew, self._recorder, self._leads = crew, recorder, leads
        self._is_needed = is_needed
        self._going: set[Key] = set()

    def consider(self, task: Task) -> None:
        """Has the task deleted if it is time. Until it is gone, or edited, it starts nothing more."""
        if task.delete_after == "Never":
            return
        verdict = self._judge(task)
        if verdict != "Stay":
            task.wake_at = None
        if verdict == "Go" and task.key not in self._going and not self._is_needed(task.key):
            self._going.add(task.key)
            self._crew.submit(lambda: self._delete(task, 1))

    def _judge(self, task: Task) -> Verdict:
        return judge_farewell(observe(task, self._index.dependencies))

    async def _delete(self, task: Task, tries: int) -> None:
        problem = "it was changed again and again"
        try:
            if not self._leads() or not self._is_still_to_go(task) or await self._is_gone(task):
                self._going.discard(task.key)
                return
        except Conflict:
            pass
        except KubeError as error:
            problem = str(error)
        log.warning("the task cannot be deleted yet", task=str(task.key), problem=problem)
        if tries >= MAX_TRIES:
            self._going.discard(task.key)  # its next status, or the next leader, comes back to it
            self._recorder.kept(task, problem, self._clock.now())
            return
        wait = min(2.0**tries, LONGEST_WAIT)
        asyncio.get_running_loop().call_later(wait, self._crew.submit, lambda: self._delete(task, tries + 1))

    def _is_still_to_go(self, task: Task) -> bool:
        return self._index.tasks.get(task.key) is task and self._judge(task) == "Go"

    async def _is_gone(self, task: Task) -> bool:
        """Deletes this very state of the task; also True where it is not what was judged."""
        try:
            meta = (await self._api.get(TASKS, task.key.namespace, task.key.name))["metadata"]
        except NotFound:
            return True
        if (meta["uid"], meta["generation"]) != (task.uid, task.generation) or not self._is_still_to_go(task):
            return True  # it is another one, or another one now, and is judged by its own event
        await self._api.delete(
            TASKS, task.key.namespace, task.key.name, uid=meta["uid"], resource_version=meta["resourceVersion"]
        )
        self._recorder.deleted(task, task.delete_after, self._clock.now())
        log.info("deleted", task=str(task.key), after=task.delete_after)
        return True
