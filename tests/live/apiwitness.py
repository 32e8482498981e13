"""The witness for clusters whose etcd nobody can ask: list and watch, begun anew whenever they break off."""

import http.client
import json
import threading
from typing import Any

from live.etcd import Seen

from cluster.api import Api

AGAIN_SECONDS = 0.2
IDLE_SECONDS = 300


class ApiWitness:
    """Follows the objects of one path in a thread, as a context manager; `seen` is called there."""

    def __init__(self, api: Api, path: str, seen: Seen) -> None:
        self._api, self._path, self._seen = api, path, seen
        self._there: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"watch {path}", daemon=True)
        self.broken = ""
        """Always empty: what breaks off is begun anew."""

    def __enter__(self) -> "ApiWitness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _follow(self) -> None:
        while not self._ended.is_set():
            found = self._api.get(self._path)
            if found is not None:
                self._listed(found["items"])
                self._watch(found["metadata"]["resourceVersion"])
            self._ended.wait(AGAIN_SECONDS)

    def _listed(self, items: list[dict[str, Any]]) -> None:
        for name in self._there - {body["metadata"]["name"] for body in items}:
            self._tell(name, None)
        for body in items:
            self._tell(body["metadata"]["name"], body)

    def _watch(self, version: str) -> None:
        connection = http.client.HTTPSConnection(
            self._api.host, self._api.port, timeout=IDLE_SECONDS, context=self._api.tls
        )
        token = {"Authorization": f"Bearer {self._api.token}"} if self._api.token else {}
        try:
            connection.request("GET", f"{self._path}?watch=true&resourceVersion={version}", headers=token)
            answer = connection.getresponse()
            while answer.status == 200 and not self._ended.is_set() and (line := answer.readline()):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                body = event["object"]
                self._tell(body["metadata"]["name"], None if event["type"] == "DELETED" else body)
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def _tell(self, name: str, body: dict[str, Any] | None) -> None:
        if body is None:
            self._there.discard(name)
            self._seen(name, "", None)
        else:
            self._there.add(name)
            self._seen(name, body["metadata"]["uid"], json.dumps(body).encode())
