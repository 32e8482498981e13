"""The few API requests that waiting for a cluster takes, with nothing but the standard library.

Everything that changes the cluster goes through kubectl (`crontask.py`); this only reads.
"""

import base64
import http.client
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_TIMEOUT = 5.0  # seconds for one request


@dataclass(frozen=True)
class Api:
    """An API server and the credentials to read from it."""

    host: str
    port: int
    tls: ssl.SSLContext
    token: str | None = None

    @classmethod
    def of(cls, kubeconfig: Path) -> "Api":
        """From a kubeconfig with one cluster and one user (certificate or token), all embedded."""
        document = yaml.safe_load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        address = urlsplit(cluster["server"])
        tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as file:
                file.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
                file.write(base64.b64decode(user["client-key-data"]))
                file.flush()
                tls.load_cert_chain(file.name)
        return cls(address.hostname or "127.0.0.1", address.port or 443, tls, user.get("token"))

    def get(self, path: str) -> Any | None:
        """The JSON (or text) of a 200 answer; None for any other answer and for none."""
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=_TIMEOUT, context=self.tls)
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                return None
            return json.loads(body) if body.startswith((b"{", b"[")) else body.decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether the server serves and has made its own roles (part of /readyz)."""
        return self.get("/readyz") == "ok"

    def has(self, path: str) -> bool:
        return self.get(path) is not None

    def node_is_ready(self, name: str) -> bool:
        node = self.get(f"/api/v1/nodes/{name}")
        conditions = node["status"].get("conditions", []) if node else []
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
