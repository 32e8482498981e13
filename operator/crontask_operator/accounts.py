"""What a task's status says of its executions: counted when the record is durable, never before.

A successor counts what it finds ended and uncounted (`Tasks.settle`), so that
whatever dies when, each execution is counted once.
"""

from collections.abc import Sequence
from datetime import datetime

from crontask_core.history import Ended
from crontask_core.ledger import SECOND, Entry, Ledger, at_once, late_after, outcome_of
from crontask_core.model import BY_SCHEDULE
from crontask_core.model.policy import IgnoredFailure
from crontask_core.names import execution_name
from crontask_core.notices import FAILURES
from crontask_core.schedule import instants
from crontask_operator.index import Index, Run, Task
from crontask_operator.notices import Notices
from crontask_operator.recorder import Recorder
from crontask_operator.statuses import Statuses

LEFT_OUT = ("Missed", "Skipped")
NOT_BEGUN = ("Lost", *LEFT_OUT)
"""Outcomes that a leader may tell of an instant whose pod or call an earlier one has sent, and a network held back."""
MAX_WAITING = 1000
"""More executions of one task never wait (`missed.limit`, `queueLimit`)."""


class Accounts:
    """Folds stored executions into their task."""

    def __init__(self, index: Index, statuses: Statuses, recorder: Recorder, notices: Notices) -> None:
        self._index, self._statuses, self._recorder, self._notices = index, statuses, recorder, notices

    def started(self, run: Run) -> None:
        """The first attempt is on its way: how late it is belongs to the outcome of its instant."""
        task, late = self._index.tasks.get(run.task), run.lateness_milliseconds
        if task is None or task.uid != run.uid or run.started_at is None:
            return
        tally = task.tally
        tally.last_run = run.started_at
        self._notices.begun(task, run.key.name, run.started_at)
        if run.trigger not in BY_SCHEDULE or late is None:
            self._statuses.touch(task, after_start=True)  # one that the schedule began was touched with its plan
            return
        self._notices.begun_late(task, run.key.name, run.scheduled_at, late)
        outcome, reason = outcome_of("Running", run.trigger, None, late)
        before = tally.ledger.at(run.scheduled_at)
        if outcome == "Late" and before is not None and before.outcome in ("Queued", "Late"):
            reason = reason or late_after(before.reason)
        entry = Entry(run.scheduled_at, run.scheduled_at, outcome, reason, 1, late)
        tally.ledger = tally.ledger.record(entry, task.era())
        message = f"{run.key.name} began {late / 1000:.1f} seconds late." if outcome == "Late" else ""
        tally.show_late(outcome == "Late", outcome, message, generation=task.generation, now=run.started_at)

    def recorded(self, run: Run) -> None:
        """The execution exists at the API server: its instant is accounted for (law 1)."""
        task = self._index.tasks.get(run.task)
        if task is not None and task.uid == run.uid and _is_instant(task, run):
            task.unsaved -= {run.scheduled_at}
            self._statuses.touch(task, after_start=task.delete_after != "Dispatch")

    def stored(self, run: Run) -> None:
        """The final state is durable: it is counted, told of, and becomes history.

        Not before: a successor counts what it finds ended and uncounted, and must not count it twice.
        """
        self._index.remove_run(run)
        task, at = self._index.tasks.get(run.task), run.finished_at
        if task is None or task.uid != run.uid or at is None:
            return
        if run.backfill is None:
            self._count(task, run, at)
        ended = run.as_ended()
        if (run.stored or ended.began) and all(other.name != ended.name for other in task.ended):
            task.ended += (ended,)
        self._statuses.touch(task)

    def unrecorded(self, run: Run, words: str) -> None:
        """The API server does not take the record of an execution that has ended: an event is all that tells of it."""
        task, at = self._index.tasks.get(run.task), run.finished_at
        if task is not None and task.uid == run.uid and at is not None:
            self._recorder.record_refused(task, run.key.name, run.phase, words, at)

    def _count(self, task: Task, run: Run, at: datetime) -> None:
        if _is_instant(task, run):
            task.unsaved -= {run.scheduled_at}
        ended = run.as_ended()
        conclude(task, ended)
        task.tally.ended(ended, ignored_failures(task, ended))
        self._notices.ended(task, ended, run.output)
        self._judge_failing(task, run, at)
        if run.phase in FAILURES:
            self._recorder.failed(task, run.key.name, run.reason, run.message, at)
            disable_if_due(task, self._recorder, self._notices, ended, at)

    def _judge_failing(self, task: Task, run: Run, now: datetime) -> None:
        if run.phase == "Succeeded":
            task.tally.set_condition("Failing", "False", "Succeeded", "", generation=task.generation, now=now)
        elif run.phase in FAILURES:
            message = run.message[:1024]
            task.tally.set_condition("Failing", "True", run.reason, message, generation=task.generation, now=now)


