"""The plain items of one field (numbers, names, ranges, steps, lists) as a set of values."""

import re


class CannotJudge(Exception):  # noqa: N818 - it is no error, but an answer
    """The auditor does not know when the task is due; says why."""


_MONTHS = {name: 1 + place for place, name in enumerate(re.findall("...", "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"))}
_DAYS = {name: place for place, name in enumerate(re.findall("...", "SUNMONTUEWEDTHUFRISAT"))}
BOUNDS = {"second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}


def values(part: str, field: str) -> frozenset[int]:
    """The values of a field of plain items."""
    found: set[int] = set()
    for item in part.split(","):
        found.update(_item(item, field))
    return frozenset(found)


def _item(item: str, field: str) -> set[int]:
    """`*`, `*/2`, `5`, `5/15` (from 5 on), `1-5`, `1-5/2`, with names."""
    low, high = BOUNDS[field]
    body, slash, step = item.partition("/")
    if slash and not step.isdigit():
        raise CannotJudge(f"{item!r} in the {field} field")
    if body not in ("*", "?"):
        first, dash, last = body.partition("-")
        low = _number(first, field)
        high = _number(last, field) if dash else high if slash else low
    if field == "weekday" and high == 7:
        return {value % 7 for value in range(low, 8, int(step or 1))}
    if low > high:
        raise CannotJudge(f"{item!r} in the {field} field runs backwards")
    return set(range(low, high + 1, int(step or 1)))


def _number(text: str, field: str) -> int:
    names = {"month": _MONTHS, "weekday": _DAYS}.get(field, {})
    if text in names:
        return names[text]
    low, high = BOUNDS[field]
    if not text.isdigit() or not low <= int(text) <= high + (field == "weekday"):
        raise CannotJudge(f"{text!r} in the {field} field")
    return int(text)


def years(part: str) -> frozenset[int]:
    found: set[int] = set()
    for item in part.split(","):
        body, _, step = item.partition("/")
        first, dash, last = body.partition("-")
        if not first.isdigit() and first != "*":
            raise CannotJudge(f"{item!r} in the year field")
        low = 1970 if first == "*" else int(first)
        high = int(last) if dash else 2099 if step or first == "*" else low
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)
