"""The rules a task is run by: overlap, missed instants, retries, history."""

from typing import Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, rules

ConcurrencyPolicy = Literal["Allow", "Forbid", "Replace", "Queue"]
MissedPolicy = Literal["Skip", "Latest", "All"]
DeleteAfter = Literal["Never", "Dispatch", "Success", "Finished"]
Overridable = Literal["Env", "Args", "Url", "Headers", "Body", "Timeout", "Concurrency"]
IgnoredFailure = Literal["Timeout", "Lost"]

DEFAULT_OUTPUT_BYTES = 16_384
MAX_OUTPUT_BYTES = 262_144
MAX_HEADER_BYTES = 65_536
YEAR = 31_536_000


class Missed(Model):
    """How instants are treated that passed while no operator could start them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.limit) || self.policy == 'All'",
                "limit belongs to the policy All; set policy: All, or remove limit",
                ".limit",
            ),
            (
                "!has(self.withinSeconds) || self.policy != 'Skip'",
                "withinSeconds has no effect with the policy Skip; remove it, or set policy to Latest or All",
                ".withinSeconds",
            ),
        )
    )

    policy: MissedPolicy = "Latest"
    """
    Skip starts none of them. Latest, the default, starts the most recent one and counts the others as missed. All
    starts all of them, oldest first, at most one a second.
    """

    within_seconds: int | None = Field(default=None, ge=1, le=YEAR)
    """Instants that passed longer ago than this are not started any more. Empty means no such limit."""

    limit: int | None = Field(default=None, ge=1, le=1000)
    """With All: how many of the latest instants are started, 10 where it is absent; earlier ones count as missed."""


class Backoff(Model):
    """How long to wait before the next attempt."""

    kind: Literal["Exponential", "Linear"] = "Exponential"
    """
    Exponential multiplies each further wait by `factor`; Linear waits once, twice, three times `initialSeconds`
    (60 gives one, two, three minutes).
    """

    initial_seconds: float = Field(default=10, ge=0, le=86_400)
    """The seconds between the end of the first attempt and the second."""

    factor: float = Field(default=2, ge=1, le=100)
    """With Exponential: what each further wait is multiplied by; 1 keeps the waits equal."""

    max_seconds: float = Field(default=300, ge=0, le=86_400)
    """The longest wait in seconds."""


class Retry(Model):
    """Whether a failed attempt is tried again within the same execution."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.backoff) || !has(self.backoff.maxSeconds) || !has(self.backoff.initialSeconds)"
                " || self.backoff.maxSeconds >= self.backoff.initialSeconds",
                "backoff.maxSeconds must not be below backoff.initialSeconds; raise maxSeconds or lower initialSeconds",
            ),
        )
    )

    limit: int = Field(default=0, ge=0, le=100)
    """How many attempts may follow the first one."""

    backoff: Backoff = Backoff()
    """The waits between attempts."""

    lost: bool = False
    """
    Whether an HTTP call may be sent again when the operator died before it could record the call's end: one that left
    no record is started anew within the task's policies, one that is recorded as running counts as a failed attempt.
    By default both end as Lost, because the call may have reached its receiver.
    """


class History(Model):
    """How much of the past is kept."""

    successful: int = Field(default=3, ge=0, le=1000)
    """How many succeeded executions are kept. Backfills do not count, their instants do."""

    failed: int = Field(default=1, ge=0, le=1000)
    """
    How many executions that did not succeed (failed, cancelled, lost) are kept; and, apart from them, how many that
    were refused before they began, at least one.
    """

    output_bytes: int = Field(default=DEFAULT_OUTPUT_BYTES, ge=0, le=MAX_OUTPUT_BYTES)
    """How many bytes of the end of a pod's log, or of the start of an HTTP answer's body, an execution keeps."""

    header_bytes: int = Field(default=0, ge=0, le=MAX_HEADER_BYTES)
    """How many bytes of an HTTP answer's headers an execution keeps, in whole lines; none by default."""

    ttl_seconds: int | None = Field(default=None, ge=0, le=10 * YEAR)
    """An execution is deleted so many seconds after its end, even where the counts would keep it. Empty means never."""

    outlive_task: bool = False
    """
    Whether executions stay when the task is deleted: those that run go on, and what they leave is kept for
    `ttlSeconds`, or for seven days.
    """


POLICY_RULES = (
    (
        "!has(self.concurrencyLimit) || (has(self.concurrencyPolicy) && self.concurrencyPolicy != 'Allow')",
        "concurrencyLimit has no effect with concurrencyPolicy Allow; set Forbid, Replace or Queue",
        ".concurrencyLimit",
    ),
    (
        "!has(self.queueLimit) || has(self.group)"
        " || (has(self.concurrencyPolicy) && self.concurrencyPolicy == 'Queue')",
        "nothing waits without concurrencyPolicy Queue or a group; set one of them, or remove queueLimit",
        ".queueLimit",
    ),
    (
        "!has(self.disableIgnores) || size(self.disableIgnores) == 0 || has(self.disableAfterFailures)",
        "disableIgnores has no effect without disableAfterFailures; set that, or remove disableIgnores",
        ".disableIgnores",
    ),
    (
        "!has(self.targets) || size(self.targets) == 0 || has(self.pod)",
        "targets are places for pods; remove targets, or replace http by pod",
        ".targets",
    ),
    (
        "!has(self.overridable) || self.overridable.all(what, what in ['Timeout', 'Concurrency'] ||"
        " (has(self.pod) ? what in ['Env', 'Args'] : what in ['Url', 'Headers', 'Body']))",
        "a pod has Env and Args to override, a call has Url, Headers and Body, both Timeout and Concurrency;"
        " remove the others",
        ".overridable",
    ),
)
