"""CLUSTER=local: Kubernetes itself, as programs on this machine.

As root on Linux with a node, so that pods run; otherwise the control plane alone, in which pods wait for a node.
`up` starts only what does not run and keeps the ports and the subnet that were chosen at first.
"""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import build, control_plane, images, kubectl, network, node, ports, processes, system
from .api import Api
from .errors import no_space
from .facts import Facts
from .paths import State
from .say import say
from .settings import Settings

_NEED = 1_000_000_000  # bytes for the cluster's data


def plan(settings: Settings) -> Facts:
    """Free ports and, where a node can run, a free subnet, for a cluster that does not exist yet."""
    check_space(settings.state.folder.parent)
    obstacle = node.obstacle()
    if obstacle:
        say(f"Only the control plane is started, because {obstacle}: HTTP actions run, pod actions wait for a node.")
    apiserver, etcd, etcd_peer = ports.free_ports(3)
    subnet = "" if obstacle else ports.choose_subnet(settings.state.key, network.taken())
    return Facts("local", subnet=subnet, apiserver=apiserver, etcd=etcd, etcd_peer=etcd_peer)


def up(settings: Settings, facts: Facts, environ: Mapping[str, str]) -> dict[str, str]:
    """Start the cluster; returns values for `.cluster/env`."""
    names = [*control_plane.PROGRAMS, *(node.BUILT if facts.subnet else ())]
    if kubectl.on_path(environ) is None:
        names.append("kubectl")
    programs = build.ensure(names, settings.cache, environ)
    if facts.subnet:
        _up_with_node(settings, facts, programs, environ)
    else:
        control_plane.write_files(settings.state, facts, None)
        _wait_for_accounts(settings, control_plane.start(settings, facts, None, programs, environ))
    return images.names(own=True)


def _up_with_node(settings: Settings, facts: Facts, programs: Mapping[str, Path], environ: Mapping[str, str]) -> None:
    state, net = settings.state, network.Network(facts.subnet)
    plugins = system.ensure(environ["PATH"])
    archives = images.archives(images.standard(), settings.cache)
    control_plane.write_files(state, facts, net)
    node.write_files(state, facts, net, plugins)
    with ThreadPoolExecutor(1) as pool:  # both take seconds, and neither needs the other to begin
        started = pool.submit(node.start, settings, net, programs, environ)
        api = control_plane.start(settings, facts, net, programs, environ)
        started.result()
    _load_images(state, archives)
    node.wait_ready(settings, api)
    _wait_for_accounts(settings, api)


def _load_images(state: State, archives: list[Path]) -> None:
    """Give images to the node, unless it has taken this very archive before."""
    for archive in archives:
        taken = state.node / "images" / archive.name
        if not taken.exists():
            draft = taken.with_suffix(".part")
            shutil.copyfile(archive, draft)
            node.load_image(state, draft)
            draft.unlink()
            taken.touch()


def check_space(folder: Path, free: int | None = None) -> None:
    """Raise ClusterError (code 4) where the cluster's data would not fit; `free` in bytes."""
    free = shutil.disk_usage(folder).free if free is None else free
    if free < _NEED:
        raise no_space(folder, free, _NEED, "free some space, or set STATE to a folder on a larger disk")


def _wait_for_accounts(settings: Settings, api: Api) -> None:
    """The controller manager works once it has made the default account, without which no pod is admitted."""
    path = "/api/v1/namespaces/default/serviceaccounts/default"
    processes.wait_ready(settings.state, "kube-controller-manager", lambda: api.has(path), settings.wait)
