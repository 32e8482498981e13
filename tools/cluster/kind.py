"""CLUSTER=kind: a cluster in Docker containers, made by the program `kind` that the user has.

DOCKER_HOST is honoured by docker and kind themselves, KIND_IMAGE by us. The cluster's name is derived from the
state folder, so that two checkouts have a cluster each.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import images, kubectl, processes
from .errors import ClusterError
from .kubectl import Kubectl
from .paths import State
from .say import say
from .settings import Settings

_PATIENCE = 15.0  # seconds for a cluster that is there to answer
_SECONDS = 600  # for one call of kind: the first one downloads the node image


def up(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Make the cluster unless a usable one is there; returns values for `.cluster/env`."""
    state = settings.state
    if state.kubeconfig.exists():
        client = Kubectl(kubectl.find(settings.cache, environ), state.kubeconfig, environ)
        if not processes.until(lambda: client.get("nodes") is not None, _PATIENCE):
            raise ClusterError("The kind cluster does not answer: look at `docker ps`, or `make down` and `make up`.")
    else:
        down(state, environ)  # of an earlier folder of this name
        say("Making a kind cluster (about half a minute; the first time it downloads the node image) …")
        _kind(create_args(state, settings.kind_image, settings.wait), environ)
    archives = images.archives_if_possible(settings.cache)
    for archive in archives:
        load(state, archive, environ)
    return images.names(own=bool(archives))


def create_args(state: State, image: str, wait: float) -> list[str]:
    args = ["create", "cluster", f"--name={state.name}", f"--kubeconfig={state.kubeconfig}", f"--wait={wait:.0f}s"]
    return [*args, f"--image={image}"] if image else args


def load(state: State, archive: Path, environ: Mapping[str, str]) -> None:
    """Give an image to all nodes, as a file: no Docker image is made on the way."""
    _kind(["load", "image-archive", str(archive), f"--name={state.name}"], environ)


def load_from_docker(state: State, image: str, environ: Mapping[str, str]) -> None:
    """Give an image of the Docker engine to all nodes."""
    _kind(["load", "docker-image", image, f"--name={state.name}"], environ)


def down(state: State, environ: Mapping[str, str]) -> None:
    """Delete the cluster, whole or half; fine if there is none."""
    _kind(["delete", "cluster", f"--name={state.name}", f"--kubeconfig={state.kubeconfig}"], environ)


def _kind(args: list[str], environ: Mapping[str, str]) -> None:
    try:
        result = subprocess.run(
            ["kind", *args], capture_output=True, text=True, env=environ, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise ClusterError("The program kind is gone: install it again, or use CLUSTER=local.", 6) from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"kind {args[0]} took longer than {_SECONDS} s: look at `docker ps`, try again.") from error
    if result.returncode:
        complaint = result.stderr.strip().splitlines() or ["no message"]
        raise ClusterError(f"kind {args[0]} failed ({complaint[-1]}): look at `docker ps`, then try again.")
