"""Wall-clock times to instants, by walking over every one of them and asking the zone (PEP 495)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from .fields import CannotJudge
from .texts import Text

MAX_INSTANTS = 200_000
MAX_DAYS = 800
_DAY = timedelta(days=1)


def walk(text: Text, zone: str, dst: dict[str, str], after: datetime, upto: datetime) -> set[datetime]:
    """Every wall-clock time that a text names around a time, as instants in (after, upto]."""
    known = _zone(zone)
    gap = dst.get("gap") or ("Skip" if text.beat else "Shift")
    overlap = dst.get("overlap") or ("Both" if text.beat else "First")
    margin = timedelta() if is_constant(zone, after, upto) else _DAY + timedelta(hours=2)
    low = (after.astimezone(known) - margin).replace(tzinfo=None)
    high = (upto.astimezone(known) + margin).replace(tzinfo=None)
    if high - low > MAX_DAYS * _DAY:
        raise CannotJudge(f"the time to judge is longer than {MAX_DAYS} days")
    found: set[datetime] = set()
    for wall in _walls(text, low, high):
        found.update(at for at in _instants(wall, known, gap, overlap) if after < at <= upto)
        check_size(len(found))
    return found


def _walls(text: Text, low: datetime, high: datetime) -> Iterator[datetime]:
    """The wall-clock times between two of them, day by day."""
    hours, minutes, seconds = sorted(text.hours), sorted(text.minutes), sorted(text.seconds)
    day = low.date()
    while day <= high.date():
        if text.on(day):
            for hour in hours:
                begins = datetime(day.year, day.month, day.day, hour)  # noqa: DTZ001
                if low - timedelta(hours=1) < begins <= high:
                    yield from (
                        begins.replace(minute=minute, second=second) for minute in minutes for second in seconds
                    )
        day += _DAY


def _instants(wall: datetime, zone: ZoneInfo, gap: str, overlap: str) -> list[datetime]:
    """The moments that a wall-clock time stands for (PEP 495: fold 0 reads a gap with the offset before it)."""
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) != wall:
        return [first] if gap == "Shift" else []
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second or overlap == "First":
        return [first]
    return [second] if overlap == "Second" else [first, second]


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    """The zone's rules from the tzdata package, as the operator has them."""
    try:
        with files("tzdata").joinpath("zoneinfo").joinpath(*name.split("/")).open("rb") as data:
            return ZoneInfo.from_file(data, key=name)
    except (OSError, ValueError):
        raise CannotJudge(f"{name!r} is no time zone") from None


def is_constant(zone: str, after: datetime, upto: datetime) -> bool:
    """Whether the zone's offset is the same from two days before to two days after a time, looked at twice a day."""
    known, at, offsets = _zone(zone), after - 2 * _DAY, set()
    while at <= upto + 2 * _DAY:
        offsets.add(at.astimezone(known).utcoffset())
        at += _DAY / 2
    return len(offsets) == 1


def check_size(size: int) -> None:
    if size > MAX_INSTANTS:
        raise CannotJudge(f"there are more than {MAX_INSTANTS} instants")
