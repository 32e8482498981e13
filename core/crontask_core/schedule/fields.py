"""Which wall-clock times a schedule names: sets of seconds, minutes, hours, days, months, years.

Both readers (`standard`, `golang`) end in `Fields`; both steppers start from
them. Sets are bit masks: bit 5 of `minutes` is minute 5. This module knows no
zone; its times are naive, and every day has 24 hours.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

HORIZON = 50
"""How many years a search goes on: the rarest day that a text can name (a fifth weekday in February) comes every 40."""
LAST_YEAR = 9990
ALL_DAYS = 0xFFFF_FFFE
ALL_WEEKDAYS = 0x7F


def mask(values: Iterable[int]) -> int:
    """The set of `values` as bits."""
    bits = 0
    for value in values:
        bits |= 1 << value
    return bits


def first(bits: int, start: int) -> int:
    """The smallest member of a set that is at least `start`, or -1."""
    rest = bits >> start
    return start + (rest & -rest).bit_length() - 1 if rest else -1


@dataclass(frozen=True, slots=True)
class Days:
    """Which days of a month are meant.

    `days` are days of the month (bits 1 to 31), `weekdays` days of the week (bits
    0 = Sunday to 6); `either` tells whether a day needs one of the two or both.
    `from_end` counts from the last day (bit 0) backwards; `nearest` holds days
    whose nearest Monday-to-Friday is meant, `last_workday` the month's last such
    day: these three add to `days`. `nth` adds weekdays to `weekdays`: bit
    7 * n + weekday is the n-th of the month, n = 0 the last.
    """

    days: int = ALL_DAYS
    weekdays: int = ALL_WEEKDAYS
    either: bool = False
    from_end: int = 0
    nearest: int = 0
    last_workday: bool = False
    nth: int = 0


@lru_cache(maxsize=16_384)
def days_of(days: Days, opens: int, length: int) -> int:
    """The days meant in a month of `length` days whose 1st is the weekday `opens` (0 = Sunday)."""
    by_date = by_weekday = 0
    for day in range(1, length + 1):
        weekday = (opens + day - 1) % 7
        if days.days >> day & 1 or days.from_end >> (length - day) & 1:
            by_date |= 1 << day
        nth = days.nth >> (7 * ((day + 6) // 7) + weekday) & 1
        last = day + 7 > length and days.nth >> weekday & 1
        if days.weekdays >> weekday & 1 or nth or last:
            by_weekday |= 1 << day
    for day in range(1, 32):
        if days.nearest >> day & 1:
            by_date |= 1 << _nearest_workday(min(day, length), opens, length)
    if days.last_workday:
        closing = (opens + length - 1) % 7
        by_date |= 1 << (length - {0: 2, 6: 1}.get(closing, 0))
    return by_date | by_weekday if days.either else by_date & by_weekday


def _nearest_workday(day: int, opens: int, length: int) -> int:
    """The Monday-to-Friday of the same month that is nearest to `day`."""
    weekday = (opens + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


@dataclass(frozen=True, slots=True)
class Fields:
    """A set of wall-clock times, to the second; `years` None means every year."""

    seconds: int
    minutes: int
    hours: int
    days: Days
    months: int
    years: frozenset[int] | None = None

    def first_from(self, wall: datetime) -> datetime | None:
        """The first time meant at or after the naive `wall` (whole seconds) within the next 50 years, or None."""
        day = wall.day
        for year, month in self._months_from(wall):
            if (year, month) != (wall.year, wall.month):
                day = 1
            mondays_first, length = monthrange(year, month)
            bits = days_of(self.days, (mondays_first + 1) % 7, length)
            found = first(bits, day)
            if found == wall.day and (year, month) == (wall.year, wall.month):
                time = self._time_from(wall.hour, wall.minute, wall.second)
                if time is not None:
                    return datetime(year, month, found, *time)  # noqa: DTZ001
                found = first(bits, day + 1)
            time = self._time_from(0, 0, 0)
            if found > 0 and time is not None:
                return datetime(year, month, found, *time)  # noqa: DTZ001
        return None

    def ever(self) -> bool:
        """Whether any such time exists: 30 February does not, whatever the year."""
        if not (self.seconds and self.minutes and self.hours):
            return False
        return any(
            days_of(self.days, opens, length)
            for month in range(1, 13)
            if self.months >> month & 1
            for opens, length in self._shapes(month)
        )

    def _shapes(self, month: int) -> Iterator[tuple[int, int]]:
        """How the month may look: the weekday of its 1st (0 = Sunday) and its length."""
        if self.years is not None:
            for year in self.years:
                mondays_first, length = monthrange(year, month)
                yield (mondays_first + 1) % 7, length
        else:
            for length in {monthrange(2023, month)[1], monthrange(2024, month)[1]}:
                yield from ((opens, length) for opens in range(7))

    def _months_from(self, wall: datetime) -> Iterator[tuple[int, int]]:
        """The years and months meant, from that of `wall` on."""
        for year in range(wall.year, min(wall.year + HORIZON, LAST_YEAR) + 1):
            if self.years is not None and year not in self.years:
                continue
            month = first(self.months, wall.month if year == wall.year else 1)
            while month > 0:
                yield year, month
                month = first(self.months, month + 1)

    def _time_from(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        """The first time of day meant at or after the given one."""
        found = first(self.hours, hour)
        if found == hour:
            inner = first(self.minutes, minute)
            if inner == minute:
                last = first(self.seconds, second)
                if last >= 0:
                    return hour, minute, last
                inner = first(self.minutes, minute + 1)
            if inner >= 0 and self.seconds:
                return hour, inner, first(self.seconds, 0)
            found = first(self.hours, hour + 1)
        if found < 0 or not self.minutes or not self.seconds:
            return None
        return found, first(self.minutes, 0), first(self.seconds, 0)
