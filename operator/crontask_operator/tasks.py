"""Tasks: from their events to a place in the timer heap, and from a due instant to starts.

`seen` and `gone` are fed by Kopf, by the take-over and by the resync; they are
idempotent and do no I/O. `prepare` and `fire` are the two halves of an instant:
the plan is made a little ahead, the starts happen when the instant has come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import structlog

from crontask_core import names
from crontask_core.companions import Problem
from crontask_core.errors import FieldError
from crontask_core.history import Ended
from crontask_core.model import BY_SCHEDULE, TaskSpec, TaskStatus
from crontask_core.names import Key
from crontask_core.notices import FAILURES
from crontask_core.planning.dependencies import circle_error, waiting_for
from crontask_core.planning.task import Start, TaskObservation, TaskPlan, plan_task
from crontask_core.tally import tally_of
from crontask_core.targets import spec_at
from crontask_core.validation import Setting, begins_anew, check_task, read_schedule, read_spec, timing
from crontask_operator.companions import Companions
from crontask_operator.executions import Executions, Prepared
from crontask_operator.history import Keeper
from crontask_operator.index import Index, Known, Task, packed
from crontask_operator.metrics import Metrics
from crontask_operator.notices import Notices
from crontask_operator.recorder import Recorder
from crontask_operator.statuses import SOON, Statuses

REVIEW_EACH = 0.01
"""Seconds between the statuses of tasks that the change of one companion concerns."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A plan made ahead for one task, and what its starts will need."""

    task: Task
    version: tuple[int, int]
    """Of what the plan was made from."""
    through: datetime
    """Up to where the plan speaks, which is what the claim covers."""
    watermark: datetime
    """From where the plan was made; what was not sent meanwhile sets the task's back."""
    plan: TaskPlan
    starts: tuple[Prepared, ...]


