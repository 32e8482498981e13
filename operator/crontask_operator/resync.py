"""The resync: compares, by metadata and now and then, what is known with what exists.

Kopf yields only what exists after a re-list; a task that was deleted
meanwhile never produces an event. So every few minutes the uids are listed, and
what is known but gone is dropped, what exists but is unknown is fetched.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from crontask_core.names import Key, Kind, key_of
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import NotFound
from crontask_kube.resources import EXECUTIONS, TASKS, Resource
from crontask_operator.adoption import Adoption
from crontask_operator.companions import Companions
from crontask_operator.index import Index, Run, Task
from crontask_operator.isolation import SLICE, each, gradually
from crontask_operator.lists import NAMED, Lists
from crontask_operator.openpods import OpenPods
from crontask_operator.tasks import Tasks

log = structlog.get_logger(__name__)


class Resync:
    """Finds what no event has told: objects that went, or came, unseen."""

    def __init__(
        self,
        api: ApiClient,
        lists: Lists,
        index: Index,
        clock: Clock,
        *,
        companions: Companions,
        tasks: Tasks,
        adoption: Adoption,
        open_pods: OpenPods,
        place: Callable[[Task], None],
    ) -> None:
        self._api, self._lists, self._index, self._clock = api, lists, index, clock
        self._companions, self._tasks, self._adoption = companions, tasks, adoption
        self._open_pods, self._place = open_pods, place

    async def run(self) -> None:
        """Once."""
        for kind, resource in NAMED:
            await self._companions_of(kind, resource)
        missing = set(self._index.tasks)
        changed: list[Key] = []

        def compare(body: dict[str, Any]) -> None:
            key, meta = key_of(body), body["metadata"]
            missing.discard(key)
            task = self._index.tasks.get(key)
            if task is None or task.uid != meta["uid"] or task.generation < meta["generation"]:
                changed.append(key)

        await gradually(await self._lists.bodies(TASKS, metadata_only=True), compare)
        for key in (*missing, *changed):
            await self._check(key)
        await self._compare_executions()
        tasks = list(self._index.tasks.values())
        for start in range(0, len(tasks), SLICE):
            self._tasks.look_at_clock(self._clock.now(), tasks[start : start + SLICE])
            await asyncio.sleep(0)

    async def _companions_of(self, kind: Kind, resource: Resource) -> None:
        before = self._companions.keys(kind)
        listed = {key_of(body): body["metadata"] for body in await self._lists.bodies(resource, metadata_only=True)}
        same = {key for key, meta in listed.items() if before.get(key) == (meta["uid"], meta["generation"])}
        for key in (before.keys() | listed.keys()) - same:
            try:
                body = await self._api.get(resource, key.namespace, key.name)
            except NotFound:
                uid, _ = self._companions.keys(kind).get(key, ("", 0))
                self._companions.gone(kind, key, uid)
            else:
                each([body], lambda body: self._companions.seen(kind, body))

    async def _compare_executions(self) -> None:
        listed = set(await gradually(await self._lists.bodies(EXECUTIONS, metadata_only=True), key_of))
        for task in list(self._index.tasks.values()):
            for ended in list(task.ended):
                key = Key(task.key.namespace, ended.name)
                if key not in listed and not await self._exists(EXECUTIONS, key):
                    self._adoption.execution_gone(key, task.key)
        for key in self._index.strays.keys() - listed:
            self._index.strays.pop(key, None)
        left = [run for key in listed - self._known_executions() for run in await self._check_execution(key)]
        await self._open_pods.look()
        self._adoption.resume(left)

    def _known_executions(self) -> set[Key]:
        return {key for key, _ in self._index.ended()} | self._index.runs.keys()

    async def _check_execution(self, key: Key) -> list[Run]:
        """Asks for an execution that no event has told of. Returns its run, where it has begun and is to go on."""
        try:
            body = await self._api.get(EXECUTIONS, key.namespace, key.name)
        except NotFound:
            return []
        each([body], self._adoption.execution_seen)
        return [run for run in each([body], self._adoption.abandoned) if run is not None]

    async def _check(self, key: Key) -> None:
        """Asks for one task, and believes the answer."""
        try:
            body = await self._api.get(TASKS, key.namespace, key.name)
        except NotFound:
            task = self._index.tasks.get(key)
            if task is not None:
                log.info("a deleted task was still known", task=str(key))
                self._tasks.gone(key, task.uid, self._clock.now())
            return
        changed = self._tasks.seen(body, self._clock.now())
        if changed is not None:
            self._place(changed)

    async def _exists(self, resource: Resource, key: Key) -> bool:
        try:
            await self._api.get(resource, key.namespace, key.name)
        except NotFound:
            return False
        return True
