"""Which ended executions are too many for a task's history limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from crontask_core.model import History, Phase, Trigger


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution that has ended, as far as history and counts are concerned."""

    name: str
    phase: Phase
    finished_at: datetime
    trigger: Trigger = "Schedule"
    reason: str | None = None
    scheduled_at: datetime | None = None
    """The instant it was for; None for one that was made by hand."""
    parent: str | None = None
    """The execution that had caused it."""


def surplus(ended: Iterable[Ended], limits: History) -> list[str]:
    """Names of the executions to delete, oldest first; a tie in time is broken by name."""
    good: list[Ended] = []
    bad: list[Ended] = []
    for execution in ended:
        (good if execution.phase == "Succeeded" else bad).append(execution)
    names: list[str] = []
    for group, keep in ((good, limits.successful), (bad, limits.failed)):
        group.sort(key=lambda e: (e.finished_at, e.name))
        names += [execution.name for execution in group[: max(0, len(group) - keep)]]
    return names
