"""The standard grammar: cron text of 5, 6 or 7 fields to `Fields`.

croniter reads the plain items (numbers, names, ranges, steps), one field at a
time; what it does not know or reads in a way that surprises (`H`, `LW`, `5L`,
`L-3`, `nW` in lists, `#` beside plain weekdays, `5-5`) is read here. Nothing
reaches croniter that does not look like cron.

A day-of-month and a weekday that are both restricted mean either, as in Vixie
cron; `*`, `?` and `*/1` restrict nothing, `*/2` does (as in croniter).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from croniter import CroniterError, croniter

from crontask_core.errors import ScheduleError
from crontask_core.schedule.dst import ELAPSED, FIXED, DstRules
from crontask_core.schedule.fields import ALL_DAYS, ALL_WEEKDAYS, Days, Fields, mask

PATH = "spec.schedule"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it is called, where croniter expects it, and its bounds."""

    name: str
    place: int
    low: int
    high: int

    @property
    def bounds(self) -> str:
        """The remedy for a value that is out of bounds."""
        return f"use {self.low} to {self.high}"


SECONDS = Field("second", 5, 0, 59)
MINUTES = Field("minute", 0, 0, 59)
HOURS = Field("hour", 1, 0, 23)
DAYS = Field("day of month", 2, 1, 31)
MONTHS = Field("month", 3, 1, 12)
WEEKDAYS = Field("weekday", 4, 0, 6)
YEARS = Field("year", 6, 1970, 2099)
_ORDER = (SECONDS, MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS, YEARS)

_VALUE = r"(?:[0-9]{1,4}|[A-Z]{3})"
_PLAIN = re.compile(rf"(?:\*|({_VALUE})(?:-({_VALUE}))?)(?:/([0-9]{{1,4}}))?")
_HASHED = re.compile(r"H(?:\(([0-9]{1,4})-([0-9]{1,4})\))?(?:/([0-9]{1,4}))?")
_FROM_END = re.compile(r"L(?:-([0-9]{1,2}))?")
_NEAREST = re.compile(r"([0-9]{1,2})W")
_NTH = re.compile(rf"({_VALUE}(?:-{_VALUE})?)#([1-5])")
_LAST = re.compile(rf"(?:L([0-7])|({_VALUE})L)")
_HASHED_DAYS = 28
"""A bare H in the day of the month keeps to days that every month has."""


def read(text: str, identity: str) -> tuple[Fields, DstRules]:
    """The fields of a cron text, and the clock-change rules that suit it; ScheduleError if it is none.

    `identity` is what `H` is hashed from. Jobs whose minute or hour field recurs (starts with `*` or is `H/n`) go on in
    real time through clock changes, others keep their wall time: the distinction that Debian's cron makes.
    """
    texts = _split(text)
    items = {field: _resolved(field, texts[field.place], identity) for field in _ORDER}
    plain = {field: _expanded(field, items[field]) for field in (SECONDS, MINUTES, HOURS, MONTHS, YEARS)}
    years = None if items[YEARS] == "*" else frozenset(plain[YEARS])
    days = _days(items[DAYS], items[WEEKDAYS])
    fields = Fields(mask(plain[SECONDS]), mask(plain[MINUTES]), mask(plain[HOURS]), days, mask(plain[MONTHS]), years)
    if not fields.ever():
        raise ScheduleError(PATH, text, "never fires", "name a day that the month has")
    recurs = any(
        _recurs(texts[field.place]) or len(plain[field]) == size for field, size in ((MINUTES, 60), (HOURS, 24))
    )
    return fields, ELAPSED if recurs else FIXED


def _recurs(text: str) -> bool:
    """Whether a minute or hour field names a beat rather than set times."""
    return text.startswith("*") or re.match(r"H/", text) is not None


def _split(text: str) -> dict[int, str]:
    """The fields in upper case by croniter's places, with seconds 0 and any year where the text has none."""
    parts = text.upper().split()
    if len(parts) not in (5, 6, 7):
        remedy = "write 5 fields (minutes first), 6 (seconds first) or 7 (years last), or a word such as @hourly"
        raise ScheduleError(PATH, text, f"has {len(parts)} fields", remedy)
    if len(parts) == 5:
        parts.insert(0, "0")
    if len(parts) == 6:
        parts.append("*")
    return {field.place: part for field, part in zip(_ORDER, parts, strict=True)}


def _resolved(field: Field, text: str, identity: str) -> str:
    """The field with `H` replaced by what it stands for."""
    if text == "?" and field in (DAYS, WEEKDAYS):
        return "*"
    if "H" not in text:
        return text
    return ",".join(
        _hashed(field, item, found, identity) if (found := _HASHED.fullmatch(item)) else item
        for item in text.split(",")
    )


def _hashed(field: Field, item: str, found: re.Match[str], identity: str) -> str:
    """`H`, `H(0-29)`, `H/15`, `H(0-29)/10` as a number or a stepped range.

    The offset is drawn for each field apart, so that two H in one text do not go together.
    """
    low, high, step = (int(group) if group is not None else None for group in found.groups())
    if field is YEARS:
        raise _wrong(field, item, "cannot be hashed", "write years in figures")
    if low is None or high is None:
        low, high = field.low, _HASHED_DAYS if field is DAYS and step is None else field.high
    elif not field.low <= low <= high <= field.high:
        raise _wrong(field, item, "is out of range", field.bounds)
    span = high - low + 1
    if step is not None and not 1 <= step <= span:
        raise _wrong(field, item, "has a step that does not fit its range", f"use a step of 1 to {span}")
    draw = int.from_bytes(sha256(f"{identity} {field.place}".encode()).digest()[:8])
    start = low + draw % (step or span)
    return str(start) if step is None else f"{start}-{high}/{step}"


