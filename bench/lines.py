"""One line of the table: a measure, ours beside the rival's, and what was to be reached. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.figures import Repeated, Value

Unit = Literal["s", "/s", "writes", "KB", "MiB", "%", ""]
LARGE_IS_GOOD: tuple[Unit, ...] = ("/s", "%")
Sides = Mapping[str, Sequence[Value]]
"""What each contestant has measured, a value for each repetition."""


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and whether it was."""

    text: str
    met: bool


def at_most(value: float, limit: float, text: str) -> Goal:
    """The value itself has a limit."""
    return Goal(text, value <= limit)


def at_least(value: float, limit: float, text: str) -> Goal:
    """The value itself has to reach a limit."""
    return Goal(text, value >= limit)


def share_of(ours: Repeated, rival: Repeated, share: float, text: str) -> Goal:
    """The median of ours is at most this share of the rival's (for what is better when small)."""
    return Goal(text, ours.deciding.median <= rival.deciding.median * share)


def times_of(ours: Repeated, rival: Repeated, factor: float, text: str) -> Goal:
    """The median of ours is at least this multiple of the rival's (for what is better when large)."""
    return Goal(text, ours.deciding.median >= rival.deciding.median * factor)


Beside = tuple[str, Callable[[Repeated, Repeated, float, str], Goal], float, str]
"""A goal beside a rival: its name, how to compare, the factor, the text."""


@dataclass(frozen=True)
class Line:
    """A measure of ours, beside the rival's where there is one."""

    measure: str
    unit: Unit
    ours: Repeated
    stock: Repeated | None = None
    tuned: Repeated | None = None
    goals: tuple[Goal, ...] = ()
    details: dict[str, float] = field(default_factory=dict)
    """What the result file tells besides."""
    dkron: Repeated | None = None
    """A single node of Dkron, where the line is about its API."""

    @classmethod
    def beside(cls, measure: str, unit: Unit, sides: Sides, goals: Sequence[Beside]) -> "Line":
        """The line of all contestants that took part; goals beside those that did not are left out."""
        every = {name: Repeated(tuple(values)) for name, values in sides.items() if values}
        ours = every["ours"]
        judged = tuple(judge(ours, every[name], factor, text) for name, judge, factor, text in goals if name in every)
        stock, tuned, dkron = (every.get(name) for name in ("stock", "tuned", "dkron"))
        return cls(measure, unit, ours, stock, tuned, judged, dkron=dkron)

    @property
    def rivals(self) -> tuple[Repeated | None, ...]:
        """Who stands beside ours, in the order of the columns."""
        return (self.stock, self.tuned, self.dkron)

    def ratio(self, rival: Repeated | None) -> float | None:
        """How many times better ours is than the rival's; None without a rival or a meaning."""
        if rival is None:
            return None
        ours, theirs = self.ours.deciding.median, rival.deciding.median
        better, base = (ours, theirs) if self.unit in LARGE_IS_GOOD else (theirs, ours)
        return better / base if base and math.isfinite(better) and math.isfinite(base) else None

    def to_json(self) -> dict[str, Any]:
        sides = {"ours": self.ours, "native_stock": self.stock, "native_tuned": self.tuned, "dkron": self.dkron}
        return {
            "measure": self.measure,
            "unit": self.unit,
            **{name: side.to_json() if side else None for name, side in sides.items()},
            "goals": [{"text": goal.text, "met": goal.met} for goal in self.goals],
            "details": {name: round(value, 4) for name, value in self.details.items()},
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Line":
        stock, tuned, dkron = (
            None if body.get(name) is None else Repeated.from_json(body[name])
            for name in ("native_stock", "native_tuned", "dkron")
        )
        ours = Repeated.from_json(body["ours"])
        goals = tuple(Goal(goal["text"], goal["met"]) for goal in body["goals"])
        return cls(body["measure"], body["unit"], ours, stock, tuned, goals, body["details"], dkron)
