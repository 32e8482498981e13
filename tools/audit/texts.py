"""Cron texts read plainly: each field to a set of values, each day field to a question about a date.

A second reading of what docs/schedules.md promises, for checking the first one.
What it does not know for certain it refuses (`CannotJudge`).
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import date

from .days import DayTest, day_test
from .fields import BOUNDS, CannotJudge, values, years

WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_DRAWS = {"second": 5, "minute": 0, "hour": 1, "day": 2, "month": 3, "weekday": 4}
_HASH = re.compile(r"H(?:\((\d+)-(\d+)\))?(?:/(\d+))?")


@dataclass(frozen=True)
class Text:
    """What one text names, by the clock."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int] | None
    day: DayTest
    beat: bool
    """Whether it recurs within the hour or the day, so that it goes on in real time when the clocks change."""

    def on(self, day: date) -> bool:
        """Whether a date is meant."""
        return day.month in self.months and (self.years is None or day.year in self.years) and self.day(day)


def read(text: str, identity: str) -> Text:
    """A text of the standard grammar of 5, 6 or 7 fields, or a word for one; `identity` is what H is drawn from."""
    parts = WORDS.get(text.lower(), text).upper().split()
    if len(parts) == 5:
        parts.insert(0, "0")
    if len(parts) == 6:
        parts.append("*")
    if len(parts) != 7:
        raise CannotJudge(f"{text!r} has {len(parts)} fields")
    beat = any(part.startswith(("*", "H/")) for part in parts[1:3])
    second, minute, hour, day, month, weekday = (
        _drawn(part, field, identity) for part, field in zip(parts, BOUNDS, strict=False)
    )
    minutes, hours = values(minute, "minute"), values(hour, "hour")
    return Text(
        seconds=values(second, "second"),
        minutes=minutes,
        hours=hours,
        months=values(month, "month"),
        years=None if parts[6] == "*" else years(parts[6]),
        day=day_test(day, weekday),
        beat=beat or len(minutes) == 60 or len(hours) == 24,
    )


def _drawn(part: str, field: str, identity: str) -> str:
    """The field with each H replaced by the value, or the stepped range, that this task draws."""
    if "H" not in part.replace("THU", ""):
        return part
    return ",".join(_draw(item, field, identity) for item in part.split(","))


def _draw(item: str, field: str, identity: str) -> str:
    found = _HASH.fullmatch(item)
    if found is None:
        return item
    low, high = BOUNDS[field]
    step = int(found[3]) if found[3] else 0
    if field == "day" and not step:
        high = 28
    if found[1]:
        low, high = int(found[1]), int(found[2])
    draw = int.from_bytes(hashlib.sha256(f"{identity} {_DRAWS[field]}".encode()).digest()[:8], "big")
    start = low + draw % (step or high - low + 1)
    return f"{start}-{high}/{step}" if step else str(start)
