"""The status of a CronTask: what the operator knows of it, written by it alone."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from crontask_core.model.base import Condition, Model, keyed_list
from crontask_core.model.execution import Phase, Trigger
from crontask_core.model.ledger import MAX_ENTRIES, LedgerEntry
from crontask_core.model.notify import MAX_PENDING, PendingNotification

NEXT_RUNS = 3
MAX_ACTIVE_SHOWN = 20
MAX_COUNTED_SHOWN = 40
MAX_NAME = 253


class ActiveExecution(Model):
    """An execution that has not ended."""

    name: str = Field(max_length=MAX_NAME)
    """The name of the CronTaskExecution."""

    started_at: datetime | None = None
    """When it began."""


class Counts(Model):
    """How many instants and executions ended how, since the task was created."""

    succeeded: int = Field(default=0, ge=0)
    """Executions that succeeded."""

    failed: int = Field(default=0, ge=0)
    """Executions that failed after all their attempts."""

    cancelled: int = Field(default=0, ge=0)
    """Executions that were stopped or replaced."""

    lost: int = Field(default=0, ge=0)
    """Executions whose fate nobody knows."""

    skipped: int = Field(default=0, ge=0)
    """Instants that were not started on purpose: an overlap, a pause, a calendar, a limit."""

    missed: int = Field(default=0, ge=0)
    """Instants that were not started in time; a long outage adds at most 100 at once."""

    retried: int = Field(default=0, ge=0)
    """Attempts that failed and were followed by another one within the same execution."""


class LastExecution(Model):
    """Of the executions that began, the one that ended last."""

    name: str = Field(max_length=MAX_NAME)
    """The name of the CronTaskExecution."""

    phase: Phase
    """How it ended."""

    trigger: Trigger
    """What caused it."""

    reason: str | None = Field(default=None, max_length=64)
    """Why it ended so, in one word."""

    started_at: datetime | None = None
    """When its first attempt began; absent where nobody knows."""

    finished_at: datetime | None = None
    """When its outcome was known."""

    partial: bool = False
    """Whether it failed at some of its targets and succeeded at others."""


class TaskStatus(Model):
    """What the operator knows of the task; written by it alone."""

    observed_generation: int | None = None
    """The generation of the spec that the operator works by."""

    timing: str | None = Field(default=None, max_length=64)
    """A digest of the fields that decide when the task is due; instants before a change of it are not started."""

    timing_since: datetime | None = None
    """Since when `timing` holds."""

    conditions: list[Condition] = Field(default=[], max_length=8, json_schema_extra=keyed_list("type"))
    """
    Ready: the task can be run. Scheduled: it will run again by itself. Failing: its last execution failed. Late: its
    last scheduled execution began more than 15 seconds after its instant, or waits for longer than that. Notified: the
    last notification was delivered.
    """

    next_runs: list[datetime] = Field(default=[], max_length=NEXT_RUNS)
    """The next instants; empty where there is none."""

    watermark: datetime | None = None
    """Every instant up to this one has its outcome."""

    ledger: list[LedgerEntry] = Field(default=[], max_length=MAX_ENTRIES)
    """The outcomes of the latest instants, in their order, without gaps from `ledgerSince` up to the watermark."""

    ledger_since: datetime | None = None
    """Instants after this one are in the ledger; what lies before is forgotten, because the ledger is bounded."""

    active: list[ActiveExecution] = Field(default=[], max_length=MAX_ACTIVE_SHOWN)
    """Executions that have not ended, those that wait too (the first twenty)."""

    active_count: int = Field(default=0, ge=0)
    """How many executions run: they have begun and not ended."""

    queued_count: int = Field(default=0, ge=0)
    """How many executions have not begun, because they wait for their turn."""

    disabled_at: datetime | None = None
    """When the schedule was paused because of `disableAfterFailures`; the next edit of the spec takes it up again."""

    notifications: list[PendingNotification] = Field(default=[], max_length=MAX_PENDING)
    """Notifications that have not been delivered yet."""

    alerting: list[int] = Field(default=[], max_length=10)
    """The places in `spec.notify` whose number of failures in a row is reached: the next success is a Recovery."""

    last_run_time: datetime | None = None
    """When an execution last began, whatever caused it."""

    last_schedule_time: datetime | None = None
    """The instant that was started last."""

    last_successful_time: datetime | None = None
    """When an execution last succeeded."""

    last_failed_time: datetime | None = None
    """When an execution last failed."""

    last_missed_time: datetime | None = None
    """The latest instant that was missed or skipped."""

    last_execution: LastExecution | None = None
    """The execution that ended last, of those that began: what was refused, or stopped while it waited, is none."""

    counts: Counts = Counts()
    """How many ended how."""

    counted: list[Annotated[str, Field(max_length=MAX_NAME)]] | None = Field(default=None, max_length=MAX_COUNTED_SHOWN)
    """
    The latest ended executions that are not by schedule, still exist, and are in `counts` (the last forty); empty
    where there are none.
    """

    consecutive_failures: int = Field(default=0, ge=0)
    """How many executions failed or were lost since the last success, or since `failuresSince` was set."""

    ignored_failures: int = Field(default=0, ge=0)
    """How many of them do not count for `disableAfterFailures` (`disableIgnores`)."""

    failures_since: datetime | None = None
    """The `failuresSince` of the spec by which failures in a row are counted."""
