"""The Secrets of jobs: each goes with its task, and neither is ever there for long without the other.

A Secret is written before the task that refers to it, at first without an owner;
once the task exists it becomes the owner. Where the task is refused, the Secret
goes back to what it was. What a crash between the two leaves has no owner: the
next job of that name takes it over.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from crontask_core.bonds import owner
from crontask_core.names import Key
from crontask_gateway.bodies import Object, secret_body
from crontask_gateway.naming import Naming
from crontask_kube.client import ApiClient
from crontask_kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from crontask_kube.resources import SECRETS

log = structlog.get_logger(__name__)


class Written(NamedTuple):
    """What was written of a Secret, and what it held before."""

    version: str
    before: Object | None


class Vault:
    """See the module."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def read(self, key: Key) -> dict[str, bytes]:
        """What the job's Secret holds, as it is now; empty where there is none. Raises KubeError."""
        try:
            found = await self._api.get(SECRETS, key.namespace, key.name)
        except NotFound:
            return {}
        return {name: b64decode(text) for name, text in (found.get("data") or {}).items()}

    async def write(self, naming: Naming, uid: str, secrets: Mapping[str, bytes]) -> Written | None:
        """Makes the job's Secret hold these; None where it does already. `uid` is empty before there is a task.

        Raises AlreadyExists where a task that is not known yet owns it, or the name is somebody else's, and Conflict.
        """
        data = {name: b64encode(value).decode() for name, value in secrets.items()}
        owners = [_owner(naming.key, uid)] if uid else []
        body = secret_body(naming.key, data, naming.labels(), owners)
        try:
            made = await self._api.create(SECRETS, naming.scope.namespace, body)
            return Written(made["metadata"]["resourceVersion"], None)
        except AlreadyExists:
            found = await self._found(naming.key)
        if not _is_of(found, naming, uid):
            raise AlreadyExists(f"the Secret {naming.key} belongs to something else")
        if found.get("data") == data and found["metadata"].get("ownerReferences", []) == owners:
            return None
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        made = await self._api.replace(SECRETS, naming.scope.namespace, naming.name, body)
        return Written(made["metadata"]["resourceVersion"], found)

    async def _found(self, key: Key) -> Object:
        try:
            return await self._api.get(SECRETS, key.namespace, key.name)
        except NotFound:  # between the two; as NotFound it would be taken for a namespace that is missing
            raise Conflict(f"the Secret {key} comes and goes") from None

    async def adopt(self, key: Key, uid: str) -> None:
        """The task exists, and owns its Secret from now on."""
        try:
            await self._api.patch(
                SECRETS, key.namespace, key.name, {"metadata": {"ownerReferences": [_owner(key, uid)]}}
            )
        except KubeError as error:
            # It is found by its name all the same, and goes when the job is removed here.
            log.warning("a Secret has no owner", secret=str(key), error=str(error))

    async def undo(self, key: Key, written: Written) -> None:
        """The task was refused: the Secret is as before, unless somebody has written to it meanwhile."""
        try:
            if written.before is None:
                await self._api.delete(SECRETS, key.namespace, key.name, resource_version=written.version)
                return
            before = written.before | {"metadata": written.before["metadata"] | {"resourceVersion": written.version}}
            await self._api.replace(SECRETS, key.namespace, key.name, before)
        except (Conflict, NotFound):
            return
        except KubeError as error:
            log.warning("a Secret is not as it was before", secret=str(key), error=str(error))

    async def remove(self, key: Key) -> None:
        """The job needs it no more."""
        await self._api.delete(SECRETS, key.namespace, key.name)


def _owner(key: Key, uid: str) -> Object:
    return owner(key, uid)


def _is_of(found: Object, naming: Naming, uid: str) -> bool:
    """Whether a Secret is the job's to write: made for it, and owned by its task or by nobody."""
    meta = found["metadata"]
    owners = meta.get("ownerReferences") or []
    labels = meta.get("labels") or {}
    return all(labels.get(name) == value for name, value in naming.labels().items()) and (
        not owners or any(each["uid"] == uid for each in owners)
    )
