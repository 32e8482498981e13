"""Times as people write them: with an offset, by the clock of the task's zone, or as `last` and `next`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crontask_core.errors import FieldError
from crontask_core.schedule import Schedule
from crontask_core.schedule.zones import clock_time

_DAY = timedelta(days=1)
_LOCAL = re.compile(r"(?:(\d{4}-\d\d-\d\d)[ T])?(\d{1,2}):(\d\d)(?::(\d\d))?")
REMEDY = "write last, next, 09:30, '2030-01-02 09:30' (the clock of the task's zone) or 2030-01-02T09:30:00Z"


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is asked about, both ends included: one second, or a minute where no second was named."""

    start: datetime
    end: datetime
    note: str = ""
    """What is odd about it: a time that the clocks leave out, or show twice."""


def asked(text: str, *, zone: str, now: datetime, schedule: Schedule | None, since: datetime) -> tuple[Span, ...]:
    """What a text means; two spans for a time that the clocks of the zone show twice. Raises FieldError.

    A time without a date is the latest one that has passed. `last` and `next` are instants of the schedule; `since` is
    from when on it holds.
    """
    word = text.strip().lower()
    if word in ("last", "next"):
        return (_instant(word, schedule, since, now),)
    exact = _exact(text.strip())
    if exact is not None:
        return (Span(exact, exact),)
    return _local(text.strip(), zone, now)


def _instant(word: str, schedule: Schedule | None, since: datetime, now: datetime) -> Span:
    if schedule is None:
        raise FieldError("TIME", word, "has no meaning, because the schedule cannot be read", "name a time")
    at = schedule.latest(since, now) if word == "last" else schedule.next(now)
    if at is None:
        what = "has passed since the task has this schedule" if word == "last" else "is to come"
        raise FieldError("TIME", word, f"has no meaning, because no instant {what}", "name a time")
    return Span(at, at)


def _exact(text: str) -> datetime | None:
    """A time with an offset, to the second."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC).replace(microsecond=0) if at.utcoffset() is not None else None
    except (ValueError, OverflowError):
        return None


def _local(text: str, zone: str, now: datetime) -> tuple[Span, ...]:
    found = _LOCAL.fullmatch(text)
    wrong = FieldError("TIME", text, "is not a time", REMEDY)
    if found is None:
        raise wrong
    today = clock_time(zone, now)
    try:
        clock = f"{int(found[2]):02}:{found[3]}:{found[4] or '00'}"
        wall = datetime.fromisoformat(f"{found[1] or today.date()}T{clock}")
        if not found[1] and wall > today.replace(tzinfo=None):
            wall -= _DAY
        return _spans(zone, wall, timedelta() if found[4] else timedelta(seconds=59))
    except (ValueError, OverflowError):
        raise wrong from None


def _spans(zone: str, wall: datetime, length: timedelta) -> tuple[Span, ...]:
    """The moments at which the clock of the zone shows `wall`; where it never does, what the time is moved to."""
    near = wall.replace(tzinfo=UTC)
    before, after = (clock_time(zone, at).utcoffset() or timedelta() for at in (near - _DAY, near + _DAY))
    starts = sorted({near - offset for offset in (before, after)})
    shown = [at for at in starts if clock_time(zone, at).replace(tzinfo=None) == wall]
    if not shown:
        moved = near - before
        note = f"The clocks of {zone} left out {wall:%H:%M} on that day; {clock_time(zone, moved):%H:%M} stands for it."
        return (Span(moved, moved + length, note),)
    note = f"The clocks of {zone} showed {wall:%H:%M} twice on that day." if len(shown) > 1 else ""
    return tuple(Span(at, at + length, note) for at in shown)
