"""How single values of a document are read: liberally, as the real service's PHP does, up to wrong types. Pure.

`Absent` values (missing or null) are the caller's matter. A list or an object where
one value belongs is refused, which is "invalid input data" in the document's words;
the service itself fails there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crontask_gateway.errors import Invalid

MAX_INT = 2**63 - 1
EVERY = -1
"""In a list of the schedule: every value."""
_NUMBER = re.compile(r"\s*[+-]?[0-9]+")
_BREAKS = re.compile(r"[\r\n]")


def boolean(value: Any) -> bool:
    """PHP's truth: 0, "", "0" and an empty list are false, all else (also the text "false") is true."""
    return value not in (0, "", "0", [])


def integer(value: Any, path: str) -> int:
    """A whole number of 64 bits; of a text its digits at the begin, of anything else 0. Raises Invalid for lists."""
    match value:
        case bool() | int():
            number = int(value)
        case float():
            number = int(max(-MAX_INT, min(value, MAX_INT)))
        case str():
            found = _NUMBER.match(value[:40])
            number = int(found[0]) if found else 0
        case _:
            raise _wrong(path, "write a number")
    return max(-MAX_INT - 1, min(number, MAX_INT))


def text(value: Any, path: str, longest: int) -> str:
    """A text of at most `longest` UTF-8 bytes; numbers become texts. Raises Invalid."""
    match value:
        case str():
            found = value
        case bool():
            found = "1" if value else ""
        case int() | float():
            found = repr(value)
        case _:
            raise _wrong(path, "write a text")
    if (length := len(found.encode())) > longest:
        raise Invalid(f"{path} has {length} bytes; at most {longest} are allowed", path)
    return found


def numbers(value: Any, path: str, low: int, high: int) -> tuple[int, ...]:
    """A set of the schedule, ascending; (-1,) where any member is -1, others are moved into the range. Raises Invalid.

    The range is moved into and not insisted on, because clients that expand `*/n` themselves rely on it.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _wrong(path, f"write a list of numbers from {low} to {high}, or [-1]")
    found = {integer(each, f"{path}[{place}]") for place, each in enumerate(value)}
    if EVERY in found:
        return (EVERY,)
    return tuple(sorted({min(max(each, low), high) for each in found}))


def headers(value: Any, path: str, longest: int) -> dict[str, str]:
    """Names and values without line breaks and blanks around; those with an empty name or value are left out."""
    if value == []:  # an empty map, as PHP writes it
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(path, "write an object of names and values")
    found: dict[str, str] = {}
    for name, each in value.items():
        told = _BREAKS.sub("", text("" if each is None else each, f"{path}.{name[:40]}", longest)).strip()
        if (key := _BREAKS.sub("", text(name, path, MAX_HEADER)).strip()) and told:
            found[key] = told
    return found


MAX_HEADER = 255
"""Bytes of a header's name."""


def member(value: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """An object within another; empty where it is absent. Raises Invalid."""
    found = value.get(name)
    if found is None or found == []:  # PHP writes an empty object so
        return {}
    if not isinstance(found, Mapping):
        raise _wrong(path, "write an object")
    return found


def _wrong(path: str, remedy: str) -> Invalid:
    return Invalid(f"{path} has a wrong type; {remedy}", path)
