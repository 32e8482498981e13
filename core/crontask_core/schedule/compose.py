"""All that says when a task is due, to one schedule: texts, sets, first run, start, end, spread.

Takes plain values; `validation.read_schedule` brings them from a spec. What is
wrong is told of the spec's field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from crontask_core.errors import FieldError
from crontask_core.schedule.combined import Splayed, Union, Window
from crontask_core.schedule.cron import CronSchedule
from crontask_core.schedule.dst import ELAPSED, FIXED, Gap, Overlap
from crontask_core.schedule.fields import ALL_DAYS, ALL_WEEKDAYS, Days, Fields, mask
from crontask_core.schedule.forms import At, Never, Schedule
from crontask_core.schedule.text import PATH, parse
from crontask_core.schedule.zones import zone as known_zone

if TYPE_CHECKING:
    from crontask_core.model.task import Grammar

_SECONDS = mask((0,))


class Reading(NamedTuple):
    """How the texts and sets of one task are read; the arguments of `parse`, for all of them."""

    grammar: "Grammar" = "standard"
    zone: str = "UTC"
    identity: str = ""
    anchor: datetime | None = None
    gap: Gap | None = None
    overlap: Overlap | None = None

    def text(self, text: str, path: str) -> Schedule:
        """The schedule of a text that stands at `path`."""
        try:
            return parse(
                text,
                grammar=self.grammar,
                zone=self.zone,
                identity=self.identity,
                anchor=self.anchor,
                gap=self.gap,
                overlap=self.overlap,
            )
        except FieldError as error:
            raise error.at(path) if error.path == PATH else error from None


@dataclass(frozen=True, slots=True)
class Sets:
    """The times of a calendar sheet: whole minutes that are in all five; None means every, empty means never.

    Where days (1 to 31) and weekdays (0 = Sunday) are both given, a day needs one of the two, as in cron.
    """

    minutes: Sequence[int] | None = None
    hours: Sequence[int] | None = None
    days: Sequence[int] | None = None
    months: Sequence[int] | None = None
    weekdays: Sequence[int] | None = None

    def schedule(self, how: Reading) -> Schedule:
        """The schedule; `Never` for sets that no date fits.

        Where minutes or hours are all meant it goes on in real time through clock changes, as a text does.
        """
        given = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        zone = known_zone(how.zone)
        if any(values is not None and not values for values in given):
            return Never()
        minutes, hours = _set(self.minutes, 0, 59), _set(self.hours, 0, 23)
        either = self.days is not None and self.weekdays is not None
        days = Days(
            ALL_DAYS if self.days is None else mask(self.days),
            ALL_WEEKDAYS if self.weekdays is None else mask(self.weekdays),
            either,
        )
        fields = Fields(_SECONDS, minutes, hours, days, _set(self.months, 1, 12))
        beat = minutes == _set(None, 0, 59) or hours == _set(None, 0, 23)
        rules = (ELAPSED if beat else FIXED).but(how.gap, how.overlap)
        return CronSchedule(fields, zone, rules) if fields.ever() else Never()


def compose(
    how: Reading,
    texts: Sequence[tuple[str, str]],
    *,
    sets: Sets | None = None,
    splay_seconds: int = 0,
    first: datetime | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Schedule:
    """The schedule of a task; `FieldError` with the path of what is wrong.

    `texts` are (text, path) pairs. First the union of texts and sets, then the spread, then the first run, the start
    and the end, which speak of spread instants. A single text without more gives the very object that `parse` shares.
    """
    first, start, end = _utc(first, "spec.firstRunAt"), _utc(start, "spec.startAt"), _utc(end, "spec.endAt")
    _check_order(first, start, end)
    parts = [how.text(text, path) for text, path in texts]
    if sets is not None:
        parts.append(sets.schedule(how))
    made = _union(parts)
    if splay_seconds and not isinstance(made, Never):
        offset = splay(how.identity, splay_seconds)
        made = Splayed(made, offset) if offset else made
    if first is None and start is None and end is None:
        return made
    return Window(made, first, start, end)


def splay(identity: str, seconds: int) -> timedelta:
    """By how much the instants of a task come later: always the same for an identity, evenly in [0, seconds].

    The first eight bytes of the SHA-256 of "namespace/name splay", as a big-endian number, modulo seconds + 1.
    """
    draw = int.from_bytes(sha256(f"{identity} splay".encode()).digest()[:8])
    return timedelta(seconds=draw % (seconds + 1))


def _union(parts: Sequence[Schedule]) -> Schedule:
    """The parts as one schedule; those that never come cost nothing."""
    kept = list(dict.fromkeys(part for part in parts if not isinstance(part, Never)))
    if not kept:
        return Never()
    if len(kept) == 1:
        return kept[0]
    return Union(tuple(_whole(part) for part in kept))


def _whole(part: Schedule) -> Schedule:
    """The part in whole seconds: within one second a task has one instant, and only `@at` of Dkron has fractions."""
    return At(part.instant.replace(microsecond=0)) if isinstance(part, At) else part


def _set(values: Sequence[int] | None, low: int, high: int) -> int:
    return mask(range(low, high + 1) if values is None else values)


def _utc(at: datetime | None, path: str) -> datetime | None:
    if at is None:
        return None
    if at.utcoffset() is None:
        raise FieldError(path, at.isoformat(), "has no offset", "write an RFC 3339 time such as 2030-01-02T03:04:05Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        remedy = "write a time of the years 1 to 9999 in UTC"
        raise FieldError(path, at.isoformat(), "leaves the calendar in UTC", remedy) from None


def _check_order(first: datetime | None, start: datetime | None, end: datetime | None) -> None:
    """Refuses a first run, a start and an end that contradict each other."""
    if start is not None and end is not None and end < start:
        raise FieldError("spec.endAt", end.isoformat(), "lies before startAt", "set it to startAt or later")
    if first is None:
        return
    if first.microsecond:
        raise FieldError("spec.firstRunAt", first.isoformat(), "has a fraction of a second", "use a whole second")
    if start is not None and first < start:
        raise FieldError("spec.firstRunAt", first.isoformat(), "lies before startAt", "set it to startAt or later")
    if end is not None and end < first:
        raise FieldError("spec.firstRunAt", first.isoformat(), "lies after endAt", "set it to endAt or earlier")
