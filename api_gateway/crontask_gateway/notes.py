"""What dialects keep besides jobs, such as folders and counters: small JSON documents that all replicas share.

Each stands in an annotation of a Lease that nobody holds. A change is on condition
of the version that it was made from, so no two replicas ever count the same number.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import orjson

from crontask_core.names import GROUP, digest
from crontask_gateway.answers import translated
from crontask_gateway.errors import Conflict, TooLarge
from crontask_gateway.leases import annotations_of
from crontask_gateway.naming import Scope
from crontask_kube.client import ApiClient, Object
from crontask_kube.errors import AlreadyExists, NotFound
from crontask_kube.errors import Conflict as KubeConflict
from crontask_kube.resources import LEASES

NOTE_LEASE = "crontask-note-"
ANNOTATION_NOTE = f"{GROUP}/note"
ANNOTATION_OF = f"{GROUP}/note-of"
"""For people: namespace, dialect, tenant and name of the note."""
MAX_NOTE = 131_072
"""Bytes; half of what all annotations of an object may take."""
MAX_TRIES = 16
"""So often a change is made anew that others get in the way of."""

Note = dict[str, Any]


class Notes:
    """See the module. `namespace` is where the Leases are."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def read(self, scope: Scope, name: str) -> Note:
        """The note; empty where there is none. Raises Unavailable."""
        with translated():
            return _note(await self._found(_lease(scope, name)))

    async def change(self, scope: Scope, name: str, change: Callable[[Note], Note | None]) -> Note:
        """The note after the change, or as it is where that is None; `change` is asked again if others were faster.

        Raises Conflict where they are so each time, TooLarge, Unavailable, and what `change` raises.
        """
        lease = _lease(scope, name)
        async with self._locks.setdefault(lease, asyncio.Lock()):  # those of this replica need not try in vain
            for _ in range(MAX_TRIES):
                with translated():
                    found = await self._found(lease)
                    was = _note(found)
                    wanted = change(_note(found))
                    if wanted is None or wanted == was:
                        return was
                    try:
                        await self._write(lease, found, _marks(scope, name, wanted))
                    except (KubeConflict, AlreadyExists, NotFound):
                        continue
                    return wanted
        raise Conflict(f"the note {name} changes faster than it can be written; ask again")

    async def _found(self, lease: str) -> Object | None:
        try:
            return await self._api.get(LEASES, self._namespace, lease)
        except NotFound:
            return None

    async def _write(self, lease: str, found: Object | None, marks: dict[str, str]) -> None:
        meta: Object = {"name": lease, "annotations": marks}
        if found is None:
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": {}}
            await self._api.create(LEASES, self._namespace, body)
            return
        meta["resourceVersion"] = found["metadata"]["resourceVersion"]
        await self._api.patch(LEASES, self._namespace, lease, {"metadata": meta})


def _lease(scope: Scope, name: str) -> str:
    """The name of a note's Lease: readable, and another one for each scope."""
    told = digest("\0".join((scope.namespace, scope.dialect, scope.tenant)))
    return f"{NOTE_LEASE}{scope.dialect}-{name}-{told}"


def _marks(scope: Scope, name: str, note: Note) -> dict[str, str]:
    text = orjson.dumps(note)
    if len(text) > MAX_NOTE:
        raise TooLarge(f"the {name} take {len(text)} bytes; at most {MAX_NOTE} are kept, so delete some")
    return {ANNOTATION_NOTE: text.decode(), ANNOTATION_OF: f"{scope.namespace}/{scope.dialect}/{scope.tenant}/{name}"}


def _note(found: Object | None) -> Note:
    """What a Lease holds; what cannot be read is nothing."""
    try:
        told = json.loads(annotations_of(found).get(ANNOTATION_NOTE) or "{}") if found else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
