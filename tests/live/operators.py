"""Operators of the tests' own: real processes that work in one namespace and may be killed at any time.

They use the rights and the Lease of the installed operator, which therefore must not run meanwhile: `no_others`.
"""

import base64
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from live.stories import Stage, until

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 1


@contextmanager
def no_others(state: Path) -> Iterator[None]:
    """No operator of `make up` runs in here; as many as before run again afterwards."""
    running = len(running_operators(state))
    make(state, "up", OPERATORS="0")
    try:
        yield
    finally:
        make(state, "up", OPERATORS=str(running))


def running_operators(state: Path) -> list[str]:
    """The process ids of the operators that `make up` has started."""
    return [file.read_text().strip() for file in sorted((state / "pids").glob("crontask-operator-*"))]


def make(state: Path, verb: str, seconds: float = 120, **settings: str) -> None:
    """What `make VERB` does, for the cluster of a state folder."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "STATE": str(state), **settings}  # noqa: TID251 - passed on
    command = [sys.executable, "-P", "-m", "cluster", verb]
    run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=seconds, check=False)
    assert run.returncode == 0, run.stderr


@dataclass(frozen=True, slots=True)
class Access:
    """How the installed operator reaches the API server."""

    server: str
    authority: bytes
    token: str

    @classmethod
    def of(cls, kubeconfig: Path) -> "Access":
        """Reads the kubeconfig that `make up` has written for its operators."""
        body = yaml.safe_load(kubeconfig.read_text())
        cluster, user = body["clusters"][0]["cluster"], body["users"][0]["user"]
        return cls(cluster["server"], base64.b64decode(cluster["certificate-authority-data"]), user["token"])

    def tls(self) -> ssl.SSLContext:
        """Trusts this cluster alone."""
        context = ssl.create_default_context(cadata=self.authority.decode())
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def through(self, url: str, file: Path) -> Path:
        """Writes a kubeconfig with the same rights for another address (plain HTTP)."""
        name = "through-proxy"
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": url}}],
            "users": [{"name": name, "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        file.write_text(yaml.safe_dump(body))
        return file


@dataclass
class Operators:
    """Starts operators one after the other; each must be ended before the next."""

    stage: Stage
    kubeconfig: Path
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None
    started: int = 0

    def start(self) -> None:
        """Starts one; returns when it is ready, which it is once it leads."""
        assert self._process is None or self._process.poll() is not None
        self.started += 1
        port = _free_port()
        environ = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - passed on
            "KUBECONFIG": str(self.kubeconfig),
            "CRONTASK_IDENTITY": f"test-{self.started}",
            "CRONTASK_WATCH_NAMESPACES": self.stage.kubectl.namespace,
            "CRONTASK_METRICS_ADDRESS": f"127.0.0.1:{port}",
            "CRONTASK_LEASE_SECONDS": str(LEASE_SECONDS),
            "CRONTASK_EGRESS_ALLOW": "127.0.0.0/8",
            **self.settings,
        }
        program = Path(sys.executable).parent / "crontask-operator"
        with (self.folder / "operator.log").open("ab") as log:
            self._process = subprocess.Popen([str(program)], env=environ, stdout=log, stderr=log)
        until(lambda: self._is_ready(port), f"the operator is ready ({self.log()[-2000:]})")

    def revive(self) -> None:
        """Starts one, unless one runs."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def log(self) -> str:
        """What all of them have logged."""
        return (self.folder / "operator.log").read_text()

    def kill(self) -> None:
        """Ends it as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def terminate(self, seconds: float = 40) -> int:
        """Ends it as Kubernetes does; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    def close(self) -> None:
        """Ends what still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _is_ready(self, port: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-3000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
