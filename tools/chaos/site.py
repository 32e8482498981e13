"""Two operators side by side, each behind a proxy of its own, and what can be done to them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from live.operators import Access
from live.proxy import Proxy
from live.replica import Replica

from chaos.plan import Who
from chaos.server import Server

NAMES = ("chaos-1", "chaos-2")
PATIENCE = 60.0


@dataclass
class Member:
    """One of the two."""

    replica: Replica
    proxy: Proxy
    clock: Path
    busy: set[str] = field(default_factory=set)
    """What is being done to it: at most one fault of each sort (`acts.Kind.sort`)."""


@dataclass(frozen=True)
class Sample:
    """What a member had used at a moment."""

    at: float
    name: str
    process: int
    cpu: float
    """Seconds since its process was started."""
    requests: int
    """That its proxy has got, of all its processes."""


class Site:
    """The two operators and their API server."""

    def __init__(self, server: Server, members: list[Member]) -> None:
        self.server, self.members = server, members
        self._leading = members[0]
        self.exits: list[tuple[float, str, int]] = []
        """Processes that have ended although nobody wanted it: when, which one, its exit code."""
        self.samples: list[Sample] = []

    def leading(self) -> Member:
        """Who holds the Lease; who held it last where nobody can tell."""
        holder = self.server.leader()
        for member in self.members:
            if holder.startswith(f"{member.replica.name}-"):
                self._leading = member
        return self._leading

    def chosen(self, who: Who, sort: str) -> list[Member]:
        """Whom a fault hits: the leader, the other one, or both; without those to whom the like is done already."""
        leader = self.leading()
        wanted = [each for each in self.members if who == "both" or (each is leader) == (who == "leader")]
        return [each for each in wanted if sort not in each.busy]

    def look(self) -> None:
        """Notes what has been used, and starts who has ended by himself, as Kubernetes would."""
        now = time.time()
        for member in self.members:
            replica = member.replica
            if replica.runs:
                used = Sample(now, replica.name, replica.process.pid, replica.cpu_seconds(), member.proxy.requests)
                self.samples.append(used)
            elif "process" not in member.busy:
                self.exits.append((now, replica.name, replica.process.returncode))
                replica.start()

    def all_ready(self) -> bool:
        """Whether both say so and one of them leads."""
        holder = self.server.leader()
        known = any(holder.startswith(f"{member.replica.name}-{member.replica.process.pid}") for member in self.members)
        return known and all(member.replica.is_ready() for member in self.members)


@contextmanager
def site(server: Server, state: Path, namespace: str, folder: Path, settings: dict[str, str]) -> Iterator[Site]:
    """Two operators, started; ended afterwards."""
    access = Access.of(state / "operator.kubeconfig")
    with ExitStack() as stack:
        members = []
        for name in NAMES:
            proxy = stack.enter_context(Proxy(access.server, access.tls()))
            kubeconfig, clock = access.through(proxy.url, folder / f"{name}.kubeconfig"), folder / f"{name}.clock"
            clock.write_text("0")
            replica = Replica(name, namespace, kubeconfig, folder, dict(settings), clock)
            stack.callback(replica.close)
            replica.start()
            members.append(Member(replica, proxy, clock))
        yield Site(server, members)
