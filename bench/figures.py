"""The numbers of a row: how values are spread, and what several repetitions make together. Pure.

Times are seconds. A quantile is the nearest-rank one: a value that was really measured, never an interpolation. What
is told of repetitions is the median with the least and the largest. A figure that never came is infinite; JSON, which
knows no infinity, says null.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


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
        return {"count": self.count, "missing": self.missing, **{name: _known(v) for name, v in times.items()}}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Spread":
        p50, p99, largest = (_number(body[name]) for name in ("p50", "p99", "max"))
        return cls(body["count"], p50, p99, largest, body["missing"])


Value = Spread | float


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all (sorted) values do not exceed."""
    if not ordered:
        raise ValueError("there is no quantile of no values: the row has measured nothing")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Middle:
    """One figure over the repetitions."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Middle":
        every = sorted(values)
        return cls(median(every), every[0], every[-1])

    def to_json(self) -> dict[str, Any]:
        return {"median": _known(self.median), "min": _known(self.least), "max": _known(self.most)}


@dataclass(frozen=True)
class Repeated:
    """What the repetitions of one contestant have measured, in their order: spreads, or plain numbers."""

    values: tuple[Value, ...]

    @property
    def deciding(self) -> Middle:
        """What is compared and judged: the 99th percentile of spreads, plain numbers themselves."""
        return Middle.of(value.p99 if isinstance(value, Spread) else value for value in self.values)

    @property
    def half(self) -> Middle | None:
        """The medians of spreads; None for plain numbers."""
        spreads = [value.p50 for value in self.values if isinstance(value, Spread)]
        return Middle.of(spreads) if spreads else None

    @property
    def missing(self) -> int:
        """Starts that never came, in all repetitions."""
        return sum(value.missing for value in self.values if isinstance(value, Spread))

    def to_json(self) -> dict[str, Any]:
        every = [value.to_json() if isinstance(value, Spread) else _known(value) for value in self.values]
        if self.half is None:
            return {"value": self.deciding.to_json(), "repetitions": every}
        figures = {"p50": self.half.to_json(), "p99": self.deciding.to_json(), "missing": self.missing}
        return {**figures, "repetitions": every}

    @classmethod
    def from_json(cls, body: Any) -> "Repeated":
        """Of a result file; files from before there were repetitions hold one value alone."""
        every = body["repetitions"] if isinstance(body, dict) and "repetitions" in body else [body]
        return cls(tuple(Spread.from_json(each) if isinstance(each, dict) else _number(each) for each in every))


def once(value: Value) -> Repeated:
    """What was measured a single time."""
    return Repeated((value,))


def _known(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.inf if value is None else float(value)
