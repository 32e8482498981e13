"""The two day fields with all that they may hold (`L`, `L-3`, `15W`, `LW`, `FRI#2`, `5L`), as questions to a date."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from campaign.fields import DAY, WEEKDAY, WEEKDAYS, Field, field

Question = Callable[[date], bool]


@dataclass(frozen=True)
class Days:
    """A day field: its text, whether it restricts, and the question whether a date is meant."""

    text: str
    open: bool
    asks: Question


def by_date(random: Random, hint: date, star: float, plain: bool = False) -> Days:
    """The day of the month."""
    if plain or random.random() < 0.7:
        return _days(field(random, DAY, hint.day, star, plain), lambda day: day.day)
    back, near = random.randint(1, 30), random.randint(1, 31)
    specials: list[tuple[str, Question]] = [
        ("L", lambda day: (day + timedelta(days=1)).day == 1),
        (f"L-{back}", lambda day: monthrange(day.year, day.month)[1] - day.day == back),
        (f"{near}W", lambda day: day == _workday_near(day, near)),
        ("LW", lambda day: day == _last_workday(day)),
        ("?", lambda day: True),
    ]
    return _special(random, specials, lambda: field(random, DAY, hint.day, 0), lambda day: day.day)


def by_weekday(random: Random, hint: date, star: float, plain: bool = False) -> Days:
    """The day of the week."""
    if plain or random.random() < 0.7:
        return _days(field(random, WEEKDAY, _weekday(hint), star, plain), _weekday)
    number, count = random.randint(0, 6), random.randint(1, 5)
    name = random.choice((str(number), WEEKDAYS[number], str(number or 7)))
    last = random.choice((f"{number}L", f"L{number}", f"{WEEKDAYS[number]}L"))
    specials: list[tuple[str, Question]] = [
        (f"{name}#{count}", lambda day: _weekday(day) == number and (day.day - 1) // 7 + 1 == count),
        (last, lambda day: _weekday(day) == number and (day + timedelta(days=7)).month != day.month),
        ("?", lambda day: True),
    ]
    return _special(random, specials, lambda: field(random, WEEKDAY, _weekday(hint), 0), _weekday)


def both(dates: Days, weekdays: Days) -> Question:
    """Both fields together: either where both restrict, else both."""
    if dates.open or weekdays.open:
        return lambda day: dates.asks(day) and weekdays.asks(day)
    return lambda day: dates.asks(day) or weekdays.asks(day)


def _days(made: Field, value: Callable[[date], int]) -> Days:
    return Days(made.text, made.open, lambda day: made.open or value(day) in made.values)


def _special(
    random: Random, specials: list[tuple[str, Question]], plain: Callable[[], Field], value: Callable[[date], int]
) -> Days:
    """One special item, sometimes beside plain ones."""
    text, asks = random.choice(specials)
    if text == "?" or random.random() < 0.5:
        return Days(text, text == "?", asks)
    beside = plain()
    return Days(
        f"{text},{beside.text}", beside.open, lambda day: asks(day) or beside.open or value(day) in beside.values
    )


def _weekday(day: date) -> int:
    return day.isoweekday() % 7


def _workday_near(month: date, number: int) -> date:
    """The Monday to Friday of a month that is nearest to a day; the last day stands for one that it lacks."""
    length = monthrange(month.year, month.month)[1]
    wanted = month.replace(day=min(number, length))
    workdays = [day for at in range(1, length + 1) if (day := month.replace(day=at)).isoweekday() < 6]
    return min(workdays, key=lambda day: abs(day - wanted))


def _last_workday(month: date) -> date:
    length = monthrange(month.year, month.month)[1]
    return max(day for at in range(1, length + 1) if (day := month.replace(day=at)).isoweekday() < 6)
