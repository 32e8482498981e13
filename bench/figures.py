"""The numbers of a row: how values are spread, how two of them compare, and whether a goal is met. Pure.

Times are seconds. A quantile is the nearest-rank one: a value that was really measured, never an interpolation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Unit = Literal["s", "/s", "writes", "KB"]


@dataclass(frozen=True)
class Spread:
    """Lateness of many starts; `missing` counts those that never came, which are later than all others."""

    count: int
    p50: float
    p99: float
    largest: float
    missing: int = 0

    @classmethod
    def of(cls, values: Sequence[float], expected: int | None = None) -> "Spread":
        """The spread of `values`; of `expected` starts, those without a value are endlessly late."""
        missing = max(0, (len(values) if expected is None else expected) - len(values))
        every = sorted([*values, *[math.inf] * missing])
        return cls(len(values), quantile(every, 0.5), quantile(every, 0.99), every[-1], missing)

    def to_json(self) -> dict[str, Any]:
        times = {"p50": self.p50, "p99": self.p99, "max": self.largest}
        known = {name: round(value, 6) if math.isfinite(value) else None for name, value in times.items()}
        return {"count": self.count, "missing": self.missing, **known}


Value = Spread | float


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all (sorted) values do not exceed."""
    if not ordered:
        raise ValueError("there is no quantile of no values: the row has measured nothing")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def deciding(value: Value) -> float:
    """What a value is judged by: the 99th percentile of a spread, a plain number itself."""
    return value.p99 if isinstance(value, Spread) else value


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and whether it was."""

    text: str
    met: bool


def at_most(value: float, limit: float, text: str) -> Goal:
    """The value itself has a limit."""
    return Goal(text, value <= limit)


def share_of(ours: Value, rival: Value, share: float, text: str) -> Goal:
    """Ours is at most this share of the rival's (for what is better when small)."""
    return Goal(text, deciding(ours) <= deciding(rival) * share)


def times_of(ours: Value, rival: Value, factor: float, text: str) -> Goal:
    """Ours is at least this multiple of the rival's (for what is better when large)."""
    return Goal(text, deciding(ours) >= deciding(rival) * factor)


@dataclass(frozen=True)
class Line:
    """One line of the table: a measure of ours beside the rival's, where there is one."""

    measure: str
    unit: Unit
    ours: Value
    stock: Value | None = None
    tuned: Value | None = None
    goals: tuple[Goal, ...] = ()
    details: dict[str, float] = field(default_factory=dict)
    """What the result file tells besides."""

    def ratio(self, rival: Value | None) -> float | None:
        """How many times better ours is than the rival's; None without a rival or a meaning."""
        if rival is None:
            return None
        ours, theirs = deciding(self.ours), deciding(rival)
        better, base = (ours, theirs) if self.unit == "/s" else (theirs, ours)
        return better / base if base and math.isfinite(better) and math.isfinite(base) else None

    def to_json(self) -> dict[str, Any]:
        sides = {"ours": self.ours, "native_stock": self.stock, "native_tuned": self.tuned}
        return {
            "measure": self.measure,
            "unit": self.unit,
            **{name: side.to_json() if isinstance(side, Spread) else side for name, side in sides.items()},
            "goals": [{"text": goal.text, "met": goal.met} for goal in self.goals],
            "details": {name: round(value, 4) for name, value in self.details.items()},
        }
