"""Executions and pods that come from outside: made by hand, or left by an earlier leader.

`execution_seen`, `pod_seen` and their `_gone` twins are fed by the watches, by the
take-over and by the resync, and are idempotent. What an earlier leader had under
way is picked up during the take-over only: later, an execution that says Running
and is not ours can only be an old event of one that has ended.
"""

from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from crontask_core.bonds import Mark, mark_of
from crontask_core.errors import FieldError
from crontask_core.history import Ended
from crontask_core.model import BY_SCHEDULE, FINAL_PHASES, Attempt, ExecutionSpec, ExecutionStatus
from crontask_core.names import ANNOTATION_SCHEDULED_AT, LABEL_ATTEMPT, LABEL_TRIGGER, Key
from crontask_core.planning.execution import StopReason
from crontask_core.pods import pod_facts
from crontask_kube.clock import Clock
from crontask_operator.backfills import Backfills
from crontask_operator.byhand import ByHand
from crontask_operator.dependents import Dependents
from crontask_operator.elsewhere import Elsewhere
from crontask_operator.executions import Executions
from crontask_operator.executors.pod import of_pod, target_of_pod
from crontask_operator.history import Keeper
from crontask_operator.index import Index, Run, Task
from crontask_operator.isolation import gradually
from crontask_operator.ports import AttemptEnd
from crontask_operator.sweeper import Sweeper

log = structlog.get_logger(__name__)


