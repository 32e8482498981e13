"""Our gateway as the rows start it: one process that serves Dkron's API on loopback, open, otherwise as it comes."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bench.cluster import Cluster
from bench.contestant import until_ready
from bench.process import Program, free_ports, start

SPACE = "bench-gateway"
"""The namespace of its jobs, in all rows."""
PREFIX = "CRONTASK_GATEWAY_"


class Gateway(Program):
    """A running gateway; `url` is where Dkron's API is, `management` where probes and metrics are."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, management: int) -> None:
        super().__init__(process)
        self.port = port
        self.url, self.management = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{management}"
        self.ready_after = 0.0
        """Seconds from its start until it was ready."""

    async def gauge(self, session: aiohttp.ClientSession, name: str) -> float:
        """The value of a series without labels."""
        async with session.get(f"{self.management}/metrics") as answer:
            return series(await answer.text(), name)


def series(exposition: str, name: str) -> float:
    """The value of a series without labels in the text that Prometheus reads."""
    for line in exposition.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise ValueError(f"the metrics have no series {name}")


def environment(port: int, management: int, settings: Mapping[str, str]) -> dict[str, str]:
    """Its variables; `settings` are further ones, without their prefix."""
    own = {
        "METRICS_ADDRESS": f"127.0.0.1:{management}",
        "DKRON_PORT": str(port),
        "DKRON_NAMESPACE": SPACE,
        "DKRON_OPEN": "true",
        **settings,
    }
    return {"HOSTNAME": "bench-gateway", **{PREFIX + name: value for name, value in own.items()}}


@asynccontextmanager
async def serving(cluster: Cluster, **settings: str) -> AsyncIterator[Gateway]:
    """A new gateway while the block runs, ready before it begins; `settings` are further variables of it."""
    cluster.allow_gateway(SPACE)
    port, management = free_ports(2)
    env = {**os.environ, **environment(port, management, settings)}
    env["KUBECONFIG"] = str(cluster.gateway_kubeconfig)
    program = str(Path(sys.executable).parent / "crontask-gateway")
    process = start([program], env, cluster.folder / "logs" / "gateway.log")
    found = Gateway(process, port, management)
    try:
        async with aiohttp.ClientSession() as session:
            await until_ready(found, session, f"{found.management}/readyz", "crontask-gateway")
        found.ready_after = time.time() - found.started
        yield found
    finally:
        await found.stop()
