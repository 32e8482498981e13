"""Executions and pods that come from outside: made by hand, or left by an earlier leader.

`execution_seen`, `pod_seen` and their `_gone` twins are fed by the watches, by the
take-over and by the resync, and are idempotent. What an earlier leader had under
way is picked up during the take-over only: later, an execution that says Running
and is not ours can only be an old event of one that has ended.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from crontask_core.attempts import is_partial, retried
from crontask_core.bonds import mark_of, uid_of
from crontask_core.errors import FieldError
from crontask_core.history import Ended
from crontask_core.model import BY_SCHEDULE, FINAL_PHASES, Attempt, ExecutionSpec, ExecutionStatus
from crontask_core.names import ANNOTATION_SCHEDULED_AT, LABEL_ATTEMPT, LABEL_TRIGGER, Key, key_of
from crontask_core.planning.execution import StopReason
from crontask_core.pods import pod_facts
from crontask_kube.clock import Clock
from crontask_kube.resources import is_later
from crontask_operator.accounts import LEFT_OUT
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

WAITING = ("Pending", "Queued")
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
        self._meanwhile: dict[Key, dict[str, Any] | None] | None = None
        """During a take-over: what the watch tells of executions after they were listed; None for one that has ended
        or is gone."""
        self._pods_meanwhile: dict[Key, dict[str, Any] | None] = {}
        """The same of pods."""

    def expect(self) -> None:
        """A take-over is about to list pods and what has not ended: from now on every change of them is kept."""
        self._meanwhile, self._pods_meanwhile = {}, {}

    def leave(self) -> None:
        """This replica no longer leads, or its take-over has come to nothing.

        What was under way is forgotten after this; what a successor has meanwhile stored the end of is not.
        """
        self.leading, self._meanwhile, self._pods_meanwhile = False, None, {}
        for run in self._index.runs.values():
            if run.told is not None:
                self._ended_seen(run.key, run.told)

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
        if self._meanwhile is not None:
            self._meanwhile[key] = None if phase in FINAL_PHASES else body
        if phase in FINAL_PHASES:
            self._ended_seen(key, body)
        else:
            self._open_seen(key, body)

    def _ended_seen(self, key: Key, body: dict[str, Any]) -> None:
        if not self.leading:
            self._dependents.seen(key, body)
        if self._remembers(key, body["spec"]):
            return
        try:
            spec, status = _read(body)
        except ValidationError:
            return
        self._remember(key, spec, status, body["metadata"])

    def _open_seen(self, key: Key, body: dict[str, Any]) -> None:
        if not self.leading:
            return
        try:
            spec, status = _read(body)
        except ValidationError as error:
            if not body.get("status"):
                self._by_hand.refuse_unreadable(key, error.errors(include_url=False)[0]["msg"])
            return
        if spec.backfill is not None:
            self._backfills.seen(key, body, spec, status)
        elif status.phase == "Pending":
            self._by_hand.accept(key, body, spec)

    def _running_seen(self, run: Run, body: dict[str, Any]) -> None:
        """Nearly all events tell of what we have just written; reading them in full would cost as much as writing."""
        phase, version = (body.get("status") or {}).get("phase", "Pending"), body["metadata"]["resourceVersion"]
        # What waited and no longer does somebody else has begun: our claim is to fail on the version that we know.
        # And an event may tell of an earlier write of ours than the one that was answered last.
        if (run.phase not in WAITING or phase in WAITING) and is_later(version, run.version):
            run.version = version
        if phase in FINAL_PHASES:
            run.told = body
        if run.elsewhere:
            self._elsewhere.changed(run, ExecutionStatus.model_validate(body.get("status") or {}))
        if body["spec"].get("stop"):
            self._executions.stop(run, "Stopped")

    def _remembers(self, key: Key, spec: dict[str, Any]) -> bool:
        """Whether an ended execution is known as such."""
        whose = Key(key.namespace, spec["taskRef"]["name"])
        task = self._index.tasks.get(whose)
        if task is not None and any(ended.name == key.name for ended in task.ended):
            return True
        return key.name in self._index.unclaimed.get(whose, ())

    def _remember(self, key: Key, spec: ExecutionSpec, status: ExecutionStatus, meta: dict[str, Any]) -> None:
        if status.finished_at is None:
            return
        mark, uid, whose = mark_of(meta), uid_of(meta), Key(key.namespace, spec.task_ref.name)
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
            partial=is_partial(status.phase, status.attempts),
            retried=retried(status.attempts),
            started_at=status.started_at,
        )
        task = self._task_of(whose, uid)
        if task is None:
            self._index.leave_unclaimed(whose, uid, ended)
            self._keeper.stray(key.namespace, whose, uid, ended)
        elif all(other.name != key.name for other in task.ended):
            task.ended += (ended,)

    def _task_of(self, key: Key, uid: str) -> Task | None:
        """The task that an execution or a pod belongs to; None for one of an earlier task of this name too."""
        task = self._index.tasks.get(key)
        return task if task is not None and uid in ("", task.uid) else None

    def execution_gone(self, key: Key, task: Key) -> None:
        """An execution does not exist any more; one that runs is stopped, as deleting a Job ends its pods."""
        self._index.execution_gone(key, task)
        self._backfills.gone(key)
        if not self.leading:
            self._dependents.gone(key)
        if self._meanwhile is not None:
            self._meanwhile[key] = None
        self._executions.stop_finishing(key)
        self._keeper.execution_gone(key)
        run = self._index.runs.get(key)
        if run is None:
            return
        run.told = None
        if run.stored and run.phase not in FINAL_PHASES:
            self._executions.stop(run, "Stopped")

    def pod_seen(self, body: dict[str, Any], *, gone: bool = False) -> None:
        """A pod of ours exists in this state, or was in this state when it went."""
        if self._meanwhile is not None:
            self._pods_meanwhile[key_of(body)] = None if gone else body
        whose = of_pod(body)
        if whose is not None and not gone and self._is_belated(body, *whose):
            self.resume(run for run in [self._pod_without_record(body)] if run is not None)
        whole = self._index.runs.get(whose[0]) if whose else None
        run = whole.part(target_of_pod(body)) if whole is not None else None
        if run is None or run.attempt is None or run.attempt.pod != body["metadata"]["name"]:
            return
        facts = pod_facts(body)
        facts = facts.as_gone() if gone else facts
        if facts != run.pod:
            run.pod = facts
            self._executions.advance(run)

    def _is_belated(self, body: dict[str, Any], execution: Key, whose: Key) -> bool:
        """Whether the pod's instant counts as not begun: it was made by a request of an earlier leader that had not
        arrived when this one took over."""
        if not self.leading or execution in self._index.runs:
            return False
        task, meta = self._task_of(whose, uid_of(body["metadata"])), body["metadata"]
        if task is None or meta["labels"].get(LABEL_TRIGGER) not in BY_SCHEDULE:
            return False
        return _is_left_out(task, datetime.fromisoformat(meta["annotations"][ANNOTATION_SCHEDULED_AT]))

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
        ended = {key for key, _ in self._index.ended()}
        stored = {key for key, run in self._index.runs.items() if run.stored}
        return ended | stored | self._backfills.keys() | self._keeper.given()

    def executions_missing(self, keys: set[Key]) -> None:
        """`execution_gone` for each of them."""
        whose = dict(self._index.ended())
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

    async def take_over(
        self, executions: list[dict[str, Any]], backfills: list[dict[str, Any]], pods: list[dict[str, Any]]
    ) -> None:
        """Picks up everything that an earlier leader left.

        `executions` are all that had not ended after `expect`, `backfills` all of backfills, ended or not; what else
        has ended has been seen.
        """
        executions = _as_told_since(executions, self._meanwhile or {})
        pods = _as_told_since(pods, self._pods_meanwhile)
        self.leading, self._meanwhile, self._pods_meanwhile = True, None, {}
        self._backfills.take_over(backfills)
        left = await gradually(executions, self._left_over)
        await gradually(executions, self.execution_seen)
        self._dependents.take_over()
        left += await gradually(pods, self._pod_without_record)
        await gradually(pods, self.pod_seen)
        self.resume(run for run in dict.fromkeys(left) if run is not None)
        self._backfills.resume()

    def abandoned(self, body: dict[str, Any]) -> Run | None:
        """An execution that has begun by what was just read, and that nobody follows (which must not be); the run is to
        be resumed once its pod is known. None for others."""
        key = key_of(body)
        is_followed = key in self._index.runs or self._by_hand.deals_with(key)
        if not self.leading or is_followed or key in self._index.strays or self._remembers(key, body["spec"]):
            return None
        run = self._left_over(body)
        if run is not None:
            log.error("an execution was followed by nobody", execution=str(key), phase=run.phase)
        return run

    def resume(self, runs: Iterable[Run]) -> None:
        """Goes on with runs that were left over, as far as they have not ended meanwhile."""
        for run in runs:
            if self._index.runs.get(run.key) is run:
                for part in run.parts or (run,):
                    self._executions.guarded(part, self._resume)

    def _left_over(self, body: dict[str, Any]) -> Run | None:
        """The run that an unfinished record stands for; None for others."""
        if (body.get("status") or {}).get("phase") not in ("Running", "Queued"):
            return None
        meta, (spec, status) = body["metadata"], _read(body)
        key = Key(meta["namespace"], meta["name"])
        mark, whose = mark_of(meta), Key(key.namespace, spec.task_ref.name)
        task = self._task_of(whose, uid_of(meta))
        if spec.backfill is not None or key in self._index.runs:
            return None
        if task is None and mark is None:
            return None
        if task is not None and any(ended.name == key.name for ended in task.ended):
            return None  # it has ended since it was listed
        run = Run(
            key=key,
            task=whose,
            uid=task.uid if task else uid_of(meta),
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
        task = self._task_of(task_key, uid_of(body["metadata"]))
        run = self._index.runs.get(execution)
        if (task is None and mark is None) or (run is not None and not (target and run.parts)):
            return None  # without a task and a mark, the garbage collector takes it
        has_ended = task is not None and any(ended.name == execution.name for ended in task.ended)
        if has_ended or execution in self._index.strays:
            self._sweeper.pods_of(execution)
            return None
        if run is None:
            run = _run_of_pod(body, execution, task_key, task)
            self._index.add_run(run)
            if task is not None and run.trigger in BY_SCHEDULE:
                task.unsaved |= {run.scheduled_at}
                if _is_left_out(task, run.scheduled_at):
                    self._executions.on_started(run)  # it has begun after all
            log.info("picked up a pod without record", execution=str(execution))
            if target and task is not None:
                self._executions.restore(run, task.spec().targets)
            self._executions.unrecorded_found(run)
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


def _as_told_since(listed: list[dict[str, Any]], told: Mapping[Key, dict[str, Any] | None]) -> list[dict[str, Any]]:
    """What was listed, and what has changed since: made, edited, ended, deleted."""
    now = {key_of(body): body for body in listed}
    for key, body in told.items():
        if body is None:
            now.pop(key, None)
        elif key not in now or is_later(_version(body), _version(now[key])):
            now[key] = body
    return list(now.values())


def _is_left_out(task: Task, at: datetime) -> bool:
    entry = task.tally.ledger.at(at)
    return entry is not None and entry.outcome in LEFT_OUT


def _version(body: dict[str, Any]) -> str:
    version: str = body["metadata"]["resourceVersion"]
    return version


def _read(body: dict[str, Any]) -> tuple[ExecutionSpec, ExecutionStatus]:
    return ExecutionSpec.model_validate(body["spec"]), ExecutionStatus.model_validate(body.get("status") or {})


def _stop_reason(status: ExecutionStatus) -> StopReason | None:
    """Why an earlier leader had begun to stop the execution."""
    return "Replaced" if status.reason == "Replaced" else "Stopped" if status.reason == "Stopped" else None


def _spec_of(task: Task | None, spec: ExecutionSpec) -> bytes:
    """What a leftover execution goes by from now on: the task as it is today, and its own overrides."""
    try:
        return task.spec_with(spec.overrides) if task is not None else b""
    except FieldError:
        return b""  # they do not fit any more: what is under way ends, nothing follows it


def _run_of_pod(body: dict[str, Any], execution: Key, whose: Key, task: Task | None) -> Run:
    meta = body["metadata"]
    facts, mark = pod_facts(body), mark_of(meta)
    scheduled_at = datetime.fromisoformat(meta["annotations"][ANNOTATION_SCHEDULED_AT])
    late = (facts.created_at - scheduled_at).total_seconds() * 1000
    return Run(
        key=execution,
        task=whose,
        uid=task.uid if task else uid_of(meta),
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
