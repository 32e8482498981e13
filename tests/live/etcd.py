"""A witness that an outage of the API server cannot blind: everything that etcd stores under a prefix, as it comes.

etcd's own HTTP gateway tells it (a local cluster's listens on loopback, without credentials).
"""

import base64
import http.client
import json
import threading
from collections.abc import Callable
from typing import Any

Seen = Callable[[str, str, bytes | None], None]
"""(the key behind the prefix, an id of this life of the object, what is stored); None where it was deleted."""
IDLE_SECONDS = 3600


class EtcdWitness:
    """Follows one prefix in a thread, as a context manager; `seen` is called there."""

    def __init__(self, port: int, prefix: str, seen: Seen) -> None:
        self._prefix, self._seen = prefix, seen
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=IDLE_SECONDS)
        self._thread = threading.Thread(target=self._follow, name=f"etcd {prefix}", daemon=True)
        self._closing = False
        self.broken = ""
        """Why it does not see any more; empty while it does."""

    def __enter__(self) -> "EtcdWitness":
        where = {"key": _coded(self._prefix), "range_end": _coded(_end(self._prefix))}
        self._connection.request("POST", "/v3/watch", json.dumps({"create_request": where}))
        self._answer = self._connection.getresponse()
        self._next()  # says that it has begun: nothing is missed from here on
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        if self._connection.sock is not None:
            self._connection.sock.shutdown(2)
        self._thread.join(10)
        self._connection.close()

    def _follow(self) -> None:
        try:
            while not self._closing:
                for event in self._next().get("events", []):
                    self._tell(event)
        except Exception as error:
            if not self._closing:
                self.broken = f"{type(error).__name__}: {error}"

    def _next(self) -> dict[str, Any]:
        line = self._answer.readline()
        if not line:
            raise ConnectionError("etcd ended the watch")
        body: dict[str, Any] = json.loads(line)["result"]
        if body.get("canceled"):
            raise ConnectionError(f"etcd cancelled the watch: {body}")
        return body

    def _tell(self, event: dict[str, Any]) -> None:
        stored = event["kv"]
        key = base64.b64decode(stored["key"]).decode().removeprefix(self._prefix)
        if event.get("type") == "DELETE":
            self._seen(key, "", None)
        else:
            self._seen(key, stored["create_revision"], base64.b64decode(stored.get("value", "")))


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _end(prefix: str) -> str:
    """The first key behind all that begin with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
