"""A witness of pods: everything that was ever created in a namespace, with its uid, however short it lived."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO

from live.kubectl import Kubectl


class PodWitness:
    """A `kubectl get pods --watch` that writes into a file, as a context manager."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        self._kubectl, self._file = kubectl, folder / "pods.watch"
        self._output: IO[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PodWitness":
        columns = "TYPE:.type,NAME:.object.metadata.name,UID:.object.metadata.uid"
        command = [
            *("kubectl", f"--kubeconfig={self._kubectl.kubeconfig}", f"--cache-dir={self._kubectl.cache}"),
            *(f"--namespace={self._kubectl.namespace}", "get", "pods", "--watch", "--output-watch-events"),
            f"--output=custom-columns={columns}",
        ]
        self._output = self._file.open("wb")
        self._watch = subprocess.Popen(command, stdout=self._output)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._watch is not None:
            self._watch.kill()
            self._watch.wait(10)
        if self._output is not None:
            self._output.close()

    def uids(self) -> dict[str, set[str]]:
        """The uids that each pod name has had so far."""
        found: dict[str, set[str]] = {}
        for line in self._file.read_text().splitlines():
            kind, name, uid = line.split()
            if kind != "TYPE":
                found.setdefault(name, set()).add(uid)
        return found
