"""Dkron's API on a real cluster, as its clients see it, and a further replica of the gateway."""

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from live.replica import free_ports
from live.stories import Body, until

NEVER = "0001-01-01T00:00:00Z"
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the API."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Dkron:
    """One mount. `prefix` begins the names of all jobs of a test, which share a namespace with those of others."""

    url: str
    prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    token: str = ""

    def ask(self, method: str, path: str, body: Body | None = None) -> Answer:
        """The answer to a request below /v1, whatever its status."""
        headers = {"Content-Type": "application/json"} | ({"X-Dkron-Token": self.token} if self.token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as reply:
                return Answer(reply.status, reply.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode())

    def ok(self, method: str, path: str, body: Body | None = None) -> Any:
        """The same, where anything but success fails the test; the reply as JSON."""
        answer = self.ask(method, path, body)
        assert 200 <= answer.status < 300, f"{method} {path}: {answer}"
        return answer.json

    def name(self, short: str) -> str:
        """The whole name of a job."""
        return f"{self.prefix}-{short}"

    def shell(self, short: str, command: str, **more: Any) -> Body:
        """Stores a job that runs a command, by hand alone unless `schedule` says otherwise."""
        config = {"shell": "true", "command": command}
        return self.store(short, executor="shell", executor_config=config, **more)

    def store(self, short: str, **members: Any) -> Body:
        """Stores a job; as it is answered."""
        answer = self.ask("POST", "/jobs", {"name": self.name(short), "schedule": "@manually"} | members)
        assert answer.status == 201, answer
        job: Body = answer.json
        return job

    def job(self, short: str) -> Body:
        """A job."""
        job: Body = self.ok("GET", f"/jobs/{self.name(short)}")
        return job

    def run(self, short: str) -> None:
        """Has a job run."""
        answer = self.ask("POST", f"/jobs/{self.name(short)}")
        assert answer.status == 202, answer

    def executions(self, short: str) -> list[Body]:
        """The executions of a job, newest first."""
        found: list[Body] = self.ok("GET", f"/jobs/{self.name(short)}/executions")
        return found

    def ended(self, short: str) -> Body:
        """The latest execution of a job once there is one and all have ended."""

        def look() -> Body | None:
            found = self.executions(short)
            return found[0] if found and all(each["finished_at"] != NEVER for each in found) else None

        return until(look, f"the executions of {self.name(short)} end")

    def busy(self) -> list[str]:
        """The names of this test's jobs that run."""
        found = [str(each["job_name"]) for each in self.ok("GET", "/busy")]
        return [name for name in found if name.startswith(f"{self.prefix}-")]

    def names(self) -> list[str]:
        """The names of this test's jobs."""
        return [str(each["name"]) for each in self.ok("GET", f"/jobs?q={self.prefix}")]

    def clear(self) -> None:
        """Deletes this test's jobs, those on which others depend after these."""

        def none_left() -> bool:
            for name in self.names():
                self.ask("DELETE", f"/jobs/{name}")
            return not self.names()

        until(none_left, f"the jobs of {self.prefix} are deleted")


@contextmanager
def another_replica(kubeconfig: Path, namespace: str, folder: Path, token: str) -> Iterator[str]:
    """A further replica of the gateway, closed but for who has the token; where it serves Dkron's API."""
    port, metrics = free_ports(2)
    (folder / "token").write_text(token)
    environ = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - passed on
        "KUBECONFIG": str(kubeconfig),
        "CRONTASK_GATEWAY_IDENTITY": "another",
        "CRONTASK_GATEWAY_METRICS_ADDRESS": f"127.0.0.1:{metrics}",
        "CRONTASK_GATEWAY_DKRON_PORT": str(port),
        "CRONTASK_GATEWAY_DKRON_NAMESPACE": namespace,
        "CRONTASK_GATEWAY_DKRON_TOKENS": json.dumps([{"name": "test", "file": str(folder / "token")}]),
    }
    command = [str(Path(sys.executable).parent / "crontask-gateway")]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or _ready(metrics), "another replica of the gateway is ready")
        assert process.poll() is None, (folder / "gateway.log").read_text()
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
