"""Which instants a backfill leaves out: closed ones, and what the schedule or another backfill has started."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from crontask_core.ledger import Ledger
from crontask_core.model import Outcome
from crontask_core.names import execution_name
from crontask_core.planning.observation import Closed

STARTED: frozenset[Outcome] = frozenset({"Started", "Late", "Lost", "Queued"})
"""Outcomes of an instant that a backfill leaves out. A lost call may have reached its receiver."""


@dataclass(frozen=True, slots=True)
class LeavingOut:
    """What is known of a task's instants."""

    task: str
    """The task's name."""
    ledger: Ledger
    begun: Collection[str]
    """The names of its executions that have begun, or wait to."""
    filled: Collection[datetime]
    """Instants of which another backfill has an execution."""
    closed: Closed | None
    again: bool
    """Whether instants that were started before are run once more."""

    def __call__(self, at: datetime) -> bool:
        """Whether the instant is left out."""
        if self.closed is not None and self.closed(at) == "Calendar":
            return True
        if self.again:
            return False
        entry = self.ledger.at(at)
        if entry is not None and entry.outcome in STARTED:
            return True
        return at in self.filled or execution_name(self.task, at) in self.begun
