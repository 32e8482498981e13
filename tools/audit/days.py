"""The two day fields as a question about a date, special days included."""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

from .fields import values

OPEN = ("*", "?", "*/1")
"""Items that restrict nothing."""
DayTest = Callable[[date], bool]


def day_test(dates: str, weekdays: str) -> DayTest:
    """Both day fields together: where both restrict, a day needs one of the two."""
    by_date = [_date_test(item) for item in dates.split(",")]
    by_weekday = [_weekday_test(item) for item in weekdays.split(",")]
    any_date = any(item in OPEN for item in dates.split(","))
    any_weekday = any(item in OPEN for item in weekdays.split(","))

    def meant(day: date) -> bool:
        one = any_date or any(test(day) for test in by_date)
        other = any_weekday or any(test(day) for test in by_weekday)
        return (one and other) if any_date or any_weekday else (one or other)

    return meant


def _date_test(item: str) -> DayTest:
    """One item of the day of the month: plain, `L`, `L-3`, `LW`, `15W`."""
    if item == "LW":
        return lambda day: day == _workday_near(_last(day), day)
    if found := re.fullmatch(r"L(?:-(\d+))?", item):
        back = timedelta(days=int(found[1] or 0))
        return lambda day: day + back == _last(day)
    if found := re.fullmatch(r"(\d+)W", item):
        wanted = int(found[1])
        return lambda day: day == _workday_near(day.replace(day=min(wanted, _last(day).day)), day)
    dates = values(item, "day")
    return lambda day: day.day in dates


def _last(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _workday_near(wanted: date, within: date) -> date:
    """The Monday-to-Friday of the same month that is nearest to a date."""
    near = sorted(
        (abs(days), wanted + timedelta(days=days))
        for days in range(-2, 3)
        if (wanted + timedelta(days=days)).month == within.month and (wanted + timedelta(days=days)).weekday() < 5
    )
    return near[0][1]


def _weekday_test(item: str) -> DayTest:
    """One item of the weekday: plain, `FRI#2`, `MON-WED#1`, `5L`, `L5`."""
    if found := re.fullmatch(r"(.+)#([1-5])", item):
        days, number = values(found[1], "weekday"), int(found[2])
        return lambda day: day.isoweekday() % 7 in days and (day.day + 6) // 7 == number
    if found := re.fullmatch(r"(?:(\w+)L|L([0-7]))", item):
        days = values(found[1] or found[2], "weekday")
        return lambda day: day.isoweekday() % 7 in days and (day + timedelta(days=7)).month != day.month
    days = values(item, "weekday")
    return lambda day: day.isoweekday() % 7 in days
