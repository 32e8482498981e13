"""The schedule engine's row: what the newest `make campaign` has compared. Pure but for reading the reports.

The campaign runs for hours if asked to, so `make bench` does not repeat it: it reads the reports that lie among the
results (`YYYY-MM-DD-time-campaign.json`).
"""

from pathlib import Path
from typing import Any

import orjson

from bench.figures import once
from bench.lines import Line, at_most

PATTERN = "*-time-campaign.json"
DAY = len("YYYY-MM-DD")


def result(folder: Path) -> dict[str, Any] | None:
    """The newest campaign as a result of the benchmark; None where none is stored."""
    files = sorted(folder.glob(PATTERN), key=lambda file: file.name)
    if not files:
        return None
    lines = [line.to_json() for line in _lines(orjson.loads(files[-1].read_bytes()))]
    return {"row": "engine", "measured_at": files[-1].name[:DAY], "lines": lines}


def _lines(report: dict[str, Any]) -> list[Line]:
    """How many cases, and how many of them came out otherwise than by the oracles."""
    wrong = report.get("wrong in the engine", report.get("wrong"))
    if wrong is None:
        raise ValueError("the campaign's report says neither `wrong` nor `wrong in the engine`: repeat it")
    cases = report["counts"]["cases"]
    return [
        Line("random schedules compared with independent oracles", "", once(float(cases))),
        Line("mismatches of the schedule engine", "", once(float(wrong)), goals=(at_most(wrong, 0, "0"),)),
    ]
