"""CronTask on a cluster that is up: its definitions, its rights, its operators and the witness of HTTP calls.

The operators run on this machine but with the rights they would have in the cluster: their kubeconfig holds a
token of the ServiceAccount that `deploy/rbac.yaml` makes.
"""

import base64
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import yaml

from . import certificates, files, kubeconfig, ports, processes
from .errors import ClusterError
from .facts import Facts
from .kubectl import Kubectl
from .paths import CHECKOUT, TOOLS, State
from .settings import Settings

NAMESPACE = "crontask-system"
ACCOUNT = "crontask-operator"
_DEFINITIONS = CHECKOUT / "crds"
_RIGHTS = CHECKOUT / "deploy" / "rbac.yaml"
_TOKENS = CHECKOUT / "deploy" / "tokens.yaml"
_WEBHOOK = CHECKOUT / "deploy" / "webhook.yaml"


def install(state: State, kubectl: Kubectl, wait: float) -> None:
    """Apply definitions and rights, and write the operators' kubeconfig."""
    kubectl.run("apply", "--server-side", "--force-conflicts", *_from(_DEFINITIONS, _RIGHTS, _TOKENS))
    kubectl.run("wait", "--for=condition=Established", f"--timeout={wait:.0f}s", "--filename", str(_DEFINITIONS))
    write_kubeconfig(state, kubectl, ACCOUNT, state.operator_kubeconfig, wait)


def write_kubeconfig(state: State, kubectl: Kubectl, account: str, file: Path, wait: float) -> None:
    """Write the kubeconfig with which a program of this machine acts as one of our ServiceAccounts."""
    name = f"{account}-outside"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "annotations": {"kubernetes.io/service-account.name": account},
        },
    }
    kubectl.run("apply", "--server-side", "--force-conflicts", "--filename", "-", text=yaml.safe_dump(secret))
    cluster = kubeconfig.cluster_of(state.kubeconfig.read_text())
    files.write_private(file, kubeconfig.with_token(cluster, _token(kubectl, name, wait), name=account))


def ask_operators(state: State, kubectl: Kubectl, facts: Facts) -> None:
    """Has the API server ask the operators' webhook, where it runs on this machine and can reach it."""
    if not facts.webhook:
        return
    configuration = yaml.safe_load(_WEBHOOK.read_text())
    authority = base64.b64encode((state.pki / "ca.crt").read_bytes()).decode()
    for webhook in configuration["webhooks"]:
        plural = webhook["rules"][0]["resources"][0]
        webhook["clientConfig"] = {
            "url": f"https://{certificates.LOOPBACK}:{facts.webhook}/{plural}",
            "caBundle": authority,
        }
    kubectl.run("apply", "--server-side", "--force-conflicts", "--filename", "-", text=yaml.safe_dump(configuration))


def uninstall(kubectl: Kubectl) -> None:
    """Take everything away that `install` has applied."""
    gone = ("delete", "--ignore-not-found", "--timeout=60s")
    kubectl.run(*gone, *_from(_DEFINITIONS, _RIGHTS, _TOKENS))


def _from(*paths: Path) -> list[str]:
    return [word for path in paths for word in ("--filename", str(path))]


def start_receiver(settings: Settings, facts: Facts, env: Mapping[str, str]) -> Facts:
    """Start the receiver unless it runs; returns the facts with its port."""
    state = settings.state
    if processes.running(state, "receiver") is not None:
        return facts
    port = facts.receiver if facts.receiver and ports.is_free(facts.receiver) else ports.next_free(8099)
    facts = replace(facts, receiver=port).write(state.facts)
    command = [sys.executable, "-P", str(TOOLS / "receiver.py"), f"--port={port}", f"--record={state.received}"]
    processes.start(state, "receiver", command, env)
    ready = partial(answers, state, "receiver", port, "/")
    processes.wait_ready(state, "receiver", ready, settings.wait)
    return facts


