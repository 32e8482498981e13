"""CLUSTER=current: the cluster that kubectl talks to now. It is somebody's: `down` takes only what `up` brought."""

import subprocess
from collections.abc import Mapping

from . import crontask, files, gateway, images, kubectl
from .errors import ClusterError
from .facts import Facts
from .kubectl import Kubectl
from .paths import State
from .settings import Settings


def up(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Copy today's context into `.cluster/kubeconfig`, once; returns values for `.cluster/env`."""
    state = settings.state
    program = kubectl.find(settings.cache, environ)
    if not state.kubeconfig.exists():
        command = [program, "config", "view", "--raw", "--minify", "--flatten"]
        result = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=30, check=False)
        if result.returncode or "server:" not in result.stdout:
            raise ClusterError("kubectl has no current context: set KUBECONFIG, or use CLUSTER=local.", 6)
        files.write_private(state.kubeconfig, result.stdout)
    client = Kubectl(program, state.kubeconfig, environ)
    if client.get("namespace", "default") is None:
        raise ClusterError(
            "The cluster of the current context does not answer: check KUBECONFIG, or use CLUSTER=local."
        )
    own = images.names(own=False)
    return {name: environ.get(name) or value for name, value in own.items()}


def is_occupied(client: Kubectl) -> bool:
    """Whether CronTask was installed there before us."""
    return client.get("customresourcedefinition", "crontasks.crontask.dev") is not None


def down(state: State, client: Kubectl, facts: Facts) -> None:
    if state.kubeconfig.exists() and not facts.foreign_resources:
        gateway.uninstall(client, facts)
        crontask.uninstall(client)
