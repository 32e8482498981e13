"""Compares what is known with what exists: in full at the take-over, by metadata now and then.

Kopf yields only what exists after a re-list; a task that was deleted
meanwhile never produces an event. So every few minutes the uids are listed, and
what is known but gone is dropped, what exists but is unknown is fetched.

Executions that have ended are not read again at a take-over: there are thousands,
and our watch has told of them, once it has caught up (decision 0016).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import structlog

from crontask_core.model import FINAL_PHASES
from crontask_core.names import CALENDAR, GROUP_KIND, LABEL_MANAGED, TARGET, Key, Kind
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import Gone, NotFound
from crontask_kube.resources import CALENDARS, EXECUTIONS, GROUPS, PODS, TARGETS, TASKS, Resource
from crontask_operator.adoption import Adoption
from crontask_operator.companions import Companions
from crontask_operator.farewell import Farewell
from crontask_operator.index import Index, Run, Task, packed
from crontask_operator.isolation import SLICE, each, gradually, read_gradually
from crontask_operator.tasks import Tasks

log = structlog.get_logger(__name__)
OPEN = ",".join(f"status.phase!={phase}" for phase in sorted(FINAL_PHASES))
"""Executions that have not ended (a selectable field of the definition)."""
OF_BACKFILLS = "spec.trigger=Backfill"
PAGE = 500
MANAGED = f"{LABEL_MANAGED}=true"
NAMED = ((GROUP_KIND, GROUPS), (CALENDAR, CALENDARS), (TARGET, TARGETS))
"""What tasks name. Listed before them, so that none seems to be missing."""

CaughtUp = Callable[[Collection[Key]], Awaitable[bool]]
"""Whether the watch of executions has told of all that was so when it was asked; see `Watches.caught_up`."""


async def never(known: Collection[Key]) -> bool:
    """Where there is no watch."""
    return False


def key_of(body: dict[str, Any]) -> Key:
    """Namespace and name of an object."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


