"""JobSchedule as the spec's `calendar`, `timeZone` and `endAt`, and back. Pure.

A list of -1 is an absent set (every value), an empty list an empty one (never); a full
list stays a list. `expiresAt` is the digits of a wall clock, YYYYMMDDhhmmss, and
only compared as a number: those that no calendar has mean the last moment before.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crontask_core.schedule.zones import clock_time, zone_names
from crontask_gateway.dialects.cronjob_org.wire import EVERY, SETS, Fields

Body = dict[str, Any]
NEW_DST = {"gap": "Skip", "overlap": "Both"}
"""What the service's matching of wall clocks comes to."""
OF_SPEC = {"minutes": "minutes", "hours": "hours", "mdays": "days", "months": "months", "wdays": "weekdays"}
"""The lists of a schedule, and what they are called in the spec."""
_SECOND = timedelta(seconds=1)
_OVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The end of a schedule that ended before there were any."""
_LAST_YEAR = 9_999


def known(timezone: str) -> bool:
    """Whether there is such a zone; others are left out without a word, as the service does it."""
    return timezone in zone_names()


def read(fields: Fields) -> Body:
    """The fields of the spec that say when the job is due. The zone is known."""
    told = {OF_SPEC[name]: getattr(fields, name) for name in SETS}
    calendar = {name: list(values) for name, values in told.items() if EVERY not in values}
    spec: Body = {"calendar": calendar, "timeZone": fields.timezone}
    end = _end(fields.expires_at, fields.timezone)
    return spec | ({"endAt": _told(end)} if end else {})


def write(spec: Mapping[str, Any], kept: Fields) -> Body:
    """The members of a schedule as the spec has it; `kept` is what the client wrote.

    A task that kubectl has given another kind of schedule shows as one that has none.
    """
    calendar, zone = spec.get("calendar"), spec.get("timeZone") or "UTC"
    sets = {name: _listed(calendar, of) for name, of in OF_SPEC.items()}
    end = spec.get("endAt")
    expires_at = kept.expires_at
    if _moment(end) != _end(expires_at, zone):
        expires_at = int(clock_time(zone, at).strftime("%Y%m%d%H%M%S")) if known(zone) and (at := _moment(end)) else 0
    return sets | {"timezone": zone, "expires_at": expires_at}


def _listed(calendar: Mapping[str, Any] | None, name: str) -> tuple[int, ...]:
    if calendar is None:
        return ()
    values = calendar.get(name)
    return (EVERY,) if values is None else tuple(sorted(set(values)))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _told(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _end(digits: int, timezone: str) -> datetime | None:
    """The last instant that counts; None for never. In an hour that the clocks show twice, its second pass."""
    if digits <= 0 or digits >= (_LAST_YEAR + 1) * 10**10 or not known(timezone):
        return None
    wall = _floor(digits)
    if wall is None:
        return _OVER
    try:
        return max(wall.replace(tzinfo=ZoneInfo(timezone), fold=1).astimezone(UTC), _OVER)
    except OverflowError:
        return None


def _floor(digits: int) -> datetime | None:
    """The last wall-clock time whose digits are not above these; None where none is."""
    text = f"{digits:014d}"
    parts = [int(text[:4]), *(int(text[place : place + 2]) for place in range(4, 14, 2))]
    if parts[0] < 1970:
        return None
    lows, highs = (1, 1, 0, 0, 0), (12, 31, 23, 59, 59)
    for place, (low, high) in enumerate(zip(lows, highs, strict=True), start=1):
        if place == 2:
            high = monthrange(parts[0], parts[1])[1]
        if parts[place] > high:
            return _built([*parts[:place], high, *highs[place:]])
        if parts[place] < low:
            return _built([*parts[:place], low, *lows[place:]], back=True)
    return _built(parts)


def _built(parts: list[int], *, back: bool = False) -> datetime:
    year, month, day, hour, minute, second = parts
    made = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a wall-clock time; its zone is the caller's
    return made - _SECOND if back else made
