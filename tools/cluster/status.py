"""What `make status` shows: each program of the cluster with its process and address, and how the node is."""

from collections.abc import Callable
from dataclasses import dataclass

from . import control_plane, crontask, gateway, node
from .facts import Facts


@dataclass(frozen=True)
class Line:
    """One program: `pid` is None where it does not run."""

    name: str
    pid: int | None
    where: str = ""


def lines(facts: Facts, running: Callable[[str], int | None]) -> list[Line]:
    """The programs that belong to this cluster, whether they run or not."""
    expected: list[tuple[str, str]] = []
    if facts.mode == "local":
        expected += [("etcd", f"http://127.0.0.1:{facts.etcd}"), ("kube-apiserver", control_plane.server(facts))]
        expected += [(name, "") for name in control_plane.PROGRAMS[2:]]
        if facts.subnet:
            expected += [("node", facts.subnet), ("containerd", ""), *((name, "") for name in node.BUILT)]
    if facts.receiver:
        expected.append(("receiver", crontask.receiver_url(facts)))
    for number, port in enumerate(facts.operators, 1):
        expected.append((crontask.operator_name(number), f"http://127.0.0.1:{port}/metrics"))
    if facts.gateway:
        expected.append((gateway.NAME, " ".join(gateway.urls(facts).values())))
    return [Line(name, running(name), where) for name, where in expected]


def table(found: list[Line]) -> str:
    """The lines as text, one each, in columns."""
    rows = [(line.name, "running" if line.pid else "MISSING", str(line.pid or "-"), line.where) for line in found]
    rows.insert(0, ("PROGRAM", "STATE", "PROCESS", "ADDRESS"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
