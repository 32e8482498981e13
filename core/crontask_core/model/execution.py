"""CronTaskExecution: one run, for one instant or one trigger, and what became of it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, Text, keyed_list, rules
from crontask_core.model.http_action import Header, Url
from crontask_core.model.pod_action import EnvVar
from crontask_core.model.policy import MAX_HEADER_BYTES, MAX_OUTPUT_BYTES, YEAR

Trigger = Literal["Schedule", "Manual", "After", "CatchUp", "Backfill"]
BY_SCHEDULE: frozenset[Trigger] = frozenset({"Schedule", "CatchUp"})
"""What the schedule causes; the other triggers are executions besides it."""
Phase = Literal["Pending", "Queued", "Running", "Succeeded", "Failed", "Cancelled", "Lost"]
FINAL_PHASES: frozenset[Phase] = frozenset({"Succeeded", "Failed", "Cancelled", "Lost"})
MAX_ATTEMPTS_KEPT = 100
"""At least one for each target that a task may have."""
MAX_MESSAGE = 1024
MAX_STATUS_TEXT = 256
MAX_URL = 2048
MAX_FOLLOWERS = 1000
MAX_TASK_SPEC = 131_072


class TaskRef(Model):
    """The task that is run."""

    name: str = Field(min_length=1, max_length=253)
    """The name of a CronTask in the same namespace."""


class Overrides(Model):
    """What a run by hand does otherwise than its task says, as far as the task's `overridable` allows it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.env) || self.env.all(variable, !has(variable.valueFrom))",
                "a variable of an execution takes its value from nowhere else; write value in place of valueFrom",
                ".env",
            )
        )
    )

    env: list[EnvVar] | None = Field(default=None, max_length=200, json_schema_extra=keyed_list("name"))
    """Environment variables of every container, in place of those of the same name."""

    args: list[Text] | None = Field(default=None, max_length=1000)
    """The arguments of the first container."""

    url: Url | None = None
    """The URL of the call."""

    headers: list[Header] | None = Field(default=None, max_length=100)
    """Request headers, in place of those of the same name."""

    body: Text | None = None
    """The request's body."""

    timeout_seconds: int | None = Field(default=None, ge=1, le=YEAR)
    """How long each attempt may take."""

    concurrency_policy: Literal["Allow"] | None = None
    """Allow: it begins although others of the task run, and stops none of them; the limits of a group hold."""


class Backfill(Model):
    """Past instants to be run, each once, in their order; at most 10,000 of them."""

    model_config = ConfigDict(
        json_schema_extra=rules(("self.start <= self.end", "end is before start; swap the two", ".end"))
    )

    start: datetime
    """The first moment of the range."""

    end: datetime
    """The last moment of the range, itself included; it must have passed."""

    parallelism: int = Field(default=1, ge=1, le=100)
    """How many instants may run at once."""

    again: bool = False
    """Whether instants that were started before are run once more; by default they are left out."""


class BackfillProgress(Model):
    """How far a backfill is."""

    total: int = Field(default=0, ge=0)
    """How many instants the range holds."""

    succeeded: int = Field(default=0, ge=0)
    """How many of them succeeded."""

    failed: int = Field(default=0, ge=0)
    """How many of them ended otherwise."""

    skipped: int = Field(default=0, ge=0)
    """How many were left out, because they had been started before, or because a calendar of the task covers them."""

    cursor: datetime | None = None
    """Every instant up to this one has ended or was left out; the counts speak of these."""


