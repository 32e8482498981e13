"""Reads what Secrets hold, one GET for each; nothing is kept, so that a change counts at once."""

import base64
from collections.abc import Iterable

from crontask_kube.client import ApiClient
from crontask_kube.errors import NotFound
from crontask_kube.resources import SECRETS


async def read_secret(api: ApiClient, namespace: str, name: str) -> dict[str, bytes] | None:
    """The content of one Secret by key; None where there is no such Secret. Raises KubeError."""
    try:
        secret = await api.get(SECRETS, namespace, name)
    except NotFound:
        return None
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


async def read_keys(api: ApiClient, namespace: str, refs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """The values of these (name, key); what does not exist is left out. Raises KubeError."""
    found: dict[tuple[str, str], bytes] = {}
    bodies: dict[str, dict[str, bytes]] = {}
    for name, key in sorted(refs):
        if name not in bodies:
            bodies[name] = await read_secret(api, namespace, name) or {}
        if key in bodies[name]:
            found[name, key] = bodies[name][key]
    return found