class Adoption:
    """Keeps the index of executions true."""

    def __init__(
        self,
        index: Index,
        clock: Clock,
        executions: Executions,
        by_hand: ByHand,
        backfills: Backfills,
        dependents: Dependents,
        sweeper: Sweeper,
        keeper: Keeper,
        elsewhere: Elsewhere,
    ) -> None:
        self._index, self._clock = index, clock
        self._executions, self._by_hand = executions, by_hand
        self._backfills, self._dependents = backfills, dependents
        self._sweeper, self._keeper = sweeper, keeper
        self._elsewhere = elsewhere
        self.leading = False

    def execution_seen(self, body: dict[str, Any]) -> None:
        """An execution exists in this state."""
        meta, phase = body["metadata"], (body.get("status") or {}).get("phase", "Pending")
        key = Key(meta["namespace"], meta["name"])
        run = self._index.runs.get(key)
        if run is not None:
            self._running_seen(run, body)
            return
        if body["spec"].get("stop"):
            self._executions.stop_finishing(key)
        if phase in FINAL_PHASES and self._remembers(key, body["spec"]):
            return
        try:
            spec = ExecutionSpec.model_validate(body["spec"])
        except ValidationError as error:
            if self.leading and not body.get("status"):
                self._by_hand.refuse_unreadable(key, error.errors(include_url=False)[0]["msg"])
            return
        status = ExecutionStatus.model_validate(body.get("status") or {})
        if spec.backfill is not None and status.phase not in FINAL_PHASES:
            if self.leading:
                self._backfills.seen(key, body, spec, status)
        elif status.phase in FINAL_PHASES:
            self._remember(key, spec, status, meta)
        elif self.leading and status.phase == "Pending":
            self._by_hand.accept(key, body, spec)

    def _running_seen(self, run: Run, body: dict[str, Any]) -> None:
        """Nearly all events tell of what we have just written; reading them in full would cost as much as writing."""
        run.version = body["metadata"]["resourceVersion"]
        if run.elsewhere:
            self._elsewhere.changed(run, ExecutionStatus.model_validate(body.get("status") or {}))
        if body["spec"].get("stop"):
            self._executions.stop(run, "Stopped")

    def _remembers(self, key: Key, spec: dict[str, Any]) -> bool:
        """Whether an ended execution is known as such."""
        task = self._index.tasks.get(Key(key.namespace, spec["taskRef"]["name"]))
        return task is not None and any(ended.name == key.name for ended in task.ended)

    def _remember(self, key: Key, spec: ExecutionSpec, status: ExecutionStatus, meta: dict[str, Any]) -> None:
        if status.finished_at is None:
            return
        mark = mark_of(meta)
        ended = Ended(
            key.name,
            status.phase,
            status.finished_at,
            spec.trigger,
            status.reason,
            spec.scheduled_at if spec.trigger != "Manual" else None,
            spec.parent,
            began=bool(status.attempts),
            lateness_milliseconds=status.lateness_milliseconds,
            kept_seconds=mark.kept_seconds if mark else None,
            counted=self.leading,
        )
        task = self._task_of(key.namespace, spec.task_ref.name, mark)
        if task is None:
            self._keeper.stray(key.namespace, Key(key.namespace, spec.task_ref.name), mark.uid if mark else "", ended)
        elif all(other.name != key.name for other in task.ended):
            task.ended += (ended,)

    def _task_of(self, namespace: str, name: str, mark: Mark | None) -> Task | None:
        """The task that an execution or a pod belongs to; None for one of an earlier task of this name too."""
        task = self._index.tasks.get(Key(namespace, name))
        return task if task is not None and (mark is None or mark.uid in ("", task.uid)) else None

    def execution_gone(self, key: Key, task: Key) -> None:
        """An execution does not exist any more; one that runs is stopped, as deleting a Job ends its pods."""
        self._index.strays.pop(key, None)
        self._backfills.gone(key)
        self._executions.stop_finishing(key)
        known = self._index.tasks.get(task)
        if known is not None:
            known.ended = tuple(ended for ended in known.ended if ended.name != key.name)
        run = self._index.runs.get(key)
        if run is not None and run.stored and run.phase not in FINAL_PHASES:
            self._executions.stop(run, "Stopped")

    def pod_seen(self, body: dict[str, Any], *, gone: bool = False) -> None:
        """A pod of ours exists in this state, or was in this state when it went."""
        whose = of_pod(body)
        whole = self._index.runs.get(whose[0]) if whose else None
        run = whole.part(target_of_pod(body)) if whole is not None else None
        if run is None or run.attempt is None or run.attempt.pod != body["metadata"]["name"]:
            return
        facts = pod_facts(body)
        facts = facts.as_gone() if gone else facts
        if facts != run.pod:
            run.pod = facts
            self._executions.advance(run)

    def pod_vanished(self, run: Run, pod: str) -> None:
        """The pod of a run's open attempt does not exist, and no event has told so."""
        if run.attempt is None or run.attempt.pod != pod or run.attempt.finished_at is not None or run.calling:
            return
        if run.pod is not None:
            run.pod = run.pod.as_gone()
            self._executions.advance(run)
        else:
            self._executions.ended(run, AttemptEnd(False, "Deleted", "The pod vanished while no operator watched."))

    # What a list does not show any more, found by names only: a deletion that no event has told.

    def known_executions(self) -> set[Key]:
        """The executions that are known to exist at the API server."""
        ended = {Key(task.key.namespace, ended.name) for task in self._index.tasks.values() for ended in task.ended}
        stored = {key for key, run in self._index.runs.items() if run.stored}
        return ended | stored | self._index.strays.keys() | self._backfills.keys()

    def executions_missing(self, keys: set[Key]) -> None:
        """`execution_gone` for each of them."""
        tasks = self._index.tasks.values()
        whose = {Key(task.key.namespace, ended.name): task.key for task in tasks for ended in task.ended}
        for key in keys & self.known_executions():
            run = self._index.runs.get(key)
            log.info("an execution was deleted unseen", execution=str(key))
            self.execution_gone(key, run.task if run is not None else whose.get(key, key))

    def known_pods(self) -> set[Key]:
        """The pods of open attempts that are known to exist at the API server."""
        return set(self._open_pods())

    def pods_missing(self, keys: set[Key]) -> None:
        """`pod_vanished` for each of them."""
        for key, part in self._open_pods().items():
            if key in keys:
                log.info("a pod was deleted unseen", pod=str(key))
                self.pod_vanished(part, key.name)

    def _open_pods(self) -> dict[Key, Run]:
        parts = (part for run in self._index.runs.values() for part in run.parts or (run,))
        return {
            Key(part.key.namespace, part.attempt.pod): part
            for part in parts
            if part.attempt is not None
            and part.attempt.pod
            and part.attempt.finished_at is None
            and (part.pod is not None or part.attempt.started_at is not None)
        }

    async def take_over(self, executions: list[dict[str, Any]], pods: list[dict[str, Any]]) -> None:
        """Picks up everything that an earlier leader left, from full lists."""
        self.leading = True
        self._index.strays.clear()
        self._backfills.take_over(executions)
        self._forget_missing({Key(e["metadata"]["namespace"], e["metadata"]["name"]) for e in executions})
        left = await gradually(executions, self._left_over)
        await gradually(executions, self.execution_seen)
        await gradually(executions, self._dependents.left_over)
        left += await gradually(pods, self._pod_without_record)
        await gradually(pods, self.pod_seen)
        for run in dict.fromkeys(left):
            if run is not None and self._index.runs.get(run.key) is run:
                for part in run.parts or (run,):
                    self._executions.guarded(part, self._resume)
        self._backfills.resume()

    def _forget_missing(self, existing: set[Key]) -> None:
        for task in self._index.tasks.values():
            task.ended = tuple(ended for ended in task.ended if Key(task.key.namespace, ended.name) in existing)

    def _left_over(self, body: dict[str, Any]) -> Run | None:
        """The run that an unfinished record stands for; None for others."""
        if (body.get("status") or {}).get("phase") not in ("Running", "Queued"):
            return None  # nearly all: reading them in full would make a take-over long
        meta, spec = body["metadata"], ExecutionSpec.model_validate(body["spec"])
        status = ExecutionStatus.model_validate(body.get("status") or {})
        key = Key(meta["namespace"], meta["name"])
        mark = mark_of(meta)
        task = self._task_of(key.namespace, spec.task_ref.name, mark)
        if spec.backfill is not None or key in self._index.runs:
            return None
        if task is None and mark is None:
            return None
        if task is not None and any(ended.name == key.name for ended in task.ended):
            return None  # it has ended since it was listed
        run = Run(
            key=key,
            task=Key(key.namespace, spec.task_ref.name),
            uid=task.uid if task else mark.uid if mark else "",
            spec_bytes=status.task_spec.encode() if status.task_spec else _spec_of(task, spec),
            kept_seconds=mark.kept_seconds if mark else None,
            trigger=spec.trigger,
            scheduled_at=spec.scheduled_at or datetime.fromisoformat(meta["creationTimestamp"]),
            parent=spec.parent or "",
            phase=status.phase,
            started_at=status.started_at,
            lateness_milliseconds=status.lateness_milliseconds,
            attempts=list(status.attempts),
            reason=status.reason or "",
            message=(status.message or "") if status.phase == "Queued" else "",
            stop="Stopped" if spec.stop else _stop_reason(status),
            stored=True,
            version=meta["resourceVersion"],
        )
        self._index.add_run(run)
        if run.phase == "Queued":
            return run
        targets = list(dict.fromkeys(attempt.target for attempt in run.attempts if attempt.target))
        goes_by = run.spec()
        if not run.attempts and goes_by is not None:
            targets = goes_by.targets  # the first record tells all targets; this one was claimed, and that is all
        if targets:
            self._executions.restore(run, targets)
        return run

    def _pod_without_record(self, body: dict[str, Any]) -> Run | None:
        """A pod that was created right before the earlier leader died. Returns a run that has more parts than this."""
        whose = of_pod(body)
        if whose is None:
            return None
        execution, task_key = whose
        mark, target = mark_of(body["metadata"]), target_of_pod(body)
        task = self._task_of(task_key.namespace, task_key.name, mark)
        run = self._index.runs.get(execution)
        if (task is None and mark is None) or (run is not None and not (target and run.parts)):
            return None  # without a task and a mark, the garbage collector takes it
        has_ended = task is not None and any(ended.name == execution.name for ended in task.ended)
        if has_ended or execution in self._index.strays:
            self._sweeper.pods_of(execution)
            return None
        if run is None:
            run = _run_of_pod(body, execution, task_key, task, mark)
            self._index.add_run(run)
            if task is not None and run.trigger in BY_SCHEDULE:
                task.unsaved |= {run.scheduled_at}
            log.info("picked up a pod without record", execution=str(execution))
            if target and task is not None:
                self._executions.restore(run, task.spec().targets)
        if target:
            self._put_into_part(run, target, body)
        return run if target else None

    def _put_into_part(self, run: Run, target: str, body: dict[str, Any]) -> None:
        """The pod is the attempt of its part, if no record says more."""
        if run.part(target) is None:
            self._executions.restore(run, [target])  # the task does not name it any more
        part = run.part(target)
        if part is None:
            return
        if part.attempt is None:
            part.attempts.append(_attempt_of_pod(body))
        elif part.attempt.finished_at is not None and part.attempt.pod == body["metadata"]["name"]:
            self._executions.recall(part, pod_facts(body))

    def _resume(self, run: Run) -> None:
        """Goes on with a run whose record was left unfinished."""
        spec = run.spec()
        if run.phase == "Queued" and run.task not in self._index.tasks:
            self._executions.finish(run, "Cancelled", "TaskDeleted", "The task was deleted.")
            return
        if run.phase == "Queued":
            self._executions.advance(run)  # it waits on, unless it is to be stopped
            return
        if spec is None and run.whole is None and any(attempt.target for attempt in run.attempts):
            unknown = "The task was deleted, and what it wanted at its targets is not known."
            self._executions.finish(run, "Lost", "TaskDeleted", unknown)
            return
        open_attempt = run.attempt is not None and run.attempt.finished_at is None
        is_pod = spec is not None and spec.pod is not None if run.attempt is None else run.attempt.pod is not None
        is_pod = is_pod or run.whole is not None
        if is_pod and run.attempt is not None and open_attempt and run.pod is None:
            self._resume_without_pod(run, run.attempt)
        elif not is_pod and open_attempt and self._elsewhere.keeps(run):
            log.info("ends where it was begun", execution=str(run.key))
        elif not is_pod and (open_attempt or run.attempt is None):
            if run.attempt is None:
                run.attempts.append(Attempt(number=1))
            self._executions.attempt_lost(run, spec, self._clock.now())
        else:
            self._executions.advance(run)

    def _resume_without_pod(self, run: Run, attempt: Attempt) -> None:
        """The pod of an open attempt does not exist: not yet, where the record was written before its start."""
        if attempt.started_at is None:
            run.attempts.pop()
            self._executions.advance(run)
        else:
            self.pod_vanished(run, attempt.pod or "")


