"""One operator as a real process that may be killed, paused and started again; several may run side by side."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

SHIFTED = Path(__file__).parent / "shifted.py"


@dataclass
class Replica:
    """One replica and its successors under the same name. Its log is `folder/NAME.log`."""

    name: str
    """What it is called in Leases, with the process's id after it."""
    namespace: str
    """The one namespace in which it works."""
    kubeconfig: Path
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Further CRONTASK_… variables."""
    clock: Path | None = None
    """A file with the seconds by which its clock is wrong; see `live.shifted`."""
    starts: int = 0
    _process: "subprocess.Popen[bytes] | None" = None
    _port: int = 0

    def start(self) -> None:
        """Starts it; `is_ready` tells when it is."""
        assert not self.runs, f"{self.name} runs already"
        self.starts += 1
        self._port = free_ports(1)[0]
        environ = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - passed on
            "KUBECONFIG": str(self.kubeconfig),
            "CRONTASK_IDENTITY": self.name,
            "CRONTASK_WATCH_NAMESPACES": self.namespace,
            "CRONTASK_METRICS_ADDRESS": f"127.0.0.1:{self._port}",
            "CRONTASK_EGRESS_ALLOW": "127.0.0.0/8",
            **self.settings,
        }
        command = [str(Path(sys.executable).parent / "crontask-operator")]
        if self.clock is not None:
            command = [sys.executable, "-P", str(SHIFTED), str(self.clock)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    @property
    def runs(self) -> bool:
        """Whether its process is there, paused or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The process that was started last."""
        assert self._process is not None
        return self._process

    def is_ready(self) -> bool:
        """Whether it says so."""
        return self.runs and self._get("readyz") is not None

    def metrics(self) -> str | None:
        """What /metrics says; None where it says nothing."""
        return self._get("metrics")

    def cpu_seconds(self) -> float:
        """What its process has computed so far; 0 where none runs."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()
        self.process.wait(10)

    def pause(self) -> None:
        """Stops it as a machine that hangs does; it knows nothing of that."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Lets it go on."""
        self.process.send_signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """What Kubernetes does first; returns at once."""
        self.process.send_signal(signal.SIGTERM)

    def terminate(self, seconds: float = 40) -> int:
        """Ends it as Kubernetes does; the exit code."""
        self.ask_to_end()
        return self.process.wait(seconds)

    def close(self) -> None:
        """Ends what still runs."""
        if self.runs:
            self.kill()

    def log(self) -> str:
        """What all processes of this name have logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except (OSError, urllib.error.URLError):
            return None


def free_ports(count: int) -> list[int]:
    """That many different ports of this machine on which nobody listened a moment ago."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