class Truth:
    """Brings the index in line with the API server."""

    def __init__(
        self,
        api: ApiClient,
        index: Index,
        clock: Clock,
        companions: Companions,
        tasks: Tasks,
        adoption: Adoption,
        namespaces: tuple[str, ...],
        is_ours: Callable[[str], bool],
        place: Callable[[Task], None],
        farewell: Farewell,
    ) -> None:
        self._api, self._index, self._clock = api, index, clock
        self._companions, self._tasks, self._adoption = companions, tasks, adoption
        self._place, self._farewell = place, farewell
        ours = tuple(name for name in namespaces if is_ours(name))
        self._namespaces: tuple[str | None, ...] = ours if namespaces else (None,)
        self._is_ours = is_ours
        self.caught_up: CaughtUp = never
        """Asks our watch of executions to catch up."""

    async def take_over(self) -> None:
        """Reads what the watches cannot have told; afterwards the index is complete and every leftover is picked up."""
        named = await asyncio.gather(*(self._list(resource) for _, resource in NAMED))
        for (kind, _), bodies in zip(NAMED, named, strict=True):
            await self._know_all(kind, bodies)
        self._companions.all_known()
        before = set(self._index.tasks)
        tasks, executions, pods = await asyncio.gather(
            self._texts(TASKS), self._list(EXECUTIONS, fields=OPEN), self._list(PODS, MANAGED)
        )
        self._drop(before - tasks.keys())
        await read_gradually(tasks.values(), lambda body: self._tasks.seen_at_take_over(body, self._clock.now()))
        self._index.complete = True
        # After the open ones were listed: what has ended since is among both, never among neither.
        if not await self.caught_up([key for key, _ in self._index.ended()]):
            await self._read_executions()
        has_backfills = any("backfill" in body["spec"] for body in executions)
        backfills = await self._list(EXECUTIONS, fields=OF_BACKFILLS) if has_backfills else []
        await self._adoption.take_over(executions, backfills, pods)
        await self._look_at_pods()
        await read_gradually(tasks.values(), lambda body: self._tasks.settle(body, self._clock.now()))
        for task in self._index.tasks.values():
            # Instants between the stored watermark and now are looked at by the first tick.
            if task.schedule is not None:
                task.wake_at = task.schedule.next(task.watermark)
            self._farewell.consider(task)
            self._place(task)

    async def resync(self) -> None:
        """Finds what no event has told: objects that went, or came, unseen."""
        for kind, resource in NAMED:
            await self._resync_companions(kind, resource)
        missing = set(self._index.tasks)
        changed: list[Key] = []

        def compare(body: dict[str, Any]) -> None:
            key, meta = key_of(body), body["metadata"]
            missing.discard(key)
            task = self._index.tasks.get(key)
            if task is None or task.uid != meta["uid"] or task.generation < meta["generation"]:
                changed.append(key)

        await gradually(await self._list(TASKS, metadata_only=True), compare)
        for key in (*missing, *changed):
            await self._check(key)
        await self._resync_executions()
        tasks = list(self._index.tasks.values())
        for start in range(0, len(tasks), SLICE):
            self._tasks.look_at_clock(self._clock.now(), tasks[start : start + SLICE])
            await asyncio.sleep(0)

    async def _read_executions(self) -> None:
        """What the watch would have told."""
        missing = self._adoption.known_executions()
        listed = await self._list(EXECUTIONS)
        await gradually(listed, self._adoption.execution_seen)
        self._adoption.executions_missing(missing.difference(map(key_of, listed)))

    async def _know_all(self, kind: Kind, bodies: list[dict[str, Any]]) -> None:
        existing = {key_of(body) for body in bodies}
        for key, (uid, _) in self._companions.keys(kind).items():
            if key not in existing:
                self._companions.gone(kind, key, uid)
        await gradually(bodies, lambda body: self._companions.seen(kind, body))

    async def _resync_companions(self, kind: Kind, resource: Resource) -> None:
        before = self._companions.keys(kind)
        listed = {key_of(body): body["metadata"] for body in await self._list(resource, metadata_only=True)}
        same = {key for key, meta in listed.items() if before.get(key) == (meta["uid"], meta["generation"])}
        for key in (before.keys() | listed.keys()) - same:
            try:
                body = await self._api.get(resource, key.namespace, key.name)
            except NotFound:
                uid, _ = self._companions.keys(kind).get(key, ("", 0))
                self._companions.gone(kind, key, uid)
            else:
                each([body], lambda body: self._companions.seen(kind, body))

    async def _resync_executions(self) -> None:
        listed = set(await gradually(await self._list(EXECUTIONS, metadata_only=True), key_of))
        for task in list(self._index.tasks.values()):
            for ended in list(task.ended):
                key = Key(task.key.namespace, ended.name)
                if key not in listed and not await self._exists(EXECUTIONS, key):
                    self._adoption.execution_gone(key, task.key)
        for key in self._index.strays.keys() - listed:
            self._index.strays.pop(key, None)
        for key in listed - self._known_executions():
            await self._check_execution(key)
        await self._look_at_pods()

    def _known_executions(self) -> set[Key]:
        return {key for key, _ in self._index.ended()} | self._index.runs.keys()

    async def _check_execution(self, key: Key) -> None:
        """Asks for an execution that no event has told of."""
        try:
            body = await self._api.get(EXECUTIONS, key.namespace, key.name)
        except NotFound:
            return
        each([body], self._adoption.execution_seen)

    async def _look_at_pods(self) -> None:
        """Asks for the pod of each open attempt: its end may have been told before the attempt was known here."""
        for run in list(self._index.runs.values()):
            for part in run.parts or (run,):
                attempt = part.attempt
                if attempt is not None and attempt.pod and attempt.finished_at is None and not part.calling:
                    await self._check_pod(Key(run.key.namespace, attempt.pod), part)

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

    async def _check_pod(self, key: Key, run: Run) -> None:
        try:
            body = await self._api.get(PODS, key.namespace, key.name)
        except NotFound:
            self._adoption.pod_vanished(run, key.name)
            return
        each([body], self._adoption.pod_seen)

    async def _exists(self, resource: Resource, key: Key) -> bool:
        try:
            await self._api.get(resource, key.namespace, key.name)
        except NotFound:
            return False
        return True

    def _drop(self, missing: set[Key]) -> None:
        """Forgets tasks that were known before the list was asked for, and are not in it."""
        for key in missing:
            if (task := self._index.tasks.get(key)) is not None:
                self._tasks.gone(key, task.uid, self._clock.now())

    async def _texts(self, resource: Resource) -> dict[Key, bytes]:
        """All objects as JSON, without managed fields: as values those of 10,000 tasks would take 80 MB, most of which
        the process would never give back."""
        texts: dict[Key, bytes] = {}
        for namespace in self._namespaces:
            try:
                texts |= await self._texts_of(resource, namespace, PAGE)
            except Gone:  # between two pages
                texts |= await self._texts_of(resource, namespace, 0)
            except NotFound:
                log.warning("the API server does not know this kind", kind=resource.plural)
        return texts

    async def _texts_of(self, resource: Resource, namespace: str | None, page: int) -> dict[Key, bytes]:
        texts: dict[Key, bytes] = {}
        async for listing in self._api.pages(resource, namespace, page=page):
            for body in listing.items:
                if self._is_ours(body["metadata"]["namespace"]):
                    body["metadata"].pop("managedFields", None)
                    texts[key_of(body)] = packed(body)
        return texts

    async def _list(
        self,
        resource: Resource,
        selector: str | None = None,
        *,
        fields: str | None = None,
        metadata_only: bool = False,
    ) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for namespace in self._namespaces:
            try:
                listing = await self._api.list(
                    resource,
                    namespace,
                    label_selector=selector,
                    field_selector=fields,
                    metadata_only=metadata_only,
                )
            except NotFound:
                # The CRD has vanished, and its objects with it.
                log.warning("the API server does not know this kind", kind=resource.plural)
                continue
            items += [body for body in listing.items if self._is_ours(body["metadata"]["namespace"])]
        return items
