"""When a task is deleted by itself (`deleteAfter`)."""

from dataclasses import dataclass
from typing import Literal

from crontask_core.model.policy import DeleteAfter


@dataclass(frozen=True, slots=True)
class FarewellObservation:
    """All that the end of a task depends on."""

    delete_after: DeleteAfter
    dispatched: bool
    """Whether anything of an execution was sent, or may have been."""
    succeeded: bool
    """Whether an execution has succeeded."""
    comes: bool
    """Whether its schedule has an instant that is not decided yet."""
    came: bool
    """Whether its schedule has ever had one."""
    paused: bool
    busy: bool
    """Whether an execution runs or waits."""
    unsaved: bool
    """Whether an instant was started that has no record yet: without the task nobody would look for it."""
    owns: bool
    """Whether an execution runs that the deletion would take along."""
    untold: bool
    """Whether a notification waits to be delivered: it is kept in the task's status."""
    awaited: bool
    """Whether another task runs after it, and would have nothing left to run after."""


Farewell = Literal["Stay", "Rest", "Go"]
"""Go on as before; start nothing more, because the end has come; be deleted now."""


def judge_farewell(seen: FarewellObservation) -> Farewell:
    """What the task is to do."""
    if seen.awaited or not _is_over(seen):
        return "Stay"
    return "Rest" if seen.unsaved or seen.owns or seen.untold else "Go"


def _is_over(seen: FarewellObservation) -> bool:
    match seen.delete_after:
        case "Dispatch":
            return seen.dispatched
        case "Success":
            return seen.succeeded
        case "Finished":
            # One that is only run by hand or after others has not finished before its first run.
            return not (seen.comes or seen.busy or seen.paused) and (seen.came or seen.dispatched)
        case _:
            return False
