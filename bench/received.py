"""What the loopback receiver wrote down: which call of which instant arrived when (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson


@dataclass(frozen=True)
class Arrival:
    """One HTTP call as it arrived."""

    path: str
    key: str
    """Idempotency-Key: namespace and name of the execution, with a slash between."""
    scheduled_at: float
    at: float

    @property
    def lateness(self) -> float:
        """Seconds from the scheduled instant to the arrival."""
        return self.at - self.scheduled_at


def parse(line: bytes) -> Arrival | None:
    """The call of one line; None for calls that no CronTask has made."""
    seen = orjson.loads(line)
    headers = seen["headers"]
    if "CronTask-Scheduled-At" not in headers:
        return None
    scheduled = datetime.fromisoformat(headers["CronTask-Scheduled-At"])
    return Arrival(seen["path"], headers["Idempotency-Key"], scheduled.timestamp(), seen["time_us"] / 1e6)


def at_path(arrivals: Iterable[Arrival], path: str) -> list[Arrival]:
    """The calls to one path."""
    return [arrival for arrival in arrivals if arrival.path == path]


@dataclass(frozen=True)
class Call:
    """A call of anybody, ours or a rival's: the last part of its path says which job it is of."""

    job: str
    at: float


def call_below(prefix: str, line: bytes) -> Call | None:
    """The call of one line; None for one whose path does not begin with `prefix`."""
    seen = orjson.loads(line)
    path = str(seen["path"])
    return Call(path.removeprefix(prefix), seen["time_us"] / 1e6) if path.startswith(prefix) else None
