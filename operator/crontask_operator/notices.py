"""Puts into a task's status what somebody wants to be told of it; sending is the notifier's.

Called where things happen, in the same turn of the loop in which they are counted, so
that one status patch holds both. A task without `notify` costs one look at a flag.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from crontask_core import notices
from crontask_core.history import Ended
from crontask_core.model import BY_SCHEDULE, PendingNotification, TaskStatus
from crontask_operator.index import Task
from crontask_operator.recorder import Recorder


class Notices:
    """Fills the outbox of tasks; `touch` has a task's status written soon."""

    def __init__(self, recorder: Recorder, touch: Callable[[Task], None]) -> None:
        self._recorder, self._touch = recorder, touch

    def ended(self, task: Task, ended: Ended, output: str | None) -> None:
        """An execution has just been counted; `output` is None where it is not at hand."""
        if not task.notifies:
            return
        if (ended.phase, ended.reason) == ("Cancelled", "Deadline") and ended.scheduled_at is not None:
            self.missed(task, ended.scheduled_at, ended.scheduled_at, 1, ended.finished_at)
        tally = task.tally
        made, alerting = notices.ended(
            task.spec().notify,
            tally.outbox.alerting if tally.outbox else (),
            uid=task.uid,
            execution=ended.name,
            phase=ended.phase,
            at=ended.finished_at,
            failures=tally.consecutive_failures,
            output=output,
        )
        tally.outbox = notices.with_alerting(tally.outbox, alerting)
        self._add(task, made, ended.finished_at)

    def begun(self, task: Task, name: str, at: datetime) -> None:
        """An execution has begun, whatever caused it."""
        if task.notifies:
            self._add(task, notices.begun(task.spec().notify, uid=task.uid, execution=name, at=at), at)

    def begun_late(self, task: Task, name: str, scheduled_at: datetime, lateness_milliseconds: int | None) -> None:
        """A scheduled execution has begun, so long after its instant."""
        if task.notifies and lateness_milliseconds:
            made = notices.begun_late(
                task.spec().notify,
                uid=task.uid,
                execution=name,
                scheduled_at=scheduled_at,
                lateness_milliseconds=lateness_milliseconds,
            )
            self._add(task, made, scheduled_at)

    def missed(self, task: Task, first: datetime, last: datetime, count: int, now: datetime) -> None:
        """So many instants, at least, were not started in time."""
        if task.notifies:
            made = notices.missed(task.spec().notify, uid=task.uid, first=first, last=last, count=count)
            self._add(task, made, now)

    def disabled(self, task: Task, last: str, at: datetime) -> None:
        """The schedule is paused because of the failures of which `last` was the latest."""
        if task.notifies:
            tally = task.tally
            made = notices.disabled(
                task.spec().notify,
                tally.outbox.pending if tally.outbox else (),
                uid=task.uid,
                execution=last,
                at=at,
                failures=tally.consecutive_failures,
            )
            self._add(task, made, at)

    def settle(self, task: Task, stored: TaskStatus, uncounted: Sequence[Ended]) -> None:
        """At the take-over: what began, or began late, after the status was last stored is told of now."""
        if not task.notifies:
            return
        told = {active.name for active in stored.active if active.started_at is not None}
        for run in task.runs.values():
            if run.key.name in told or run.started_at is None:
                continue
            self.begun(task, run.key.name, run.started_at)
            if run.trigger in BY_SCHEDULE:
                self.begun_late(task, run.key.name, run.scheduled_at, run.lateness_milliseconds)
        for ended in uncounted:
            at = ended.scheduled_at
            if ended.name in told or not ended.began:
                continue
            self.begun(task, ended.name, ended.finished_at)  # its record says when it began
            if ended.trigger in BY_SCHEDULE and at is not None:
                self.begun_late(task, ended.name, at, ended.lateness_milliseconds)

    def _add(self, task: Task, made: Sequence[PendingNotification], now: datetime) -> None:
        if made:
            task.tally.outbox, dropped = notices.with_new(task.tally.outbox, made)
            if dropped:
                self._recorder.notifications_dropped(task, dropped, now)
            self._touch(task)
