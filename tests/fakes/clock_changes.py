"""An independent reading of the time-zone data for the schedule tests: plain `zoneinfo`, no code of ours."""

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


@cache
def zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo").joinpath(*name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def names() -> list[str]:
    return files("tzdata").joinpath("zones").read_text(encoding="ascii").split()


@cache
def distinct() -> list[str]:
    """One name for each zone; the package's other names are copies of the same data."""
    by_data: dict[bytes, str] = {}
    for name in sorted(names()):
        by_data.setdefault(files("tzdata").joinpath("zoneinfo").joinpath(*name.split("/")).read_bytes(), name)
    return list(by_data.values())


def changes(name: str, start: datetime, end: datetime, step: timedelta = timedelta(hours=12)) -> list[datetime]:
    """The instants (UTC, by the minute) at which the offset changes."""
    info, found, at = zone(name), [], start
    while at < end:
        if at.astimezone(info).utcoffset() != (at + step).astimezone(info).utcoffset():
            low, high = at, at + step
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                same = middle.astimezone(info).utcoffset() == at.astimezone(info).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
        at += step
    return found


def walls(start: datetime, end: datetime, step: timedelta = MINUTE) -> list[datetime]:
    """The naive wall-clock times from `start` up to `end` (naive)."""
    return [start + k * step for k in range((end - start) // step)]


def shown(name: str, at: datetime) -> datetime:
    """What the clock shows, naive."""
    return at.astimezone(zone(name)).replace(tzinfo=None)


def set_time(name: str, wall: datetime) -> datetime:
    """When a job set to a wall time runs: PEP 495 with fold 0 is the first pass of an overlap, and in a gap the offset

    that was in force before it, which is what RFC 5545 asks for.
    """
    return wall.replace(tzinfo=zone(name), fold=0).astimezone(UTC)
