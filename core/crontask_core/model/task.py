"""CronTask: when it runs, what it does, and by which rules."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, keyed_list, rules
from crontask_core.model.http_action import HttpAction
from crontask_core.model.notify import Notify
from crontask_core.model.pod_action import PodAction
from crontask_core.model.policy import (
    POLICY_RULES,
    YEAR,
    ConcurrencyPolicy,
    DeleteAfter,
    History,
    IgnoredFailure,
    Missed,
    Overridable,
    Retry,
)
from crontask_core.model.timing import MAX_SCHEDULES, NAMES_ONCE, TIMING_RULES, After, CalendarSets, Dst, ObjectName
from crontask_core.model.timing_rules import SCHEDULE_RULES, ZONE_RULES

Grammar = Literal["standard", "robfig-v1", "robfig-v3", "robfig-v3-standard", "jakecoffman", "gocronx", "dkron"]
DEFAULT_QUEUE_LIMIT = 10
_ACTION_RULES = (
    ("has(self.pod) || has(self.http)", "no action is set; add pod or http"),
    ("!(has(self.pod) && has(self.http))", "pod and http are both set; keep one action and remove the other"),
)


class TaskSpec(Model):
    """When the task runs, what it does, and by which rules."""

    model_config = ConfigDict(json_schema_extra=rules(*_ACTION_RULES, *TIMING_RULES, *SCHEDULE_RULES, *POLICY_RULES))

    schedule: str | None = Field(default=None, min_length=1, max_length=500)
    """
    When the task is due: a cron text of 5 fields (minutes first), 6 (seconds first) or 7 (with years at the end),
    with names, ?, L, W, # and H; or one of @hourly, @daily,
    @weekly, @monthly, @yearly, @every 90s, @at 2030-01-02T03:04:05Z, @manual.
    """

    schedules: list[Annotated[str, Field(min_length=1, max_length=500)]] | None = Field(
        default=None, min_length=1, max_length=MAX_SCHEDULES
    )
    """Further texts; the task is due when any of them is, and once where several are at the same second."""

    calendar: CalendarSets | None = None
    """Sets of minutes, hours, days, months and weekdays, in place of a text or beside it."""

    grammar: Grammar = "standard"
    """How the texts are read and stepped: standard, or the rules of a Go library that it was written for."""

    time_zone: str = Field(default="", max_length=64, json_schema_extra=rules(*ZONE_RULES))
    """The IANA time zone of the schedule, such as Europe/Berlin; empty means the operator's default (UTC)."""

    dst: Dst | None = None
    """What a change of the clocks does to the schedule; absent, a sensible default of its form (docs/schedules.md)."""

    first_run_at: datetime | None = None
    """The task runs exactly then for the first time, whatever its schedule says, and by its schedule afterwards."""

    start_at: datetime | None = None
    """The schedule begins: instants before this time do not count."""

    end_at: datetime | None = None
    """The schedule ends: instants after this time do not count."""

    exclude: list[ObjectName] = Field(default=[], max_length=20, json_schema_extra=NAMES_ONCE)
    """Names of CronTaskCalendars; an instant that any of them covers is skipped."""

    only: list[ObjectName] = Field(default=[], max_length=20, json_schema_extra=NAMES_ONCE)
    """Names of CronTaskCalendars; an instant that none of them covers is skipped."""

    splay_seconds: int | None = Field(default=None, ge=0, le=86_400)
    """
    Moves every instant by up to so many seconds, always by the same for this task, so that tasks with the same
    schedule do not all start at once.
    """

    suspend: bool = False
    """Whether the schedule is paused; instants that pass meanwhile are skipped, executions made by hand still run."""

    suspend_until: datetime | None = None
    """The schedule is paused up to this time and goes on by itself afterwards."""

    concurrency_policy: ConcurrencyPolicy = "Allow"
    """
    What happens when the task is due while an execution of it still runs: Allow runs both, Forbid skips the new one,
    Replace stops the old one, Queue lets the new one wait.
    """

    concurrency_limit: int | None = Field(default=None, ge=1, le=1000)
    """How many executions may run at once under Forbid, Replace and Queue; 1 where it is absent."""

    queue_limit: int | None = Field(default=None, ge=1, le=1000)
    """How many executions may wait, under Queue or for the group; 10 where it is absent. More than that are skipped."""

    group: ObjectName | None = None
    """The name of a CronTaskGroup whose limits and freezes hold for this task too."""

    starting_deadline_seconds: int | None = Field(default=None, ge=0, le=YEAR)
    """How late an instant may still be started; a later one is counted as missed. Empty means no such limit."""

    timeout_seconds: int | None = Field(default=None, ge=1, le=YEAR)
    """How long each attempt may take. Empty means no limit for a pod, and 300 seconds for an HTTP call."""

    missed: Missed = Missed()
    """How instants are treated that passed while no operator could start them."""

    retry: Retry = Retry()
    """Whether failed attempts are tried again."""

    after: list[After] | None = Field(default=None, min_length=1, max_length=20, json_schema_extra=keyed_list("task"))
    """Tasks after which this one runs: each of them starts it by itself when an execution of it ends so."""

    history: History = History()
    """How much of the past is kept."""

    notify: list[Notify] = Field(default=[], max_length=10)
    """Whom to tell of what."""

    disable_after_failures: int | None = Field(default=None, ge=1, le=1000)
    """After so many failures in a row the schedule is paused, until the spec is edited."""

    disable_ignores: list[IgnoredFailure] = Field(default=[], max_length=2, json_schema_extra=NAMES_ONCE)
    """
    Failures that do not count for `disableAfterFailures` and do not end the row either: Timeout (the last attempt took
    too long), Lost (nobody knows what became of it). Where it is absent, all count.
    """

    failures_since: datetime | None = None
    """
    Begins the count of failures in a row anew, as if nothing had failed: write the present time here, say after a
    repair. Any change to another time does so.
    """

    delete_after: DeleteAfter = "Never"
    """
    When the task is deleted by itself: Never, Dispatch (its first execution has been sent), Success (one has
    succeeded), Finished (no instant is to come, and nothing runs or waits). Not while others name it in `after`.
    """

    overridable: list[Overridable] = Field(default=[], max_length=7, json_schema_extra=NAMES_ONCE)
    """
    What an execution made by hand may override: Env, Args, Url, Headers, Body, Timeout, Concurrency; nothing by
    default.
    """

    targets: list[ObjectName] = Field(default=[], max_length=100, json_schema_extra=NAMES_ONCE)
    """Names of CronTaskTargets: each attempt runs a pod at each of them, and the execution succeeds if all do."""

    pod: PodAction | None = None
    """The action: run a pod for each attempt, from a full template or the short form for one container."""

    http: HttpAction | None = None
    """The action: make one HTTP request for each attempt."""
