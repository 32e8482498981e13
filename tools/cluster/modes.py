"""Which cluster CLUSTER=auto means, and whether a state folder may be used with the one that was asked for."""

import shutil
import subprocess
from collections.abc import Mapping

from .errors import ClusterError, missing
from .facts import Facts
from .settings import Choice, Mode


def choose(choice: Choice, facts: Facts | None, *, kind_works: bool) -> Mode:
    """The mode to use: what exists already, what was asked for, or kind where it works, else local.

    Raises ClusterError (code 2 or 6) where the state folder has another cluster, or kind does not work.
    """
    if facts and choice not in ("auto", facts.mode):
        raise ClusterError(
            f"A cluster of CLUSTER={facts.mode} is there already: `make down` first, or set STATE to another folder.",
            2,
        )
    if facts:
        return facts.mode
    if choice == "kind" and not kind_works:
        raise missing(
            "A Docker engine that answers, or the program kind,",
            "start Docker and install kind, or use CLUSTER=local",
        )
    if choice == "auto":
        return "kind" if kind_works else "local"
    return choice


def kind_works(environ: Mapping[str, str]) -> bool:
    """Whether kind is installed and the Docker engine that DOCKER_HOST or the default names answers."""
    path = environ.get("PATH")
    if shutil.which("kind", path=path) is None or shutil.which("docker", path=path) is None:
        return False
    try:
        command = ["docker", "version", "--format", "{{.Server.Version}}"]
        return subprocess.run(command, capture_output=True, env=environ, timeout=15, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
