"""The table that `make bench` prints. Pure."""

import math
from collections.abc import Sequence

from bench.figures import Line, Spread, Unit, Value

HEAD = ("MEASURE", "OURS p50 / p99", "NATIVE STOCK", "NATIVE TUNED", "TIMES BETTER", "TO REACH", "MET")


def table(lines: Sequence[Line]) -> str:
    """All lines, in columns."""
    rows = [HEAD, *(_row(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(line: Line) -> tuple[str, ...]:
    ratios = [_ratio(line.ratio(rival)) for rival in (line.stock, line.tuned)]
    return (
        line.measure,
        shown(line.ours, line.unit),
        shown(line.stock, line.unit),
        shown(line.tuned, line.unit),
        " / ".join(ratios) if any(ratio != "–" for ratio in ratios) else "–",
        ", ".join(goal.text for goal in line.goals) or "–",
        ", ".join("yes" if goal.met else "NO" for goal in line.goals) or "–",
    )


def shown(value: Value | None, unit: Unit) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, Spread):
        missing = f" ({value.missing} missing)" if value.missing else ""
        return f"{_one(value.p50, unit)} / {_one(value.p99, unit)}{missing}"
    return _one(value, unit)


def _one(value: float, unit: Unit) -> str:
    if math.isinf(value):
        return "never"
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
    return f"{value:.0f}/s" if unit == "/s" and value >= 20 else f"{value:.2f} {unit}".replace(" /s", "/s")


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1f}×"
