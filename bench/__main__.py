"""`python -m bench [ROW…]`: runs the rows, prints the table, writes results and README, and tears the cluster down."""

import asyncio
import os
import random
import signal
import sys
import time
import traceback
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import readme, results
from bench.arguments import options, sizes
from bench.catalogue import MEASURED
from bench.cluster import CHECKOUT, Cluster
from bench.lines import Line
from bench.load import clear_all
from bench.stage import Stage, say
from bench.table import table
from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.config import load
from crontask_kube.connection import Connection

RESULTS = CHECKOUT / "bench" / "results"
LONGEST_ROW = 3600.0
"""Seconds after which a row is given up."""


def main() -> int:
    """Exit code 0 when everything was measured, whether goals were met or not; 1 when a row failed."""
    asked = options(sys.argv[1:], results=RESULTS)
    folder = Path(asked.results).resolve()
    failed: list[str] = []
    if not asked.readme:
        lines, failed = _measured(asked, folder)
        engine = [] if asked.rows else results.newest(RESULTS).get("engine", {}).get("lines", [])
        print(table([*lines, *(Line.from_json(line) for line in engine)]))
    if folder == RESULTS:
        readme.write(CHECKOUT / "README.md", RESULTS)
    for name in failed:
        say(f"FAILED, see above: {name}")
    return 1 if failed else 0


def _measured(asked: Namespace, folder: Path) -> tuple[list[Line], list[str]]:
    """All lines, and the rows that failed. The cluster goes whatever happens."""
    signal.signal(signal.SIGTERM, _end)  # so that the cluster goes then too
    cluster = Cluster(Path(asked.state).resolve(), preferred=asked.prefer, profiled=asked.profile)
    try:
        cluster.up("stock")
        return asyncio.run(_run(cluster, asked, folder))
    finally:
        if not asked.keep:
            cluster.down()


async def _run(cluster: Cluster, asked: Namespace, folder: Path) -> tuple[list[Line], list[str]]:
    connection = await load(dict(os.environ), clock=SystemClock(), kubeconfig=str(cluster.kubeconfig))
    api = ApiClient(connection, clock=SystemClock())
    stage = Stage(cluster, api, connection, sizes(asked), random.Random(asked.seed))
    facts = {"seed": asked.seed, "preferred": asked.prefer, "repetitions": asked.repetitions}
    every: list[Line] = []
    failed: list[str] = []
    try:
        await clear_all(api)  # of a run before that was ended or kept
        version = await _version(connection)
        for name in asked.rows or MEASURED:
            began = time.monotonic()
            lines = await _row(stage, name)
            say(f"{name}: took {time.monotonic() - began:.0f} s")
            if lines is None:
                failed.append(name)
                continue
            known = {"commit": results.commit(CHECKOUT), **facts, **results.machine(version)}
            known["seconds"] = round(time.monotonic() - began)
            say(f"written: {results.write(folder, name, lines, known, datetime.now(UTC)).name}")
            every += lines
    finally:
        await api.close()
    return every, failed


async def _row(stage: Stage, name: str) -> list[Line] | None:
    """What a row has measured; None when it failed, which keeps no other from its turn."""
    try:
        async with asyncio.timeout(LONGEST_ROW):
            return await MEASURED[name](stage)
    except Exception:
        traceback.print_exc()
        await clear_all(stage.api)
        return None


async def _version(connection: Connection) -> str:
    """The version of the API server."""
    async with connection.open_session() as session, session.get(f"{connection.server}/version") as answer:
        return str((await answer.json())["gitVersion"])


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
