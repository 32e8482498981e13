"""Our operator as a contestant: one process with its default settings, started, watched and stopped by the rows."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bench.cluster import Cluster
from bench.profile import SAMPLER_SECONDS, sample

READY_SECONDS = 120
TICKS = os.sysconf("SC_CLK_TCK")


class Operator:
    """A running operator; `address` is where it serves its metrics, `identity` its name as a holder of Leases."""

    def __init__(
        self, process: subprocess.Popen[bytes], session: aiohttp.ClientSession, address: str, identity: str
    ) -> None:
        self._process, self._session, self._address, self.identity = process, session, address, identity
        self.started = time.time()

    def processor_seconds(self) -> float:
        """The processor time that it has used so far, in user mode and in the kernel."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self) -> int:
        """Resident memory in bytes."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

    async def settled(self, seconds: float = 30) -> int:
        """Resident memory once it has stopped changing (by 1 % in 3 s), or after `seconds`."""
        end, last = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            now = self.resident()
            if abs(now - last) <= now / 100:
                return now
            last = now
            await asyncio.sleep(3)
        return self.resident()

    async def ready(self) -> float:
        """Waits until it leads with a complete index; returns the seconds since its start."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError("crontask-operator ended while starting: see operator.log")
            if await self._is_ready():
                return time.time() - self.started
            await asyncio.sleep(0.02)
        raise TimeoutError(f"crontask-operator is not ready after {READY_SECONDS} s")

    async def _is_ready(self) -> bool:
        try:
            async with self._session.get(f"http://{self._address}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self) -> None:
        """Ends it as a crash does."""
        self._process.kill()
        self._process.wait(10)

    async def stop(self) -> None:
        """An orderly stop, and after a minute a forced one."""
        self._process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 60
        while self._process.poll() is None:
            if time.monotonic() > end:
                self._process.kill()
            await asyncio.sleep(0.05)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def running(cluster: Cluster, *, wait: bool = True, identity: str = "bench") -> AsyncIterator[Operator]:
    """The operator while the block runs; with `wait`, ready before it begins."""
    address = _free_address()
    env = {
        **os.environ,
        "KUBECONFIG": str(cluster.operator_kubeconfig),
        "CRONTASK_IDENTITY": identity,
        "CRONTASK_METRICS_ADDRESS": address,
        "CRONTASK_EGRESS_ALLOW": "127.0.0.0/8",
    }
    program = Path(sys.executable).parent / "crontask-operator"
    with (cluster.folder / "logs" / "operator.log").open("ab") as log:
        process = subprocess.Popen([str(program)], env=env, stdout=log, stderr=log)  # noqa: ASYNC220 - brief
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
