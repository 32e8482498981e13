"""What a recurrence rule may cost: rules that never come about, or recur for decades in small steps, are refused.

dateutil steps from the event's start each time, and goes on to the year 9999
where nothing fits; one text must not hold up everybody else's tasks.
"""

from typing import Any

from dateutil.rrule import rrule

MAX_COST = 200_000
"""In steps of about 3 µs: what one look at a year may take in all, 0.6 s at the worst."""
_HORIZON = 2060
_PER_YEAR = {"DAILY": 365, "WEEKLY": 52, "MONTHLY": 12, "YEARLY": 1}
_PRICE = {"DAILY": 1.0, "WEEKLY": 1.5, "MONTHLY": 3.0, "YEARLY": 12.0}
_SMALL = {"BYHOUR", "BYMINUTE", "BYSECOND"}
_CYCLE = 9600
"""The calendar repeats itself every 400 years, and dateutil ends with the year 9999."""


def check_rule(rule: Any, made: rrule) -> str | None:
    """What is wrong with a rule (an icalendar `vRecur`) and what dateutil makes of it."""
    frequency = str(rule["FREQ"][0])
    if frequency not in _PER_YEAR or _SMALL & rule.keys():
        return "recurs within a day"
    if _interval(rule) < 1:
        return "has an interval below 1"
    limited = any(part.startswith("BY") for part in rule)
    spaced = _interval(rule) > 1
    if frequency == "DAILY" and spaced and limited:
        return "recurs every few days and on certain days only"
    cycle = made.replace(dtstart=made._dtstart.replace(year=_CYCLE), interval=1, count=None, until=None)
    if next(iter(cycle), None) is None or (spaced and limited and next(iter(made.replace(until=None)), None) is None):
        return "has a rule that never comes about"
    return None


def cost(rule: Any, start: int) -> int:
    """What stepping a rule from the year `start` to 2060 takes at the most, in steps."""
    frequency = str(rule["FREQ"][0])
    until = rule["UNTIL"][0].year if "UNTIL" in rule else _HORIZON
    periods = max(min(until, _HORIZON) - start, 1) * _PER_YEAR[frequency] / _interval(rule)
    if "COUNT" in rule:
        periods = min(periods, 12 * int(rule["COUNT"][0]))
    return int(periods * _PRICE[frequency])


def _interval(rule: Any) -> int:
    return int(rule["INTERVAL"][0]) if "INTERVAL" in rule else 1
