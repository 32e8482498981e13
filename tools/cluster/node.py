"""The node: namespaces of its own on this machine, and in them containerd, kubelet and kube-proxy.

The node is one process tree in a process, a mount and a network namespace. Killing its first process ends every
pod, mount, iptables rule and link with it, however far an `up` had come: that is what makes `down` thorough. Only
the cgroups and the state folder are left to remove. Needs root; `obstacle` says what stands in the way.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from . import files, kubeconfig, network, node_files, processes
from .api import Api
from .errors import ClusterError
from .facts import Facts
from .network import Network
from .paths import State
from .settings import Settings

BUILT = ("kubelet", "kube-proxy")
_CGROUPS = Path("/sys/fs/cgroup")
_IMPORT_SECONDS = 180
_SOCKET = "run/containerd/containerd.sock"


def obstacle() -> str | None:
    """Why this user on this machine cannot run pods, or None."""
    if not sys.platform.startswith("linux"):
        return "this is not Linux"
    if os.geteuid() != 0:
        return "you are not root"
    probe = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "true"]
    try:
        result = subprocess.run(probe, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return "the program unshare (package util-linux) is missing"
    return None if result.returncode == 0 else f"namespaces are not allowed here ({result.stderr.strip()})"


def write_files(state: State, facts: Facts, net: Network, plugins: Path) -> None:
    """The folder that the node sees as /mnt."""
    folder = state.node
    for name in ("bin", "cni", "images", "lib", "pki"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    texts = {
        "pki/ca.crt": (state.pki / "ca.crt").read_text(),
        "cni/10-crontask.conflist": node_files.pod_network(net),
        "containerd.toml": node_files.containerd(str(plugins), snapshotter(state.folder)),
        "kubelet.yaml": node_files.kubelet(state.name),
        "kube-proxy.yaml": node_files.kube_proxy(net, state.name),
    }
    texts |= {f"kernel/{name}": f"{value}\n" for name, value in node_files.KERNEL.items()}
    server = f"https://{net.host}:{facts.apiserver}"
    for name in BUILT:
        texts[f"pki/{name}.kubeconfig"] = kubeconfig.from_pki(state.pki, name, server, name=state.name)
    for name, text in texts.items():
        files.write_private(folder / name, text)


def snapshotter(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """overlayfs, but plain copies where the folder lies on an overlay itself (inside another container)."""
    rows = [line.split() for line in mounts.read_text().splitlines()]
    around = [row for row in rows if folder.is_relative_to(row[1])]
    kind = max(around, key=lambda row: len(row[1]))[2] if around else ""
    return "native" if kind == "overlay" else "overlayfs"


def start(settings: Settings, net: Network, programs: Mapping[str, Path], env: Mapping[str, str]) -> int:
    """Start what does not run of the node, and return the process id of its first process."""
    state = settings.state
    node = processes.running(state, "node")
    if node is None:
        node = _begin(state, programs["kubelet"].parent, env)
        _wait(state, "node", state.node / node_files.READY, settings.wait)
    if not network.is_connected(state):
        network.connect(state, net, node)
    if processes.running(state, "containerd") is None:
        processes.start(state, "containerd", ["containerd", "--config=/mnt/containerd.toml"], env, inside=node)
        _wait(state, "containerd", Path(f"/proc/{node}/root/{_SOCKET}"), settings.wait)
    _make_cgroups(state)
    own = {
        "kubelet": node_files.kubelet_args(state.name, net),
        "kube-proxy": ["--config=/mnt/kube-proxy.yaml"],
    }
    for name, args in own.items():
        if processes.running(state, name) is None:
            processes.start(state, name, [f"/mnt/bin/{name}", *args], env, inside=node)
    return node


def wait_ready(settings: Settings, api: Api) -> None:
    state = settings.state
    processes.wait_ready(state, "kubelet", lambda: api.node_is_ready(state.name), settings.wait)


def load_image(state: State, archive: Path) -> None:
    """Give the node's containerd an image archive that lies in the node's folder `images`."""
    node = processes.running(state, "node")
    if node is None:
        raise ClusterError("There is no node that could take an image: `make up` as root first.", 6)
    command = ["ctr", "--namespace=k8s.io", "images", "import", f"/mnt/images/{archive.name}"]
    result = subprocess.run(
        processes.enter(node, command), capture_output=True, text=True, timeout=_IMPORT_SECONDS, check=False
    )
    if result.returncode:
        complaint = result.stderr.strip()[-300:]
        raise ClusterError(f"containerd did not take an image ({complaint}): try `make down`, then `make up`.")


def clean(state: State, seconds: float = 20) -> None:
    """Remove what outlives the node's processes: the link for a moment, and the cgroups."""
    if not sys.platform.startswith("linux"):
        return
    network.disconnect(state)

    def gone() -> bool:
        for folder in _cgroups(state):
            for below in sorted(folder.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
                with contextlib.suppress(OSError):
                    below.rmdir()
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not _cgroups(state)

    if not processes.until(gone, seconds):
        raise ClusterError(f"The cgroup {state.name} is still in use: end its processes, then `make down` again.")


def _begin(state: State, programs: Path, env: Mapping[str, str]) -> int:
    (state.node / node_files.READY).unlink(missing_ok=True)
    script = state.node / "init.sh"
    script.write_text(node_files.init_script(str(state.node), str(programs)))
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", str(script)]
    return processes.start(state, "node", command, env, forks=True)


def _wait(state: State, name: str, file: Path, seconds: float) -> None:
    processes.wait_ready(state, name, file.exists, seconds)


def _make_cgroups(state: State) -> None:
    """The cgroup that kubelet puts all pods into, in each hierarchy of cgroup v1 or the one of v2."""
    hierarchies = (
        [_CGROUPS]
        if (_CGROUPS / "cgroup.controllers").exists()
        else [folder for folder in _CGROUPS.iterdir() if (folder / "cgroup.procs").exists()]
    )
    for hierarchy in hierarchies:
        own = hierarchy / state.name
        own.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # v1 makes them empty, and then nothing may run
            file = own / name
            if file.exists() and not (_CGROUPS / "cgroup.controllers").exists():
                file.write_text((hierarchy / name).read_text())


def _cgroups(state: State) -> list[Path]:
    return [path for path in (_CGROUPS / state.name, *_CGROUPS.glob(f"*/{state.name}")) if path.is_dir()]
