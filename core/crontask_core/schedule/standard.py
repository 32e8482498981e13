"""The standard grammar: cron text of 5, 6 or 7 fields to `Fields` and the clock-change rules that suit it.

The fields' items are read by `items`; this module knows how fields make a
text, how `H` is drawn, and how the two day fields go together: both restricted
mean either, as in Vixie cron. `*`, `?` and `*/1` restrict nothing, `*/2` does
(as in croniter).
"""

import re
from hashlib import sha256

from crontask_core.errors import ScheduleError
from crontask_core.schedule import items
from crontask_core.schedule.dst import ELAPSED, FIXED, DstRules
from crontask_core.schedule.fields import ALL_DAYS, ALL_WEEKDAYS, Days, Fields, mask
from crontask_core.schedule.items import DAYS, HOURS, MINUTES, MONTHS, PATH, SECONDS, WEEKDAYS, YEARS, Field, wrong

_ORDER = (SECONDS, MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS, YEARS)
_HASHED = re.compile(r"H(?:\(([0-9]{1,4})-([0-9]{1,4})\))?(?:/([0-9]{1,4}))?")
_BEAT = re.compile(r"\*|H/")
_HASHED_DAYS = 28
"""A bare H in the day of the month keeps to days that every month has."""


def read(text: str, identity: str) -> tuple[Fields, DstRules]:
    """The fields of a cron text and its clock-change rules; ScheduleError if it is none, or never fires.

    `identity` is what `H` is drawn from. A text whose minute or hour field is a beat (starts with `*` or `H/`, or names
    them all) goes on in real time through clock changes, others keep their wall time: Debian's cron divides jobs so.
    """
    texts = _split(text)
    resolved = {field: _without_hash(field, texts[field], identity) for field in _ORDER}
    seconds, minutes, hours, months = (
        mask(items.values(field, resolved[field])) for field in (SECONDS, MINUTES, HOURS, MONTHS)
    )
    years = None if resolved[YEARS] == "*" else frozenset(items.values(YEARS, resolved[YEARS]))
    fields = Fields(seconds, minutes, hours, _days(resolved[DAYS], resolved[WEEKDAYS]), months, years)
    if not fields.ever():
        raise ScheduleError(PATH, text, "never fires", "name a day that the month has")
    beat = _BEAT.match(texts[MINUTES]) or _BEAT.match(texts[HOURS])
    every = minutes == mask(range(60)) or hours == mask(range(24))
    return fields, ELAPSED if beat or every else FIXED


def _split(text: str) -> dict[Field, str]:
    """The fields in upper case, with second 0 and any year where the text has none."""
    parts = text.upper().split()
    if len(parts) not in (5, 6, 7):
        remedy = "write 5 fields (minutes first), 6 (seconds first) or 7 (years last), or a word such as @hourly"
        raise ScheduleError(PATH, text, f"has {len(parts)} field{'s' if len(parts) != 1 else ''}", remedy)
    if len(parts) == 5:
        parts.insert(0, "0")
    if len(parts) == 6:
        parts.append("*")
    return dict(zip(_ORDER, parts, strict=True))


def _without_hash(field: Field, text: str, identity: str) -> str:
    """The field with each `H` replaced by what it stands for, and `?` by `*`."""
    if text == "?" and field in (DAYS, WEEKDAYS):
        return "*"
    if "H" not in text:
        return text
    parts = []
    for item in text.split(","):
        found = _HASHED.fullmatch(item)
        parts.append(_drawn(field, item, found, identity) if found else item)
    return ",".join(parts)


def _drawn(field: Field, item: str, found: re.Match[str], identity: str) -> str:
    """`H`, `H(0-29)`, `H/15`, `H(0-29)/10` as a number or a stepped range.

    Each field has a draw of its own, so that two H in one text do not go together.
    """
    if field is YEARS:
        raise wrong(field, item, "cannot be hashed", "write years in figures")
    step = int(found[3]) if found[3] else None
    low, high = field.low, _HASHED_DAYS if field is DAYS and step is None else field.high
    if found[1]:
        low, high = int(found[1]), int(found[2])
        if not field.low <= low <= high <= field.high:
            raise wrong(field, item, "is out of range", f"keep within {field.low} to {field.high}, the smaller first")
    items.check_step(field, item, step, high - low + 1)
    draw = int.from_bytes(sha256(f"{identity} {field.place}".encode()).digest()[:8])
    start = low + draw % (step or high - low + 1)
    return str(start) if step is None else f"{start}-{high}/{step}"


def _days(by_date: str, by_weekday: str) -> Days:
    """The two day fields together."""
    dates, special = items.divided(by_date, items.is_special_date)
    weekdays, numbered = items.divided(by_weekday, items.is_numbered_weekday)
    any_date, any_weekday = items.leaves_open(dates), items.leaves_open(weekdays)
    return Days(
        days=ALL_DAYS if any_date else mask(items.values(DAYS, ",".join(dates)) if dates else ()),
        weekdays=ALL_WEEKDAYS if any_weekday else mask(items.values(WEEKDAYS, ",".join(weekdays)) if weekdays else ()),
        either=not any_date and not any_weekday,
        from_end=mask(back for item in special for back in items.from_end(item)),
        nearest=mask(day for item in special for day in items.nearest(item)),
        last_workday="LW" in special,
        nth=mask(bit for item in numbered for bit in items.nth(item)),
    )