def _stop_reason(status: ExecutionStatus) -> StopReason | None:
    """Why an earlier leader had begun to stop the execution."""
    return "Replaced" if status.reason == "Replaced" else "Stopped" if status.reason == "Stopped" else None


def _spec_of(task: Task | None, spec: ExecutionSpec) -> bytes:
    """What a leftover execution goes by from now on: the task as it is today, and its own overrides."""
    try:
        return task.spec_with(spec.overrides) if task is not None else b""
    except FieldError:
        return b""  # they do not fit any more: what is under way ends, nothing follows it


def _run_of_pod(body: dict[str, Any], execution: Key, whose: Key, task: Task | None, mark: Mark | None) -> Run:
    meta = body["metadata"]
    facts = pod_facts(body)
    scheduled_at = datetime.fromisoformat(meta["annotations"][ANNOTATION_SCHEDULED_AT])
    late = (facts.created_at - scheduled_at).total_seconds() * 1000
    return Run(
        key=execution,
        task=whose,
        uid=task.uid if task else mark.uid if mark else "",
        spec_bytes=task.spec_bytes if task else b"",
        kept_seconds=mark.kept_seconds if mark else None,
        trigger=meta["labels"].get(LABEL_TRIGGER, "Schedule"),
        scheduled_at=scheduled_at,
        phase="Running",
        started_at=facts.created_at,
        lateness_milliseconds=max(0, round(late)),
        attempts=[_attempt_of_pod(body)],
    )


def _attempt_of_pod(body: dict[str, Any]) -> Attempt:
    facts = pod_facts(body)
    number = int(body["metadata"]["labels"].get(LABEL_ATTEMPT, "1"))
    target = target_of_pod(body) or None
    return Attempt(number=number, target=target, pod=facts.name, started_at=facts.created_at)
