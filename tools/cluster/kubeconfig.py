"""kubeconfig files: who talks to the API server, and how it is recognised. Rendering only."""

import base64
from pathlib import Path
from typing import Any

import yaml


def with_certificate(server: str, ca: bytes, certificate: bytes, key: bytes, *, name: str) -> str:
    """A kubeconfig whose user has a client certificate; the PEM texts are embedded, so the file may be copied."""
    user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
    return _render(server, _base64(ca), user, name)


def with_token(cluster: dict[str, Any], token: str, *, name: str) -> str:
    """A kubeconfig for a service account's token; `cluster` is taken from another kubeconfig by `cluster_of`."""
    document = _document(cluster, {"token": token}, name)
    return yaml.safe_dump(document, sort_keys=False)


def cluster_of(text: str) -> dict[str, Any]:
    """The cluster part (address and authority) of a kubeconfig that names one cluster."""
    cluster: dict[str, Any] = yaml.safe_load(text)["clusters"][0]["cluster"]
    return cluster


def leads_to_the_same(text: str, other: str) -> bool:
    """Whether a kubeconfig names the clusters, users and current context of another one, and nobody else's."""
    try:
        mine = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    parts, theirs = ("clusters", "users", "current-context"), yaml.safe_load(other)
    return isinstance(mine, dict) and all(mine.get(part) == theirs[part] for part in parts)


def from_pki(pki: Path, client: str, server: str, *, name: str) -> str:
    """The kubeconfig of one of the certificates that `certificates.write_all` has made."""
    read = [(pki / file).read_bytes() for file in ("ca.crt", f"{client}.crt", f"{client}.key")]
    return with_certificate(server, *read, name=name)


def _render(server: str, ca: str, user: dict[str, str], name: str) -> str:
    cluster = {"server": server, "certificate-authority-data": ca}
    return yaml.safe_dump(_document(cluster, user, name), sort_keys=False)


def _document(cluster: dict[str, Any], user: dict[str, str], name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
