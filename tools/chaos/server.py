"""The API server of a local cluster, stopped and started again; etcd and everything else stay."""

import os
import signal
from pathlib import Path

from cluster import build, control_plane, network, processes, system
from cluster.api import Api
from cluster.facts import Facts
from cluster.settings import Settings

NAME = "kube-apiserver"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/crontask-system/leases/crontask-shard-0"
POLITE_SECONDS = 10.0
"""How long the server may take to end by itself; then it is killed."""


class Server:
    """The API server whose state folder is given."""

    def __init__(self, folder: Path) -> None:
        self._environ = {**os.environ, "PATH": system.path(os.environ.get("PATH", ""))}
        self._settings = Settings.read({**self._environ, "STATE": str(folder)}, Path.home())
        self.facts = _facts(self._settings)
        self.api = Api.of(self._settings.state.kubeconfig)

    @property
    def can_stop(self) -> bool:
        """Whether it is a process of this machine."""
        return self.facts.mode == "local"

    def stop(self, *, politely: bool) -> None:
        """Ends its process, with SIGTERM or as a crash does; returns when it has ended."""
        pid = processes.running(self._settings.state, NAME)
        if pid is None:
            return
        if politely:
            processes.stop(pid, POLITE_SECONDS)
        else:
            os.kill(pid, signal.SIGKILL)
            # A dying process loses its mark before its sockets: only when it is gone altogether is its port free.
            processes.stop(pid, POLITE_SECONDS)

    def start(self) -> None:
        """Starts what does not run of the control plane; returns when the API server is ready."""
        programs = build.ensure(control_plane.PROGRAMS, self._settings.cache, self._environ)
        link = network.Network(self.facts.subnet) if self.facts.subnet else None
        control_plane.start(self._settings, self.facts, link, programs, self._environ)

    def leader(self) -> str:
        """Who holds the shard's Lease, "NAME-PROCESS"; empty where nobody does or nobody can tell."""
        lease = self.api.get(LEASE)
        return str((lease or {}).get("spec", {}).get("holderIdentity") or "")


def _facts(settings: Settings) -> Facts:
    facts = Facts.read(settings.state.facts)
    assert facts is not None, f"there is no cluster in {settings.state.folder}"
    return facts
