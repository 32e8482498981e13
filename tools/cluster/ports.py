"""Ports on 127.0.0.1, and the subnet of a local cluster: which are free, and who holds one that is not.

A port that users rely on (metrics, …) is moved only out of the way of another CronTask cluster; any other holder
is an error, because a client would talk to the wrong program.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from .errors import ClusterError, port_in_use
from .processes import MARK

IsFree = Callable[[int], bool]


def is_free(port: int) -> bool:
    """Whether a program could listen on 127.0.0.1:port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Different free ports that the kernel picks."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def next_free(port: int, free: IsFree = is_free, *, tries: int = 200) -> int:
    """The first free port from `port` on."""
    for candidate in range(port, min(port + tries, 65536)):
        if free(candidate):
            return candidate
    raise ClusterError(f"No port from {port} to {port + tries} is free: stop some of the programs that hold them.", 3)


def promised(
    port: int,
    setting: str,
    free: IsFree = is_free,
    holder: "Callable[[int], Holder | None] | None" = None,
) -> int:
    """The port that users expect, or the next free one where another CronTask cluster has it.

    Raises ClusterError (code 3) if a foreign program holds it.
    """
    if free(port):
        return port
    found = (holder or holder_of)(port)
    if found is None or not found.is_crontask:
        raise port_in_use(port, found.text if found else "another program", setting)
    return next_free(port + 1, free)


class Holder:
    """The process that listens on a port."""

    def __init__(self, pid: int, name: str, *, is_crontask: bool) -> None:
        self.pid = pid
        self.text = f"{name} (process {pid})"
        self.is_crontask = is_crontask


def holder_of(port: int, proc: Path = Path("/proc")) -> Holder | None:
    """Who listens on a TCP port, as far as this user may know (Linux)."""
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listeners(proc / "net" / table, port)}
    for folder in proc.glob("[0-9]*"):
        try:
            if not sockets.intersection(str(link.readlink()) for link in (folder / "fd").iterdir()):
                continue
            is_crontask = f"{MARK}=".encode() in (folder / "environ").read_bytes()
            return Holder(int(folder.name), (folder / "comm").read_text().strip(), is_crontask=is_crontask)
        except OSError:
            continue
    return None


def _listeners(table: Path, port: int) -> list[str]:
    """Inodes of the sockets in state LISTEN (0A) on `port`; the table's columns are those of proc(5)."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port]


def choose_subnet(key: str, taken: Iterable[str]) -> str:
    """A /16 below 10.0.0.0/8 that meets none of the networks in `taken` (CIDR texts); `key` is eight hex digits.

    10.96.0.0/12 is left to service addresses. Two clusters start looking at different places.
    """
    networks = [ipaddress.IPv4Network(text, strict=False) for text in taken]
    candidates = range(112, 250)
    for step in range(len(candidates)):
        second = candidates[(int(key, 16) + step) % len(candidates)]
        network = ipaddress.IPv4Network(f"10.{second}.0.0/16")
        if not any(network.overlaps(other) for other in networks):
            return str(network)
    raise ClusterError("No network 10.112.0.0/16 to 10.249.0.0/16 is free: remove a route from this machine.")
