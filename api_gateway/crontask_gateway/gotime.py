"""Instants and durations as Go writes them: to the nanosecond, with the error texts of its `time` package.

For the dialects of systems that are written in Go. An instant is a number of
nanoseconds since 1970 (UTC), since neither `datetime` nor a client's document
should lose what the other cannot hold. Documented at https://pkg.go.dev/time.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

from crontask_core.schedule.duration import nanoseconds

SECOND = 1_000_000_000
_MICRO = 1_000
_EPOCH = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
_LAYOUT = "2006-01-02T15:04:05Z07:00"
_LONGEST = 1000
"""Characters of a duration or an instant; what is longer means nothing."""
_UNITS = ("ns", "us", "µs", "μs", "ms", "s", "m", "h")
_PART = re.compile(r"(\d*)(\.\d*)?([^.\d]*)", re.ASCII)
_FRACTION = re.compile(r"[.,]([0-9]+)")


class GoError(ValueError):
    """What a function of Go's library answers; the text is Go's."""


def nanos(at: datetime) -> int:
    """An aware time as nanoseconds."""
    passed = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds * _MICRO


def moment(at: int) -> datetime:
    """Nanoseconds as an aware time, cut to microseconds; what lies outside of the years 1 to 9999 is moved to them."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at // _MICRO)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if at < 0 else datetime.max.replace(tzinfo=UTC)


def rfc3339(at: int, offset: int = 0) -> str:
    """An instant as Go's RFC3339Nano: no zeros at the end of the fraction, `Z` where `offset` (seconds) is 0."""
    seconds, fraction = divmod(at, SECOND)
    days, second = divmod(seconds + offset, 86_400)
    # Years that Python's calendar lacks are 400 and more away from those that it has.
    cycles = 0 if 0 < days + _EPOCH <= _LAST_DAY else -((days + _EPOCH - 1) // _CYCLE_DAYS)
    day = date.fromordinal(days + _EPOCH + cycles * _CYCLE_DAYS)
    told = f"{day.year - cycles * _CYCLE_YEARS:04}-{day:%m-%d}"
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 3600:02}:{abs(offset) // 60 % 60:02}" if offset else "Z"
    return f"{told}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{digits}{zone}"


def instant(text: str) -> int:
    """`time.Parse(time.RFC3339, text)`. Raises GoError."""
    if len(text) > _LONGEST:
        raise GoError(f"parsing time {go_quoted(text[:_LONGEST])}: too long")
    return _Instant(text).read()


def duration(text: str) -> int:
    """`time.ParseDuration(text)`: nanoseconds. Raises GoError."""
    if len(text) > _LONGEST:
        raise GoError(f"time: invalid duration {go_quoted(text[:_LONGEST])}")
    length = nanoseconds(text)
    if length is not None:
        return length
    raise GoError(f"time: {_problem(text)} {go_quoted(text)}")


def _problem(text: str) -> str:
    """What is wrong with a duration that cannot be read."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    while rest:
        part = _PART.match(rest)
        if part is None or not (part[1] or (part[2] or "")[1:]) or int(part[1] or 0) >= 2**63:
            break
        if not part[3]:
            return "missing unit in duration"
        if part[3] not in _UNITS:
            return f"unknown unit {go_quoted(part[3])} in duration"
        rest = rest[part.end() :]
    return "invalid duration"


def go_quoted(text: str) -> str:
    """A text as package time quotes it in its errors: bytes beyond ASCII and controls as `\\xNN`."""
    shown = []
    for byte in text.encode(errors="replace"):
        char = chr(byte)
        shown.append(f"\\x{byte:02x}" if byte < 32 or byte >= 128 else f"\\{char}" if char in '"\\' else char)
    return f'"{"".join(shown)}"'


class _Instant:
    """One reading of an RFC 3339 text, in the order in which Go reads it, so that the first error is Go's."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = text

    def read(self) -> int:
        year = self._year()
        month = self._number("-", "01", "month", 1, 12)
        day = self._number("-", "02", "day", 0, 99)
        hour = self._number("T", "15", "hour", 0, 23)
        minute = self._number(":", "04", "minute", 0, 59)
        second = self._number(":", "05", "second", 0, 59)
        fraction = self._fraction()
        offset = self._offset()
        if self.rest:
            raise self._out(f"extra text: {go_quoted(self.rest)}")
        # Year 0 is a leap year as 400 is, which Python's calendar has.
        cycles = 0 if year else 1
        if not 1 <= day <= monthrange(year + cycles * _CYCLE_YEARS, month)[1]:
            raise self._out("day out of range")
        days = date(year + cycles * _CYCLE_YEARS, month, day).toordinal() - cycles * _CYCLE_DAYS - _EPOCH
        return (days * 86_400 + hour * 3600 + minute * 60 + second - offset) * SECOND + fraction

    def _year(self) -> int:
        digits = self.rest[:4]
        if len(digits) < 4 or not _digits(digits):
            raise self._cannot(self.rest, "2006")
        self.rest = self.rest[4:]
        return int(digits)

    def _number(self, before: str, element: str, name: str, low: int, high: int) -> int:
        """A number of two digits (the hour may have one), after the separator."""
        if not self.rest.startswith(before):
            raise self._cannot(self.rest, before)
        held = self.rest[1:]
        width = 1 if element == "15" and not _digits(held[1:2]) else 2
        digits = held[:width]
        if len(digits) < width or not _digits(digits):
            raise self._cannot(held, element)
        self.rest = held[width:]
        if not low <= int(digits) <= high:
            raise self._out(f"{name} out of range")
        return int(digits)

    def _fraction(self) -> int:
        found = _FRACTION.match(self.rest)
        if found is None:
            return 0
        self.rest = self.rest[found.end() :]
        return int(found[1][:9].ljust(9, "0"))

    def _offset(self) -> int:
        """Seconds east of Greenwich."""
        held = self.rest
        if held.startswith("Z"):
            self.rest = held[1:]
            return 0
        hours, minutes = held[1:3], held[4:6]
        if len(held) < 6 or held[3] != ":":
            raise self._cannot(held, "Z07:00")
        if _digits(hours) and int(hours) > 24:
            raise self._out("time zone offset hour out of range")
        if _digits(hours) and _digits(minutes) and int(minutes) > 60:
            raise self._out("time zone offset minute out of range")
        if held[0] not in "+-" or not (_digits(hours) and _digits(minutes)):
            raise self._cannot(held, "Z07:00")
        self.rest = held[6:]
        seconds = (int(hours) * 60 + int(minutes)) * 60
        return -seconds if held[0] == "-" else seconds

    def _cannot(self, held: str, element: str) -> GoError:
        whole = f"parsing time {go_quoted(self.text)} as {go_quoted(_LAYOUT)}"
        return GoError(f"{whole}: cannot parse {go_quoted(held)} as {go_quoted(element)}")

    def _out(self, problem: str) -> GoError:
        return GoError(f"parsing time {go_quoted(self.text)}: {problem}")


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
