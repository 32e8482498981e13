"""Our operator as a contestant: one process with its default settings, started, watched and stopped by the rows."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bench.cluster import Cluster
from bench.process import Program, free_ports, start
from bench.profile import SAMPLER_SECONDS, sample

READY_SECONDS = 120


class Operator(Program):
    """A running operator; `address` is where it serves its metrics, `identity` its name as a holder of Leases."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", session: aiohttp.ClientSession, address: str, identity: str
    ) -> None:
        super().__init__(process)
        self._session, self._address, self.identity = session, address, identity

    async def ready(self) -> float:
        """Waits until it leads with a complete index; returns the seconds since its start."""
        await until_ready(self, self._session, f"http://{self._address}/readyz", "crontask-operator")
        return time.time() - self.started


async def until_ready(program: Program, session: aiohttp.ClientSession, url: str, name: str) -> None:
    """Waits until a URL answers 200; a program that ends meanwhile, or is too slow, is an error."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if program.ended:
            raise RuntimeError(f"{name} ended while starting: see its log")
        if await _is_ready(session, url):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{name} is not ready after {READY_SECONDS} s")


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@asynccontextmanager
async def running(cluster: Cluster, *, wait: bool = True, identity: str = "bench") -> AsyncIterator[Operator]:
    """The operator while the block runs; with `wait`, ready before it begins."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    env = {
        **os.environ,
        "KUBECONFIG": str(cluster.operator_kubeconfig),
        "CRONTASK_IDENTITY": identity,
        "CRONTASK_METRICS_ADDRESS": address,
        "CRONTASK_EGRESS_ALLOW": "127.0.0.0/8",
    }
    program = str(Path(sys.executable).parent / "crontask-operator")
    process = start([program], env, cluster.folder / "logs" / "operator.log")
    sampler = sample(process.pid, cluster.folder / "profiles") if cluster.profiled else None
    async with aiohttp.ClientSession() as session:
        operator = Operator(process, session, address, f"{identity}-{process.pid}")
        try:
            if wait:
                await operator.ready()
            yield operator
        finally:
            await operator.stop()
            if sampler is not None:
                sampler.wait(SAMPLER_SECONDS)