def plan_operators(settings: Settings, facts: Facts) -> Facts:
    """Choose the operators' ports before anything is started, so that a port in use stops an `up` at once.

    The webhook has one port for all of them (SO_REUSEPORT shares it), and a local cluster alone can reach it.
    """
    if facts.mode == "local" and not facts.webhook:
        facts = replace(facts, webhook=ports.next_free(9443))
    chosen: list[int] = []
    for number in range(1, settings.operators + 1):
        known = facts.operators[number - 1] if number <= len(facts.operators) else 0
        runs = processes.running(settings.state, operator_name(number)) is not None
        if known and (runs or ports.is_free(known)):
            chosen.append(known)
        elif number > 1:
            chosen.append(ports.next_free(chosen[-1] + 1))
        elif settings.metrics_port == 0:
            chosen.append(ports.free_ports(1)[0])
        else:
            chosen.append(ports.promised(settings.metrics_port, "METRICS_PORT"))
    return replace(facts, operators=tuple(chosen))


def start_operators(settings: Settings, facts: Facts, env: Mapping[str, str]) -> None:
    """Bring number and settings of the operators to what was asked for, and wait until each is ready.

    Those that run with other settings are stopped first: with another number of shards the new ones would only wait.
    """
    state = settings.state
    stop_operators(state, settings.operators)
    program = Path(sys.executable).parent / "crontask-operator"
    shards = {"CRONTASK_SHARDS": str(settings.shards)} | dict(env)
    wanted = {n: operator_environment(state, n, port, facts, shards) for n, port in enumerate(facts.operators, 1)}
    for number, own in wanted.items():
        pid = processes.running(state, operator_name(number))
        if pid is not None and processes.settings(pid, "CRONTASK_") not in (None, _settings(own)):
            processes.stop(pid, 30)
    for number, own in wanted.items():
        if processes.running(state, operator_name(number)) is None:
            processes.start(state, operator_name(number), [str(program)], own)
    for number, port in enumerate(facts.operators, 1):
        ready = partial(answers, state, operator_name(number), port, "/readyz")
        processes.wait_ready(state, operator_name(number), ready, settings.wait)


def _settings(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith("CRONTASK_")}


def stop_operators(state: State, keep: int = 0) -> None:
    """Stop the operators above the number to keep, politely: they hand their shards over."""
    for number in range(keep + 1, 11):
        pid = processes.running(state, operator_name(number))
        if pid is not None:
            processes.stop(pid, 30)
        state.pid_file(operator_name(number)).unlink(missing_ok=True)


def operator_name(number: int) -> str:
    return f"crontask-operator-{number}"


def operator_environment(state: State, number: int, port: int, facts: Facts, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of one operator; what the user has set of CRONTASK_… stays, but for the addresses."""
    allowed = [env.get("CRONTASK_EGRESS_ALLOW", ""), "127.0.0.0/8", facts.subnet]
    webhook = {
        "CRONTASK_WEBHOOK_ADDRESS": f"{certificates.LOOPBACK}:{facts.webhook}",
        "CRONTASK_WEBHOOK_CERTIFICATE": str(state.pki / certificates.WEBHOOK),
    }
    return {
        "CRONTASK_LOG_FORMAT": "console",
        **env,
        "KUBECONFIG": str(state.operator_kubeconfig),
        "CRONTASK_IDENTITY": operator_name(number),
        "CRONTASK_METRICS_ADDRESS": f"127.0.0.1:{port}",
        "CRONTASK_EGRESS_ALLOW": ",".join(filter(None, allowed)),
        "CRONTASK_LEASE_NAMESPACE": NAMESPACE,
        **(webhook if facts.webhook else {}),
    }


def receiver_url(facts: Facts) -> str:
    return f"http://127.0.0.1:{facts.receiver}"


def _token(kubectl: Kubectl, name: str, wait: float) -> str:
    """The token that the controller manager puts into the Secret of that name."""
    found = ""

    def there() -> bool:
        nonlocal found
        secret = kubectl.get("secret", "--namespace", NAMESPACE, name)
        found = (secret or {}).get("data", {}).get("token", "")
        return bool(found)

    if not processes.until(there, wait):
        raise ClusterError(f"The Secret {name} got no token: see kube-controller-manager's log, try again.")
    return base64.b64decode(found).decode()


def answers(state: State, name: str, port: int, path: str) -> bool:
    """Whether it is our program that answers on the port, and not one that took it meanwhile."""
    holder = ports.holder_of(port)
    if holder is not None and holder.pid != processes.running(state, name):
        return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