def _days(by_date: str, by_weekday: str) -> Days:
    """The two day fields together."""
    dates = [item for item in by_date.split(",") if not _special_day(item)]
    specials = [item for item in by_date.split(",") if _special_day(item)]
    weekdays = [item for item in by_weekday.split(",") if "#" not in item and not _LAST.fullmatch(item)]
    nths = [item for item in by_weekday.split(",") if item not in weekdays]
    any_date, any_weekday = _any(dates), _any(weekdays)
    return Days(
        days=ALL_DAYS if any_date else mask(_expanded(DAYS, ",".join(dates)) if dates else ()),
        weekdays=ALL_WEEKDAYS if any_weekday else mask(_expanded(WEEKDAYS, ",".join(weekdays)) if weekdays else ()),
        either=not any_date and not any_weekday,
        from_end=mask(_from_end(item, found) for item in specials if (found := _FROM_END.fullmatch(item))),
        nearest=mask(_nearest(item, found) for item in specials if (found := _NEAREST.fullmatch(item))),
        last_workday="LW" in specials,
        nth=mask(bit for item in nths for bit in _nth(item)),
    )


def _any(items: list[str]) -> bool:
    """Whether a day field leaves every day open."""
    return "*" in items or "*/1" in items


def _special_day(item: str) -> bool:
    """Whether an item of the day of month is one of ours."""
    return item == "LW" or bool(_FROM_END.fullmatch(item) or _NEAREST.fullmatch(item))


def _from_end(item: str, found: re.Match[str]) -> int:
    """`L` is 0, `L-3` is 3."""
    back = int(found[1] or 0)
    if back > 30:
        raise _wrong(DAYS, item, "goes back beyond the month", "use L-1 to L-30")
    return back


def _nearest(item: str, found: re.Match[str]) -> int:
    """The day of `15W`; in a month that lacks it, the month's last day stands for it."""
    day = int(found[1])
    if not 1 <= day <= 31:
        raise _wrong(DAYS, item, "is out of range", "use 1W to 31W")
    return day


def _nth(item: str) -> list[int]:
    """The bits of `Days.nth` for `FRI#2`, `MON-WED#1`, `5L` or `L5`."""
    if found := _NTH.fullmatch(item):
        return [7 * int(found[2]) + weekday for weekday in _expanded(WEEKDAYS, found[1])]
    if found := _LAST.fullmatch(item):
        return list(_expanded(WEEKDAYS, found[1] or found[2]))
    raise _wrong(
        WEEKDAYS, item, "is not an n-th weekday", "write FRI#2 for the second Friday (1 to 5), 5L for the last"
    )


@lru_cache(maxsize=16_384)
def _expanded(field: Field, text: str) -> tuple[int, ...]:
    """The values of a field of plain items, by croniter."""
    places = ["*"] * 7
    places[field.place] = ",".join(_checked(field, item) for item in text.split(","))
    try:
        values = croniter.expand(" ".join(places))[0][field.place]
    except (CroniterError, ValueError, KeyError) as error:
        raise _wrong(field, text, "cannot be read", _help(field)) from error
    if "*" in values:
        return tuple(range(field.low, field.high + 1))
    return tuple(value for value in values if isinstance(value, int))


def _checked(field: Field, item: str) -> str:
    """The item as croniter should see it; refuses what is not a plain item, out of bounds, or has an absurd step.

    croniter reads `5-5` as the whole field; for us, as for every other cron, it is 5.
    """
    found = _PLAIN.fullmatch(item)
    if found is None:
        raise _wrong(field, item, "cannot be read", _help(field))
    high = field.high + 1 if field is WEEKDAYS else field.high
    for value in (found[1], found[2]):
        if value is not None and value.isdigit() and not field.low <= int(value) <= high:
            raise _wrong(field, value, "is out of range", field.bounds)
    span = field.high - field.low + 1
    if found[3] is not None and not 1 <= int(found[3]) <= span:
        raise _wrong(field, item, "has a step that does not fit its range", f"use a step of 1 to {span}")
    return found[1] if found[2] is not None and found[1].lstrip("0") == found[2].lstrip("0") else item


def _help(field: Field) -> str:
    """What a field may hold."""
    names = {
        MONTHS: ", JAN to DEC",
        WEEKDAYS: " (0 and 7 are Sunday), SUN to SAT, FRI#2, 5L",
        DAYS: ", L, LW, L-3, 15W",
    }
    return f"write {field.low} to {field.high}{names.get(field, '')}, *, ranges as 1-5, lists as 1,5 or steps as */2"


def _wrong(field: Field, value: str, problem: str, remedy: str) -> ScheduleError:
    """The error about one field of the text."""
    return ScheduleError(PATH, value, f"in the {field.name} {problem}", remedy)