class ExecutionSpec(Model):
    """What is to be run; creating an execution by hand means "run now"."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(oldSelf.stop) || !oldSelf.stop || (has(self.stop) && self.stop)",
                "stop cannot be taken back; create another execution",
                ".stop",
            ),
            (
                "self.taskRef == oldSelf.taskRef",
                "taskRef cannot be changed; create another execution",
                ".taskRef",
            ),
            (
                "self.trigger == oldSelf.trigger",
                "trigger cannot be changed; create another execution",
                ".trigger",
            ),
            (
                "has(self.scheduledAt) == has(oldSelf.scheduledAt)"
                " && (!has(self.scheduledAt) || self.scheduledAt == oldSelf.scheduledAt)",
                "scheduledAt cannot be changed; create another execution",
                ".scheduledAt",
            ),
            (
                "has(self.parent) == has(oldSelf.parent) && (!has(self.parent) || self.parent == oldSelf.parent)",
                "parent cannot be changed; create another execution",
                ".parent",
            ),
            (
                "has(self.backfill) == has(oldSelf.backfill)"
                " && (!has(self.backfill) || self.backfill == oldSelf.backfill)",
                "backfill cannot be changed; stop this one and create another",
                ".backfill",
            ),
            (
                "!has(self.overrides) || self.trigger == 'Manual'",
                "overrides belong to an execution that is made by hand; remove overrides, or set trigger to Manual",
                ".overrides",
            ),
            (
                "!has(self.backfill) || (has(self.trigger) && self.trigger == 'Backfill')",
                "backfill needs the trigger Backfill; set it, or remove backfill",
                ".trigger",
            ),
        )
    )

    task_ref: TaskRef
    """The task to run."""

    trigger: Trigger = "Manual"
    """
    What caused the execution: the schedule, somebody's wish (Manual), the end of another task (After), the make-up
    for a missed instant (CatchUp), or somebody's wish to run past instants (Backfill).
    """

    scheduled_at: datetime | None = None
    """The instant that the execution is for; empty on a manual execution, which is for the moment of its creation."""

    parent: str | None = Field(default=None, max_length=253)
    """The execution that caused this one, with the triggers After and Backfill."""

    overrides: Overrides | None = None
    """What is done otherwise than the task says."""

    backfill: Backfill | None = None
    """With the trigger Backfill: the past instants to run; this execution then stands for all of them."""

    stop: bool = False
    """Set to true to stop the execution: its pod is deleted, its call is dropped, no attempt follows."""


class Timings(Model):
    """How long the phases of an HTTP call took, in microseconds; absent where a phase was not reached."""

    lookup_microseconds: int | None = Field(default=None, ge=0)
    """Looking up the host's addresses."""

    connect_microseconds: int | None = Field(default=None, ge=0)
    """Connecting (TCP)."""

    tls_microseconds: int | None = Field(default=None, ge=0)
    """The TLS handshake; absent for plain HTTP."""

    ready_microseconds: int | None = Field(default=None, ge=0)
    """From the start of the call (of its last hop) until its request could be sent: all of the above, and between."""

    first_byte_microseconds: int | None = Field(default=None, ge=0)
    """From the request's start on the connection to the first byte of the answer."""

    total_microseconds: int | None = Field(default=None, ge=0)
    """From the start of the attempt to its end, redirects included."""


class Attempt(Model):
    """One try within an execution."""

    number: int = Field(ge=1)
    """Counted from 1."""

    started_at: datetime | None = None
    """When the pod was created or the call began."""

    finished_at: datetime | None = None
    """When the attempt's end was seen."""

    reason: str | None = Field(default=None, max_length=64)
    """Why it ended as it did, in one word."""

    message: str | None = Field(default=None, max_length=MAX_MESSAGE)
    """The same for a human."""

    target: str | None = Field(default=None, max_length=253)
    """The CronTaskTarget that it ran at."""

    pod: str | None = Field(default=None, max_length=253)
    """The name of the attempt's pod."""

    node: str | None = Field(default=None, max_length=253)
    """The node that ran the pod."""

    exit_code: int | None = None
    """The exit code of the container that decided the outcome."""

    http_status: int | None = None
    """The status code of the last answer."""

    http_status_text: str | None = Field(default=None, max_length=MAX_STATUS_TEXT)
    """What that answer says beside its code; absent where it says nothing."""

    url: str | None = Field(default=None, max_length=MAX_URL)
    """The URL that was called, as far as it fits: references are resolved, redirects may have led on from it."""

    timings: Timings | None = None
    """The phases of the HTTP call (of its last hop, where it was redirected; the total covers all)."""


class ExecutionStatus(Model):
    """What the operator knows of the execution; written by it alone."""

    phase: Phase = "Pending"
    """Pending, Queued (waits for its turn), Running, or how it ended: Succeeded, Failed, Cancelled, Lost."""

    reason: str | None = Field(default=None, max_length=64)
    """Why, in one word."""

    message: str | None = Field(default=None, max_length=MAX_MESSAGE)
    """The same for a human."""

    started_at: datetime | None = None
    """When the first attempt began."""

    finished_at: datetime | None = None
    """When the outcome was known."""

    lateness_milliseconds: int | None = Field(default=None, ge=0)
    """How long after its instant the first attempt began."""

    attempts: list[Attempt] = Field(default=[], max_length=MAX_ATTEMPTS_KEPT)
    """The attempts, oldest first; of very many, the first and the latest ones, and the latest at each target."""

    output: str | None = Field(default=None, max_length=MAX_OUTPUT_BYTES)
    """The end of the pod's log, or the start of the HTTP answer's body."""

    output_truncated: bool | None = None
    """Whether there was more output than is kept."""

    response_headers: str | None = Field(default=None, max_length=MAX_HEADER_BYTES)
    """The headers of the HTTP answer, one to a line, as far as `history.headerBytes` keeps them."""

    task_spec: str | None = Field(default=None, max_length=MAX_TASK_SPEC)
    """Of an execution that outlives its task, while it runs: the spec, as JSON, by which another replica goes on."""

    backfill: BackfillProgress | None = None
    """How far a backfill is."""

    followers: list[Annotated[str, Field(max_length=253)]] | None = Field(default=None, max_length=MAX_FOLLOWERS)
    """The tasks that run because this execution has ended, until an execution of each of them exists."""
