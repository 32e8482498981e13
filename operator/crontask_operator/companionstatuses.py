"""Writes the status of groups, calendars and targets: looked at every two seconds, written where it has changed.

There is no queue to keep true: what is to be shown is made anew at each look and
compared with what was written last. That bounds the patches of each object to
one in two seconds, and shows the begin and end of a freeze without a timer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from crontask_core.companion_status import Shown, frozen_now, status_body
from crontask_core.names import GROUP_KIND, Key
from crontask_core.naming import Ref
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError, NotFound
from crontask_kube.resources import CALENDARS, GROUPS, TARGETS
from crontask_operator.companions import Companions, Known
from crontask_operator.index import Index
from crontask_operator.workers import Workers

EVERY = 2.0
REFUSED = 30.0
"""Seconds until a status is offered again that could not be written."""
RESOURCES = {resource.plural: resource for resource in (GROUPS, CALENDARS, TARGETS)}
log = structlog.get_logger(__name__)


class CompanionStatuses:
    """See the module."""

    def __init__(
        self,
        api: ApiClient,
        companions: Companions,
        index: Index,
        clock: Clock,
        *,
        crew: Workers,
        may_write: Callable[[], bool],
    ) -> None:
        self._api, self._companions, self._index, self._clock = api, companions, index, clock
        self._crew, self._may_write = crew, may_write
        self._shown: dict[Ref, tuple[str, Shown]] = {}
        """What each object's status tells, with the object's uid."""
        self._not_before: dict[Ref, float] = {}
        """What is being written, or was refused, and until when it is left alone."""
        self._frozen: set[Ref] = set()
        self.on_thawed: Callable[[Key], None] = lambda group: None
        """Called with a group that is no longer suspended or frozen."""

    async def run(self) -> None:
        """The loop; ends only by cancellation."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                self.look()
            except Exception:
                log.exception("the statuses of groups, calendars and targets have to wait")

    def look(self) -> None:
        """Has everything written that is not as it was written last."""
        if not (self._may_write() and self._companions.complete):
            return
        active, queued = self._counted()
        now, moment = self._clock.now(), self._clock.monotonic()
        existing: set[Ref] = set()
        for ref, known in self._companions:
            existing.add(ref)
            shown = self._to_show(ref, known, active, queued, now)
            self._see_thaw(ref, shown)
            old = self._shown.get(ref)
            if old == (known.uid, shown) or self._not_before.get(ref, 0.0) > moment:
                continue
            self._not_before[ref] = moment + REFUSED
            self._crew.submit(partial(self._write, ref, known, shown, now))
        self._frozen &= existing
        for gone in (self._shown.keys() | self._not_before.keys()) - existing:
            self._shown.pop(gone, None)
            self._not_before.pop(gone, None)

    def _see_thaw(self, ref: Ref, shown: Shown) -> None:
        if shown.frozen is not None:
            self._frozen.add(ref)
        elif ref in self._frozen:
            self._frozen.discard(ref)
            self.on_thawed(ref[1])

    def forget_all(self) -> None:
        """The shard is somebody else's, who writes from now on."""
        self._shown.clear()
        self._frozen.clear()
        self._not_before.clear()

    def _counted(self) -> tuple[Counter[Key], Counter[Key]]:
        """How many executions run and wait, for each group."""
        active, queued = Counter[Key](), Counter[Key]()
        for run in self._index.runs.values():
            group = self._companions.group_of(run.task)
            if group is not None and run.finished_at is None:
                (queued if run.phase in ("Pending", "Queued") else active)[group] += 1
        return active, queued

    def _to_show(self, ref: Ref, known: Known, active: Counter[Key], queued: Counter[Key], now: datetime) -> Shown:
        kind, key = ref
        problem = self._companions.problem_of(ref)
        spec = self._companions.group(key) if kind is GROUP_KIND else None
        if kind is not GROUP_KIND:
            return Shown(known.generation, problem)
        frozen = frozen_now(spec, self._companions.freezes(key), now) if spec is not None else None
        return Shown(known.generation, problem, frozen, self._companions.task_count(key), active[key], queued[key])

    async def _write(self, ref: Ref, known: Known, shown: Shown, now: datetime) -> None:
        kind, key = ref
        body = status_body(kind, shown, known.status, now)
        try:
            if body != known.status and self._may_write():
                await self._api.patch(
                    RESOURCES[kind.plural], key.namespace, key.name, {"status": body}, subresource="status"
                )
        except NotFound:
            return
        except KubeError as error:
            log.warning("the status has to wait", kind=kind.kind, object=str(key), error=str(error))
            return
        known.status = body
        self._shown[ref] = (known.uid, shown)
        self._not_before.pop(ref, None)
