"""Result files: one for each row and day, with what one must know of the machine and nothing that names it."""

import json
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import results
from bench.figures import Spread, once
from bench.lines import Line, at_most

NOW = datetime(2026, 11, 22, 17, 5, 6, tzinfo=UTC)
OURS = once(Spread.of([0.1234567]))
LINE = Line("m", "s", OURS, once(2.0), goals=(at_most(0.1, 1.0, "≤ 1 s"),), details={"x": 1.23456})


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
                "ours": OURS.to_json(),
                "native_stock": {"value": {"median": 2.0, "min": 2.0, "max": 2.0}, "repetitions": [2.0]},
                "native_tuned": None,
                "dkron": None,
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


def test_the_newest_result_of_each_row_counts(tmp_path: Path) -> None:
    for row, days in (("pods-burst", (0, 2, 1)), ("idle", (1,))):
        for day in days:
            results.write(tmp_path, row, [LINE], {"day": day}, NOW + timedelta(days=day))
    (tmp_path / "2026-11-30-chaos.json").write_text('{"of": "another tool"}')
    assert {row: body["day"] for row, body in results.newest(tmp_path).items()} == {"pods-burst": 2, "idle": 1}
