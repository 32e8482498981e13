"""The gateway of `make up`: on this machine, with the rights that the chart gives it, and a port for each dialect.

Like the systems that it stands for it lets everybody in who reaches 127.0.0.1, or who shows the key that is made for
clients which always show one; a configuration or tokens of the user's own (`CRONTASK_GATEWAY_CONFIG`,
`CRONTASK_GATEWAY_DKRON_TOKENS`) decide otherwise.
"""

import json
import secrets
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import yaml

from . import crontask, files, ports, processes
from .facts import Facts
from .kubectl import Kubectl
from .paths import CHECKOUT, State
from .settings import DIALECTS, Settings, variable

NAME = "crontask-gateway"
"""The process, and its ServiceAccount."""
PREFIX = "CRONTASK_GATEWAY_"
KEYED = {"cronjob-org": {"limits": False, "perDay": 0}}
"""Dialects whose clients always show a key, which is made for them, and the options that they have here."""
_MANIFESTS = CHECKOUT / "deploy" / "gateway.yaml"
_RIGHTS = frozenset(
    {"ServiceAccount", "Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
)
_METRICS = 9110  # the operators' own begin at 9100, and there are nine at most


def plan(settings: Settings, facts: Facts) -> Facts:
    """Choose the ports before anything is started, so that one in use stops an `up` at once.

    The ports of dialects stay the same while the cluster is there, also where the gateway has been away meanwhile.
    """
    if not settings.gateway:
        return replace(facts, gateway=0)
    runs = processes.running(settings.state, NAME) is not None
    dialects = {}
    for name, wanted in settings.dialect_ports.items():
        known = facts.dialects.get(name, 0)
        if known and (runs or ports.is_free(known)):
            dialects[name] = known
        else:
            dialects[name] = ports.promised(wanted, f"{variable(name)}_PORT") if wanted else ports.free_ports(1)[0]
    keep = facts.gateway and (runs or ports.is_free(facts.gateway))
    metrics = facts.gateway if keep else ports.next_free(_METRICS)
    return replace(facts, gateway=metrics, dialects=dialects, jobs=settings.gateway_namespace)


def install(state: State, kubectl: Kubectl, facts: Facts, wait: float) -> None:
    """Make the namespace of its jobs where it is missing, apply its rights, write its kubeconfig, and make keys."""
    if not facts.gateway:
        return
    make_keys(state, facts)
    if kubectl.get("namespace", facts.jobs) is None:
        kubectl.run("create", "namespace", facts.jobs)
    kubectl.run("apply", "--server-side", "--force-conflicts", "--filename", "-", text=rights(facts.jobs))
    crontask.write_kubeconfig(state, kubectl, NAME, state.gateway_kubeconfig, wait)


def make_keys(state: State, facts: Facts) -> None:
    """Make the keys that are missing; one that is there stays."""
    for file in (state.key_file(name) for name in KEYED if name in facts.dialects):
        if not file.exists():
            files.write_private(file, b64encode(secrets.token_bytes(32)).decode())


def uninstall(kubectl: Kubectl, facts: Facts) -> None:
    """Take its rights away; its jobs go with their definitions, their namespace stays."""
    if facts.jobs:
        kubectl.run("delete", "--ignore-not-found", "--timeout=60s", "--filename", "-", text=rights(facts.jobs))


def rights(namespace: str) -> str:
    """Its ServiceAccount, roles and admission policy, as manifests; `namespace` holds its jobs."""
    bodies = [body for body in yaml.safe_load_all(_MANIFESTS.read_text()) if body["kind"] in _RIGHTS]
    for body in bodies:
        if body["metadata"].get("namespace", crontask.NAMESPACE) != crontask.NAMESPACE:
            body["metadata"]["namespace"] = namespace
    return yaml.safe_dump_all(bodies)


def start(settings: Settings, facts: Facts, env: Mapping[str, str]) -> None:
    """Start it, in place of one with other settings, and wait until it is ready; stop it where none is wanted."""
    state = settings.state
    if not facts.gateway:
        stop(state)
        return
    own = environment(state, facts, env)
    pid = processes.running(state, NAME)
    wanted = {name: value for name, value in own.items() if name.startswith(PREFIX)}
    if pid is not None and processes.settings(pid, PREFIX) not in (None, wanted):
        stop(state)
    if processes.running(state, NAME) is None:
        processes.start(state, NAME, [str(Path(sys.executable).parent / NAME)], own)
    ready = partial(crontask.answers, state, NAME, facts.gateway, "/readyz")
    processes.wait_ready(state, NAME, ready, settings.wait)


def stop(state: State) -> None:
    """Stop it, politely: it answers what is under way, and tells other replicas that it has gone."""
    pid = processes.running(state, NAME)
    if pid is not None:
        processes.stop(pid, 30)
    state.pid_file(NAME).unlink(missing_ok=True)


def environment(state: State, facts: Facts, env: Mapping[str, str]) -> dict[str, str]:
    """Its environment; what the user has set of CRONTASK_GATEWAY_… stays, but for addresses and namespaces."""
    dialects = {name: f"{PREFIX}{variable(name)}" for name in facts.dialects}
    return {
        f"{PREFIX}LOG_FORMAT": "console",
        **({} if f"{PREFIX}CONFIG" in env else _let_in(state, dialects, env)),
        **env,
        "KUBECONFIG": str(state.gateway_kubeconfig),
        f"{PREFIX}IDENTITY": NAME,
        f"{PREFIX}METRICS_ADDRESS": f"127.0.0.1:{facts.gateway}",
        f"{PREFIX}LEASE_NAMESPACE": crontask.NAMESPACE,
        **{f"{each}_PORT": str(facts.dialects[name]) for name, each in dialects.items()},
        **{f"{each}_NAMESPACE": facts.jobs for each in dialects.values()},
    }


def _let_in(state: State, dialects: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """Who may use each dialect, where nobody says so; `dialects` are their variables by name."""
    told: dict[str, str] = {}
    for name, each in dialects.items():
        if f"{each}_TOKENS" in env:
            continue
        if name in KEYED:
            told[f"{each}_TOKENS"] = json.dumps([{"name": "make-up", "file": str(state.key_file(name))}])
            told[f"{each}_API_KEYS"] = "true"
            told[f"{each}_OPTIONS"] = json.dumps(KEYED[name])
        else:
            told[f"{each}_OPEN"] = "true"
    return told


def told(state: State, facts: Facts) -> dict[str, str]:
    """What `.cluster/env` tells of it: where each dialect is, the keys that were made, and where its jobs are."""
    if not facts.gateway:
        return {}
    files = {name: state.key_file(name) for name in KEYED if name in facts.dialects}
    keys = {f"{variable(name)}_API_KEY": file.read_text() for name, file in files.items() if file.exists()}
    return {**urls(facts), **keys, "GATEWAY_NAMESPACE": facts.jobs}


def urls(facts: Facts) -> dict[str, str]:
    """Where each dialect is, by the name that it has in `.cluster/env`; empty without a gateway."""
    known = facts.dialects if facts.gateway else {}
    return {f"{variable(name)}_URL": f"http://127.0.0.1:{known[name]}" for name in DIALECTS if name in known}
