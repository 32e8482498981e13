"""What a run is told about itself, and how texts refer to it.

`values` makes the `CRONTASK_*` names; the builder of pods puts them into every
container's environment, `crontask_core.httpcall` into URL, headers and body
through `expand`, which reads references as Kubernetes does in `command`, `args`
and `env`. Nothing else is ever substituted.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crontask_core.errors import ZoneError

NAMESPACE = "CRONTASK_NAMESPACE"
TASK = "CRONTASK_TASK"
EXECUTION = "CRONTASK_EXECUTION"
ATTEMPT = "CRONTASK_ATTEMPT"
TRIGGER = "CRONTASK_TRIGGER"
SCHEDULED_AT = "CRONTASK_SCHEDULED_AT"
SCHEDULED_UNIX = "CRONTASK_SCHEDULED_UNIX"
TARGET = "CRONTASK_TARGET"
NOW_UNIX = "CRONTASK_NOW_UNIX"
RANDOM_UUID = "CRONTASK_RANDOM_UUID"

PREFIX = "CRONTASK_"
NAMES = frozenset((NAMESPACE, TASK, EXECUTION, ATTEMPT, TRIGGER, SCHEDULED_AT, SCHEDULED_UNIX))
"""What every attempt has; one at a target has `TARGET` as well."""
CALL_NAMES = NAMES | {NOW_UNIX, RANDOM_UUID}
"""What the texts of a call may refer to. A program in a pod has a clock and a random source of its own."""

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def values(
    *,
    namespace: str,
    task: str,
    execution: str,
    attempt: int,
    trigger: str,
    scheduled_at: datetime,
    zone: str,
    target: str = "",
) -> dict[str, str]:
    """The names and values of one attempt.

    `scheduled_at` is an aware datetime, `zone` the task's IANA zone ("" is UTC), `target` the CronTaskTarget
    ("" is none, and no value).
    Raises ZoneError for a zone that the time-zone data does not know.
    """
    found = {
        NAMESPACE: namespace,
        TASK: task,
        EXECUTION: execution,
        ATTEMPT: str(attempt),
        TRIGGER: trigger,
        SCHEDULED_AT: rfc3339(scheduled_at, zone),
        SCHEDULED_UNIX: str(int(scheduled_at.timestamp())),
    }
    return found | {TARGET: target} if target else found


def rfc3339(at: datetime, zone: str) -> str:
    """`at` to the second in `zone` ("" is UTC), as RFC 3339 writes it; a zero offset is written `Z`."""
    try:
        local = at.astimezone(ZoneInfo(zone) if zone else UTC)
    except OverflowError:
        local = at.astimezone(UTC)  # the last or first day of the calendar, which the zone's offset would leave
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ZoneError("spec.timeZone", zone, "is not a known time zone", "write an IANA name") from error
    text = local.isoformat(timespec="seconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def expand(text: str, values: Mapping[str, str], uuid: Callable[[], str] | None = None) -> str:
    """`text` with each `$(NAME)` replaced by its value, and each `RANDOM_UUID` by another one of `uuid`'s.

    As in Kubernetes' own fields, an unknown name stays as it stands, a value is
    not expanded again, and `$$` is a literal `$`: `$$(NAME)` comes out as `$(NAME)`.
    """
    if "$" not in text:
        return text

    def replaced(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        return uuid() if name == RANDOM_UUID and uuid is not None else values.get(name, found[0])

    return _REFERENCE.sub(replaced, text)


def unknown_names(text: str, known: Collection[str]) -> list[str]:
    """The `CRONTASK_` names that a text refers to and that are none of `known`, each once."""
    found = (each[1] for each in _REFERENCE.finditer(text) if each[1] is not None)
    return [name for name in dict.fromkeys(found) if name.startswith(PREFIX) and name not in known]
