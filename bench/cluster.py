"""The benchmark's own cluster, in a state folder of its own: up, other controller settings, down.

Everything goes through `tools/cluster`; the API server writes an audit log, and the controller manager is started
anew between contestants, so that the CronJob controller runs with the settings that a row asks for.
"""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Literal

from bench import audit, received
from bench.priority import prefer
from bench.tail import Tail

CHECKOUT = Path(__file__).resolve().parent.parent
Native = Literal["stock", "tuned"]
ARGUMENTS: dict[Native, str] = {
    "stock": "",
    "tuned": "--kube-api-qps=1000 --kube-api-burst=2000 --concurrent-cron-job-syncs=50",
}
UP_SECONDS = 1800  # the first `up` on a machine builds Kubernetes


class Cluster:
    """One cluster with its witnesses; `folder` is its state folder; `profiled`: operators in it are sampled."""

    def __init__(self, folder: Path, *, preferred: bool = False, profiled: bool = False) -> None:
        self.folder, self.profiled, self._preferred = folder, profiled, preferred
        self._audit_log = folder / "logs" / "audit.jsonl"
        self.native: Native | None = None
        self._env = {
            **os.environ,
            "PYTHONPATH": str(CHECKOUT / "tools"),
            "CLUSTER": "local",
            "STATE": str(folder),
            "OPERATORS": "0",
            "GATEWAY": "0",
            "CLUSTER_APISERVER_ARGS": f"--audit-policy-file={CHECKOUT / 'bench' / 'audit-policy.yaml'} "
            f"--audit-log-path={self._audit_log} --audit-log-maxsize=2000",
        }

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "kubeconfig"

    @property
    def operator_kubeconfig(self) -> Path:
        """The operator's, with the rights it has in a cluster."""
        return self.folder / "operator.kubeconfig"

    @property
    def gateway_kubeconfig(self) -> Path:
        """The gateway's, with the rights it has in a cluster."""
        return self.folder / "gateway.kubeconfig"

    def writes(self) -> Tail[audit.Write]:
        """What is written to the API server from now on."""
        return Tail(self._audit_log, audit.parse)

    def records(self, space: str) -> Tail[str]:
        """The names of the executions that are recorded in a namespace from now on."""

        def name(line: bytes) -> str | None:
            write = audit.parse(line)
            made = write is not None and (write.verb, write.resource) == ("create", "crontaskexecutions")
            return write.name if write is not None and made and write.namespace == space else None

        return Tail(self._audit_log, name)

    def arrivals(self) -> Tail[received.Arrival]:
        """The calls of tasks that reach the receiver from now on."""
        return Tail(self.folder / "receiver.jsonl", received.parse)

    def calls(self, prefix: str) -> Tail[received.Call]:
        """The calls of anybody to paths that begin so, from now on."""
        return Tail(self.folder / "receiver.jsonl", partial(received.call_below, prefix))

    def values(self) -> dict[str, str]:
        """What `up` has written for users: addresses of the receiver and others."""
        lines = (self.folder / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def up(self, native: Native) -> None:
        """Brings the cluster up with a CronJob controller of these settings; does nothing where it is so."""
        if self.native == native:
            return
        if self.native is not None:
            self.stop_controllers()
        self._run("up", {"CLUSTER_KCM_ARGS": ARGUMENTS[native]})
        self.native = native
        if self._preferred:
            prefer(int(file.read_text()) for file in (self.folder / "pids").iterdir())

    def allow_gateway(self, space: str) -> None:
        """Has `up` write the gateway's kubeconfig, with rights in one namespace; its own gateway is stopped again."""
        if self.gateway_kubeconfig.exists():
            return
        arguments = {"CLUSTER_KCM_ARGS": ARGUMENTS[self.native or "stock"]}
        self._run(
            "up", {**arguments, "GATEWAY": "1", "GATEWAY_NAMESPACE": space, "DKRON_PORT": "0", "CRONJOB_ORG_PORT": "0"}
        )
        self._run("up", arguments)

    def stop_controllers(self) -> None:
        """Ends the controller manager, so that nobody works on what a row left; `up` starts it again."""
        self.native = None
        file = self.folder / "pids" / "kube-controller-manager"
        pid = int(file.read_text())
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + 10
        while Path(f"/proc/{pid}/environ").exists() and _runs(pid):
            if time.monotonic() > end:
                raise TimeoutError("kube-controller-manager does not end")
            time.sleep(0.05)

    def down(self) -> None:
        """Takes everything away."""
        self._run("down", {})

    def _run(self, verb: str, further: dict[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "cluster", verb]
        subprocess.run(command, env={**self._env, **further}, cwd=CHECKOUT, check=True, timeout=UP_SECONDS)


def _runs(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
