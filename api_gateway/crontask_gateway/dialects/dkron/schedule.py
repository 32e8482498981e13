"""Dkron's schedules: what a text is in a CronTask, and what upstream objects to, in its own words.

The grammar `dkron` of `crontask_core.schedule` reads and steps every text as dkron
v4 does, so a text goes into the spec as it is, but for `~`: what that stands for
depends on the job's name, which is not the task's. Upstream's texts of errors are
those of robfig/cron v3.0.1 and of Go's `strconv` and `time`.
"""

import re

from crontask_core.errors import FieldError
from crontask_core.model.task import Grammar
from crontask_core.schedule import parse
from crontask_core.schedule.golang import resolved
from crontask_core.schedule.zones import zone_names
from crontask_gateway import gotime
from crontask_gateway.errors import Invalid
from crontask_gateway.gotime import GoError

GRAMMAR: Grammar = "dkron"
MAX_TEXT = 500
"""Characters that the spec takes."""

_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""The white space of Go's `strings.Fields`."""
_GAP = re.compile(f"[{_BLANKS}]+")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_WORDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = {
    name: n
    for n, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_WEEKDAYS = {name: n for n, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_BOUNDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _WEEKDAYS),
)


def read(text: str, name: str) -> str:
    """The spec's text for the schedule of the job `name`. Raises Invalid with upstream's text."""
    made = resolved(text, name)
    try:
        if len(made) > MAX_TEXT:
            raise GoError(f"the schedule has {len(made)} characters, at most {MAX_TEXT} are kept")
        _check(made)
        parse(made, grammar=GRAMMAR)
    except GoError as error:
        problem = str(error)
    except FieldError as error:
        problem = f"{error.problem}; {error.remedy}"
    else:
        return made
    raise Invalid(f"Job validation failed: can't parse job schedule: {problem}.", "schedule")


def write(spec: str, kept: str, name: str) -> str:
    """The text that a client sees: its own (`kept`) as long as the spec holds what that stands for."""
    return kept if kept and resolved(kept, name) == spec else spec


def read_zone(timezone: str) -> str:
    """The spec's time zone; an empty one and `Local` are the server's, which is UTC. Raises Invalid."""
    if timezone in ("", "UTC", "Local"):
        return "UTC"
    if not _known_zone(timezone):
        raise Invalid(f"Job validation failed: {_zone_problem(timezone)}.", "timezone")
    return timezone


def write_zone(spec: str, kept: str) -> str:
    """The member `timezone` that a client sees."""
    same = {"": "UTC", "Local": "UTC"}.get(kept, kept) == (spec or "UTC")
    return kept if same else spec


def clock_of(zone: str) -> str:
    """The zone of a spec, whose clock executions are shown by; empty, which is UTC, for one that does not exist."""
    return zone if zone in zone_names() else ""


def _check(text: str) -> None:
    """Raises GoError in upstream's words for a text without `~` that it would not take."""
    if text == "@manually" or text == "@minutely":
        return
    if text.startswith("@at "):
        try:
            gotime.instant(text.removeprefix("@at "))
        except GoError as error:
            raise GoError(f"failed to parse date {text}: {error}") from None
        return
    if not text:
        raise GoError("empty spec string")
    rest = _without_zone(text)
    if rest.startswith("@"):
        _check_word(rest)
    else:
        _check_fields([part for part in _GAP.split(rest) if part])


def _without_zone(text: str) -> str:
    """The text after `TZ=… `."""
    if not text.startswith(("TZ=", "CRON_TZ=")):
        return text
    prefix, _, rest = text.partition(" ")
    zone = prefix.partition("=")[2]
    if not _known_zone(zone):
        raise GoError(f"provided bad location {zone}: {_zone_problem(zone)}")
    return rest.strip(_BLANKS)


def _check_word(word: str) -> None:
    if word in _WORDS:
        return
    if not word.startswith("@every "):
        raise GoError(f"unrecognized descriptor: {word}")
    try:
        gotime.duration(word.removeprefix("@every "))
    except GoError as error:
        raise GoError(f"failed to parse duration {word}: {error}") from None


def _check_fields(parts: list[str]) -> None:
    if len(parts) != len(_BOUNDS):
        raise GoError(f"expected exactly 6 fields, found {len(parts)}: [{' '.join(parts)}]")
    for part, (low, high, names) in zip(parts, _BOUNDS, strict=True):
        for item in part.split(","):
            if item:
                _check_item(item, low, high, names)


def _check_item(item: str, lowest: int, highest: int, names: dict[str, int]) -> None:
    """One item of a list, looked at in upstream's order."""
    span, *steps = item.split("/")
    ends = span.split("-")
    low, high, step = lowest, highest, 1
    if ends[0] not in ("*", "?"):
        low = high = _value(ends[0], names)
        if len(ends) == 2:
            high = _value(ends[1], names)
        elif len(ends) > 2:
            raise GoError(f"too many hyphens: {item}")
    if len(steps) == 1:
        step = _number(steps[0])
        high = highest if len(ends) == 1 else high
    elif steps:
        raise GoError(f"too many slashes: {item}")
    if low < lowest:
        raise GoError(f"beginning of range ({low}) below minimum ({lowest}): {item}")
    if high > highest:
        raise GoError(f"end of range ({high}) above maximum ({highest}): {item}")
    if low > high:
        raise GoError(f"beginning of range ({low}) beyond end of range ({high}): {item}")
    if step == 0:
        raise GoError(f"step of range should be a positive number: {item}")


def _value(text: str, names: dict[str, int]) -> int:
    named = names.get(text.lower())
    return _number(text) if named is None else named


def _number(text: str) -> int:
    """`strconv.Atoi`, not negative."""
    if not _INTEGER.fullmatch(text):
        raise GoError(f"failed to parse int from {text}: strconv.Atoi: parsing {_quoted(text)}: invalid syntax")
    number = int(text[:40])
    if not -(2**63) <= number < 2**63:
        raise GoError(f"failed to parse int from {text}: strconv.Atoi: parsing {_quoted(text)}: value out of range")
    if number < 0:
        raise GoError(f"negative number ({number}) not allowed: {text}")
    return number


def _quoted(text: str) -> str:
    """As Go's `strconv.Quote`, which leaves printable characters of all scripts as they are."""
    shown = (f"\\{char}" if char in '"\\' else char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return f'"{"".join(shown)}"'


def _known_zone(name: str) -> bool:
    return name in ("", "UTC", "Local") or name in zone_names()


def _zone_problem(name: str) -> str:
    """What Go's `time.LoadLocation` says of a name that it does not know."""
    if ".." in name or name.startswith(("/", "\\")):
        return "time: invalid location name"
    return f"unknown time zone {name}"
