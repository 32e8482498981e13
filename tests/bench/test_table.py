"""The table as it is printed."""

import math

import pytest
from bench.figures import Repeated, Spread, Value, once
from bench.lines import Line, Unit, at_most
from bench.table import HEAD, cells, shown, table


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "s", "–"),
        (0.0123, "s", "12.3 ms"),
        (1.5, "s", "1.50 s"),
        (math.inf, "s", "never"),
        (8.61, "/s", "8.61/s"),
        (250.4, "/s", "250/s"),
        (5.37, "writes", "5.37 writes"),
        (3.2, "KB", "3.20 KB"),
        (99.5, "%", "99.50 %"),
        (Spread(2, 0.5, 1.25, 1.25), "s", "500.0 ms / 1.25 s"),
        (Spread(98, 1.0, math.inf, math.inf, 2), "s", "1.00 s / never, 2 missing"),
        (60_000.0, "", "60,000"),
    ],
)
def test_values_are_written_for_people(value: Value | None, unit: Unit, expected: str) -> None:
    assert shown(None if value is None else once(value), unit) == expected


def test_repetitions_show_how_far_they_went() -> None:
    spreads = (Spread(1, 0.5, 1.0, 1.0), Spread(1, 0.25, 0.75, 1.0), Spread(1, 0.75, 3.0, 3.0))
    assert shown(Repeated(spreads), "s") == "500.0 ms / 1.00 s (750.0 ms…3.00 s)"
    assert shown(Repeated((75.0, 110.0, 110.0)), "/s") == "110/s (75/s…110/s)"
    assert shown(Repeated((2.0, 2.0)), "KB") == "2.00 KB"


def test_only_rivals_that_took_part_are_compared_with() -> None:
    line = Line("m", "s", once(1.0), dkron=once(2.0))
    assert cells(line) == ("m", "1.00 s", "–", "–", "2.00 s", "2.0×", "–", "–")
    assert cells(Line("m", "s", once(1.0)))[5] == "–"


def test_columns_are_as_wide_as_their_widest_text() -> None:
    lines = [
        Line(
            "short", "s", once(1.0), once(20.0), once(4.0), (at_most(1.0, 2.0, "≤ 2 s"), at_most(1.0, 0.5, "≤ 0.5 s"))
        ),
        Line("a measure with a long name", "KB", once(3.0)),
    ]
    head, first, second = table(lines).splitlines()
    for name in HEAD[1:]:
        assert head.index(name) >= len("a measure with a long name") + 2
    assert first.split("  ")[-1] == "yes, NO"
    assert "20.0× / 4.0×" in first
    assert head.index("MET") == first.index("yes, NO")
    assert second.startswith("a measure with a long name  3.00 KB")
