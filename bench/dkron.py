"""Dkron itself, as a contestant: a single node on loopback, as its documents start one, with a data folder of its own.

`tools/cluster/dkron.py` builds it. Its log level is `warn`, so that what it could say costs it nothing; everything else
is as it comes. The folder goes when the node has ended.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bench.cluster import CHECKOUT, Cluster
from bench.contestant import until_ready
from bench.process import Program, free_ports, start

BUILD_SECONDS = 3600
STOP_SECONDS = 5.0
"""How long its end is waited for: it would see its runs out first."""


def build() -> Path | None:
    """The program; the first call on a machine takes minutes. None where it cannot be had, which is said."""
    command = [sys.executable, "-P", "-m", "cluster.dkron"]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tools")}
    run = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, timeout=BUILD_SECONDS, check=False)
    return None if run.returncode else Path(run.stdout.strip())


def _arguments(http: int, serf: int, rpc: int, data: Path) -> list[str]:
    """What its agent is told: one server, which elects itself, on these ports of 127.0.0.1."""
    return [
        "agent",
        "--server",
        "--bootstrap-expect=1",
        "--node-name=bench",
        f"--bind-addr=127.0.0.1:{serf}",
        f"--rpc-port={rpc}",
        f"--http-addr=127.0.0.1:{http}",
        f"--data-dir={data}",
        "--log-level=warn",
    ]


class Node(Program):
    """A running node; `url` is where its API is."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str) -> None:
        super().__init__(process)
        self.url = url


@asynccontextmanager
async def node(cluster: Cluster, program: Path) -> AsyncIterator[Node]:
    """A new node while the block runs, which leads before it begins."""
    folder = cluster.folder / "dkron"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    http, serf, rpc = free_ports(3)
    command = [str(program), *_arguments(http, serf, rpc, folder / "data")]
    env = {**os.environ, "DKRON_DISABLE_USAGE_STATS": "true", "TZ": "UTC"}
    process = start(command, env, cluster.folder / "logs" / "dkron.log", folder, apart=True)
    found = Node(process, f"http://127.0.0.1:{http}")
    try:
        async with aiohttp.ClientSession() as session:
            await until_ready(found, session, f"{found.url}/v1/isleader", "dkron")
        yield found
    finally:
        await found.stop(STOP_SECONDS)
        found.kill_group()  # its executors are processes of their own
        shutil.rmtree(folder, ignore_errors=True)