def ignored_failures(task: Task, ended: Ended) -> Sequence[IgnoredFailure]:
    """What the task does not count for `disableAfterFailures`, where its execution has failed."""
    return () if task.problem or ended.phase not in FAILURES else task.spec().disable_ignores


def disable_if_due(task: Task, recorder: Recorder, notices: Notices, last: Ended, now: datetime) -> None:
    """Pauses the schedule after too many failures in a row, of which `last` is the latest, and tells of it."""
    after = None if task.problem else task.spec().disable_after_failures
    if task.tally.disable_if_due(after, generation=task.generation, now=now):
        task.wake_at = None
        recorder.disabled(task, now)
        notices.disabled(task, last.name, now)


def conclude(task: Task, ended: Ended) -> None:
    """The outcome of an instant, once its execution has ended: what began keeps its outcome, unless it is lost.

    What was taken for lost or left out, and has begun after all, is told anew.
    """
    at, tally = ended.scheduled_at, task.tally
    if ended.trigger not in BY_SCHEDULE or at is None:
        return
    outcome, reason = outcome_of(ended.phase, ended.trigger, ended.reason, ended.lateness_milliseconds)
    told = tally.ledger.at(at)
    if outcome in ("Started", "Late") and tally.ledger.decided(at) and (told is None or told.outcome not in NOT_BEGUN):
        return
    entry = Entry(at, at, outcome, reason, 1, ended.lateness_milliseconds)
    if outcome == "Missed":
        tally.left_out([entry])
    tally.ledger = tally.ledger.record(entry, task.era())


def close_queued(task: Task) -> None:
    """At the take-over: what waited and was deleted while nobody watched does not wait any more."""
    ledger, era = task.tally.ledger, task.era()
    for entry in task.tally.ledger.entries:
        if entry.outcome != "Queued" or task.schedule is None:
            continue
        if era.is_before(entry):
            ledger = _close_earlier(task, ledger, entry)
            continue
        for at in instants(task.schedule, entry.first - SECOND, min(entry.last, task.watermark), MAX_WAITING)[0]:
            if execution_name(task.key.name, at) not in task.runs:
                ledger = ledger.record(at_once(at, "Cancelled", "Deleted"), era)
    task.tally.ledger = ledger


def _close_earlier(task: Task, ledger: Ledger, entry: Entry) -> Ledger:
    """The same for a range of an earlier schedule, whose instants are known only where their executions exist."""
    era, runs = task.era(), task.runs.values()
    found = [run.scheduled_at for run in runs if run.trigger in BY_SCHEDULE and entry.covers(run.scheduled_at)]
    ledger = ledger.record(entry._replace(outcome="Cancelled", reason="Deleted"), era)
    if not found:
        return ledger
    return ledger.record(entry._replace(first=min(found), last=max(found), size=len(found)), era)


def _is_instant(task: Task, run: Run) -> bool:
    """Whether the execution is the one that stands for an instant whose start is not stored yet."""
    return run.trigger in BY_SCHEDULE and run.scheduled_at in task.unsaved
