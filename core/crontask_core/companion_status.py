"""The status of a group, calendar or target: from what is to be shown to what is stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from crontask_core.calendars import Covering
from crontask_core.companions import Freezes, Problem
from crontask_core.model import CalendarStatus, Condition, GroupSpec, GroupStatus, TargetStatus
from crontask_core.model.base import ConditionStatus
from crontask_core.names import GROUP_KIND, TARGET, Kind


class Shown(NamedTuple):
    """All that a status tells; compared, to write only what has changed."""

    generation: int
    problem: Problem | None
    frozen: Problem | None = None
    """Why no task of the group starts by itself just now."""
    task_count: int = 0
    active_count: int = 0
    queued_count: int = 0


def frozen_now(spec: GroupSpec, times: Sequence[Covering], now: datetime) -> Problem | None:
    """Why no task of the group starts by itself at `now`; `times` are all its freezes."""
    if spec.suspend:
        return Problem("Suspended", "spec.suspend is true")
    for each in times:
        if isinstance(each, Freezes) and (freeze := each.at(now)) is not None:
            return Problem("Frozen", freeze.message or f"in a freeze until {freeze.end.isoformat()}")
        if each.covers(now):
            return Problem("Frozen", f'the calendar "{getattr(each, "name", "")}" covers this time')
    return None


def status_body(kind: Kind, shown: Shown, stored: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The status to store; the times of the conditions of `stored` that stay are kept."""
    before = {condition.type: condition for condition in _conditions(stored)}
    ready = _condition(before, "Ready", shown.problem is None, shown.problem or Problem("Valid", ""), shown, now)
    if kind is not GROUP_KIND:
        model = TargetStatus if kind is TARGET else CalendarStatus
        return model(observed_generation=shown.generation, conditions=[ready]).to_body()
    is_frozen = shown.frozen is not None
    frozen = _condition(before, "Frozen", is_frozen, shown.frozen or Problem("Open", ""), shown, now)
    return GroupStatus(
        observed_generation=shown.generation,
        conditions=[ready, frozen],
        task_count=shown.task_count,
        active_count=shown.active_count,
        queued_count=shown.queued_count,
    ).to_body()


def _conditions(stored: dict[str, Any]) -> list[Condition]:
    try:
        return CalendarStatus.model_validate(stored).conditions
    except ValidationError:  # not written by us
        return []


def _condition(
    before: dict[str, Condition], kind: str, holds: bool, why: Problem, shown: Shown, now: datetime
) -> Condition:
    status: ConditionStatus = "True" if holds else "False"
    old = before.get(kind)
    return Condition(
        type=kind,
        status=status,
        observed_generation=shown.generation,
        last_transition_time=old.last_transition_time if old is not None and old.status == status else now,
        reason=why.reason,
        message=why.message,
    )
