"""What a question about an instant is answered from, and the shape of the answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from crontask_core.model import Attempt, ExecutionSpec, ExecutionStatus, Outcome, Phase, TaskSpec, TaskStatus, Trigger
from crontask_core.model.base import Model
from crontask_core.names import Key
from crontask_core.schedule import Schedule
from crontask_core.why.closings import Close, never_closed

MAX_TOLD = 10
Verdict = Outcome | Literal["Due", "Undecided", "Forgotten", "Backfilled", "Unaccounted"]
"""An outcome of the ledger, or: still to come, passed without an outcome yet, no longer known, the same but run by a
backfill, known to be missing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A CronTaskExecution of the task, as it is in the cluster."""

    name: str
    created: datetime
    spec: ExecutionSpec
    status: ExecutionStatus


@dataclass(frozen=True, slots=True)
class Seen:
    """All that an explanation depends on, besides the time.

    `schedule` is None where the spec cannot be read; `problem` then says why. `zone` is the task's, and
    `closed` answers for its calendars and its group (`closings`).
    """

    key: Key
    created: datetime
    spec: TaskSpec
    status: TaskStatus
    schedule: Schedule | None
    problem: str = ""
    zone: str = "UTC"
    found: tuple[Found, ...] = ()
    closed: Close = never_closed


class ExecutionTold(Model):
    """An execution, and how it went."""

    name: str
    trigger: Trigger
    phase: Phase
    reason: str | None = None
    message: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lateness_milliseconds: int | None = None
    attempts: list[Attempt] = Field(default=[])


class Told(Model):
    """One instant, what became of it, and why."""

    instant: datetime
    verdict: Verdict
    reason: str | None = None
    sentence: str
    lateness_milliseconds: int | None = None
    """How late it began; where its execution is gone, how late at most."""
    execution: str | None = None
    """The name that its execution has or had."""
    executions: list[ExecutionTold] = Field(default=[])
    """The executions for the instant that are still there; several only after a backfill."""


class Explanation(Model):
    """The answer to a question about a time, both ends included."""

    start: datetime
    end: datetime
    sentence: str
    instants: list[Told] = Field(default=[])
    """The instants within the time, at most `MAX_TOLD`."""
    more: bool = False
    """Whether there are more of them."""
    before: Told | None = None
    """The instant before the time, where there is none within it."""
    after: Told | None = None
    """The instant after it, likewise."""
    last: ExecutionTold | None = None
    """The execution that is told in place of an instant, because no instant was asked about."""
    besides: list[ExecutionTold] = Field(default=[])
    """Executions that were not for an instant (by hand, after another task) and were made within the time."""
    notes: list[str] = Field(default=[])
    """What concerns the whole task: it is not ready, paused, disabled."""
