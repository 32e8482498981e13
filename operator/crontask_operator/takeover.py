"""The take-over: what an earlier leader left is read and picked up.

Executions that have ended are not read again: there are thousands, and our watch
has told of them, once it has caught up (docs/decisions/0016).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from crontask_core.model import FINAL_PHASES
from crontask_core.names import LABEL_MANAGED, Key, Kind, key_of
from crontask_kube.clock import Clock
from crontask_kube.resources import EXECUTIONS, PODS, TASKS
from crontask_operator.adoption import Adoption
from crontask_operator.companions import Companions
from crontask_operator.farewell import Farewell
from crontask_operator.index import Index, Task
from crontask_operator.isolation import gradually, read_gradually
from crontask_operator.lists import NAMED, Lists
from crontask_operator.openpods import OpenPods
from crontask_operator.tasks import Tasks

OPEN = ",".join(f"status.phase!={phase}" for phase in sorted(FINAL_PHASES))
"""Executions that have not ended (a selectable field of the definition)."""
OF_BACKFILLS = "spec.trigger=Backfill"
MANAGED = f"{LABEL_MANAGED}=true"

CaughtUp = Callable[[Collection[Key]], Awaitable[bool]]
"""Whether the watch of executions has told of all that was so when it was asked; see `Watches.caught_up`."""


async def never(known: Collection[Key]) -> bool:
    """Where there is no watch."""
    return False


class TakeOver:
    """Brings the index in line with the API server when the shard has become ours."""

    def __init__(
        self,
        lists: Lists,
        index: Index,
        clock: Clock,
        *,
        companions: Companions,
        tasks: Tasks,
        adoption: Adoption,
        open_pods: OpenPods,
        place: Callable[[Task], None],
        farewell: Farewell,
    ) -> None:
        self._lists, self._index, self._clock = lists, index, clock
        self._companions, self._tasks, self._adoption = companions, tasks, adoption
        self._open_pods, self._place, self._farewell = open_pods, place, farewell
        self.caught_up: CaughtUp = never
        """Asks our watch of executions to catch up."""

    async def run(self) -> None:
        """Reads what the watches cannot have told; afterwards the index is complete and every leftover is picked up."""
        # What tasks name comes before them, so that none seems to be missing.
        named = await asyncio.gather(*(self._lists.bodies(resource) for _, resource in NAMED))
        for (kind, _), bodies in zip(NAMED, named, strict=True):
            await self._know_all(kind, bodies)
        self._companions.all_known()
        before = set(self._index.tasks)
        self._adoption.expect()
        tasks, executions, pods = await asyncio.gather(
            self._lists.texts(TASKS), self._lists.bodies(EXECUTIONS, fields=OPEN), self._lists.bodies(PODS, MANAGED)
        )
        self._drop(before - tasks.keys())
        await read_gradually(tasks.values(), lambda body: self._tasks.seen_at_take_over(body, self._clock.now()))
        self._index.complete = True
        # After the open ones were listed: what has ended since is among both, never among neither.
        if not await self.caught_up([key for key, _ in self._index.ended()]):
            await self._read_executions()
        has_backfills = any("backfill" in body["spec"] for body in executions)
        backfills = await self._lists.bodies(EXECUTIONS, fields=OF_BACKFILLS) if has_backfills else []
        await self._adoption.take_over(executions, backfills, pods)
        await self._open_pods.look()
        await read_gradually(tasks.values(), lambda body: self._tasks.settle(body, self._clock.now()))
        for task in self._index.tasks.values():
            # Instants between the stored watermark and now are looked at by the first tick.
            if task.schedule is not None:
                task.wake_at = task.schedule.next(task.watermark)
            self._farewell.consider(task)
            self._place(task)

    async def _read_executions(self) -> None:
        """What the watch would have told."""
        missing = self._adoption.known_executions()
        listed = await self._lists.bodies(EXECUTIONS)
        await gradually(listed, self._adoption.execution_seen)
        self._adoption.executions_missing(missing.difference(map(key_of, listed)))

    async def _know_all(self, kind: Kind, bodies: list[dict[str, Any]]) -> None:
        existing = {key_of(body) for body in bodies}
        for key, (uid, _) in self._companions.keys(kind).items():
            if key not in existing:
                self._companions.gone(kind, key, uid)
        await gradually(bodies, lambda body: self._companions.seen(kind, body))

    def _drop(self, missing: set[Key]) -> None:
        """Forgets tasks that were known before the list was asked for, and are not in it."""
        for key in missing:
            if (task := self._index.tasks.get(key)) is not None:
                self._tasks.gone(key, task.uid, self._clock.now())
