"""Durations and dates as Go writes them, for `@every` and `@at`.

`time.ParseDuration` and `time.Parse(RFC3339)` of Go are the measure; both
readers use them. Documented at https://pkg.go.dev/time.
"""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LIMIT = 2**63
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]+)")
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})"
    r"(?:[.,]([0-9]+))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)


def nanoseconds(text: str) -> int | None:
    """The length of a Go duration such as `1h30m`, or None if it is none (or longer than 292 years)."""
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, position = 0, 0
    while position < len(rest) or position == 0:
        part = _PART.match(rest, position)
        if part is None:
            return None
        whole, fraction, unit = part[1], part[2] or "", part[3]
        if unit not in _UNITS or not (whole or fraction):
            return None
        value = int(whole or "0") * _UNITS[unit]
        if fraction:
            digits = fraction[:18]
            value += int(int(digits) * (_UNITS[unit] / 10 ** len(digits)))
        total += value
        if total > _LIMIT:
            return None
        position = part.end()
    if total == _LIMIT and not negative:
        return None
    return -total if negative else total


def instant(text: str) -> datetime | None:
    """The instant of an RFC 3339 text (aware UTC, microseconds), or None.

    As lenient as Go: one digit for the hour, a comma before the fraction, offsets up to +24:60.
    """
    parts = _INSTANT.fullmatch(text)
    if parts is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in parts.groups()[:6])
    offset = timedelta(hours=int(parts[9] or 0), minutes=int(parts[10] or 0))
    if offset > timedelta(hours=24, minutes=60) or int(parts[9] or 0) > 24 or int(parts[10] or 0) > 60:
        return None
    micro = int((parts[7] or "")[:6].ljust(6, "0"))
    try:
        at = datetime(year, month, day, hour, minute, second, micro, UTC)
        return at + offset if parts[8] == "-" else at - offset
    except (ValueError, OverflowError):
        return None
