"""CronTask: when, what, and by which rules; and the status that the operator keeps of it."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from crontask_core.model.action import HttpAction, PodAction
from crontask_core.model.base import ConditionStatus, Model, keyed_list, rules
from crontask_core.model.execution import Phase, Trigger
from crontask_core.model.policy import YEAR, ConcurrencyPolicy, History, Missed, Retry
from crontask_core.model.timing_rules import SCHEDULE_RULES, ZONE_RULES

Grammar = Literal["standard", "robfig-v1", "robfig-v3", "robfig-v3-standard", "jakecoffman", "gocronx", "dkron"]
NEXT_RUNS = 3
MAX_ACTIVE_SHOWN = 20
MAX_NAME = 253
_ACTION_RULES = (
    ("has(self.pod) || has(self.http)", "no action is set; add pod or http"),
    ("!(has(self.pod) && has(self.http))", "pod and http are both set; keep one action and remove the other"),
)


class TaskSpec(Model):
    """When the task runs, what it does, and by which rules."""

    model_config = ConfigDict(json_schema_extra=rules(*_ACTION_RULES, *SCHEDULE_RULES))

    schedule: str = Field(min_length=1, max_length=500)
    """
    When the task is due: a cron text of 5 fields (minutes first), 6 (seconds first) or 7 (with years at the end),
    with names, ?, L, W, # and H; or one of @hourly, @daily,
    @weekly, @monthly, @yearly, @every 90s, @at 2030-01-02T03:04:05Z, @manual.
    """

    grammar: Grammar = "standard"
    """How the text is read and stepped: standard, or the rules of a Go library that it was written for."""

    time_zone: str = Field(default="", max_length=64, json_schema_extra=rules(*ZONE_RULES))
    """The IANA time zone of the schedule, such as Europe/Berlin; empty means the operator's default (UTC)."""

    suspend: bool = False
    """Whether the schedule is paused; instants that pass meanwhile are skipped, executions made by hand still run."""

    concurrency_policy: ConcurrencyPolicy = "Allow"
    """
    What happens when the task is due while an execution of it still runs: Allow runs both, Forbid skips the new one,
    Replace stops the old one.
    """

    starting_deadline_seconds: int | None = Field(default=None, ge=0, le=YEAR)
    """How late an instant may still be started; a later one is counted as missed. Empty means no such limit."""

    timeout_seconds: int | None = Field(default=None, ge=1, le=YEAR)
    """How long each attempt may take. Empty means no limit for a pod, and 300 seconds for an HTTP call."""

    missed: Missed = Missed()
    """How instants are treated that passed while no operator could start them."""

    retry: Retry = Retry()
    """Whether failed attempts are tried again."""

    history: History = History()
    """How much of the past is kept."""

    pod: PodAction | None = None
    """The action: run a pod for each attempt, from a full template or the short form for one container."""

    http: HttpAction | None = None
    """The action: make one HTTP request for each attempt."""


class Condition(Model):
    """One condition, as in other Kubernetes objects."""

    type: str = Field(max_length=316)
    """Ready, Scheduled or Failing."""

    status: ConditionStatus
    """True, False or Unknown."""

    observed_generation: int | None = None
    """The generation of the spec that the condition speaks of."""

    last_transition_time: datetime
    """When the status last changed."""

    reason: str = Field(max_length=1024)
    """Why, in one word."""

    message: str = Field(default="", max_length=32_768)
    """The same for a human, with the field's path where a field is wrong."""


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
    """Instants that were not started because of an overlap."""

    missed: int = Field(default=0, ge=0)
    """Instants that were not started in time; a long outage adds at most 100 at once."""


class LastExecution(Model):
    """The execution that ended last."""

    name: str = Field(max_length=MAX_NAME)
    """The name of the CronTaskExecution."""

    phase: Phase
    """How it ended."""

    trigger: Trigger
    """What caused it."""

    reason: str | None = Field(default=None, max_length=64)
    """Why it ended so, in one word."""


class TaskStatus(Model):
    """What the operator knows of the task; written by it alone."""

    observed_generation: int | None = None
    """The generation of the spec that the operator works by."""

    timing: str | None = Field(default=None, max_length=64)
    """A digest of the fields that decide when the task is due; instants before a change of it are not started."""

    conditions: list[Condition] = Field(default=[], max_length=8, json_schema_extra=keyed_list("type"))
    """Ready: the task can be run. Scheduled: it will run again by itself. Failing: its last execution failed."""

    next_runs: list[datetime] = Field(default=[], max_length=NEXT_RUNS)
    """The next instants; empty where there is none."""

    watermark: datetime | None = None
    """Every instant up to this one has its outcome."""

    active: list[ActiveExecution] = Field(default=[], max_length=MAX_ACTIVE_SHOWN)
    """Executions that have not ended (the first twenty)."""

    active_count: int = Field(default=0, ge=0)
    """How many executions have not ended."""

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
    """The execution that ended last."""

    counts: Counts = Counts()
    """How many ended how."""

    consecutive_failures: int = Field(default=0, ge=0)
    """How many executions failed since the last success."""
