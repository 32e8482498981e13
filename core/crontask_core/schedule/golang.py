"""The named grammars: the cron texts of five Go libraries to `Fields`, accepted and refused exactly as they do.

One reader with a few flags per library (`Reading`). What a text means was
measured against the libraries (the tables of `tests/core/schedule/oracles`);
their quirks are kept, since jobs written for them rely on them. Where two of
them crash or hang on a text, we refuse it.
"""

import re
from dataclasses import dataclass

from crontask_core.errors import ScheduleError
from crontask_core.schedule.fields import Days, Fields, mask
from crontask_core.schedule.zones import DEFAULT, zone_names

PATH = "spec.schedule"
_MONTHS = {
    name: at
    for at, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_WEEKDAYS = {name: at for at, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""The white space of Go's `strings.Fields`; Python's `split` knows four more."""
_GAP = re.compile(f"[{_BLANKS}]+")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_INTEGER_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class Reading:
    """How a library reads and steps.

    `counts` are the numbers of fields it takes (5 of `classic`: minutes first; else seconds first, weekday `*`);
    `prefix`: it knows `TZ=`; `step_stars`: `*/2` still counts as `*` for the day rule; `short_every`: `@every` below a
    second means one second (else it is refused); `midnight`: it mends the hour after each step by days; `wall_cut`: it
    cuts minutes and seconds off through the wall clock; `dkron`: `~`, `@at` and such, and words run in UTC.
    """

    counts: tuple[int, ...] = (6,)
    classic: bool = False
    prefix: bool = False
    step_stars: bool = False
    short_every: bool = True
    midnight: bool = False
    wall_cut: bool = False
    dkron: bool = False


_V3 = Reading(prefix=True, midnight=True)
_JAKECOFFMAN = Reading(counts=(5, 6), step_stars=True, short_every=False, wall_cut=True)
READINGS = {
    "robfig-v1": Reading(counts=(5, 6), step_stars=True),
    "robfig-v3": _V3,
    "robfig-v3-standard": Reading(counts=(5,), classic=True, prefix=True, midnight=True),
    "jakecoffman": _JAKECOFFMAN,
    "gocronx": _JAKECOFFMAN,
    "dkron": Reading(prefix=True, midnight=True, dkron=True),
}

_WORDS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}


def without_zone(text: str, zone: str, reading: Reading) -> tuple[str, str]:
    """The text without its `TZ=`, and the zone that it is to run in (`zone` if it names none)."""
    if not (reading.prefix and text.startswith(("TZ=", "CRON_TZ="))):
        return text, DEFAULT if reading.dkron and text.startswith("@") else zone
    prefix, blank, rest = text.partition(" ")
    named = prefix.partition("=")[2]
    if not blank:
        raise _wrong(text, "has a zone and nothing else", "write the fields after a blank")
    if named not in ("", "Local") and named not in zone_names():
        raise _wrong(text, f"names the unknown time zone {named}", "use an IANA name such as Europe/Berlin")
    own = zone if not reading.dkron else DEFAULT
    return rest.strip(_BLANKS), {"": DEFAULT, "Local": own}.get(named, named)


def resolved(text: str, name: str) -> str:
    """A Dkron text with each `~` replaced by the number that the job's name stands for in that field."""
    parts = text.split(" ")
    if any(part.startswith("@") for part in parts):
        return text
    total = sum(map(ord, name))
    numbers = [total % 60, total % 60, total % 24, total % 28 + 1, total % 12 + 1, total % 7]
    start = 1 if parts[0].startswith(("TZ=", "CRON_TZ=")) else 0
    for at, number in enumerate(numbers, start):
        if at < len(parts):
            parts[at] = parts[at].replace("~", str(number))
    return " ".join(parts)


def read(text: str, reading: Reading) -> Fields:
    """The fields of a text without its zone; ScheduleError if the library would not take it."""
    word = text in _WORDS
    if text.startswith("@") and not word:
        raise _wrong(text, "is not a word of this grammar", f"use one of {', '.join(_WORDS)} or @every 90s")
    parts = [part for part in _GAP.split(_WORDS.get(text, text)) if part]
    if not word and len(parts) not in reading.counts:
        counts = " or ".join(map(str, reading.counts))
        raise _wrong(text, f"has {len(parts)} field{'s' if len(parts) != 1 else ''}", f"write {counts} fields")
    if reading.classic and not word:
        parts.insert(0, "0")
    if len(parts) == 5:
        parts.append("*")
    seconds, minutes, hours, dates, months, weekdays = (
        _field(part, bounds, reading) for part, bounds in zip(parts, _BOUNDS, strict=True)
    )
    either = not (dates[1] or weekdays[1])
    return Fields(seconds[0], minutes[0], hours[0], Days(dates[0], weekdays[0], either), months[0])


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a field may hold."""

    name: str
    low: int
    high: int
    names: dict[str, int]


_BOUNDS = (
    Bounds("second", 0, 59, {}),
    Bounds("minute", 0, 59, {}),
    Bounds("hour", 0, 23, {}),
    Bounds("day of month", 1, 31, {}),
    Bounds("month", 1, 12, _MONTHS),
    Bounds("weekday", 0, 6, _WEEKDAYS),
)


def _field(text: str, bounds: Bounds, reading: Reading) -> tuple[int, bool]:
    """The set of a field, and whether it counts as starred. A lone comma is the empty set."""
    bits, starred = 0, False
    for item in text.split(","):
        if item:
            more, star = _item(item, bounds, reading)
            bits, starred = bits | more, starred or star
    return bits, starred


def _item(item: str, bounds: Bounds, reading: Reading) -> tuple[int, bool]:
    """The set of one item; after a star, anything up to a slash is passed over, as upstream does."""
    span, *steps = item.split("/")
    ends = span.split("-")
    star = ends[0] in ("*", "?")
    if len(steps) > 1 or (len(ends) > 2 and not star):
        raise _in_field(item, bounds, "has too many slashes or hyphens")
    low, high = bounds.low, bounds.high
    if not star:
        low = _value(ends[0], item, bounds)
        high = _value(ends[1], item, bounds) if len(ends) == 2 else low
    step = _number(steps[0], item, bounds) if steps else 1
    if steps and len(ends) == 1:
        high = bounds.high
    if not bounds.low <= low <= high <= bounds.high:
        raise _in_field(item, bounds, "is out of range or turned round")
    if step == 0:
        raise _in_field(item, bounds, "has a step of 0")
    return mask(range(low, high + 1, step)), star and (step == 1 or reading.step_stars)


def _value(text: str, item: str, bounds: Bounds) -> int:
    """A number or, where the field has names, a name of three letters."""
    named = bounds.names.get(text.lower())
    return _number(text, item, bounds) if named is None else named


def _number(text: str, item: str, bounds: Bounds) -> int:
    """A number as Go's `Atoi` reads it, not negative."""
    if not _INTEGER.fullmatch(text):
        raise _in_field(item, bounds, "cannot be read")
    number = int(text)
    if not 0 <= number < _INTEGER_LIMIT:
        raise _in_field(item, bounds, "is negative or too large")
    return number


def _in_field(item: str, bounds: Bounds, problem: str) -> ScheduleError:
    """The error about one field."""
    names = f" or {next(iter(bounds.names)).upper()} and so on" if bounds.names else ""
    remedy = f"write {bounds.low} to {bounds.high}{names}, *, ranges as 1-5, lists as 1,5 or steps as */2"
    return ScheduleError(PATH, item, f"in the {bounds.name} {problem}", remedy)


def _wrong(text: str, problem: str, remedy: str) -> ScheduleError:
    """The error about the whole text."""
    return ScheduleError(PATH, text, problem, remedy)
