"""All rows in their order: what each is called, what measures it, and the command that repeats it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.lines import Line
from bench.rows import burst, connections, dkron, floor, gateway, idle, killed, long, sustained, writes
from bench.stage import Stage

Measure = Callable[[Stage], Awaitable[list[Line]]]


@dataclass(frozen=True)
class Row:
    """One part of the benchmark, with a result file of its own."""

    title: str
    """What the README says while nothing has been measured."""
    measure: Measure | None
    """None where another command makes the result."""
    repeat: str = "make bench BENCH={}"

    def command(self, name: str) -> str:
        """What measures it again."""
        return self.repeat.format(name)


ROWS: dict[str, Row] = {
    "pods-burst": Row("Many tasks due at one instant: pods created", burst.pods),
    "http-burst": Row("Many tasks due at one instant: HTTP calls received", burst.http),
    "floor": Row("The floor: pods created by a bare client", floor.floor),
    "pods-sustained": Row("Pod starts a second, kept up on time", sustained.pods),
    "http-sustained": Row("HTTP calls a second, kept up on time", sustained.http),
    "http-long": Row("HTTP executions a second for minutes, every one recorded", long.http),
    "api-writes": Row("API writes per execution", writes.writes),
    "idle": Row("Memory per idle task; one due task among idle ones; cold start", idle.idle),
    "leader-killed": Row("The leader killed every ten seconds under 50 starts a second", killed.killed),
    "dkron": Row("HTTP jobs made through Dkron's API, beside Dkron itself", dkron.run),
    "gateway": Row("Dkron's API with 5,000 jobs under 100 executions a second", gateway.run),
    "connections": Row("10,000 idle connections to the gateway", connections.run),
    "engine": Row("The schedule engine beside independent oracles", None, "make campaign"),
}

MEASURED: dict[str, Measure] = {name: row.measure for name, row in ROWS.items() if row.measure is not None}
"""What `make bench` itself does."""
