"""What the receiver got: each call with its arrival, and what follows of that. Pure, but for reading the file."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from chaos.books import unix


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a task of our namespace."""

    execution: str
    attempt: str
    at: float
    """Unix time of its arrival."""
    due: float
    """Unix time of the instant that it was made for."""
    path: str


def read(record: Path, skipped: int, namespace: str) -> list[Call]:
    """The calls behind the first `skipped` bytes of the receiver's record, in order of arrival."""
    with record.open() as file:
        file.seek(skipped)
        found = []
        for line in file:
            body = json.loads(line)
            headers = body["headers"]
            whose, _, name = headers.get("Idempotency-Key", "").partition("/")
            if whose == namespace:
                due = unix(headers["CronTask-Scheduled-At"])
                found.append(Call(name, headers["CronTask-Attempt"], body["time_us"] / 1e6, due, body["path"]))
    return sorted(found, key=lambda call: call.at)


def gap(arrivals: Sequence[float], moment: float, until: float) -> float:
    """The longest time without an arrival from `moment` on that begins before `until`; `arrivals` are sorted."""
    place = bisect_right(arrivals, moment)
    longest = 0.0
    for one, other in pairwise([moment, *arrivals[place:]]):
        if one >= until:
            break
        longest = max(longest, other - one)
    return longest


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """Count, p50, p90, p99 and the largest, in milliseconds; `values` are seconds."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    told = {name: ordered[min(int(len(ordered) * share), len(ordered) - 1)] for name, share in _SHARES}
    return {"count": len(ordered), **{name: round(value * 1000, 1) for name, value in told.items()}}


_SHARES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
