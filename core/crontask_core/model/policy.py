"""The rules a task is run by: overlap, missed instants, retries, history."""

from typing import Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, rules

ConcurrencyPolicy = Literal["Allow", "Forbid", "Replace"]
MissedPolicy = Literal["Skip", "Latest"]

DEFAULT_OUTPUT_BYTES = 16_384
MAX_OUTPUT_BYTES = 262_144
YEAR = 31_536_000


class Missed(Model):
    """How instants are treated that passed while no operator could start them."""

    policy: MissedPolicy = "Latest"
    """Skip starts none of them. Latest, the default, starts the most recent one and counts the others as missed."""


class Backoff(Model):
    """How long to wait before the next attempt."""

    initial_seconds: float = Field(default=10, ge=0, le=86_400)
    """The seconds between the end of the first attempt and the second."""

    factor: float = Field(default=2, ge=1, le=100)
    """What each further wait is multiplied by; 1 keeps the waits equal."""

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
    """How many succeeded executions are kept."""

    failed: int = Field(default=1, ge=0, le=1000)
    """How many executions that did not succeed (failed, cancelled, lost) are kept."""

    output_bytes: int = Field(default=DEFAULT_OUTPUT_BYTES, ge=0, le=MAX_OUTPUT_BYTES)
    """How many bytes of the end of a pod's log, or of the start of an HTTP answer's body, an execution keeps."""
