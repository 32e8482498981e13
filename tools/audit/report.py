"""An audit as a whole: every task judged or named, and how that is printed."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .checks import Finding, findings
from .dump import Dump
from .fields import CannotJudge
from .subject import SETTLE, subject_of

MAX_SHOWN = 50
AGAIN = 2.0
"""Seconds between two looks."""


@dataclass
class Report:
    """What was found, what was judged, and what could not be."""

    found: list[Finding] = field(default_factory=list)
    tasks: int = 0
    instants: int = 0
    unjudged: list[tuple[str, str]] = field(default_factory=list)
    """(namespace/name, why)."""

    def to_body(self) -> dict[str, Any]:
        """The report as JSON-ready data."""
        return {
            "tasks": self.tasks,
            "instants": self.instants,
            "findings": [
                each._asdict() | {"at": each.at.isoformat() if each.at is not None else None} for each in self.found
            ],
            "unjudged": [{"task": task, "reason": reason} for task, reason in self.unjudged],
        }


def audit(dump: Dump, *, default_zone: str = "UTC", settle: timedelta = SETTLE) -> Report:
    """Judges every task of a dump."""
    report = Report()
    for body in dump.tasks:
        if body["metadata"].get("deletionTimestamp"):
            continue
        try:
            subject = subject_of(dump, body, default_zone, settle)
        except CannotJudge as why:
            report.unjudged.append((f"{body['metadata']['namespace']}/{body['metadata']['name']}", str(why)))
            continue
        report.tasks += 1
        report.instants += sum(at <= subject.watermark for at in subject.due)
        report.found += findings(subject)
    return report


def until_clean(look: Callable[[], Report], seconds: float) -> Report:
    """The first report without findings, or the last one when the time is over."""
    give_up = time.monotonic() + seconds
    while (report := look()).found and time.monotonic() < give_up:
        time.sleep(AGAIN)
    return report


def lines(report: Report) -> Iterator[str]:
    """The report for people."""
    if report.found:
        yield from _table(
            ("TASK", "CHECK", "INSTANT", "FINDING"),
            [
                (f"{each.namespace}/{each.task}", each.check, each.at.isoformat() if each.at else "", each.message)
                for each in report.found[:MAX_SHOWN]
            ],
        )
        if len(report.found) > MAX_SHOWN:
            yield f"… and {len(report.found) - MAX_SHOWN} more."
        yield ""
    for task, reason in report.unjudged:
        yield f"not judged: {task}: {reason}"
    judged = f"{report.tasks} tasks and {report.instants} instants judged, {len(report.unjudged)} tasks not"
    yield f"{judged}; {len(report.found) or 'no'} findings."


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    rows = [head, *rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
