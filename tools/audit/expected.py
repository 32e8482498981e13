"""When a task was due within a time, by brute force from its spec."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from .days import OPEN
from .fields import CannotJudge
from .texts import WORDS, Text, read
from .walk import check_size, is_constant, walk

_DURATION = re.compile(r"([0-9.]+)(h|m|s|ms)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PLAIN = re.compile(r"[-0-9A-Za-z*/,?\s]*")
_FIELDS = {"robfig-v3-standard": 5}

Spec = dict[str, Any]


def expected(
    spec: Spec, identity: str, created: datetime, after: datetime, upto: datetime, default_zone: str = "UTC"
) -> set[datetime]:
    """The instants in (after, upto]; raises CannotJudge. `identity` is "namespace/name"."""
    offset = _splay(identity, spec.get("splaySeconds") or 0)
    first, start, end = (moment(spec.get(name)) for name in ("firstRunAt", "startAt", "endAt"))
    zone = spec.get("timeZone") or default_zone
    found: set[datetime] = set()
    for part in _parts(spec, identity, first or created, zone, after - offset, upto - offset):
        found.update(at + offset for at in part)
    if first is not None:
        found = {at for at in found if at > first} | {first}
    return {at for at in found if after < at <= upto and (start is None or at >= start) and (end is None or at <= end)}


def moment(text: str | None) -> datetime | None:
    """A time as manifests write it."""
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _splay(identity: str, seconds: int) -> timedelta:
    if not seconds:
        return timedelta()
    draw = int.from_bytes(hashlib.sha256(f"{identity} splay".encode()).digest()[:8], "big")
    return timedelta(seconds=draw % (seconds + 1))


def _parts(
    spec: Spec, identity: str, anchor: datetime, zone: str, after: datetime, upto: datetime
) -> Iterator[set[datetime]]:
    """The instants of each text, and of the sets."""
    dst, grammar = spec.get("dst") or {}, spec.get("grammar") or "standard"
    for text in [*([spec["schedule"]] if spec.get("schedule") else []), *(spec.get("schedules") or [])]:
        special = _special(text.strip(), anchor, after, upto, grammar)
        if special is not None:
            yield special
        elif grammar == "standard":
            yield walk(read(text, identity), zone, dst, after, upto)
        else:
            yield walk(_library_text(text, grammar, zone, after, upto), zone, dst, after, upto)
    if spec.get("calendar") is not None:
        yield walk(_sets(spec["calendar"]), zone, dst, after, upto)


def _special(text: str, anchor: datetime, after: datetime, upto: datetime, grammar: str) -> set[datetime] | None:
    """`@every`, `@at`, `@manual`; None for anything else."""
    word, _, rest = text.partition(" ")
    word = word.lower()
    if word in ("@manual", "@manually"):
        return set()
    if word == "@at":
        try:
            at = datetime.fromisoformat(rest.strip().upper()).astimezone(UTC)
        except ValueError:
            raise CannotJudge(f"{text!r} is read as a time in another way") from None
        return {at} if after < at <= upto else set()
    if word == "@every":
        return _every(rest.strip(), anchor.replace(microsecond=0), after, upto, grammar)
    if word.startswith("@") and word not in WORDS:
        raise CannotJudge(f"{text!r} is no word of the standard grammar")
    return None


def _every(length: str, base: datetime, after: datetime, upto: datetime, grammar: str) -> set[datetime]:
    pieces = _DURATION.findall(length)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in pieces)
    if "".join(number + unit for number, unit in pieces) != length or seconds < 1:
        raise CannotJudge(f"@every {length} is read as a duration in another way")
    if grammar == "standard" and seconds != int(seconds):
        raise CannotJudge(f"@every {length} is no number of whole seconds")
    step = timedelta(seconds=int(seconds))
    number = max((after - base) // step - 1, 1)
    found: set[datetime] = set()
    while (at := base + number * step) <= upto:
        if at > after:
            found.add(at)
        check_size(len(found))
        number += 1
    return found


def _sets(sets: dict[str, Any]) -> Text:
    """`calendar`: an absent set means every value, an empty one none."""

    def of(name: str, low: int, high: int) -> frozenset[int]:
        given = sets.get(name)
        return frozenset(range(low, high + 1) if given is None else given)

    days, weekdays = sets.get("days"), sets.get("weekdays")

    def meant(day: date) -> bool:
        one = days is not None and day.day in days
        other = weekdays is not None and day.isoweekday() % 7 in weekdays
        return one or other or (days is None and weekdays is None)

    never = any(given == [] for given in sets.values())
    minutes, hours = of("minutes", 0, 59), of("hours", 0, 23)
    return Text(
        seconds=frozenset() if never else frozenset({0}),
        minutes=minutes,
        hours=hours,
        months=of("months", 1, 12),
        years=None,
        day=meant,
        beat=len(minutes) == 60 or len(hours) == 24,
    )


def _library_text(text: str, grammar: str, zone: str, after: datetime, upto: datetime) -> Text:
    """A text of a named grammar, where all libraries and the standard grammar mean the same by it."""
    count = _FIELDS.get(grammar, 6)
    parts = text.split()
    if text not in WORDS and (len(parts) != count or not _PLAIN.fullmatch(text)):
        raise CannotJudge(f"{text!r} of the grammar {grammar} holds more than plain fields")
    if text not in WORDS and not (parts[count - 3] in OPEN[:2] or parts[count - 1] in OPEN[:2]):
        raise CannotJudge(f"{text!r} restricts both day fields, which the grammar {grammar} reads in its own way")
    if not is_constant(zone, after, upto):
        raise CannotJudge(f"the clocks of {zone} change in that time, and {grammar} has rules of its own for that")
    return read(text, "")
