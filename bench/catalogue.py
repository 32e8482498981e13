"""All rows in their order: what each is called, what it measures, and whether it needs the cluster."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.lines import Line
from bench.rows import burst, idle, sustained, writes
from bench.stage import Stage


@dataclass(frozen=True)
class Row:
    """One part of the benchmark, with a result file of its own."""

    title: str
    """What the README says while nothing has been measured."""
    measure: Callable[[Stage], Awaitable[list[Line]]]


ROWS: dict[str, Row] = {
    "pods-burst": Row("Many tasks due at one instant: pods created", burst.pods),
    "http-burst": Row("Many tasks due at one instant: HTTP calls received", burst.http),
    "pods-sustained": Row("Pod starts a second, kept up on time", sustained.pods),
    "http-sustained": Row("HTTP calls a second, kept up on time", sustained.http),
    "api-writes": Row("API writes per execution", writes.writes),
    "idle": Row("Memory per idle task; one due task among idle ones; cold start", idle.idle),
}
