"""What is allowed and yet hardly meant: sentences for whoever writes a task, most of them about when it is due.

The validating webhook and the command line show them; nothing depends on them.
What is wrong for certain is not said here but refused in `validation`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import prod
from operator import itemgetter

from crontask_core.calendars import Calendar, next_allowed
from crontask_core.model import TaskSpec
from crontask_core.names import Key
from crontask_core.schedule import Schedule, instants
from crontask_core.schedule.cron import CronSchedule
from crontask_core.schedule.fields import Fields, mask
from crontask_core.schedule.forms import Every, Never
from crontask_core.schedule.library import LibrarySchedule
from crontask_core.schedule.zones import SECOND, Stretch, naive_utc, stretch_at
from crontask_core.validation import Setting, read_parts, read_schedule
from crontask_core.variables import unknown_variables

MANY = 1440
"""Starts a day that are still thought to be meant: one a minute."""
AHEAD = timedelta(days=731)
"""How far changes of the clocks are looked for."""
_DAY = timedelta(days=1)
_YEARS = timedelta(days=3653)
_LOOKED_AT = 100
_ALL_HOURS = mask(range(24))
_ON_PURPOSE = ("@manual", "@manually")


def advice(
    spec: TaskSpec,
    key: Key,
    created: datetime,
    setting: Setting,
    now: datetime,
    *,
    only: Sequence[Calendar] = (),
    exclude: Sequence[Calendar] = (),
) -> list[str]:
    """What the author of a task should know, in sentences; `FieldError` where its schedule cannot be read.

    `only` and `exclude` are the calendars that the task names, as far as they are known.
    """
    schedule = read_schedule(spec, key, created, setting)
    parts = read_parts(spec, key, created, setting)
    variables = unknown_variables(spec)
    begins = schedule.next(now)
    if begins is None:
        return [*_never(spec, parts, now), *variables]
    return [
        *_idle_parts(spec, parts, now),
        *_density(key.name, parts, schedule, begins),
        *_spread(spec, schedule, begins),
        *_changes(spec, parts, now),
        *_calendars(schedule, now, only, exclude),
        *variables,
    ]


def _never(spec: TaskSpec, parts: list[tuple[str, Schedule]], now: datetime) -> Iterator[str]:
    """Why the task is not due any more, unless that is what its author wants."""
    if spec.end_at is not None and spec.end_at <= now:
        yield f"spec.endAt: {spec.end_at.isoformat()} is over, so the task never runs by itself again."
    elif any(path != "spec.schedule" or spec.schedule not in _ON_PURPOSE for path, _ in parts):
        until = f" before endAt ({spec.end_at.isoformat()})" if spec.end_at is not None else " in the next 50 years"
        yield f"{parts[0][0]}: no instant is to come{until}, so the task never runs by itself."
    elif spec.first_run_at is not None:
        yield f"spec.firstRunAt: {spec.first_run_at.isoformat()} is over, and nothing else says when the task runs."


def _idle_parts(spec: TaskSpec, parts: list[tuple[str, Schedule]], now: datetime) -> Iterator[str]:
    """Parts that bring nothing, beside others that do."""
    for path, part in parts:
        if part.next(now) is None and not (path == "spec.schedule" and spec.schedule in _ON_PURPOSE):
            over = "names no time that ever comes" if isinstance(part, Never) else "has no instant to come"
            yield f"{path}: {over}; the task runs by what else it holds."


def _density(name: str, parts: list[tuple[str, Schedule]], schedule: Schedule, begins: datetime) -> Iterator[str]:
    """Very many starts. Stepped through only where the parts together may come so often, and none does alone.

    The task is named since kubectl shows a warning once, however many objects it was given for.
    """
    counts = [(_starts_a_day(part), path) for path, part in parts]
    most, path = max(counts, key=itemgetter(0), default=(0, ""))
    together = sum(count for count, _ in counts)
    if most > MANY:
        yield f'{path}: "{name}" runs more than {MANY:,} times a day.'
    elif together > MANY and instants(schedule, begins, begins + _DAY - SECOND, MANY - 1)[1]:
        yield f'The schedules of "{name}" together run it more than {MANY:,} times a day.'


def _starts_a_day(part: Schedule) -> int:
    """How often a part comes on a day on which it comes."""
    if isinstance(part, CronSchedule | LibrarySchedule):
        sets = (part.fields.seconds, part.fields.minutes, part.fields.hours)
        return prod(bits.bit_count() for bits in sets)
    return _DAY // part.interval if isinstance(part, Every) else 1


def _spread(spec: TaskSpec, schedule: Schedule, begins: datetime) -> Iterator[str]:
    """A spread that is wider than the time between two instants (of the first hundred)."""
    if not spec.splay_seconds:
        return
    found, _ = instants(schedule, begins - SECOND, begins + _YEARS, _LOOKED_AT)
    times = [at for at in found if at != spec.first_run_at]
    gap = min((later - at for at, later in pairwise(times)), default=timedelta.max)
    if timedelta(seconds=spec.splay_seconds) > gap:
        yield (
            f"spec.splaySeconds: a run may start up to {spec.splay_seconds} s after its time, but the next time comes"
            f" after {gap.total_seconds():.0f} s; write at most {gap.total_seconds():.0f}."
        )


def _changes(spec: TaskSpec, parts: list[tuple[str, Schedule]], now: datetime) -> Iterator[str]:
    """The next gap and the next overlap that a text falls into, unless the task says itself what happens there."""
    by_own = (spec.dst is not None and spec.dst.gap is not None, spec.dst is not None and spec.dst.overlap is not None)
    for path, part in parts:
        if not isinstance(part, CronSchedule | LibrarySchedule) or part.fields.hours == _ALL_HOURS:
            continue  # what goes on at every hour neither loses nor repeats anything
        told = list(by_own)
        for stretch in _stretches(part.zone, now):
            kind = 0 if stretch.before < stretch.offset else 1
            wall = _touched(part.fields, stretch)
            if wall is not None and not told[kind]:
                told[kind] = True
                yield f"{path}: {_sentence(part, stretch, wall)}"


def _stretches(zone: str, now: datetime) -> Iterator[Stretch]:
    """Stretches of the zone that begin with a change of the clocks in the time looked at."""
    at = naive_utc(now)
    until = at + AHEAD
    while (at := stretch_at(zone, at).end) < until:
        stretch = stretch_at(zone, at)
        if stretch.before != stretch.offset:
            yield stretch


def _touched(fields: Fields, stretch: Stretch) -> datetime | None:
    """The first wall-clock time of a schedule that the change at the start of a stretch leaves out or repeats."""
    low, high = sorted((stretch.start + stretch.before, stretch.start + stretch.offset))
    wall = fields.first_from(low)
    return wall if wall is not None and wall < high else None


def _sentence(part: CronSchedule | LibrarySchedule, stretch: Stretch, wall: datetime) -> str:
    """What happens to a wall-clock time at a change of the clocks."""
    gap = stretch.before < stretch.offset
    text = f"clocks in {part.zone} {'leave out' if gap else 'show twice'} {wall:%Y-%m-%d %H:%M}; "
    if isinstance(part, LibrarySchedule):
        return text + f"the schedule does there as the library of its grammar. Set dst.{_field(gap)} to choose."
    if gap:
        moved = wall + (stretch.offset - stretch.before)
        does = f"the instant is moved to {moved:%H:%M}" if part.rules.gap == "Shift" else "there is no instant for it"
    else:
        does = {
            "First": "the first time counts",
            "Second": "the second time counts",
            "Both": "both times count",
        }[part.rules.overlap]
    return f"{text}{does}. Set dst.{_field(gap)} to choose."


def _field(gap: bool) -> str:
    return "gap" if gap else "overlap"


def _calendars(
    schedule: Schedule, now: datetime, only: Sequence[Calendar], exclude: Sequence[Calendar]
) -> Iterator[str]:
    """Calendars that leave nothing."""
    if (only or exclude) and next_allowed(schedule, now, only=only, exclude=exclude) is None:
        names = ", ".join(calendar.name for calendar in (*only, *exclude))
        yield f"The calendars {names} leave none of the instants of the next ten years (as far as was looked)."
