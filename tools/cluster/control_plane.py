"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler: their arguments, and their start in order.

The rest of the package sees `start`; the argument lists are pure. A cluster without a node (no root) has the same
control plane, but listens on 127.0.0.1 alone.
"""

from collections.abc import Mapping
from pathlib import Path

from . import certificates, files, kubeconfig, processes
from .api import Api
from .facts import Facts
from .network import SERVICES, Network
from .paths import State
from .settings import Settings

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


def server(facts: Facts) -> str:
    """Where kubectl on this machine finds the API server."""
    return f"https://127.0.0.1:{facts.apiserver}"


def etcd_args(state: State, facts: Facts) -> list[str]:
    client, peer = f"http://127.0.0.1:{facts.etcd}", f"http://127.0.0.1:{facts.etcd_peer}"
    return [
        "--name=crontask",
        f"--data-dir={state.etcd}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=crontask={peer}",
        "--unsafe-no-fsync",  # a throw-away cluster: speed beats surviving a power cut
        "--quota-backend-bytes=8589934592",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    ]


def apiserver_args(state: State, facts: Facts, network: Network | None, further: tuple[str, ...]) -> list[str]:
    pki = state.pki
    # Pods reach the server at the host's end of the node's link, kubectl at 127.0.0.1: hence all addresses. Whoever
    # has no certificate or token of this cluster is turned away. Without a node there is nobody to tell an address.
    reach = (
        ["--bind-address=0.0.0.0", f"--advertise-address={network.host}"]
        if network
        else ["--bind-address=127.0.0.1", "--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"]
    )
    return [
        *reach,
        f"--secure-port={facts.apiserver}",
        f"--etcd-servers=http://127.0.0.1:{facts.etcd}",
        f"--service-cluster-ip-range={SERVICES}",
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",  # the node's name resolves nowhere
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-accounts.key'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--profiling=false",
        *further,
    ]


def controller_manager_args(state: State, further: tuple[str, ...]) -> list[str]:
    pki = state.pki
    return [
        f"--kubeconfig={pki / 'controller-manager.kubeconfig'}",
        "--secure-port=0",  # nobody asks it anything, so it takes no port
        "--leader-elect=false",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--use-service-account-credentials=true",
        *further,
    ]


def scheduler_args(state: State) -> list[str]:
    return [f"--kubeconfig={state.pki / 'scheduler.kubeconfig'}", "--secure-port=0", "--leader-elect=false"]


def write_files(state: State, facts: Facts, network: Network | None) -> None:
    """Certificates and kubeconfigs; the administrator's becomes `.cluster/kubeconfig`.

    One that leads to this cluster stays: the user may have chosen a namespace in it.
    """
    addresses = ["127.0.0.1", "10.96.0.1", *([network.host, network.node] if network else [])]
    certificates.write_all(state.pki, state.name, addresses)
    for name in ("controller-manager", "scheduler"):
        text = kubeconfig.from_pki(state.pki, name, server(facts), name=state.name)
        files.write_private(state.pki / f"{name}.kubeconfig", text)
    mine = kubeconfig.from_pki(state.pki, "admin", server(facts), name=state.name)
    if not (state.kubeconfig.exists() and kubeconfig.leads_to_the_same(state.kubeconfig.read_text(), mine)):
        files.write_private(state.kubeconfig, mine)


def start(
    settings: Settings, facts: Facts, network: Network | None, programs: Mapping[str, Path], env: Mapping[str, str]
) -> Api:
    """Start what does not run, in order, and return once the API server is ready."""
    state = settings.state
    api = Api.of(state.kubeconfig)
    _start(state, "etcd", programs, etcd_args(state, facts), env)
    _start(state, "kube-apiserver", programs, apiserver_args(state, facts, network, settings.apiserver_args), env)
    # Before this the controller manager gives up at once: it wants a ConfigMap that the server makes.
    processes.wait_ready(state, "kube-apiserver", api.is_ready, settings.wait)
    _start(state, "kube-controller-manager", programs, controller_manager_args(state, settings.kcm_args), env)
    _start(state, "kube-scheduler", programs, scheduler_args(state), env)
    return api


def _start(state: State, name: str, programs: Mapping[str, Path], args: list[str], env: Mapping[str, str]) -> None:
    if processes.running(state, name) is None:
        processes.start(state, name, [str(programs[name]), *args], env)
