"""A due instant: what is made of it, and how its outcome gets into the ledger.

`prepare` and `fire` are its two halves: the plan is made a little ahead, the
starts happen when the instant has come and is claimed. What was seen when the
plan was made is compared once more right before: an execution that began or
ended in between changes what a policy allows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from crontask_core.ledger import Entry
from crontask_core.model import TaskSpec
from crontask_core.names import Key
from crontask_core.planning.observation import Closed, TaskObservation
from crontask_core.planning.overlap import IDLE, Load
from crontask_core.planning.task import TaskPlan, claim_in_force, plan_task
from crontask_operator.executions import Executions, Prepared
from crontask_operator.index import Index, Known, Task
from crontask_operator.line import Line
from crontask_operator.metrics import Metrics
from crontask_operator.notices import Notices
from crontask_operator.recorder import Recorder
from crontask_operator.statuses import Statuses

FOLD_SECONDS = 10.0
"""After this long a status tells that what was skipped before still is."""


@dataclass(frozen=True, slots=True)
class Due:
    """A plan made ahead for one task, and what its starts will need."""

    task: Task
    spec: TaskSpec
    through: datetime
    """Up to where the plan speaks, which is what the claim covers."""
    basis: tuple[int, int, datetime, Load]
    """What it was made from: generation, revision of what the task names, watermark, load."""
    plan: TaskPlan
    starts: tuple[Prepared, ...]


class Instants:
    """Plans the instants of tasks, and carries the plans out."""

    def __init__(
        self,
        index: Index,
        *,
        executions: Executions,
        line: Line,
        statuses: Statuses,
        recorder: Recorder,
        notices: Notices,
        metrics: Metrics,
    ) -> None:
        self._index, self._executions, self._line = index, executions, line
        self._statuses, self._recorder, self._notices, self._metrics = statuses, recorder, notices, metrics
        self.inherited_claim: Callable[[str], datetime | None] = lambda namespace: None
        """How far leaders before this one had claimed what is in a namespace."""
        self.taken_at: datetime | None = None
        """When this one took over."""
        self.closed: Callable[[Task], Closed | None] = lambda task: None
        """What closes times for a task: its group and calendars; None where it has neither."""
        self.revision: Callable[[Key], int] = lambda task: 0
        """Changes whenever something changes that the task names."""
        self.on_settled: Callable[[Task, datetime], None] = lambda task, now: None
        """Called with a task that has no further instant."""

    def prepare(self, task: Task, now: datetime) -> Due | None:
        """The plan for a task whose instant comes at `now`, without any effect yet."""
        if task.schedule is None or self._index.tasks.get(task.key) is not task:
            return None
        spec = task.spec()
        basis = self._basis(task, spec)
        seen = TaskObservation(
            schedule=task.schedule,
            spec=spec,
            watermark=task.watermark,
            claimed_through=claim_in_force(self.inherited_claim(task.key.namespace), self.taken_at or now, now),
            known=Known(task),
            load=basis[-1],
            closed=self.closed(task),
            disabled=task.tally.disabled_at is not None,
        )
        plan = plan_task(seen, now)
        starts = tuple(self._executions.prepare(task, spec, at, trigger) for at, trigger in plan.starts)
        return Due(task, spec, now, basis, plan, starts)

    def _basis(self, task: Task, spec: TaskSpec) -> tuple[int, int, datetime, Load]:
        return task.generation, self.revision(task.key), task.watermark, load_of(task, spec)

    def fire(self, due: Due, now: datetime) -> None:
        """Carries out a plan whose instant has come and is claimed."""
        task = due.task
        if self._index.tasks.get(task.key) is not task:
            return
        # The spec is the plan's: reading it again would make thousands of starts at one instant late.
        if task.paused or due.basis != self._basis(task, due.spec):
            again = self.prepare(task, due.through)
            if again is None:
                return
            due = again
        plan, ranges = due.plan, len(task.tally.ledger.entries)
        self._account(task, plan)
        self._begin(due, now)
        if len(plan.starts) < len(plan.entries):
            self._tell(task, plan, now)
        task.watermark = plan.watermark or task.watermark
        task.wake_at = plan.wake_at
        if plan.wake_at is None:
            self.on_settled(task, now)
        if plan.starts and task.delete_after == "Dispatch":
            task.wake_at = None  # this was the one; the task goes when its record is there
        if plan.entries and not (task.paused and not plan.lost):  # a pause is told when it ends
            is_mere_fold = not plan.starts and self._is_mere_fold(task, plan, ranges)
            self._statuses.touch(task, after_start=bool(plan.starts), delay=FOLD_SECONDS if is_mere_fold else None)

    @staticmethod
    def _is_mere_fold(task: Task, plan: TaskPlan, ranges: int) -> bool:
        """Whether the plan says nothing new, but only that what was skipped before still is."""
        return len(task.tally.ledger.entries) == ranges and all(each.outcome == "Skipped" for each in plan.entries)

    def _account(self, task: Task, plan: TaskPlan) -> None:
        """Enters the outcomes, before anything is begun that reports a further one."""
        ledger = task.tally.ledger
        # In their order, and with nothing beyond them, each follows the one before it; else the schedule is asked.
        in_order = not plan.found and (not ledger.entries or ledger.entries[-1].last <= task.watermark)
        era = task.era()._replace(unbroken=in_order)
        for entry in sorted((*plan.entries, *plan.found), key=lambda entry: entry.first):
            ledger = ledger.record(entry, era) if entry.first == entry.last else ledger.fill(entry, era)
        task.tally.ledger = ledger

    def _begin(self, due: Due, now: datetime) -> None:
        """Stops what is replaced, begins what is due, lets the others wait, and records what is lost."""
        task, plan = due.task, due.plan
        for name in plan.stops:
            run = task.runs.get(name)
            if run is not None:
                self._executions.stop(run, "Replaced")
        for prepared in due.starts:
            task.tally.started(prepared.run.scheduled_at)
            if self._line.admits(task, prepared.run):
                self._executions.begin(task, prepared)
        for at, trigger in plan.queued:
            why = "CatchUp" if trigger == "CatchUp" else "Overlap"
            self._line.add(task, self._executions.make(task, due.spec, at, trigger), why)
        for at in plan.lost:
            self._executions.record_lost(task, at, now)

    def _tell(self, task: Task, plan: TaskPlan, now: datetime) -> None:
        """Counts, metrics and events of what was not begun."""
        task.tally.left_out(plan.entries)
        task.tally.lost_unrecorded(sum(each.size for each in plan.entries if each.outcome == "Lost") - len(plan.lost))
        for outcome in ("Skipped", "Missed", "Lost", "Queued"):
            told = [entry for entry in plan.entries if entry.outcome == outcome]
            if not told:
                continue
            self._metrics.instants(outcome.lower(), sum(entry.size for entry in told))
            if outcome == "Skipped":
                self._tell_skipped(task, told, now)
            elif outcome == "Missed":
                self._recorder.missed(task, told, now)
                first, last = min(entry.first for entry in told), max(entry.last for entry in told)
                self._notices.missed(task, first, last, sum(entry.size for entry in told), now)

    def _tell_skipped(self, task: Task, entries: list[Entry], now: datetime) -> None:
        """Events of what a limit prevented; a pause, a freeze or a calendar is somebody's wish."""
        told = [entry for entry in entries if entry.reason in ("Overlap", "Limit")]
        if told:
            self._recorder.skipped(task, told, now)


def load_of(task: Task, spec: TaskSpec) -> Load:
    """What the task has under way."""
    if not task.runs:
        return IDLE
    runs = [run for run in task.runs.values() if run.finished_at is None]
    waiting = [run for run in runs if run.phase == "Queued"]
    counted = () if spec.concurrency_policy == "Allow" else (run.key.name for run in runs if run.phase != "Queued")
    return Load(tuple(counted), len(waiting), sum(run.trigger == "CatchUp" for run in waiting))
