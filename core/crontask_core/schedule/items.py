"""The items of one field of the standard grammar: numbers, names, ranges, steps, and the special days.

croniter reads the plain ones, a field at a time, and sees nothing that does
not look like cron. Read here is what it does not know or reads in a way that
surprises: `LW`, `5L`, `L-3`, `15W` in lists, `FRI#2` beside plain weekdays,
`5-5` (the whole field to croniter), steps longer than the field.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from croniter import CroniterError, croniter

from crontask_core.errors import ScheduleError

PATH = "spec.schedule"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it is called, where croniter expects it, its bounds, and what else it takes."""

    name: str
    place: int
    low: int
    high: int
    also: str = ""


SECONDS = Field("second", 5, 0, 59)
MINUTES = Field("minute", 0, 0, 59)
HOURS = Field("hour", 1, 0, 23)
DAYS = Field("day of month", 2, 1, 31, ", L, L-3, LW, 15W")
MONTHS = Field("month", 3, 1, 12, " or JAN to DEC")
WEEKDAYS = Field("weekday", 4, 0, 6, " (0 or 7 is Sunday) or SUN to SAT, FRI#2, 5L")
YEARS = Field("year", 6, 1970, 2099)

_VALUE = r"(?:[0-9]{1,4}|[A-Z]{3})"
_PLAIN = re.compile(rf"(?:\*|({_VALUE})(?:-({_VALUE}))?)(?:/([0-9]{{1,4}}))?")
_FROM_END = re.compile(r"L(?:-([0-9]{1,2}))?")
_NEAREST = re.compile(r"([0-9]{1,2})W")
_NTH = re.compile(rf"({_VALUE}(?:-{_VALUE})?)#([1-5])")
_LAST = re.compile(r"L([0-7])|([0-7]|[A-Z]{3})L")
_CACHED = 16_384


@lru_cache(maxsize=_CACHED)
def values(field: Field, text: str) -> tuple[int, ...]:
    """The values of a field of plain items, by croniter; ScheduleError if an item cannot be read."""
    places = ["*"] * 7
    places[field.place] = ",".join(_checked(field, item) for item in text.split(","))
    try:
        found = croniter.expand(" ".join(places))[0][field.place]
    except (CroniterError, ValueError, KeyError) as error:
        raise _unreadable(field, text) from error
    if "*" in found:
        return tuple(range(field.low, field.high + 1))
    return tuple(value for value in found if isinstance(value, int))


def _checked(field: Field, item: str) -> str:
    """The item as croniter should see it; refuses what is no plain item, is out of bounds, or has an absurd step."""
    found = _PLAIN.fullmatch(item)
    if found is None:
        raise _unreadable(field, item)
    high = field.high + 1 if field is WEEKDAYS else field.high
    for value in (found[1], found[2]):
        if value is not None and value.isdigit() and not field.low <= int(value) <= high:
            raise wrong(field, value, "is out of range", f"use {field.low} to {high}")
    check_step(field, item, int(found[3]) if found[3] else None, field.high - field.low + 1)
    return found[1] if found[2] is not None and found[1].lstrip("0") == found[2].lstrip("0") else item


def check_step(field: Field, item: str, step: int | None, span: int) -> None:
    """Refuse steps of 0 and steps longer than the range of `span` values, which can only be mistakes."""
    if step is not None and not 1 <= step <= span:
        raise wrong(field, item, "has a step that does not fit its range", f"use a step of 1 to {span}")


def divided(text: str, special: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """The items of a field that are plain, and those that are `special`."""
    parts = text.split(",")
    return [item for item in parts if not special(item)], [item for item in parts if special(item)]


def leaves_open(plain: list[str]) -> bool:
    """Whether a day field restricts nothing."""
    return "*" in plain or "*/1" in plain


def is_special_date(item: str) -> bool:
    """Whether an item of the day of month is `L`, `L-3`, `LW` or `15W`."""
    return item == "LW" or bool(_FROM_END.fullmatch(item) or _NEAREST.fullmatch(item))


def is_numbered_weekday(item: str) -> bool:
    """Whether an item of the weekday is `FRI#2`, `5L` or `L5`, or looks as if it should be."""
    return "#" in item or bool(_LAST.fullmatch(item))


def from_end(item: str) -> list[int]:
    """How many days before the month's last one: `L` is 0, `L-3` is 3; nothing for other items."""
    found = _FROM_END.fullmatch(item)
    if found is None:
        return []
    back = int(found[1] or 0)
    if back > 30:
        raise wrong(DAYS, item, "goes back beyond the month", "use L-1 to L-30")
    return [back]


def nearest(item: str) -> list[int]:
    """The day of `15W`; nothing for other items."""
    found = _NEAREST.fullmatch(item)
    if found is None:
        return []
    day = int(found[1])
    if not 1 <= day <= 31:
        raise wrong(DAYS, item, "is out of range", "use 1W to 31W")
    return [day]


def nth(item: str) -> list[int]:
    """The bits of `Days.nth` for `FRI#2`, `MON-WED#1`, `5L` or `L5`."""
    if found := _NTH.fullmatch(item):
        return [7 * int(found[2]) + weekday for weekday in values(WEEKDAYS, found[1])]
    if found := _LAST.fullmatch(item):
        return list(values(WEEKDAYS, found[1] or found[2]))
    raise wrong(WEEKDAYS, item, "is no n-th weekday", "write FRI#2 for the second Friday (1 to 5), 5L for the last")


def _unreadable(field: Field, value: str) -> ScheduleError:
    """The error about something that is no item at all."""
    remedy = f"write {field.low} to {field.high}{field.also}, *, ranges as 1-5, lists as 1,5 or steps as */2"
    return wrong(field, value, "cannot be read", remedy)


def wrong(field: Field, value: str, problem: str, remedy: str) -> ScheduleError:
    """The error about one field of the text."""
    return ScheduleError(PATH, value, f"in the {field.name} field {problem}", remedy)
