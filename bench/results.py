"""Writes what a row has measured to `bench/results/YYYY-MM-DD-ROW.json`, with what one must know of the machine.

No host name and no path is written: results are committed.
"""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from bench import engine
from bench.lines import Line

PACKAGES = ("aiohttp", "httpx2", "kopf", "orjson", "pydantic", "uvloop")


def machine(kubernetes: str) -> dict[str, Any]:
    """What a reader needs to compare figures; `load` tells whether others were at work on the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kubernetes": kubernetes,
        "packages": {name: version(name) for name in PACKAGES},
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def commit(checkout: Path) -> str:
    """The commit that was measured, with a mark where the files differ from it."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return found.stdout.strip() or "unknown"


def document(row: str, lines: Sequence[Line], facts: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The content of a result file."""
    return {
        "row": row,
        "measured_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **facts,
        "lines": [line.to_json() for line in lines],
    }


def write(folder: Path, row: str, lines: Sequence[Line], facts: dict[str, Any], now: datetime) -> Path:
    """Writes the file and returns where it is; a second run on one day replaces the first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y-%m-%d}-{row}.json"
    path.write_bytes(orjson.dumps(document(row, lines, facts, now), option=orjson.OPT_INDENT_2) + b"\n")
    return path


def newest(folder: Path) -> dict[str, dict[str, Any]]:
    """The latest result of each row, by row; the engine's comes from the report of `make campaign`."""
    documents = [orjson.loads(file.read_bytes()) for file in folder.glob("*.json")]
    rows = [body for body in documents if isinstance(body, dict) and {"row", "lines", "measured_at"} <= body.keys()]
    found = {body["row"]: body for body in sorted(rows, key=lambda body: str(body["measured_at"]))}
    campaign = engine.result(folder)
    return {**found, "engine": campaign} if campaign is not None else found
