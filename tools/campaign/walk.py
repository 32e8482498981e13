"""The plain truth about a piece of time: every wall-clock minute of it, and which instants it stands for.

Reads the time-zone data through `zoneinfo` alone (PEP 495: `fold` tells the two
passes of an overlap apart, and reads a time in a gap with the offset before it).
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from fakes.clock_changes import zone

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ENOUGH = 16


Kind = tuple[str, timedelta, timedelta]


@dataclass(frozen=True)
class Times:
    """Wall-clock times, as sets. `beat` tells which rules for clock changes the form has by itself."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    day: Callable[[date], bool] = field(repr=False)
    beat: bool

    def rules(self, gap: str | None, overlap: str | None) -> tuple[str, str]:
        """The rules that hold: those of the task, else those of the form."""
        return gap or ("Skip" if self.beat else "Shift"), overlap or ("Both" if self.beat else "First")


class Row(NamedTuple):
    """A wall-clock minute, or one second of it, and one instant (naive UTC, of its second 0) that it may stand for."""

    base: datetime
    minute: int
    hour: int
    day: date
    second: int | None
    kind: str


class Piece:
    """The time from `start` to `end` (naive UTC) in a zone."""

    def __init__(self, name: str, start: datetime, end: datetime) -> None:
        self.name, self.start, self.end = name, start, end
        offsets = {_offset(name, at) for at in (start, start + (end - start) / 2, end)}
        hours = set()
        for offset in offsets:
            wall = (start + offset).replace(minute=0, second=0, microsecond=0)
            while wall <= end + offset:
                hours.add(wall)
                wall += HOUR
        rows = [row for wall in hours for row in _rows_of_hour(name, wall)]
        self.rows = sorted((row for row in rows if start - MINUTE <= row[0] <= end), key=itemgetter(0))
        self.bases = [row[0] for row in self.rows]

    def instants(self, times: Times, gap: str | None, overlap: str | None, after: datetime) -> list[datetime]:
        """The instants after `after`, in order: all up to the end of the piece, or the first `ENOUGH` or more."""
        rule_gap, rule_overlap = times.rules(gap, overlap)
        kinds = {"plain"}
        kinds |= {"Shift"} & {rule_gap}
        kinds |= {"First", "Second"} if rule_overlap == "Both" else {rule_overlap}
        days: dict[date, bool] = {}
        found: set[datetime] = set()
        last = self.end
        for base, minute, hour, day, second, kind in self.rows[bisect_left(self.bases, after - MINUTE) :]:
            if base > last:
                break
            if minute not in times.minutes or hour not in times.hours or kind not in kinds:
                continue
            if day not in days:
                days[day] = times.day(day)
            if not days[day]:
                continue
            seconds = times.seconds if second is None else times.seconds & {second}
            found.update(at for each in seconds if after < (at := base + timedelta(seconds=each)) <= self.end)
            if len(found) >= ENOUGH:
                last = min(last, sorted(found)[ENOUGH - 1])
        return sorted(found)


def _offset(name: str, at: datetime) -> timedelta:
    """The offset in force at a naive UTC time."""
    return at.replace(tzinfo=UTC).astimezone(zone(name)).utcoffset() or timedelta()


def _rows_of_hour(name: str, hour: datetime) -> list[Row]:
    """What the minutes of a wall-clock hour stand for; changes of the clocks are days apart, so its ends tell of it."""
    known = _kind(name, hour)
    if known == _kind(name, hour.replace(minute=30)) == _kind(name, hour.replace(minute=59, second=59)):
        return [row for minute in range(60) for row in _rows(hour.replace(minute=minute), None, known)]
    return [row for minute in range(60) for row in _rows_of_minute(name, hour.replace(minute=minute))]


def _rows_of_minute(name: str, wall: datetime) -> list[Row]:
    """What a wall-clock minute stands for; second by second where the clocks change within it."""
    known = _kind(name, wall)
    if known == _kind(name, wall.replace(second=59)):
        return _rows(wall, None, known)
    return [row for second in range(60) for row in _rows(wall, second, _kind(name, wall.replace(second=second)))]


def _rows(wall: datetime, second: int | None, known: Kind) -> list[Row]:
    kind, early, late = known
    what = (wall.minute, wall.hour, wall.date(), second)
    if kind != "overlap":
        return [Row(wall - early, *what, kind)]
    return [Row(wall - early, *what, "First"), Row(wall - late, *what, "Second")]


def _kind(name: str, wall: datetime) -> Kind:
    """Whether the clock shows a time once (plain), twice (overlap) or not at all (Shift), and the offsets of it."""
    info = zone(name)
    early = wall.replace(tzinfo=info).utcoffset() or timedelta()
    late = wall.replace(tzinfo=info, fold=1).utcoffset() or timedelta()
    kind = "plain" if early == late else "overlap" if early > late else "Shift"
    return kind, early, late
