"""Tasks: from their events to a place in the timer heap.

`seen` and `gone` are fed by Kopf, by the take-over and by the resync; they are
idempotent and do no I/O. What becomes of a due instant is `instants`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from sys import intern
from typing import Any

import orjson
import structlog

from crontask_core import names
from crontask_core.companions import Problem
from crontask_core.conditions import Prospect, scheduled
from crontask_core.errors import FieldError
from crontask_core.history import Ended, uncounted
from crontask_core.ledger import Era
from crontask_core.model import BY_SCHEDULE, TaskSpec, TaskStatus
from crontask_core.names import Key, key_of
from crontask_core.notices import FAILURES
from crontask_core.planning.dependencies import circle_error
from crontask_core.planning.passed import passed_over
from crontask_core.planning.task import clock_behind
from crontask_core.schedule import Schedule
from crontask_core.tally import tally_of
from crontask_core.targets import spec_at
from crontask_core.validation import (
    Setting,
    begins_anew,
    check_task,
    cut_short,
    is_paused,
    read_schedule,
    read_spec,
    same_schedule,
    timing,
)
from crontask_operator.accounts import close_queued, conclude, disable_if_due, ignored_failures
from crontask_operator.companions import Companions
from crontask_operator.executions import Executions
from crontask_operator.history import Keeper
from crontask_operator.index import Index, Task, packed
from crontask_operator.notices import Notices
from crontask_operator.recorder import Recorder
from crontask_operator.statuses import SOON, Statuses

REVIEW_EACH = 0.01
"""Seconds between the statuses of tasks that the change of one companion concerns."""
log = structlog.get_logger(__name__)


class Tasks:
    """Keeps the index of tasks true."""

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
        keeper: Keeper,
    ) -> None:
        self._index, self._setting = index, setting
        self._companions = companions
        self._executions, self._statuses = executions, statuses
        self._recorder, self._notices, self._keeper = recorder, notices, keeper
        self.look: Callable[[Task], None] = lambda task: None
        """Called with a task that has executions under way and that has changed."""
        self.on_moved: Callable[[Task], None] = lambda task: None
        """Called with a task whose place in the timer heap may have changed for the sake of another object."""
        self._circles: set[Key] = set()
        """Tasks that would run after themselves."""

    def seen(self, body: dict[str, Any], now: datetime, before: Task | None = None) -> Task | None:
        """A task exists in this state. Returns it where its place in the timer heap may have changed.

        `before` is what was known of the same object until now, where that is not in the index any more.
        """
        meta = body["metadata"]
        # One text for each namespace, not one for each task in it.
        key = Key(intern(meta["namespace"]), meta["name"])
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
        if clock_behind(task.watermark, now) and self._edited(task, status, meta["generation"]):
            self._set_back(task, now)
        task.generation = meta["generation"]
        was_parents = self._index.dependencies.parents(key)
        anew = "NotReady" if was_problem else "Disabled" if was_disabled else ""
        self._read(task, body.get("spec") or {}, was_timing, now, anew, before)
        if task.problem:
            self._recorder.not_ready(task, now)
        if is_new or self._index.dependencies.parents(key) != was_parents:
            self._review_others(key, now)
            self._tell_parents(key, was_parents, now)
        if status.observed_generation != task.generation or was_problem != bool(task.problem):
            self._statuses.touch(task)
        return task

    def _read(
        self,
        task: Task,
        spec_body: dict[str, Any],
        was_timing: str,
        now: datetime,
        anew: str = "",
        before: Task | None = None,
    ) -> None:
        """Takes the spec for true from now on; with `anew` (why) it leaves all instants before now unstarted."""
        anew = anew or ("NotReady" if task.problem else "")
        was_schedule = task.schedule
        spec_bytes = packed(spec_body)
        if before is not None and before.spec_bytes == spec_bytes and not before.problem and self._is_alone(task.key):
            task.read_like(before)
        else:
            self._load(task, spec_body, spec_bytes)
        if task.failures_since is not None:
            task.tally.count_anew(task.failures_since)
        self._begin_anew(task, was_timing, was_schedule, now, anew)
        task.wake_at = task.schedule.next(task.watermark) if task.schedule and not task.paused else None
        self.judge(task, now)
        if task.runs:
            self.look(task)

    def _begin_anew(self, task: Task, timing: str, schedule: Schedule | None, now: datetime, anew: str) -> None:
        """Law 3: neither an edit nor a resume fires anything that lies before it; the ledger says why.

        `timing` and `schedule` are what held until now, as far as that is known.
        """
        tally, upto = task.tally, now
        if timing and begins_anew(timing, task.timing):
            anew = anew or ("Suspended" if is_paused(timing) else "Edited")
        elif not anew and (until := cut_short(timing, task.timing)) is not None:
            anew, upto = "Suspended", min(now, until)
        schedule = schedule or task.schedule
        if anew and schedule is not None and upto > task.watermark:
            passed = passed_over(schedule, task.watermark, upto, anew)
            if passed is not None:
                tally.ledger = tally.ledger.fill(passed, Era(schedule, tally.timing_since))
                tally.left_out([passed])
            task.watermark = upto
        if timing and not same_schedule(timing, task.timing):
            tally.timing_since = now
        tally.timing_since = tally.timing_since or task.created

    @staticmethod
    def _set_back(task: Task, now: datetime) -> None:
        """An edit takes up a task whose watermark lies in the future; what was started there stays decided."""
        tally, era = task.tally, task.era()
        tally.ledger = tally.ledger.reopened(now, era)
        task.watermark = now
        after = max(each for each in (task.created, tally.ledger.since, tally.timing_since) if each is not None)
        if task.schedule is not None and after < now:
            passed = passed_over(task.schedule, after, now, "Edited")
            tally.ledger = tally.ledger.fill(passed, era) if passed is not None else tally.ledger

    def look_at_clock(self, now: datetime, tasks: Iterable[Task] | None = None) -> None:
        """Tells of tasks (None: all) for which the clock is behind, and of those for which it no longer is."""
        for task in self._index.tasks.values() if tasks is None else tasks:
            if task.schedule is not None and clock_behind(task.watermark, now) != _shows_behind(task):
                self.judge(task, now)

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

    def _tell_parents(self, child: Key, were: Iterable[Key], now: datetime) -> None:
        """A task runs after others than before: those that delete themselves stay meanwhile, and go afterwards."""
        dependencies = self._index.dependencies
        are = dependencies.parents(child)
        for key in {*were, *are}:
            task = self._index.tasks.get(key)
            if task is None or task.delete_after == "Never":
                continue
            if key in are:
                self.review(key, now)
            elif not dependencies.children(key):
                self._statuses.touch(task)

    def seen_at_take_over(self, body: dict[str, Any], now: datetime) -> None:
        """A task exists in this state, its status included: what a standby saw of it long ago counts no more."""
        meta = body["metadata"]
        known = self._index.tasks.get(key_of(body))
        if known is not None and known.uid == meta["uid"]:
            if known.generation > meta["generation"]:  # edited since the list was made
                meta = meta | {"generation": known.generation}
                body = body | {"metadata": meta, "spec": orjson.loads(known.spec_bytes)}
            self._index.remove_task(known.key)
            self.seen(body, now, known)
            if (task := self._index.tasks.get(known.key)) is not None:
                task.ended = known.ended
        else:
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
        self._index.add_task(task)
        return task

    def _is_alone(self, key: Key) -> bool:
        """Whether nothing but its spec decides if a task can be run."""
        return not self._index.dependencies.parents(key) and not self._companions.names_any(key)

    def _load(self, task: Task, spec_body: dict[str, Any], spec_bytes: bytes) -> None:
        """Reads the spec; what is wrong with it, or with what it names, becomes `task.problem`."""
        task.spec_bytes = spec_bytes
        task.schedule, task.problem, task.problem_reason = None, "", ""
        task.notifies, task.delete_after, task.failures_since = False, "Never", None
        self._circles.discard(task.key)
        spec = None
        try:
            spec = read_spec(spec_body)
            self._index.dependencies.put(task.key, spec.after or ())
            self._companions.follow(task.key, spec)
            task.timing, task.suspended = timing(spec), spec.suspend
            task.notifies = bool(spec.notify)
            task.delete_after, task.failures_since = spec.delete_after, spec.failures_since
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

    def judge(self, task: Task, now: datetime) -> None:
        """Sets the conditions that follow from the spec and the outcomes."""
        tally, generation = task.tally, task.generation
        if task.problem:
            tally.set_condition("Ready", "False", task.problem_reason, task.problem, generation=generation, now=now)
            tally.set_condition("Scheduled", "False", task.problem_reason, "", generation=generation, now=now)
            return
        tally.set_condition("Ready", "True", "Valid", "", generation=generation, now=now)
        was_behind, said = _shows_behind(task), scheduled(self._prospect(task), now)
        tally.set_condition("Scheduled", *said, generation=generation, now=now)
        is_behind = said.reason == "ClockBehind"
        if is_behind and not was_behind:
            self._recorder.clock_behind(task, said.message, now)
        if is_behind != was_behind:
            self._statuses.touch(task)

    def _prospect(self, task: Task) -> Prospect:
        failures = task.tally.consecutive_failures if task.tally.disabled_at is not None else None
        if task.wake_at is not None:
            return Prospect(task.watermark, task.wake_at, task.suspended, failures)
        parents = self._index.dependencies.parents(task.key)
        missing = [key.name for key in parents if key not in self._index.tasks] if self._index.complete else ()
        return Prospect(task.watermark, None, task.suspended, failures, [key.name for key in parents], missing)

    def broken(self, task: Task, now: datetime) -> None:
        """Something about the task made the operator itself fail: it rests until it is edited (law 4)."""
        task.problem = "The operator failed on this task; its log says where. An edit of the task tries again."
        task.problem_reason = "InternalError"
        task.schedule, task.wake_at = None, None
        self.judge(task, now)
        self._statuses.touch(task)

    def settle(self, body: dict[str, Any], now: datetime) -> None:
        """At the take-over: brings the stored status in line with what is known now.

        An execution that had not ended, or not begun, when the status was last stored and that has ended since
        is counted here, once (`crontask_core.history.uncounted`).
        """
        task = self._index.tasks.get(key_of(body))
        if task is None:
            return
        stored = TaskStatus.model_validate(body.get("status") or {})
        open_then = {active.name for active in stored.active}
        missing = [
            ended
            for ended in uncounted(task.ended, stored)
            if ended.name in open_then or not self._ended_ahead(task, ended, now)
        ]
        self._notices.settle(task, stored, missing)
        for ended in missing:
            task.tally.ended(ended, ignored_failures(task, ended))
            conclude(task, ended)
            self._notices.ended(task, ended, None)
        close_queued(task)
        failed = [ended for ended in missing if ended.phase in FAILURES]
        if failed and stored.observed_generation == task.generation:
            disable_if_due(task, self._recorder, self._notices, failed[-1], now)
        for ended in task.ended:
            ended.counted = ended not in missing
        self._keeper.look(task)
        if task.problem:
            self._recorder.not_ready(task, now)
        elif self._index.dependencies.parents(task.key):
            self.judge(task, now)
        if missing or open_then != set(task.runs) or stored.observed_generation != task.generation:
            self._statuses.touch(task)

    @staticmethod
    def _ended_ahead(task: Task, ended: Ended, now: datetime) -> bool:
        """Whether it was accounted for under a clock that was ahead, before an edit set the watermark back."""
        at = ended.scheduled_at if ended.trigger in BY_SCHEDULE else None
        return at is not None and clock_behind(at, now) and task.tally.ledger.decided(at)

    def gone(self, key: Key, uid: str, now: datetime) -> None:
        """A task does not exist any more. What runs of it is dropped (the garbage collector takes its objects), save
        what outlives its task."""
        task = self._index.tasks.get(key)
        if task is None or task.uid != uid:
            return
        self._index.remove_task(key)
        was_parents = self._index.dependencies.parents(key)
        self._index.dependencies.put(key, ())
        self._circles.discard(key)
        self._companions.follow(key, None)
        self._review_others(key, now)
        self._tell_parents(key, was_parents, now)
        for run in list(task.runs.values()):
            if run.kept_seconds is None:
                self._executions.drop(run)
            elif run.phase == "Queued":
                self._executions.finish(run, "Cancelled", "TaskDeleted", "The task was deleted.")
        self._keeper.task_gone(task)


def _is_unready(status: TaskStatus) -> bool:
    """Whether the task could not be run when its status was stored."""
    return any(each.type == "Ready" and each.status == "False" for each in status.conditions)


def _shows_behind(task: Task) -> bool:
    return any(each.type == "Scheduled" and each.reason == "ClockBehind" for each in task.tally.conditions)
