"""A program that a row starts, looks at from outside, and stops: what our operator, the gateway and Dkron share."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Program:
    """A process that was started by this one; `started` is when (Unix time)."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.started = time.time()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def processor_seconds(self) -> float:
        """The processor time that it has used so far, in user mode and in the kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self) -> int:
        """Resident memory in bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
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

    def kill(self) -> None:
        """Ends it as a crash does."""
        self._process.kill()
        self._process.wait(10)

    def kill_group(self) -> None:
        """Ends whatever it has started and left; only for one that was started `apart`."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, seconds: float = 60) -> None:
        """An orderly stop, and after `seconds` a forced one."""
        self._process.send_signal(signal.SIGTERM)
        end = time.monotonic() + seconds
        while self._process.poll() is None:
            if time.monotonic() > end:
                self._process.kill()
            await asyncio.sleep(0.05)


def start(
    command: Sequence[str], env: Mapping[str, str], log: Path, folder: Path | None = None, *, apart: bool = False
) -> "subprocess.Popen[bytes]":
    """Starts a program whose output goes to the end of `log`; `apart`: as the head of a process group of its own."""
    with log.open("ab") as output:
        group = 0 if apart else None  # of a session of its own it would not be preferred with the others
        return subprocess.Popen(
            list(command), env=dict(env), cwd=folder, stdout=output, stderr=output, process_group=group
        )


def free_ports(count: int) -> list[int]:
    """Different free ports on 127.0.0.1 that the kernel picks."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def raise_file_limit(wanted: int) -> int:
    """Lets this process and those it starts open `wanted` files, or as many as it may; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
