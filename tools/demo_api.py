"""The demo as a client of one of the gateway's APIs: prints a line for each request, and for each step besides."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from cluster.errors import ClusterError


class Api:
    """The API of a system called `name`, at `url`; `headers` go with each request."""

    def __init__(self, name: str, url: str, **headers: str) -> None:
        self._name, self._url, self._headers, self._began = name, url, headers, time.monotonic()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, quiet: bool = False) -> Any:
        """What it answers, read as JSON; None for 404. Raises ClusterError for any other failure."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | self._headers
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        except OSError as error:
            raise ClusterError(
                f"{self._name}'s API does not answer ({error}): see `make status`, try again."
            ) from error
        if not quiet:
            self.tell(f"{method} {path}", str(status))
        if status == 404:
            return None
        if status >= 400:
            told = text.decode(errors="replace").strip()[:200]
            problem = f"{self._name}'s API answered {method} {path} with {status} ({told})"
            raise ClusterError(f"{problem}: see the gateway's log.")
        return json.loads(text)

    def tell(self, what: str, found: str) -> None:
        """A line of the demo."""
        print(f"{time.monotonic() - self._began:6.1f} s  {self._name} {what:40}  {found}", flush=True)


def show(text: str) -> None:
    """The begin of what a job has said."""
    for row in text.splitlines()[:8]:
        print(f"{'':10}| {row[:120]}", flush=True)
