"""Time zones: names, and the stretches of constant UTC offset that a zone is made of.

Everything that steps through clock changes works on `Stretch`es; nothing else
asks a zone for offsets. The data is always that of the `tzdata` package, never
that of the machine, so that all replicas answer alike; reading its files is the
one piece of I/O in the core.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from crontask_core.errors import ZoneError

DEFAULT = "UTC"
SECOND = timedelta(seconds=1)
_SCAN = timedelta(days=3)
"""Any two changes of a zone's offset are almost a week or more apart (Gaza, 2040; a test looks): none is missed."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of constant UTC offset, `start` <= t < `end` (naive UTC), with the offsets in force before and after it.

    Where `before` or `after` equals `offset`, the zone does not change there: we only looked no further.
    """

    start: datetime
    end: datetime
    offset: timedelta
    before: timedelta
    after: timedelta


@cache
def zone_names() -> frozenset[str]:
    """The names of all zones of the tzdata package; case matters."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def zone(name: str) -> str:
    """The zone's name if there is such a zone (empty means UTC), else ZoneError."""
    if name == "":
        return DEFAULT
    if name not in zone_names():
        raise ZoneError("spec.timeZone", name, "is not a time zone", _remedy(name))
    return name


def _remedy(name: str) -> str:
    """What to write instead: the zone that differs in case only, where there is one."""
    for known in zone_names():
        if known.lower() == name.strip().lower():
            return f"write {known}"
    return "use an IANA name such as Europe/Berlin or UTC"


@lru_cache(maxsize=1024)
def zone_info(name: str) -> ZoneInfo:
    """The rules of a known zone, read from the tzdata package."""
    with files("tzdata").joinpath("zoneinfo").joinpath(*name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def _offset(name: str, at: datetime) -> timedelta:
    """The UTC offset in force at a naive UTC time."""
    info = zone_info(name)
    return info.fromutc(at.replace(tzinfo=info)).utcoffset() or timedelta()


@lru_cache(maxsize=16_384)
def _changes(name: str, year: int) -> tuple[datetime, ...]:
    """The naive UTC times in a (UTC) year at which the zone's offset changes."""
    found = []
    low = datetime(year, 1, 1) - SECOND  # noqa: DTZ001
    last = datetime(year + 1, 1, 1) - SECOND  # noqa: DTZ001
    while low < last:
        high = min(low + _SCAN, last)
        if _offset(name, low) != _offset(name, high):
            found.append(_change_between(name, low, high))
        low = high
    return tuple(found)


def _change_between(name: str, low: datetime, high: datetime) -> datetime:
    """The first second of the offset that is in force at `high`, but not yet at `low`."""
    before = _offset(name, low)
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        if _offset(name, middle) == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=8192)
def _stretches(name: str, year: int) -> tuple[Stretch, ...]:
    """The stretches that touch a UTC year.

    The outer two end at a change or a whole year away from `year`, so that what a
    change moves by up to a day is seen from the stretch that it falls into.
    """
    first, last = datetime(year - 1, 1, 1), datetime(year + 2, 1, 1)  # noqa: DTZ001
    opening = _changes(name, year - 1)[-1:] or (first,)
    closing = _changes(name, year + 1)[:1] or (last,)
    bounds = opening + _changes(name, year) + closing
    offsets = [_offset(name, bounds[0] - SECOND), *(_offset(name, bound) for bound in bounds)]
    return tuple(
        Stretch(bounds[i], bounds[i + 1], offsets[i + 1], offsets[i], offsets[i + 2]) for i in range(len(bounds) - 1)
    )


def stretch_at(name: str, at: datetime) -> Stretch:
    """The stretch that a naive UTC time (years 4 to 9996) falls into."""
    for stretch in _stretches(name, at.year):
        if at < stretch.end:
            return stretch
    raise AssertionError(f"{name} has no stretch at {at}")


def clock_time(name: str, at: datetime) -> datetime:
    """What the clock of a known zone (empty means UTC) shows at an aware time, with its offset."""
    return at.astimezone(zone_info(name or DEFAULT))


def naive_utc(at: datetime) -> datetime:
    """An aware time as naive UTC; a naive one is the caller's mistake (ValueError)."""
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).replace(tzinfo=None)
