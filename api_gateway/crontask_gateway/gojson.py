"""JSON as Go's encoding/json reads and writes it, for the dialects of systems that are written in Go.

Reading: the first value of the body only, whatever follows; member names match
without regard to case; a member that comes twice counts the last time (maps are
merged); null leaves what was there; unknown members are passed over. A syntax
error is told in Go's words, and so is the first value of a wrong type, after the
whole has been read. Documented at https://pkg.go.dev/encoding/json.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from crontask_gateway.gosyntax import problem
from crontask_gateway.gotime import GoError, instant


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Members(tuple[tuple[str, Any], ...]):
    """The members of an object in their order, a name as often as it was written."""

    __slots__ = ()


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)  # NaN and Infinity, which Python would read


_DECODER = json.JSONDecoder(
    object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=_no_number, strict=True
)
_BLANK = re.compile(r"[ \t\r\n]*")
_HALVES = re.compile("[\ud800-\udfff]")
_UNSAFE = re.compile("[<>&\u2028\u2029]")
_FOLDED = str.maketrans({"\u017f": "s", "\u212a": "k"})


def read(body: bytes) -> Any:
    """The first value: str, Number, bool, None, list or Members. Raises GoError."""
    text = body.decode("utf-8", "replace")
    blank = _BLANK.match(text)
    start = blank.end() if blank else 0
    if start == len(text):
        raise GoError("EOF")
    try:
        value = _DECODER.raw_decode(text, start)[0]
    except (RecursionError, ValueError):
        raise GoError(problem(body) or "exceeded max depth") from None
    # Python takes a number that breaks off (`1.x`) as far as it goes.
    if isinstance(value, Number) and (fault := problem(body)):
        raise GoError(fault)
    return value


def write(value: Any, *, pretty: bool = False) -> bytes:
    """A value as Go prints it for HTML: compact, or indented by four blanks; `<>&` and the line separators escaped."""
    layout: dict[str, Any] = {"indent": 4} if pretty else {"separators": (",", ":")}
    text = json.dumps(value, ensure_ascii=False, **layout)
    text = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return _HALVES.sub("\ufffd", text).encode()


Kind = Callable[[Any, Any, "Reading"], Any]
"""Reads one value: (value, what the field held, the reading) to what it holds then; None is Go's zero value."""


class Reading:
    """One struct being read; keeps the first mismatch of types, as Go does."""

    def __init__(self, struct: str) -> None:
        self.struct = struct
        self.field = ""
        self.first: str | None = None

    def mismatch(self, what: str, wanted: str) -> None:
        """Notes that the present field cannot hold `what`."""
        if self.first is None:
            self.first = (
                f"json: cannot unmarshal {what} into Go struct field {self.struct}.{self.field} of type {wanted}"
            )


def struct(value: Any, name: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The fields of the struct `name` (with its package) that an object sets. Raises GoError.

    `kinds` are its fields, in lower case, with what each may hold.
    """
    if value is None:
        return {}
    if not isinstance(value, Members):
        raise GoError(f"json: cannot unmarshal {called(value)} into Go value of type {name}")
    reading, found = Reading(name.rpartition(".")[2]), dict[str, Any]()
    for member, held in value:
        field = member if member in kinds else member.translate(_FOLDED).lower()
        if field in kinds:
            reading.field = field
            found[field] = kinds[field](held, found.get(field), reading)
    if reading.first is not None:
        raise GoError(reading.first)
    return {field: held for field, held in found.items() if held is not None}


def text(value: Any, was: Any, reading: Reading) -> Any:
    """A string."""
    return whole(value) if is_text(value) else _kept(value, was, reading, "string")


def flag(value: Any, was: Any, reading: Reading) -> Any:
    """A bool."""
    return value if isinstance(value, bool) else _kept(value, was, reading, "bool")


def integer(value: Any, was: Any, reading: Reading) -> Any:
    """An int of 64 bits."""
    return _integer(value, was, reading, "int", -(2**63), 2**63 - 1)


def unsigned(value: Any, was: Any, reading: Reading) -> Any:
    """An unsigned int of 64 bits."""
    return _integer(value, was, reading, "uint", 0, 2**64 - 1)


def time(value: Any, was: Any, reading: Reading) -> Any:
    """An instant in nanoseconds. Raises GoError at once, as Go does where a type reads itself."""
    if value is None:
        return was
    if not is_text(value):
        raise GoError("Time.UnmarshalJSON: input is not a JSON string")
    return instant(value)


def texts(value: Any, was: Any, reading: Reading) -> Any:
    """A list of strings."""
    if value is None:
        return None
    if not isinstance(value, list):
        return _kept(value, was, reading, "[]string")
    return [text(each, "", reading) for each in value]


def is_text(value: Any) -> bool:
    """Whether it is a string (a `Number` is one for Python)."""
    return isinstance(value, str) and not isinstance(value, Number)


def _kept(value: Any, was: Any, reading: Reading, wanted: str) -> Any:
    if value is not None:
        reading.mismatch(called(value), wanted)
    return was


def _integer(value: Any, was: Any, reading: Reading, wanted: str, low: int, high: int) -> Any:
    if not isinstance(value, Number):
        return _kept(value, was, reading, wanted)
    if len(value) < 30 and value.removeprefix("-" if low else "").isdigit() and low <= int(value) <= high:
        return int(value)
    reading.mismatch(f"number {value}", wanted)
    return was


def called(value: Any) -> str:
    """What Go calls a value in its errors."""
    match value:
        case Number():
            return "number"
        case str():
            return "string"
        case bool():
            return "bool"
        case Members():
            return "object"
        case _:
            return "array"


def whole(text: str) -> str:
    """A text without the halves of surrogate pairs, which Go replaces."""
    return _HALVES.sub("\ufffd", text)
