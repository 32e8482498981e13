"""CLUSTER=local: Kubernetes itself, as programs on this machine.

As root on Linux with a node, so that pods run; otherwise the control plane alone, in which pods wait for a node.
`up` starts only what does not run and keeps the ports and the subnet that were chosen at first.
"""

import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import build, control_plane, images, kubeconfig, network, node, ports, processes, system
from .api import Api
from .control_plane import Ports
from .errors import no_space
from .network import Network
from .paths import State
from .say import say
from .settings import Settings

_NEED = 1_000_000_000  # bytes for the cluster's data


def up(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Start the cluster; returns the names and values for `.cluster/env` that only it knows."""
    env = {**environ, "PATH": system.path(environ.get("PATH", ""))}
    state = settings.state
    state.folder.mkdir(parents=True, exist_ok=True)
    check_space(state.folder, shutil.disk_usage(state.folder).free)
    obstacle = node.obstacle()
    names = [*control_plane.PROGRAMS, *(node.BUILT if obstacle is None else ()), *_kubectl(env)]
    programs = build.ensure(names, settings.cache, env)
    if obstacle is None:
        plugins = system.ensure(env["PATH"])
        archives = images.archives(images.standard(), settings.cache)
    else:
        say(f"Only the control plane is started, because {obstacle}: HTTP actions run, pod actions wait for a node.")
    chosen = _choose(state, with_node=obstacle is None)
    own_ports, net = Ports(**chosen["ports"]), Network(chosen["subnet"]) if chosen["subnet"] else None
    control_plane.write_files(state, own_ports, state.name, net)
    if net is None:
        api = control_plane.start(settings, own_ports, None, programs, env)
        _wait_for_accounts(settings, api)
        return {}
    node.write_files(state, own_ports, net, plugins)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(node.start, settings, net, programs, env)
        api = control_plane.start(settings, own_ports, net, programs, env)
        started.result()
    load_images(state, archives)
    node.wait_ready(settings, api)
    _wait_for_accounts(settings, api)
    return {"DEMO_IMAGE": images.DEMO_IMAGE, "PYTHON_IMAGE": images.PYTHON_IMAGE}


def load_images(state: State, archives: list[Path]) -> None:
    """Give images to the node, unless it has taken this very archive before."""
    for archive in archives:
        taken = state.node / "images" / archive.name
        if not taken.exists():
            draft = taken.with_suffix(".part")
            shutil.copyfile(archive, draft)
            node.run_inside(state, images.load_with_ctr(f"/mnt/images/{draft.name}"))
            draft.unlink()
            taken.touch()


def down(settings: Settings) -> None:
    """End everything and remove every trace; fine with half a cluster and with none."""
    processes.stop_all(settings.state)
    node.clean(settings.state)


def check_space(folder: Path, free: int) -> None:
    if free < _NEED:
        raise no_space(folder, free, _NEED, "free some space, or set STATE to a folder on a larger disk")


def _choose(state: State, *, with_node: bool) -> dict[str, Any]:
    """Ports and subnet: those of before, or new ones."""
    if state.facts.exists():
        chosen: dict[str, Any] = json.loads(state.facts.read_text())
        return chosen
    chosen = {
        "ports": asdict(Ports(*ports.free_ports(3))),
        "subnet": ports.choose_subnet(state.key, network.taken()) if with_node else None,
    }
    kubeconfig.write(state.facts, json.dumps(chosen))
    return chosen


def _kubectl(env: Mapping[str, str]) -> list[str]:
    return [] if shutil.which("kubectl", path=env["PATH"]) else ["kubectl"]


def _wait_for_accounts(settings: Settings, api: Api) -> None:
    """The controller manager works once it has made the default account, without which no pod is admitted."""
    path = "/api/v1/namespaces/default/serviceaccounts/default"
    processes.wait_ready(settings.state, "kube-controller-manager", lambda: api.has(path), settings.wait)
