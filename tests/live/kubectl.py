"""Kubectl as a function, for the tests that need a cluster."""

import json
import subprocess
from dataclasses import dataclass, replace
from typing import Any

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What kubectl said: its exit code, its output, and its complaint."""

    code: int
    out: str
    err: str

    @property
    def body(self) -> dict[str, Any]:
        """The output as JSON."""
        body: dict[str, Any] = json.loads(self.out)
        return body


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl in one namespace, as one user.

    `cache` is its folder for what it learns of the API server (the usual one may remember an older cluster's words).
    `user` is impersonated where it is given, with the groups that a user of this name would have.
    """

    kubeconfig: str
    cache: str
    namespace: str
    user: str = ""

    def __call__(self, *arguments: str, stdin: dict[str, Any] | None = None) -> Answer:
        """The answer to `kubectl ARGUMENTS`; `stdin` is an object for `-f -`."""
        where = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}", f"--namespace={self.namespace}"]
        given = None if stdin is None else json.dumps(stdin)
        command = ["kubectl", *where, *self._identity(), *arguments]
        run = subprocess.run(command, input=given, capture_output=True, text=True, timeout=SECONDS, check=False)
        return Answer(run.returncode, run.stdout, run.stderr)

    def ok(self, *arguments: str, stdin: dict[str, Any] | None = None) -> Answer:
        """The same, where anything but success fails the test."""
        answer = self(*arguments, stdin=stdin)
        assert answer.code == 0, f"kubectl {' '.join(arguments)}: {answer.err}"
        return answer

    def create(self, body: dict[str, Any], *, dry: bool = False) -> Answer:
        """Creates an object, or with `dry` only asks the API server whether it would."""
        return self("create", "-f", "-", "-o", "json", *(["--dry-run=server"] if dry else []), stdin=body)

    def acting_as(self, user: str) -> "Kubectl":
        """The same kubectl in somebody's name."""
        return replace(self, user=user)

    def within(self, namespace: str) -> "Kubectl":
        """The same kubectl in another namespace."""
        return replace(self, namespace=namespace)

    def _identity(self) -> list[str]:
        if not self.user:
            return []
        groups = ["--as-group=system:authenticated"]
        if self.user.startswith("system:serviceaccount:"):
            namespace = self.user.split(":")[2]
            groups += ["--as-group=system:serviceaccounts", f"--as-group=system:serviceaccounts:{namespace}"]
        return [f"--as={self.user}", *groups]
