"""The table of results, as `make bench` prints it and as the README shows it. Pure."""

import math
from collections.abc import Sequence

from bench.figures import Middle, Repeated
from bench.lines import Line, Unit

HEAD = ("MEASURE", "OURS p50 / p99", "NATIVE STOCK", "NATIVE TUNED", "DKRON", "TIMES BETTER", "TO REACH", "MET")


def table(lines: Sequence[Line]) -> str:
    """All lines, in columns."""
    rows = [HEAD, *(cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def cells(line: Line) -> tuple[str, ...]:
    """The texts of one line, as many as HEAD has."""
    ratios = [_ratio(line.ratio(rival)) for rival in line.rivals if rival is not None]
    return (
        line.measure,
        shown(line.ours, line.unit),
        *(shown(rival, line.unit) for rival in line.rivals),
        " / ".join(ratios) if any(ratio != "–" for ratio in ratios) else "–",
        ", ".join(goal.text for goal in line.goals) or "–",
        ", ".join("yes" if goal.met else "NO" for goal in line.goals) or "–",
    )


def shown(side: Repeated | None, unit: Unit) -> str:
    """What a person reads of the repetitions: medians, then how far the deciding figure went down and up."""
    if side is None:
        return "–"
    missing = f", {side.missing} missing" if side.missing else ""
    figures = [_one(middle.median, unit) for middle in (side.half, side.deciding) if middle is not None]
    return " / ".join(figures) + _range(side.deciding, unit) + missing


def _range(middle: Middle, unit: Unit) -> str:
    least, most = _one(middle.least, unit), _one(middle.most, unit)
    return "" if least == most else f" ({least}…{most})"


def _one(value: float, unit: Unit) -> str:
    if math.isinf(value):
        return "never"
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
    if not unit:
        return f"{value:,.0f}"
    return f"{value:.0f}/s" if unit == "/s" and value >= 20 else f"{value:.2f} {unit}".replace(" /s", "/s")


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1f}×"
