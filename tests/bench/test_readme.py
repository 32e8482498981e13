"""The README's table, and that it shows what the result files say."""

from pathlib import Path

import pytest
from bench import results
from bench.catalogue import ROWS
from bench.figures import Repeated, once
from bench.lines import Line, at_most
from bench.readme import BEGIN, END, NOT_YET, filled, section

ROOT = Path(__file__).parents[2]
LINE = Line("writes for a call", "writes", Repeated((2.0, 3.0, 4.0)), once(14.0), goals=(at_most(3.0, 3, "≤ 3"),))
FOUND = {
    "api-writes": {"measured_at": "2026-11-22T17:05:06Z", "commit": "abc", "cores": 2, "lines": [LINE.to_json()]},
    "idle": {"measured_at": "2026-11-23T01:00:00Z", "lines": []},
}


def test_the_readme_shows_the_newest_results() -> None:
    """Otherwise: `python -m bench --readme`."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert filled(text, results.newest(ROOT / "bench" / "results")) == text


def test_a_measure_is_one_row_of_the_table() -> None:
    row = "| writes for a call | "
    row += "3.00 writes (2.00 writes…4.00 writes) | 14.00 writes | – | – | ≤ 3 | yes | `make bench BENCH=api-writes` |"
    assert row in section(FOUND).splitlines()


def test_what_was_not_measured_is_said_so() -> None:
    assert section({}).count(NOT_YET) == len(ROWS)
    assert section(FOUND).count(NOT_YET) == len(ROWS) - 2


def test_below_stands_when_each_row_was_measured() -> None:
    assert section(FOUND).endswith("\n\nMeasured 2026-11-22, commit abc, 2 cores: api-writes; 2026-11-23: idle.")
    assert "Measured" not in section({})


def test_only_what_is_between_the_markers_changes() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once_filled = filled(text, {})
    assert once_filled == f"before\n{BEGIN}\n\n{section({})}\n\n{END}\nafter\n"
    assert filled(once_filled, {}) == once_filled


@pytest.mark.parametrize("text", ["no markers", f"{END}", f"{BEGIN} only"])
def test_a_readme_without_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the README lacks the line"):
        filled(text, {})
