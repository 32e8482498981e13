"""What a plan for one task depends on, besides the time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crontask_core.ledger import Entry
from crontask_core.model import TaskSpec
from crontask_core.planning.overlap import IDLE, Load
from crontask_core.schedule import Schedule


class Closed(Protocol):
    """What closes times for a task: its group and calendars."""

    def __call__(self, at: datetime) -> str | None:
        """Why nothing is started at an instant by itself: Calendar, Frozen, GroupSuspended; None where it is open."""

    def until(self, at: datetime) -> datetime:
        """Up to when the answer for an instant holds, at least."""


class Known(Protocol):
    """Instants that have their outcome already: in the ledger, or by an execution or a pod."""

    def outcome(self, at: datetime) -> Entry | None:
        """The outcome of the instant."""

    def between(self, after: datetime, upto: datetime) -> Iterable[datetime]:
        """The instants in (after, upto] that have an execution."""


@dataclass(frozen=True, slots=True)
class TaskObservation:
    """All that a plan for one task depends on, besides the time."""

    schedule: Schedule
    spec: TaskSpec
    watermark: datetime
    """Instants up to this one have their outcome."""
    claimed_through: datetime | None
    """How far an earlier leader had claimed when this one took over."""
    known: Known
    load: Load = IDLE
    """What runs and waits of the task."""
    closed: Closed | None = None
    """None where the task has neither group nor calendars."""
    disabled: bool = False
    """Whether the task is paused because of its failures."""
