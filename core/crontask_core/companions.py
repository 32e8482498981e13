"""What tasks refer to by name: groups, calendars and targets, and what these make of a task's instants.

`references` tells what a task names, `read_companion` makes a value of the spec of
what it names, and `Closures` tells why an instant is not to be started for the
sake of any of them. The operator keeps the objects (`crontask_operator.companions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from crontask_core.calendars import Calendar, Covering, next_allowed, read_calendar
from crontask_core.model import CalendarSpec, Freeze, GroupSpec, TargetSpec, TaskSpec
from crontask_core.names import CALENDAR, GROUP_KIND, TARGET, Kind
from crontask_core.schedule import Schedule
from crontask_core.targets import check_target
from crontask_core.validation import read_model

ClosedReason = Literal["NotReady", "GroupSuspended", "Frozen", "Calendar"]
Companion = GroupSpec | Calendar | TargetSpec
"""What stands for a companion once it is read."""
COMPANION_KINDS = (GROUP_KIND, CALENDAR, TARGET)
_WORD = {GROUP_KIND: "Group", CALENDAR: "Calendar", TARGET: "Target"}


ANSWERS = 1000
TOLD_TOGETHER = 10
"""Problems in one message."""


class Reference(NamedTuple):
    """A name in a spec, and where it stands."""

    kind: Kind
    name: str
    path: str


class Problem(NamedTuple):
    """Why something is not ready: a reason for machines, a message for people."""

    reason: str
    message: str


def references(spec: TaskSpec) -> tuple[Reference, ...]:
    """The companions that a task names."""
    if not (spec.group or spec.exclude or spec.only or spec.targets):
        return ()
    group = (Reference(GROUP_KIND, spec.group, "spec.group"),) if spec.group else ()
    return (
        *group,
        *_all(CALENDAR, spec.exclude, "spec.exclude"),
        *_all(CALENDAR, spec.only, "spec.only"),
        *_all(TARGET, spec.targets, "spec.targets"),
    )


def calendars_of(spec: GroupSpec) -> tuple[Reference, ...]:
    """The calendars that a group names."""
    return _all(CALENDAR, spec.freeze_calendars, "spec.freezeCalendars")


def _all(kind: Kind, names: Sequence[str], path: str) -> tuple[Reference, ...]:
    return tuple(Reference(kind, name, f"{path}[{n}]") for n, name in enumerate(names))


def not_found(reference: Reference) -> Problem:
    """The companion does not exist, or has not been seen yet."""
    message = f"{unknown(*reference)}; create it, or correct {reference.path}"
    return Problem(f"{_WORD[reference.kind]}NotFound", message)


def unknown(kind: Kind, name: str, path: str) -> str:
    """What is told of a name that stands for nothing so far: one apply may bring both objects, in any order."""
    return f'{path}: {kind.kind} "{name}" is not known yet in this namespace'


def not_ready(reference: Reference, why: str) -> Problem:
    """The companion exists, and cannot be used."""
    kind, name, path = reference
    message = f'{path}: "{name}" is a {kind.kind} that cannot be used; correct it: {why}'
    return Problem(f"{_WORD[kind]}NotReady", message)


def together(problems: Sequence[Problem]) -> Problem | None:
    """All of the problems as one, with the reason of the first; None where there are none."""
    if not problems:
        return None
    told = ". ".join(problem.message for problem in problems[:TOLD_TOGETHER])
    more = len(problems) - TOLD_TOGETHER
    return Problem(problems[0].reason, f"{told}. And {more} more" if more > 0 else told)


def read_companion(kind: Kind, name: str, body: dict[str, Any], default_zone: str) -> Companion:
    """The value of a companion's spec; raises `FieldError`."""
    if kind is GROUP_KIND:
        return read_model(GroupSpec, body, kind)
    if kind is TARGET:
        target = read_model(TargetSpec, body, kind)
        check_target(target)
        return target
    return read_calendar(name, read_model(CalendarSpec, body, kind), default_zone)


@dataclass(frozen=True, slots=True)
class Freezes:
    """The freezes that a group's own spec lists."""

    spans: tuple[Freeze, ...]

    def covers(self, at: datetime) -> bool:
        """Whether `at` is in one of them."""
        return self.at(at) is not None

    def at(self, at: datetime) -> Freeze | None:
        """The freeze that `at` is in; of several the one that ends last."""
        within = [freeze for freeze in self.spans if freeze.start <= at < freeze.end]
        return max(within, key=lambda freeze: freeze.end, default=None)

    def until(self, at: datetime) -> datetime:
        """See `Covering`."""
        edges = [edge for freeze in self.spans for edge in (freeze.start, freeze.end) if edge > at]
        return min(edges, default=datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Closures:
    """Why the instants of a task are not started, apart from the task itself."""

    incomplete: bool = False
    """Whether something that the task names is missing or cannot be used."""
    suspended: bool = False
    """Whether the group is."""
    frozen: tuple[Covering, ...] = ()
    exclude: tuple[Covering, ...] = ()
    only: tuple[Covering, ...] = ()
    answers: dict[datetime, ClosedReason | None] = field(default_factory=dict, compare=False)
    """What was answered already: thousands of tasks may ask about the same instant."""

    def __call__(self, at: datetime) -> ClosedReason | None:
        """Why an instant is not started; None if nothing speaks against it."""
        if at not in self.answers:
            if len(self.answers) >= ANSWERS:
                self.answers.clear()
            self.answers[at] = self._reason(at)
        return self.answers[at]

    def _reason(self, at: datetime) -> ClosedReason | None:
        if self.incomplete:
            return "NotReady"
        if self.suspended:
            return "GroupSuspended"
        if any(times.covers(at) for times in self.frozen):
            return "Frozen"
        if any(times.covers(at) for times in self.exclude):
            return "Calendar"
        if self.only and not any(times.covers(at) for times in self.only):
            return "Calendar"
        return None

    def until(self, at: datetime) -> datetime:
        """Up to when the answer for `at` holds, at least."""
        times = () if self.incomplete or self.suspended else (*self.frozen, *self.exclude, *self.only)
        return min((each.until(at) for each in times), default=datetime.max.replace(tzinfo=UTC))

    def next_open(self, schedule: Schedule, after: datetime) -> datetime | None:
        """The first instant after `after` that nothing speaks against, as far as anybody knows today."""
        if self.incomplete or self.suspended:
            return None
        return next_allowed(schedule, after, only=self.only, exclude=(*self.frozen, *self.exclude))
