"""What the operator remembers of a task between status writes: counts, last times, conditions.

A tally starts from the status that the API server keeps and is folded forward
with every outcome; `status_of` turns it into the next status. It is small on
purpose: there is one for each task.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from crontask_core.conditions import disabled
from crontask_core.history import Ended
from crontask_core.ledger import EMPTY, Entry, Ledger, ledger_entries, read_ledger
from crontask_core.model import Condition, Counts, LastExecution, TaskStatus
from crontask_core.model.base import ConditionStatus
from crontask_core.model.policy import IgnoredFailure
from crontask_core.notices import FAILURES, Outbox, outbox_of, with_alerting
from crontask_core.planning.pace import usual_seconds


class Standing(NamedTuple):
    """One condition as it stands; a tenth of the size of the model that the status is made of."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
    observed_generation: int | None
    last_transition_time: datetime


@dataclass(slots=True)
class Tally:
    """Counts and last times of one task. Times are aware UTC."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    lost: int = 0
    skipped: int = 0
    missed: int = 0
    retried: int = 0
    consecutive_failures: int = 0
    disabled_at: datetime | None = None
    """When the schedule was paused after too many failures in a row; an edit of the spec takes it up again."""
    last_run: datetime | None = None
    last_schedule: datetime | None = None
    last_successful: datetime | None = None
    last_failed: datetime | None = None
    last_missed: datetime | None = None
    last_execution: LastExecution | None = None
    outbox: Outbox | None = None
    conditions: tuple[Standing, ...] = ()
    ledger: Ledger = EMPTY
    timing_since: datetime | None = None
    """Since when the present schedule holds."""
    ignored_failures: int = 0
    """How many of the failures in a row do not count for `disableAfterFailures`."""
    failures_since: datetime | None = None
    """The `failuresSince` of the spec by which failures in a row are counted."""

    def started(self, scheduled_at: datetime) -> None:
        """An instant was started."""
        self.last_schedule = max(self.last_schedule or scheduled_at, scheduled_at)

    def left_out(self, entries: Iterable[Entry]) -> None:
        """Instants have these outcomes; those that were skipped or missed count."""
        for entry in entries:
            if entry.outcome == "Skipped":
                self.skipped += entry.size
            elif entry.outcome == "Missed":
                self.missed += entry.size
            else:
                continue
            self.last_missed = max(self.last_missed or entry.last, entry.last)

    def lost_unrecorded(self, count: int) -> None:
        """So many calls are lost and no execution tells of them."""
        self.lost += count

    def ended(self, ended: Ended, ignores: Collection[IgnoredFailure] = ()) -> None:
        """An execution has its outcome. `ignores` is what does not count for `disableAfterFailures`."""
        phase, at = ended.phase, ended.finished_at
        if ended.ran:
            self.last_execution = LastExecution(
                name=ended.name,
                phase=phase,
                trigger=ended.trigger,
                reason=ended.reason,
                started_at=ended.started_at,
                finished_at=at,
                partial=ended.partial,
            )
        self.retried += ended.retried
        if phase == "Succeeded":
            self.succeeded += 1
            self._no_failures()
            self.last_successful = at
        elif phase == "Failed":
            self.failed += 1
            self.last_failed = at
        elif phase == "Lost":
            self.lost += 1
        else:
            self.cancelled += 1
        if phase in FAILURES:
            self.consecutive_failures += 1
            self.ignored_failures += ("Lost" if phase == "Lost" else ended.reason) in ignores

    def disable_if_due(self, after: int | None, *, generation: int, now: datetime) -> bool:
        """Pauses the schedule where `after` executions have failed in a row; whether it is paused only now."""
        failures = self.consecutive_failures - self.ignored_failures
        if after is None or self.disabled_at is not None or failures < after:
            return False
        self.disabled_at = now
        self.set_condition("Scheduled", *disabled(self.consecutive_failures), generation=generation, now=now)
        return True

    def enable(self) -> None:
        """The spec was edited: the schedule goes on, and failures are counted anew."""
        self.disabled_at = None
        self._no_failures()

    def count_anew(self, since: datetime) -> None:
        """The spec has this `failuresSince`: where it is another than before, it is as if nothing had failed."""
        if since != self.failures_since:
            self.failures_since = since
            self._no_failures()
            self.outbox = with_alerting(self.outbox, ())

    def _no_failures(self) -> None:
        self.consecutive_failures = self.ignored_failures = 0

    def show_late(self, late: bool, reason: str, message: str = "", *, generation: int, now: datetime) -> bool:
        """Sets the condition Late where that changes it; a task that never was late has none."""
        is_late = any(each.type == "Late" and each.status == "True" for each in self.conditions)
        if late == is_late:
            return False
        status: ConditionStatus = "True" if late else "False"
        self.set_condition("Late", status, reason, message, generation=generation, now=now)
        return True

    def set_condition(
        self, kind: str, status: ConditionStatus, reason: str, message: str, *, generation: int, now: datetime
    ) -> None:
        """Sets one condition; its transition time moves only when the status changes."""
        since = now
        for condition in self.conditions:
            if condition.type == kind and condition.status == status:
                since = condition.last_transition_time
        new = Standing(kind, status, reason, message, generation, since)
        others = tuple(condition for condition in self.conditions if condition.type != kind)
        self.conditions = tuple(sorted((*others, new), key=lambda condition: condition.type))

    def usual_seconds(self) -> float | None:
        """What the latest execution took; None where that is not known."""
        return usual_seconds(self.last_run, self.last_successful, self.last_failed)

    def counts(self) -> Counts:
        """The counts as the status shows them."""
        return Counts(
            succeeded=self.succeeded,
            failed=self.failed,
            cancelled=self.cancelled,
            lost=self.lost,
            skipped=self.skipped,
            missed=self.missed,
            retried=self.retried,
        )


def tally_of(status: TaskStatus) -> Tally:
    """The tally that a stored status stands for."""
    counts = status.counts
    return Tally(
        succeeded=counts.succeeded,
        failed=counts.failed,
        cancelled=counts.cancelled,
        lost=counts.lost,
        skipped=counts.skipped,
        missed=counts.missed,
        retried=counts.retried,
        consecutive_failures=status.consecutive_failures,
        disabled_at=status.disabled_at,
        last_run=status.last_run_time,
        last_schedule=status.last_schedule_time,
        last_successful=status.last_successful_time,
        last_failed=status.last_failed_time,
        last_missed=status.last_missed_time,
        last_execution=status.last_execution,
        outbox=outbox_of(status.notifications, status.alerting),
        conditions=tuple(
            Standing(
                each.type, each.status, each.reason, each.message, each.observed_generation, each.last_transition_time
            )
            for each in status.conditions
        ),
        ledger=read_ledger(status.ledger, _forgotten(status)),
        timing_since=status.timing_since or status.watermark,
        ignored_failures=status.ignored_failures,
        failures_since=status.failures_since,
    )


def _forgotten(status: TaskStatus) -> datetime | None:
    """Up to when the ledger has forgotten; a status from before there was one has forgotten everything."""
    return status.ledger_since if status.timing_since is not None else status.watermark


def status_of(tally: Tally, ledger: Ledger | None = None, **rest: Any) -> TaskStatus:
    """The status to store: the tally, and what else the caller knows (`TaskStatus` fields by name).

    `ledger` takes the place of the tally's own, where that says too much yet.
    """
    ledger = tally.ledger if ledger is None else ledger
    return TaskStatus(
        counts=tally.counts(),
        consecutive_failures=tally.consecutive_failures,
        ignored_failures=tally.ignored_failures,
        failures_since=tally.failures_since,
        disabled_at=tally.disabled_at,
        last_run_time=tally.last_run,
        last_schedule_time=tally.last_schedule,
        last_successful_time=tally.last_successful,
        last_failed_time=tally.last_failed,
        last_missed_time=tally.last_missed,
        last_execution=tally.last_execution,
        notifications=list(tally.outbox.pending) if tally.outbox else [],
        alerting=list(tally.outbox.alerting) if tally.outbox else [],
        conditions=[Condition(**standing._asdict()) for standing in tally.conditions],
        ledger=ledger_entries(ledger),
        ledger_since=ledger.since,
        timing_since=tally.timing_since,
        **rest,
    )
