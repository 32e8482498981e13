"""Operators of the tests' own: real processes that work in one namespace and may be killed at any time.

They use the rights and the Lease of the installed operator, which therefore must not run meanwhile: `no_others`.
"""

import base64
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from live.replica import Replica
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
    _replica: Replica | None = None
    started: int = 0

    def start(self) -> None:
        """Starts one; returns when it is ready, which it is once it leads."""
        assert self._replica is None or not self._replica.runs
        self.started += 1
        settings = {"CRONTASK_LEASE_SECONDS": str(LEASE_SECONDS), **self.settings}
        name, namespace = f"test-{self.started}", self.stage.kubectl.namespace
        self._replica = Replica(name, namespace, self.kubeconfig, self.folder, settings)
        self._replica.start()
        until(self._is_ready, f"the operator is ready ({self.log()[-2000:]})")

    def revive(self) -> None:
        """Starts one, unless one runs."""
        if self._replica is None or not self._replica.runs:
            self.start()

    def log(self) -> str:
        """What all of them have logged."""
        return "".join((self.folder / f"test-{number}.log").read_text() for number in range(1, self.started + 1))

    def kill(self) -> None:
        """Ends it as a crash does."""
        assert self._replica is not None
        self._replica.kill()

    def terminate(self, seconds: float = 40) -> int:
        """Ends it as Kubernetes does; the exit code."""
        assert self._replica is not None
        return self._replica.terminate(seconds)

    def close(self) -> None:
        """Ends what still runs."""
        if self._replica is not None:
            self._replica.close()

    def _is_ready(self) -> bool:
        assert self._replica is not None
        assert self._replica.runs, self.log()[-3000:]
        return self._replica.is_ready()
