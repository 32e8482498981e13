"""`python -m bench [ROW…]`: runs the rows, prints the table, writes the results, and tears the cluster down."""

import argparse
import asyncio
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import results
from bench.cluster import CHECKOUT, Cluster
from bench.figures import Line
from bench.rows import burst, idle, sustained, writes
from bench.stage import Sizes, Stage, say
from bench.table import table
from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.config import load
from crontask_kube.connection import Connection

Row = Callable[[Stage], Awaitable[list[Line]]]
ROWS: dict[str, Row] = {
    "pods-burst": burst.pods,
    "http-burst": burst.http,
    "pods-sustained": sustained.pods,
    "http-sustained": sustained.http,
    "api-writes": writes.writes,
    "idle": idle.idle,
}


def main() -> None:
    """Exit code 0 when everything was measured, whether goals were met or not; 2 for a wrong argument."""
    options = _options(sys.argv[1:])
    signal.signal(signal.SIGTERM, _end)  # so that the cluster goes then too
    cluster = Cluster(Path(options.state).resolve(), preferred=options.prefer)
    sizes = Sizes(
        burst=tuple(options.burst),
        idle=options.idle,
        rates=tuple(options.rates),
        contestants=tuple(options.contestants),
    )
    try:
        cluster.up("stock")
        lines = asyncio.run(_run(cluster, options, sizes))
    finally:
        if not options.keep:
            cluster.down()
    print(table(lines))


def _options(argv: list[str]) -> argparse.Namespace:
    default = Sizes()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--burst", type=int, nargs="+", default=list(default.burst), help="tasks due at one instant")
    parser.add_argument("--idle", type=int, default=default.idle, help="tasks that wait")
    parser.add_argument("--rates", type=int, nargs="+", default=list(default.rates), help="starts a second to try")
    parser.add_argument("--contestants", nargs="+", default=list(default.contestants), choices=default.contestants)
    parser.add_argument("--seed", type=int, default=int(datetime.now(UTC).timestamp()), help="of the order")
    parser.add_argument("--state", default=str(CHECKOUT / ".cluster-bench"), help="state folder of the cluster")
    parser.add_argument("--results", default=str(CHECKOUT / "bench" / "results"), help="folder for the results")
    parser.add_argument("--prefer", action="store_true", help="take the processors before others (needs root)")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    return parser.parse_args(argv)


async def _run(cluster: Cluster, options: argparse.Namespace, sizes: Sizes) -> list[Line]:
    connection = await load(dict(os.environ), clock=SystemClock(), kubeconfig=str(cluster.kubeconfig))
    api = ApiClient(connection, clock=SystemClock())
    stage = Stage(cluster, api, sizes, random.Random(options.seed))
    asked = {"seed": options.seed, "preferred": options.prefer}
    every: list[Line] = []
    try:
        for name in options.rows or ROWS:
            lines = await ROWS[name](stage)
            facts = {"commit": results.commit(CHECKOUT), **asked, **results.machine(await _version(connection))}
            path = results.write(Path(options.results), name, lines, facts, datetime.now(UTC))
            say(f"written: {path.name}")
            every += lines
    finally:
        await api.close()
    return every


async def _version(connection: Connection) -> str:
    """The version of the API server."""
    async with connection.open_session() as session, session.get(f"{connection.server}/version") as answer:
        return str((await answer.json())["gitVersion"])


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
