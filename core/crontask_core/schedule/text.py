"""Schedule text to a schedule: the one way in, for the operator, the gateway and the command line."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from crontask_core.errors import ScheduleError
from crontask_core.schedule import golang, standard
from crontask_core.schedule.cron import CronSchedule
from crontask_core.schedule.dst import ELAPSED, Gap, Overlap
from crontask_core.schedule.duration import instant, nanoseconds
from crontask_core.schedule.forms import At, Every, Never, Schedule
from crontask_core.schedule.golang import READINGS, Reading
from crontask_core.schedule.library import LibrarySchedule
from crontask_core.schedule.zones import zone as known_zone

if TYPE_CHECKING:  # the models take longer to load than everything that the command line needs of us
    from crontask_core.model.task import Grammar

PATH = "spec.schedule"
MAX_TEXT = 1000
_CACHED = 8192
_SECOND = 1_000_000_000

_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def parse(
    text: str,
    *,
    grammar: "Grammar" = "standard",
    zone: str = "UTC",
    identity: str = "",
    anchor: datetime | None = None,
    gap: Gap | None = None,
    overlap: Overlap | None = None,
) -> Schedule:
    """The schedule that a text stands for; ScheduleError or ZoneError if it stands for none.

    `identity` (`namespace/name`; under the `dkron` grammar the job's name) is what `H` and `~` are drawn from.
    `@every` counts from `anchor`, or from the time asked about where there is none. `gap` and `overlap` replace what
    the text does by itself when the clocks change; a text of a named grammar is then stepped as a standard one, by
    `ELAPSED` for the one that is not given. Results are cached and shared.
    """
    if len(text) > MAX_TEXT:
        raise ScheduleError(PATH, text, f"is longer than {MAX_TEXT} characters", "split it into several tasks")
    hashed = "~" in text if grammar == "dkron" else _hashes(text)
    anchor = anchor if "@every" in text.lower() else None
    return _parsed(text, grammar, zone, identity if hashed else "", anchor, gap, overlap)


def _hashes(text: str) -> bool:
    """Whether a text of the standard grammar may hold an `H` (the day name THU holds another)."""
    return not text.startswith("@") and "H" in text.upper().replace("THU", "")


@lru_cache(maxsize=_CACHED)
def _parsed(
    text: str,
    grammar: str,
    zone: str,
    identity: str,
    anchor: datetime | None,
    gap: Gap | None,
    overlap: Overlap | None,
) -> Schedule:
    """`parse`, by all that the answer depends on."""
    zone = known_zone(zone)
    if grammar != "standard" and grammar not in READINGS:
        known = ", ".join(["standard", *READINGS])
        raise ScheduleError("spec.grammar", grammar, "is not a grammar", f"use one of {known}")
    if grammar == "standard":
        made = _standard(text.strip(), zone, identity, anchor)
    else:
        made = _library(text, zone, identity, anchor, READINGS[grammar])
    return _by_own_rules(made, gap, overlap) if gap or overlap else made


def _by_own_rules(made: Schedule, gap: Gap | None, overlap: Overlap | None) -> Schedule:
    """The same wall-clock times with a task's own rules for clock changes; other forms know no wall clock."""
    if isinstance(made, CronSchedule):
        return CronSchedule(made.fields, made.zone, made.rules.but(gap, overlap))
    if isinstance(made, LibrarySchedule):
        return CronSchedule(made.fields, made.zone, ELAPSED.but(gap, overlap)) if made.fields.ever() else Never()
    return made


def _standard(text: str, zone: str, identity: str, anchor: datetime | None) -> Schedule:
    """A text of the standard grammar."""
    if not text.isascii():
        raise ScheduleError(PATH, text, "has characters that no schedule has", "use plain letters and digits")
    if text.startswith("@"):
        if text.lower() not in _WORDS:
            word, _, rest = text.partition(" ")
            return _word(word, rest.strip(), anchor)
        text = _WORDS[text.lower()]
    if text.upper().startswith(("TZ=", "CRON_TZ=")):
        raise ScheduleError(PATH, text, "holds a time zone", "put the zone into spec.timeZone")
    fields, rules = standard.read(text, identity)
    return CronSchedule(fields, zone, rules)


def _word(word: str, rest: str, anchor: datetime | None) -> Schedule:
    """`@every 90s`, `@at 2030-01-02T03:04:05Z` or `@manual`."""
    match word.lower():
        case "@manual" if not rest:
            return Never()
        case "@every":
            length = nanoseconds(rest)
            if length is None or length < _SECOND or length % _SECOND:
                problem = "is not a duration of whole seconds, 1 s or longer"
                raise ScheduleError(PATH, f"{word} {rest}", problem, "write @every 90s, @every 1h30m")
            return Every(timedelta(seconds=length // _SECOND), anchor)
        case "@at":
            at = instant(rest.upper())
            if at is None or at.microsecond:
                problem = "is not an RFC 3339 instant of whole seconds"
                raise ScheduleError(PATH, f"{word} {rest}", problem, "write @at 2030-01-02T03:04:05Z or …+01:00")
            return At(at)
    known = ", ".join([*_WORDS, "@every 90s", "@at 2030-01-02T03:04:05Z", "@manual"])
    raise ScheduleError(PATH, f"{word} {rest}".strip(), "is not a schedule", f"use a cron text or one of {known}")


def _library(text: str, zone: str, identity: str, anchor: datetime | None, reading: Reading) -> Schedule:
    """A text of a named grammar."""
    if reading.dkron:
        if text == "@manually":
            return Never()
        if text.startswith("@at "):
            at = instant(text.removeprefix("@at "))
            if at is None:
                raise ScheduleError(PATH, text, "is not an RFC 3339 instant", "write @at 2030-01-02T03:04:05Z")
            return At(at)
        text = "0 * * * * *" if text == "@minutely" else golang.resolved(text, identity)
    text, zone = golang.without_zone(text, zone, reading)
    if text.startswith("@every "):
        return _every(text, anchor, reading)
    return LibrarySchedule(golang.read(text, reading), zone, reading)


def _every(text: str, anchor: datetime | None, reading: Reading) -> Schedule:
    """`@every` as the libraries read it: fractions of a second are dropped."""
    length = nanoseconds(text.removeprefix("@every "))
    if length is None or (length < _SECOND and not reading.short_every):
        raise ScheduleError(PATH, text, "is not a duration that this grammar takes", "write @every 90s, @every 1h30m")
    return Every(timedelta(seconds=max(length // _SECOND, 1)), anchor)
