"""kubectl as a function: the one on PATH if it works, else the one that is built with the cluster."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import build
from .errors import ClusterError

_SECONDS = 90.0


@dataclass(frozen=True)
class Kubectl:
    """A kubectl and the kubeconfig it uses."""

    program: str
    kubeconfig: Path
    environ: Mapping[str, str]

    def run(self, *args: str, text: str = "") -> str:
        """What kubectl prints; `text` is its standard input. Raises ClusterError with its complaint."""
        result = self._call(args, text)
        if result.returncode:
            raise ClusterError(
                f"kubectl {args[0]} failed ({_complaint(result.stderr)}): see `make status`, then try `make up` again."
            )
        return result.stdout

    def get(self, *args: str) -> Any | None:
        """The object or list that `kubectl get ARGS` finds; None if it does not exist or nobody answers."""
        result = self._call(("get", *args, "--output=json"), "")
        return None if result.returncode else json.loads(result.stdout)

    def _call(self, args: tuple[str, ...], text: str) -> "subprocess.CompletedProcess[str]":
        command = [self.program, f"--kubeconfig={self.kubeconfig}", *args]
        try:
            return subprocess.run(
                command, input=text, capture_output=True, text=True, env=self.environ, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"kubectl {args[0]} had no answer in {_SECONDS:.0f} s: see `make status`.") from error


def find(cache: Path, environ: Mapping[str, str]) -> str:
    """The path of a kubectl that works; builds one where there is none."""
    found = on_path(environ)
    return found or str(build.ensure(["kubectl"], cache, environ)["kubectl"])


def on_path(environ: Mapping[str, str]) -> str | None:
    found = shutil.which("kubectl", path=environ.get("PATH"))
    if found is None:
        return None
    try:
        answer = subprocess.run(
            [found, "version", "--client"], capture_output=True, env=environ, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if answer.returncode == 0 else None


def _complaint(text: str) -> str:
    """What is wrong; hints and links follow it, warnings come before."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Warning:")]
    return lines[0] if lines else "no message"
