"""Whether a task will run again by itself, and if not, why: the condition Scheduled of a task that can be run."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from crontask_core.manifests import rfc3339
from crontask_core.model.base import ConditionStatus
from crontask_core.planning.dependencies import waiting_for
from crontask_core.planning.task import clock_behind


class Said(NamedTuple):
    """What a condition says."""

    status: ConditionStatus
    reason: str
    message: str = ""


WAITING = Said("True", "Waiting")
SUSPENDED = Said("False", "Suspended", "spec.suspend is true")
NEVER = Said("False", "NoFurtherInstant", "The schedule has no further instant; the task runs only by hand now.")


class Prospect(NamedTuple):
    """What decides on a task's next run."""

    watermark: datetime
    wake_at: datetime | None
    """Its next instant, if it has one."""
    suspended: bool = False
    failures: int | None = None
    """So many failures in a row have disabled it; None: it is not disabled."""
    parents: Sequence[str] = ()
    """The tasks after which it runs, to be told where it has no next instant."""
    missing: Collection[str] = ()
    """Those of them that do not exist."""


def scheduled(seen: Prospect, now: datetime) -> Said:
    """What the condition says."""
    if seen.suspended:
        return SUSPENDED
    if seen.failures is not None:
        return disabled(seen.failures)
    if seen.wake_at is None:
        return Said(*waiting_for(seen.parents, seen.missing)) if seen.parents else NEVER
    if clock_behind(seen.watermark, now):
        return _behind(seen.watermark)
    return WAITING


def disabled(failures: int) -> Said:
    """The schedule is paused after so many failures in a row."""
    failed = f"{failures} executions have" if failures > 1 else "An execution has"
    edit = "An edit of the spec takes the schedule up again."
    return Said("False", "Disabled", f"{failed} failed (spec.disableAfterFailures). {edit}")


def _behind(watermark: datetime) -> Said:
    message = (
        f"status.watermark lies ahead of the clock: nothing is started until {rfc3339(watermark)}. Check the "
        "clocks of the nodes; an edit of the spec takes the schedule up now."
    )
    return Said("False", "ClockBehind", message)