class Tasks:
    """Keeps the index of tasks true, and carries out their plans."""

    def __init__(
        self,
        index: Index,
        setting: Setting,
        *,
        companions: Companions,
        executions: Executions,
        statuses: Statuses,
        recorder: Recorder,
        notices: Notices,
        metrics: Metrics,
        keeper: Keeper,
    ) -> None:
        self._index, self._setting = index, setting
        self._companions = companions
        self._executions, self._statuses = executions, statuses
        self._recorder, self._notices = recorder, notices
        self._metrics, self._keeper = metrics, keeper
        self.inherited_claim: datetime | None = None
        """How far the leader before this one had claimed."""
        self.on_moved: Callable[[Task], None] = lambda task: None
        """Called with a task whose place in the timer heap may have changed for the sake of another object."""
        self._circles: set[Key] = set()
        """Tasks that would run after themselves."""

    def seen(self, body: dict[str, Any], now: datetime) -> Task | None:
        """A task exists in this state. Returns it where its place in the timer heap may have changed."""
        meta = body["metadata"]
        key = Key(meta["namespace"], meta["name"])
        task = self._index.tasks.get(key)
        if meta.get("deletionTimestamp"):
            self.gone(key, meta["uid"], now)
            return None
        if task is not None and task.uid != meta["uid"]:
            self.gone(key, task.uid, now)
            task = None
        if task is not None and task.generation >= meta["generation"]:
            return None
        status = TaskStatus.model_validate(body.get("status") or {})
        is_new = task is None
        was_problem = bool(task.problem) if task is not None else _is_unready(status)
        if task is None:
            task = self._new(key, body, status)
        was_timing = task.timing or status.timing or ""
        was_disabled = task.tally.disabled_at is not None and self._edited(task, status, meta["generation"])
        if was_disabled:
            task.tally.enable()
        task.generation = meta["generation"]
        was_parents = self._index.dependencies.parents(key)
        self._read(task, body.get("spec") or {}, was_timing, now, anew=was_problem or was_disabled)
        if task.problem:
            self._recorder.not_ready(task, now)
        if is_new or self._index.dependencies.parents(key) != was_parents:
            self._review_others(key, now)
        if status.observed_generation != task.generation or was_problem != bool(task.problem):
            self._statuses.touch(task)
        return task

    def _read(
        self, task: Task, spec_body: dict[str, Any], was_timing: str, now: datetime, *, anew: bool = False
    ) -> None:
        """Takes the spec for true from now on; with `anew` it leaves all instants before now unstarted."""
        anew = anew or bool(task.problem)
        self._load(task, spec_body)
        if anew or (was_timing and begins_anew(was_timing, task.timing)):
            # Law 3: neither an edit nor a resume fires anything that lies before it.
            task.watermark = max(task.watermark, now)
        task.wake_at = task.schedule.next(task.watermark) if task.schedule and not task.paused else None
        self._judge(task, now)

    def review(self, key: Key, now: datetime) -> None:
        """Another task that the task depends on has changed."""
        task = self._index.tasks.get(key)
        if task is None:
            return
        was = task.tally.conditions
        self._read(task, orjson.loads(task.spec_bytes), task.timing, now)
        self.on_moved(task)
        if task.tally.conditions != was:
            if task.problem:
                self._recorder.not_ready(task, now)
            self._statuses.touch(task)

    def review_companions(self, key: Key, place: int, now: datetime) -> None:
        """Something that the task names has changed.

        `place` is the task's place among all that the change concerns: their statuses are not written all at once,
        and events are left to the object that has changed.
        """
        task = self._index.tasks.get(key)
        if task is None or task.problem_reason in ("InvalidSpec", "InternalError"):
            return
        problem = self._problem_of_others(key, task.spec())
        if (problem.message if problem else "") != task.problem:
            self._read(task, orjson.loads(task.spec_bytes), task.timing, now)
            self.on_moved(task)
        self._statuses.touch(task, delay=SOON + place * REVIEW_EACH)

    def _review_others(self, key: Key, now: datetime) -> None:
        """A task has come, gone, or runs after others than before."""
        dependencies = self._index.dependencies
        concerned = {key for key in self._circles if not dependencies.circle(key)}
        concerned |= dependencies.entangled(key) - self._circles
        for other in (concerned | set(dependencies.children(key))) - {key}:
            self.review(other, now)

    def seen_at_take_over(self, body: dict[str, Any], now: datetime) -> None:
        """A task exists in this state, its status included: what a standby saw of it long ago counts no more."""
        meta = body["metadata"]
        known = self._index.tasks.get(Key(meta["namespace"], meta["name"]))
        if known is not None and known.uid == meta["uid"]:
            if known.generation > meta["generation"]:  # edited since the list was made
                meta = meta | {"generation": known.generation}
                body = body | {"metadata": meta, "spec": orjson.loads(known.spec_bytes)}
            self._index.remove_task(known.key)
        self.seen(body, now)

    @staticmethod
    def _edited(task: Task, status: TaskStatus, generation: int) -> bool:
        """Whether the spec is another than the one that the stored status, or the known task, goes by."""
        return (task.generation or status.observed_generation) != generation

    def _problem_of_others(self, key: Key, spec: TaskSpec) -> Problem | None:
        """Why a task with a good spec cannot be run for the sake of other objects."""
        if circle := self._index.dependencies.circle(key):
            self._circles.add(key)
            return Problem("AfterCycle", str(circle_error(circle)))
        problem = self._companions.problem_of((names.TASK, key))
        return problem or self._misfit(key, spec)

    def _misfit(self, key: Key, spec: TaskSpec) -> Problem | None:
        """A target that the task does not fit."""
        try:
            for name in spec.targets:
                if (target := self._companions.target(Key(key.namespace, name))) is not None:
                    spec_at(spec, name, target, key, self._setting)
        except FieldError as error:
            return Problem("InvalidTarget", str(error))
        return None

    def _new(self, key: Key, body: dict[str, Any], status: TaskStatus) -> Task:
        meta = body["metadata"]
        created = datetime.fromisoformat(meta["creationTimestamp"])
        task = Task(
            key=key,
            uid=meta["uid"],
            created=created,
            generation=0,
            spec_bytes=b"",
            tally=tally_of(status),
            watermark=status.watermark or created,
        )
        self._index.tasks[key] = task
        task.runs.update(
            {run.key.name: run for run in self._index.runs.values() if (run.task, run.uid) == (key, task.uid)}
        )
        return task

    def _load(self, task: Task, spec_body: dict[str, Any]) -> None:
        """Reads the spec; what is wrong with it, or with what it names, becomes `task.problem`."""
        task.spec_bytes = packed(spec_body)
        task.schedule, task.problem, task.problem_reason = None, "", ""
        task.notifies, task.delete_after = False, "Never"
        self._circles.discard(task.key)
        spec = None
        try:
            spec = read_spec(spec_body)
            self._index.dependencies.put(task.key, spec.after or ())
            self._companions.follow(task.key, spec)
            task.timing, task.suspended = timing(spec), spec.suspend
            task.notifies = bool(spec.notify)
            task.delete_after = spec.delete_after
            check_task(spec, task.key, self._setting)
            schedule = read_schedule(spec, task.key, task.created, self._setting)
            problem = self._problem_of_others(task.key, spec)
        except FieldError as error:
            if spec is None:
                self._companions.follow(task.key, None)
            problem = Problem("InvalidSpec", str(error))
        if problem is None:
            task.schedule = schedule
        else:
            task.problem, task.problem_reason = problem.message, problem.reason
            log.warning("task cannot be run", task=str(task.key), problem=task.problem)

    def _judge(self, task: Task, now: datetime) -> None:
        """Sets the conditions that follow from the spec and the outcomes."""
        tally, generation = task.tally, task.generation
        if task.problem:
            tally.set_condition("Ready", "False", task.problem_reason, task.problem, generation=generation, now=now)
            tally.set_condition("Scheduled", "False", task.problem_reason, "", generation=generation, now=now)
            return
        tally.set_condition("Ready", "True", "Valid", "", generation=generation, now=now)
        if task.suspended:
            tally.set_condition(
                "Scheduled", "False", "Suspended", "spec.suspend is true", generation=generation, now=now
            )
        elif tally.disabled_at is not None:
            tally.show_disabled(generation=generation, now=now)
        elif task.wake_at is None and (parents := self._index.dependencies.parents(task.key)):
            missing = [key.name for key in parents if key not in self._index.tasks] if self._index.complete else []
            scheduled, reason, message = waiting_for([key.name for key in parents], missing)
            tally.set_condition("Scheduled", scheduled, reason, message, generation=generation, now=now)
        elif task.wake_at is None:
            never = "The schedule has no further instant; the task runs only by hand now."
            tally.set_condition("Scheduled", "False", "NoFurtherInstant", never, generation=generation, now=now)
        else:
            tally.set_condition("Scheduled", "True", "Waiting", "", generation=generation, now=now)

    def broken(self, task: Task, now: datetime) -> None:
        """Something about the task made the operator itself fail: it rests until it is edited (law 4)."""
        task.problem = "The operator failed on this task; its log says where. An edit of the task tries again."
        task.problem_reason = "InternalError"
        task.schedule, task.wake_at = None, None
        self._judge(task, now)
        self._statuses.touch(task)

    def settle(self, body: dict[str, Any], now: datetime) -> None:
        """At the take-over: brings the stored status in line with what is known now.

        An execution that had not ended, or not begun, when the status was last stored and that has ended since
        is counted here, once: it is named by the stored `active`, or lies above the stored watermark.
        """
        task = self._index.tasks.get(Key(body["metadata"]["namespace"], body["metadata"]["name"]))
        if task is None:
            return
        stored = TaskStatus.model_validate(body.get("status") or {})
        open_then = {active.name for active in stored.active}
        uncounted = [ended for ended in task.ended if ended.name in open_then or _is_above(ended, stored.watermark)]
        for ended in sorted(uncounted, key=lambda ended: ended.finished_at):
            task.tally.ended(ended.name, ended.phase, ended.trigger, ended.reason, ended.finished_at)
            self._notices.ended(task, ended.name, ended.phase, ended.finished_at, None)
        self._notices.settle(task, stored, uncounted)
        if any(ended.phase in FAILURES for ended in uncounted) and stored.observed_generation == task.generation:
            self._disable_if_due(task, now)
        for ended in task.ended:
            ended.counted = ended not in uncounted
        self._keeper.look(task)
        if task.problem:
            self._recorder.not_ready(task, now)
        elif self._index.dependencies.parents(task.key):
            self._judge(task, now)
        if uncounted or open_then != set(task.runs) or stored.observed_generation != task.generation:
            self._statuses.touch(task)

    def _disable_if_due(self, task: Task, now: datetime) -> None:
        after = None if task.problem else task.spec().disable_after_failures
        if task.tally.disable_if_due(after, generation=task.generation, now=now):
            self._recorder.disabled(task, now)
            self._notices.disabled(task, now)

    def gone(self, key: Key, uid: str, now: datetime) -> None:
        """A task does not exist any more. What runs of it is dropped (the garbage collector takes its objects), save
        what outlives its task."""
        task = self._index.tasks.get(key)
        if task is None or task.uid != uid:
            return
        self._index.remove_task(key)
        self._index.dependencies.put(key, ())
        self._circles.discard(key)
        self._companions.follow(key, None)
        self._review_others(key, now)
        for run in list(task.runs.values()):
            if run.kept_seconds is None:
                self._executions.drop(run)
            elif run.phase == "Queued":
                self._executions.finish(run, "Cancelled", "TaskDeleted", "The task was deleted.")
        self._keeper.task_gone(task)

    def prepare(self, task: Task, now: datetime) -> Due | None:
        """The plan for a task whose instant comes at `now`, without any effect yet."""
        if task.schedule is None or self._index.tasks.get(task.key) is not task:
            return None
        spec = task.spec()
        seen = TaskObservation(
            schedule=task.schedule,
            spec=spec,
            watermark=task.watermark,
            claimed_through=self.inherited_claim,
            known=Known(self._index, task),
            disabled=task.tally.disabled_at is not None,
            active=tuple(name for name, run in task.runs.items() if run.finished_at is None),
        )
        plan = plan_task(seen, now)
        starts = self._prepare_starts(task, spec, plan.starts)
        return Due(task, self._version(task), now, task.watermark, plan, starts)

    def _version(self, task: Task) -> tuple[int, int]:
        """Of what a plan was made from: the task's generation, and the revision of what it names."""
        return task.generation, self._companions.revision_for(task.key)

    def _prepare_starts(self, task: Task, spec: TaskSpec, starts: tuple[Start, ...]) -> tuple[Prepared, ...]:
        return tuple(self._executions.prepare(task, spec, start.scheduled_at, start.trigger) for start in starts)

    def fire(self, due: Due, now: datetime) -> None:
        """Carries out a plan whose instant has come and is claimed."""
        task, plan = due.task, due.plan
        if self._index.tasks.get(task.key) is not task:
            return
        if task.paused or (self._version(task), task.watermark) != (due.version, due.watermark):
            again = self.prepare(task, due.through)
            if again is None:
                return
            task, plan, due = again.task, again.plan, again
        self._begin(due, now)
        self._leave_out(task, plan, now)
        task.watermark = plan.watermark or task.watermark
        task.wake_at = plan.wake_at
        if plan.wake_at is None:
            self._judge(task, now)
        if due.starts and task.delete_after == "Dispatch":
            task.wake_at = None  # this was the one; the task goes when its record is there
        if due.starts or plan.skipped or plan.missed or plan.lost:
            self._statuses.touch(task, after_start=bool(due.starts))

    def _begin(self, due: Due, now: datetime) -> None:
        """Stops what is replaced, begins what is due, and records what is lost."""
        task, plan = due.task, due.plan
        for name in plan.stops:
            run = task.runs.get(name)
            if run is not None:
                self._executions.stop(run, "Replaced")
        for prepared in due.starts:
            task.tally.started(prepared.run.scheduled_at)
            self._executions.begin(task, prepared)
        if plan.lost:
            self._metrics.instants("lost", len(plan.lost))
        for at in plan.lost:
            self._executions.record_lost(task, at, now)

    def _leave_out(self, task: Task, plan: TaskPlan, now: datetime) -> None:
        task.tally.left_out(skipped=plan.skipped, missed=plan.missed)
        if plan.skipped:
            self._metrics.instants("skipped", len(plan.skipped))
            self._recorder.skipped(task, plan.skipped, now)
        if plan.missed:
            self._metrics.instants("missed", len(plan.missed))
            self._recorder.missed(task, plan.missed, plan.more_missed, now)
            self._notices.missed(task, plan.missed, now)


def _is_unready(status: TaskStatus) -> bool:
    """Whether the task could not be run when its status was stored."""
    return any(each.type == "Ready" and each.status == "False" for each in status.conditions)


def _is_above(ended: Ended, watermark: datetime | None) -> bool:
    """Whether the execution is for an instant that the stored watermark does not cover."""
    if ended.trigger not in BY_SCHEDULE:
        return False
    return ended.scheduled_at is not None and (watermark is None or ended.scheduled_at > watermark)
