"""The README's table of results, between two markers, made of the newest result file of each row. Pure but for `write`.

`make bench` rewrites it at its end, `python -m bench --readme` at once; a test compares it with the files.
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from bench import results
from bench.catalogue import ROWS
from bench.lines import Line
from bench.table import cells

BEGIN = "<!-- Made by `python -m bench --readme` from bench/results; edit that, not this. -->"
END = "<!-- The end of what `make bench` has written. -->"
HEAD = ("measure", "ours, p50 / p99", "native stock", "native tuned", "Dkron", "to reach", "met", "repeat with")
NOT_YET = "not measured yet"


def write(readme: Path, folder: Path) -> None:
    """Brings the README in line with the result files; touches it only where that changes it."""
    text = readme.read_text("utf-8")
    wanted = filled(text, results.newest(folder))
    if wanted != text:
        readme.write_text(wanted, "utf-8")


def filled(text: str, found: Mapping[str, dict[str, Any]]) -> str:
    """The README with the table of these results in place of the one it has."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README lacks the line {BEGIN if not begin else END!r}: put it where the table belongs")
    return f"{head}{BEGIN}\n\n{section(found)}\n\n{END}{tail}"


def section(found: Mapping[str, dict[str, Any]]) -> str:
    """The table, and below it when and where each row was measured."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for name, row in ROWS.items():
        if name in found:
            rows += [_cells(Line.from_json(line), row.command(name)) for line in found[name]["lines"]]
        else:
            rows.append((row.title, NOT_YET, "–", "–", "–", "–", "–", f"`{row.command(name)}`"))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    measured = [(_when(found[name]), name) for name in ROWS if name in found]
    told = (
        f"{when}: {', '.join(name for _, name in each)}" for when, each in groupby(sorted(measured), lambda m: m[0])
    )
    return "\n\n".join([table, "Measured " + "; ".join(told) + "."] if measured else [table])


def _cells(line: Line, command: str) -> tuple[str, ...]:
    measure, ours, stock, tuned, dkron, _, reach, met = cells(line)
    return (measure, ours, stock, tuned, dkron, reach, met, f"`{command}`")


def _when(body: dict[str, Any]) -> str:
    """Day, commit and machine of a result; not every kind of result has a machine of its own."""
    facts = [str(body["measured_at"])[:10]]
    facts += [f"commit {body['commit']}"] if "commit" in body else []
    facts += [f"{body['cores']} cores"] if "cores" in body else []
    return ", ".join(facts)
