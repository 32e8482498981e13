"""The verbs: what `up`, `down`, `status` and `images` do, whichever cluster it is.

`up` is all or nothing: a failure of the first `up` takes everything away again, and one that was killed is
recognised by its folder without `env`, which is written last, and cleaned up by the next `up` or `down`.
"""

import fcntl
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from . import crontask, current, files, gateway, kind, kubectl, local, modes, node, operator_image, processes, status
from .errors import ClusterError
from .facts import Facts
from .kubectl import Kubectl
from .say import say
from .settings import Mode, Settings


def up(settings: Settings, environ: Mapping[str, str]) -> int:
    """Bring everything up that is not; prints where it is. Exit code 0."""
    state = settings.state
    with _alone(settings):
        if state.folder.exists() and not state.env.exists():
            say("Cleaning up what an interrupted `up` has left …")
            _remove(settings, environ)
        fresh = not state.folder.exists()
        try:
            facts = _up(settings, environ)
        except BaseException:
            if fresh:
                say("Taking away what was started …")
                _remove(settings, environ)
            raise
    operators = f"{len(facts.operators)} operator(s)" if facts.operators else "no operator"
    operators += " and a gateway" if facts.gateway else ""
    say(f"Ready: a {facts.mode} cluster with {operators}. Use it with: {state.use}")
    return 0


def _up(settings: Settings, environ: Mapping[str, str]) -> Facts:
    state = settings.state
    known = Facts.read(state.facts)
    works = settings.choice in ("auto", "kind") and known is None and modes.kind_works(environ)
    mode = modes.choose(settings.choice, known, kind_works=works)
    planned = known or (local.plan(settings) if mode == "local" else Facts(mode, foreign_resources=mode == "current"))
    planned = gateway.plan(settings, crontask.plan_operators(settings, planned))
    state.folder.mkdir(parents=True, exist_ok=True)
    facts = planned.write(state.facts)
    values = _cluster_up(mode, settings, facts, environ)
    facts = crontask.start_receiver(settings, facts, environ)
    client = Kubectl(kubectl.find(settings.cache, environ), state.kubeconfig, environ)
    if mode == "current" and known is None and not current.is_occupied(client):
        facts = replace(facts, foreign_resources=False).write(state.facts)
    crontask.install(state, client, settings.wait)
    gateway.install(state, client, facts, settings.wait)
    crontask.start_operators(settings, facts, environ)
    crontask.ask_operators(state, client, facts)
    gateway.start(settings, facts, environ)
    files.write_private(state.env, environment(settings, facts, values))
    return facts


def environment(settings: Settings, facts: Facts, values: Mapping[str, str]) -> str:
    """`.cluster/env`: NAME=value lines for a shell to source. It holds keys."""
    port = facts.operators[0] if facts.operators else settings.metrics_port or 9100
    lines = {
        "KUBECONFIG": str(settings.state.kubeconfig),
        **gateway.told(settings.state, facts),
        "METRICS_URL": f"http://127.0.0.1:{port}/metrics",
        "RECEIVER_URL": crontask.receiver_url(facts),
        **values,
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def down(settings: Settings, environ: Mapping[str, str]) -> int:
    """Take everything away; fine with half a cluster and with none. Exit code 0."""
    with _alone(settings):
        _remove(settings, environ)
    say("Everything is gone.")
    return 0


def images(settings: Settings, environ: Mapping[str, str]) -> int:
    """Build the operator's image and give it to the cluster that runs. Exit code 0."""
    state = settings.state
    facts = Facts.read(state.facts)
    if facts is None or not state.env.exists():
        raise ClusterError("There is no cluster to give the image to: `make up` first.")
    if facts.mode == "local":
        node.load_image(state, operator_image.make_archive(state.node / "images"))
    elif operator_image.build_with_docker(environ):
        if facts.mode == "kind":
            kind.load_from_docker(state, operator_image.NAME, environ)
    elif facts.mode == "kind" and sys.platform.startswith("linux"):
        say("Docker could not build it (see above): making it of this machine's Python instead.")
        kind.load(state, operator_image.make_archive(state.folder), environ)
    else:
        raise ClusterError("docker build failed: see above, check that it can pull python:3.13-slim, try again.", 5)
    say(f"Ready: the image {operator_image.NAME}, which charts/crontask and deploy/install.yaml name.")
    return 0


def show(settings: Settings, environ: Mapping[str, str]) -> int:
    """Print what runs. Exit code 0 if all does, 1 if something is missing, or everything."""
    state = settings.state
    facts = Facts.read(state.facts)
    if facts is None:
        say(f"There is no cluster in {state.folder}: start one with `make up`.")
        return 1
    found = status.lines(facts, lambda name: processes.running(state, name))
    print(status.table(found))
    client = Kubectl(kubectl.find(settings.cache, environ), state.kubeconfig, environ)
    print(client.run("get", "nodes", "--output=wide"), end="")
    return 0 if all(line.pid for line in found) else 1


def _cluster_up(mode: Mode, settings: Settings, facts: Facts, environ: Mapping[str, str]) -> dict[str, str]:
    if mode == "local":
        return local.up(settings, facts, environ)
    return kind.up(settings, environ) if mode == "kind" else current.up(settings, environ)


def _remove(settings: Settings, environ: Mapping[str, str]) -> None:
    """Remove whatever there is of this state folder's cluster."""
    state = settings.state
    facts = _known(settings)
    if facts and facts.mode == "current":
        gateway.stop(state)
        crontask.stop_operators(state)
        client = Kubectl(kubectl.find(settings.cache, environ), state.kubeconfig, environ)
        current.down(state, client, facts)
    processes.stop_all(state)
    node.clean(state)
    if facts and facts.mode == "kind":
        kind.down(state, environ)
    if state.folder.exists():
        shutil.rmtree(state.folder)


def _known(settings: Settings) -> Facts | None:
    try:
        return Facts.read(settings.state.facts)
    except ClusterError:
        return None  # a damaged file must not keep `down` from ending what runs


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time for a state folder; the lock goes with the process that holds it."""
    settings.cache.mkdir(parents=True, exist_ok=True)
    with (settings.cache / f"{settings.state.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another command to finish with {settings.state.folder} …", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
