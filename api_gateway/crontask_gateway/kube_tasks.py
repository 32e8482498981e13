"""Writes jobs as CronTasks, each with its Secret, whoever else writes to them.

A write is one request where nothing is in its way: a create (its name is the
lock), or a patch on condition of the version that is known here. Where that is
not the latest one, the object is read and the change is made again. What was
written is known here at once, and noted for other replicas before the client is
answered (`freshness.py`).
"""

import asyncio
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from crontask_core.names import Key
from crontask_gateway.answers import translated
from crontask_gateway.bodies import task_body, task_patch
from crontask_gateway.cache import ANNOTATION_REMOVING, Held, Jobs, Object
from crontask_gateway.errors import Conflict, Unavailable, Unknown
from crontask_gateway.freshness import Freshness
from crontask_gateway.naming import Naming
from crontask_gateway.progress import Place
from crontask_gateway.store import Change, Job
from crontask_gateway.vault import Vault
from crontask_kube import errors as kube
from crontask_kube.client import ApiClient
from crontask_kube.resources import TASKS

MAX_TRIES = 8
"""So often a change is made anew that others get in the way of."""


class TaskWriter:
    """See the module. `jobs` are the caches by namespace."""

    def __init__(self, api: ApiClient, jobs: Mapping[str, Jobs], freshness: Freshness) -> None:
        self._api, self._jobs, self._freshness = api, jobs, freshness
        self.vault = Vault(api)
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def look(self, key: Key) -> Held | None:
        """Asks for a task, because what is known of it is not enough; None where there is none. Raises KubeError."""
        jobs, before = self._jobs[key.namespace], self._jobs[key.namespace].get(key)
        try:
            jobs.learn(await self._api.get(TASKS, key.namespace, key.name))
        except kube.NotFound:
            jobs.gone(key, before.uid if before else "")
        return jobs.get(key)

    async def write(self, key: Key, naming: Naming | None, make: Callable[[Job | None], Change | None]) -> Job:
        """Makes the change, again where somebody else was faster; without a naming nothing is created."""
        jobs = self._jobs[key.namespace]
        async with self._locks.setdefault(key, asyncio.Lock()):
            with translated():
                if key in jobs.doubtful:
                    await self.look(key)
                for _ in range(MAX_TRIES):
                    held = jobs.get(key)
                    if held is not None and held.job is None:
                        held = await self._own(key)
                    was = held.job if held else None
                    change = make(was)
                    if change is None and was is not None:
                        return was
                    try:
                        return await self._store(naming, was, change)
                    except (kube.AlreadyExists, kube.Conflict, kube.NotFound) as error:
                        if was is None and isinstance(error, kube.NotFound):
                            raise Unavailable(f"the namespace {key.namespace} does not exist; create it") from None
                        await self.look(key)
        raise Conflict(f"{key.name} changes faster than it can be written; ask again")

    async def _own(self, key: Key) -> Held | None:
        """Looks again at a task that was not the job's. Raises Conflict where it still is not."""
        held = await self.look(key)
        if held is not None and held.job is None:
            raise Conflict(f"{key.name} is being deleted, or is a CronTask of somebody else's; choose another name")
        return held

    async def _store(self, naming: Naming | None, was: Job | None, change: Change | None) -> Job:
        """One try. Raises KubeError: where it is not Unavailable, nothing has changed."""
        naming = was.naming if was else naming
        assert naming is not None
        assert change is not None
        key = naming.key
        body = task_patch(was, change) if was else task_body(naming, change)  # raises before anything is written
        held = self._jobs[key.namespace].get(key)
        written = await self.vault.write(naming, was.uid if was else "", change.secrets) if change.secrets else None
        try:
            if was:
                made = await self._api.patch(TASKS, key.namespace, key.name, body)
            else:
                made = await self._api.create(TASKS, key.namespace, body)
        except kube.KubeError as error:
            if written is not None and not isinstance(error, kube.Unavailable):
                await self.vault.undo(key, written)
            raise
        if change.secrets and not was:
            await self.vault.adopt(key, made["metadata"]["uid"])
        if change.secrets is not None and not change.secrets and held is not None and held.secret:
            await self.vault.remove(key)
        return await self.wrote(made)

    async def remove(self, key: Key) -> Job:
        jobs = self._jobs[key.namespace]
        async with self._locks.setdefault(key, asyncio.Lock()):
            with translated():
                if key in jobs.doubtful:
                    await self.look(key)
                for _ in range(MAX_TRIES):
                    held = jobs.get(key)
                    if held is None or held.job is None:
                        raise unknown(key)
                    try:
                        return await self._delete(key, held, held.job)
                    except (kube.Conflict, kube.NotFound):
                        await self.look(key)
        raise Conflict(f"{key.name} changes faster than it can be deleted; ask again")

    async def _delete(self, key: Key, held: Held, job: Job) -> Job:
        """Deletes the task. Others are told before, because of a deletion nobody is answered a version."""
        version = 0
        if not self._freshness.peers.alone():
            mark = {"metadata": {"annotations": {ANNOTATION_REMOVING: "true"}}}
            made = await self._api.patch(TASKS, key.namespace, key.name, mark)
            version = self._jobs[key.namespace].learn(made).version
        await self._api.delete(TASKS, key.namespace, key.name, uid=held.uid)
        self._jobs[key.namespace].gone(key, held.uid)
        if held.secret:
            await self.vault.remove(key)
        if version:
            await self._freshness.note(Place(TASKS.plural, key.namespace), version)
        return job

    async def wrote(self, body: Object) -> Job:
        """A task was written: it is known here at once, and on other replicas before the client is answered."""
        meta = body["metadata"]
        held = self._jobs[meta["namespace"]].learn(body)
        await self._freshness.note(Place(TASKS.plural, meta["namespace"]), held.version)
        if held.job is None:
            raise Conflict(f"{meta['name']} was taken from the gateway while it was written; ask again")
        return held.job


def unknown(key: Key) -> Unknown:
    """There is no such job."""
    return Unknown(f"there is no job {key.name}")
