"""Result files: one for each row and day, with what one must know of the machine and nothing that names it."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

from bench import results
from bench.figures import Line, Spread, at_most

NOW = datetime(2026, 11, 22, 17, 5, 6, tzinfo=UTC)
LINE = Line("m", "s", Spread.of([0.1234567]), 2.0, goals=(at_most(0.1, 1.0, "≤ 1 s"),), details={"x": 1.23456})


def test_a_result_holds_figures_goals_and_facts(tmp_path: Path) -> None:
    path = results.write(tmp_path / "new", "pods-burst", [LINE], {"cores": 2}, NOW)
    assert path.name == "2026-11-22-pods-burst.json"
    assert json.loads(path.read_text()) == {
        "row": "pods-burst",
        "measured_at": "2026-11-22T17:05:06Z",
        "cores": 2,
        "lines": [
            {
                "measure": "m",
                "unit": "s",
                "ours": {"count": 1, "missing": 0, "p50": 0.123457, "p99": 0.123457, "max": 0.123457},
                "native_stock": 2.0,
                "native_tuned": None,
                "goals": [{"text": "≤ 1 s", "met": True}],
                "details": {"x": 1.2346},
            }
        ],
    }


def test_the_facts_name_neither_host_nor_path() -> None:
    text = json.dumps(results.machine("v1.36.3"))
    assert "v1.36.3" in text
    assert platform.node() not in text
    assert "/home" not in text
