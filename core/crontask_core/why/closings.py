"""What keeps an instant from being started on purpose, in words: `companions.Closures` with names."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from crontask_core.companions import ClosedReason, Freezes
from crontask_core.model import GroupSpec, TaskSpec


class Calendar(Protocol):
    """A CronTaskCalendar that has been read."""

    def covers(self, at: datetime) -> bool:
        """Whether the instant lies in any of its times."""


class Closing(NamedTuple):
    """Why an instant is skipped: the ledger's word for it, and a sentence."""

    reason: ClosedReason
    sentence: str


Close = Callable[[datetime], Closing | None]


def never_closed(at: datetime) -> Closing | None:
    """For a task without group and calendars."""
    return None


def closings(spec: TaskSpec, group: GroupSpec | None, calendars: Mapping[str, Calendar]) -> Close:
    """The answer for one task; calendars that are not in `calendars` cover nothing."""

    def closed(at: datetime) -> Closing | None:
        return _by_group(spec, group, calendars, at) or _by_calendar(spec, calendars, at)

    return closed if group or spec.exclude or spec.only else never_closed


def _by_group(
    spec: TaskSpec, group: GroupSpec | None, calendars: Mapping[str, Calendar], at: datetime
) -> Closing | None:
    if group is None:
        return None
    if group.suspend:
        return Closing("GroupSuspended", f"the group {spec.group} is suspended")
    freeze = Freezes(tuple(group.freezes)).at(at)
    if freeze is not None:
        why = f" ({freeze.message})" if freeze.message else ""
        until = freeze.end.isoformat(sep=" ")
        return Closing("Frozen", f"the group {spec.group} is frozen until {until}{why}")
    for name in group.freeze_calendars:
        if name in calendars and calendars[name].covers(at):
            return Closing("Frozen", f"the group {spec.group} is frozen by the calendar {name}")
    return None


def _by_calendar(spec: TaskSpec, calendars: Mapping[str, Calendar], at: datetime) -> Closing | None:
    for name in spec.exclude:
        if name in calendars and calendars[name].covers(at):
            return Closing("Calendar", f"the calendar {name}, which the task excludes, covers it")
    only = [name for name in spec.only if name in calendars]
    if only and len(only) == len(spec.only) and not any(calendars[name].covers(at) for name in only):
        return Closing("Calendar", f"no calendar of the task's only ({', '.join(only)}) covers it")
    return None
