"""Where things lie: the state folder of one cluster, and the user's cache folder that all clusters share.

Pure but for `names`, which hashes the state folder's path: two checkouts, or two state folders in one
checkout, get different names for everything that the machine sees (links, cgroups, kind clusters).
"""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent
CHECKOUT = TOOLS.parent


@dataclass(frozen=True)
class State:
    """The state folder of one cluster; `folder` is absolute."""

    folder: Path

    @cached_property
    def key(self) -> str:
        """Eight hex digits, the same for the same folder."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """Name of the node, of the cgroup and of the kind cluster."""
        return f"crontask-{self.key}"

    @property
    def link(self) -> str:
        """Name of the network link to the node (the kernel allows 15 characters)."""
        return f"ct{self.key}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def operator_kubeconfig(self) -> Path:
        return self.folder / "operator.kubeconfig"

    @property
    def gateway_kubeconfig(self) -> Path:
        return self.folder / "gateway.kubeconfig"

    @property
    def env(self) -> Path:
        return self.folder / "env"

    @property
    def use(self) -> str:
        """What a shell says to work with the cluster."""
        return f"set -a; . {shlex.quote(str(self.env))}; set +a"

    @property
    def facts(self) -> Path:
        """JSON with what `up` chose: mode, ports, subnet."""
        return self.folder / "cluster.json"

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def etcd(self) -> Path:
        return self.folder / "etcd"

    @property
    def node(self) -> Path:
        """What the node sees as /mnt: its settings, /var/lib, and the programs."""
        return self.folder / "node"

    @property
    def received(self) -> Path:
        """One JSON line for each request the receiver got."""
        return self.folder / "receiver.jsonl"

    def key_file(self, dialect: str) -> Path:
        """The API key by which a dialect lets its clients in."""
        return self.folder / "keys" / dialect

    def pid_file(self, name: str) -> Path:
        return self.pids / name

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def cache_folder(environ: Mapping[str, str], home: Path) -> Path:
    """The user's cache for built programs and images (XDG base directories)."""
    base = environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".cache") / "crontask" / "cluster"
