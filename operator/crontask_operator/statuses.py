"""Writes the status of tasks, coalesced to at most one patch per task and second.

The stored watermark stays below every started instant whose execution is not
stored yet (law 1), so that a successor knows what it has to account for.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from crontask_core.companions import Closures
from crontask_core.history import Ended
from crontask_core.model import BY_SCHEDULE, ActiveExecution, TaskStatus
from crontask_core.model.task_status import MAX_ACTIVE_SHOWN, MAX_COUNTED_SHOWN, NEXT_RUNS
from crontask_core.names import Key
from crontask_core.planning.pace import status_wait
from crontask_core.tally import status_of
from crontask_kube.client import ApiClient
from crontask_kube.errors import KubeError, NotFound, Unavailable
from crontask_kube.resources import TASKS
from crontask_operator.index import Index, Task
from crontask_operator.workers import Workers

SOON = 0.5
SPACING = 1.0
LONGEST_PUT_OFF = 8.0
PUT_OFF_MOST = 3
"""A status gives way for 7 seconds at most: a successor looks at each instant since then by itself."""
BUSY = 12
"""With more than so many writes waiting, records go first: one later status tells of several executions."""
AGAIN = 5.0
REFUSED = 60.0
log = structlog.get_logger(__name__)


class Statuses:
    """A queue of tasks whose status has changed, each at most once in it."""

    def __init__(
        self,
        api: ApiClient,
        index: Index,
        crew: Workers,
        leads: Callable[[], bool],
        may_write: Callable[[], bool],
        starts_wait: Callable[[], bool],
    ) -> None:
        """`leads`: whether this replica holds the shard; `may_write`: whether it also knows what was stored last."""
        self._api, self._index, self._crew = api, index, crew
        self._leads, self._may_write, self._starts_wait = leads, may_write, starts_wait
        self._waiting: dict[Key, asyncio.TimerHandle] = {}
        self._writing: set[Key] = set()
        self._touched_again: dict[Key, float] = {}
        """Those that were touched while they were written, and the shortest delay that was asked for."""
        self._put_off: dict[Key, int] = {}
        """How often a status gave way to starts."""
        self._hurries = False
        """Whether the shard is being handed over, so that nothing gives way."""
        self._terms = 0
        """How often the shard became somebody else's; what was to be written in an earlier term is not."""
        self.closed: Callable[[Key], Closures | None] = lambda task: None
        """Times at which a task is not run for the sake of what it names."""
        self.on_stored: list[Callable[[Task, list[Ended]], None]] = []
        """Called when a task's status is durable, with the ended executions that it tells of."""

    def touch(self, task: Task, *, after_start: bool = False, delay: float | None = None) -> None:
        """Has the status written soon; a later touch never delays an earlier one.

        After a start it waits for the end of a short run, which makes one patch of two: a status patch is the dearest
        of all our requests to the API server (docs/decisions/0002).

        On a standby nothing waits: it does not know what was stored since, and would write over it once it leads. The
        take-over finds what is to be told.
        """
        if not self._leads():
            return
        if delay is None:
            delay = status_wait(task.tally.usual_seconds()) if after_start else SOON
        if task.key in self._writing:
            self._touched_again[task.key] = min(delay, self._touched_again.get(task.key, delay))
            return
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(task.key)
        if waiting is not None:
            if waiting.when() <= loop.time() + delay:
                return
            waiting.cancel()
        self._waiting[task.key] = loop.call_later(delay, self._submit, task.key)

    def hurry(self) -> None:
        """Writes at once what would be written soon (an orderly stop)."""
        self._hurries = True
        for key, timer in list(self._waiting.items()):
            timer.cancel()
            self._submit(key)

    def forget_all(self) -> None:
        """Writes nothing more of what is waiting: the shard is somebody else's."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._touched_again.clear()
        self._put_off.clear()
        self._hurries = False
        self._terms += 1

    def _submit(self, key: Key) -> None:
        self._waiting.pop(key, None)
        task = self._index.tasks.get(key)
        put_off = self._put_off.pop(key, 0)
        if task is not None and put_off < PUT_OFF_MOST and self._gives_way():
            self._put_off[key] = put_off + 1
            self.touch(task, delay=min(SPACING * 2**put_off, LONGEST_PUT_OFF))
            return
        self._writing.add(key)
        term = self._terms
        self._crew.submit(lambda: self._write(key, term))

    def _gives_way(self) -> bool:
        return not self._hurries and (self._starts_wait() or self._crew.backlog > BUSY)

    async def _write(self, key: Key, term: int) -> None:
        task, again = self._index.tasks.get(key), 0.0
        try:
            if task is None or term != self._terms:
                return
            if self._may_write():
                await self._put(task)
            else:
                again = AGAIN
        except NotFound:
            log.debug("the task is gone", task=str(key))
        except Unavailable as error:
            log.warning("the status has to wait", task=str(key), error=str(error))
            again = AGAIN
        except KubeError as error:
            log.error("the status is refused for now", task=str(key), error=str(error))
            again = REFUSED
        finally:
            self._writing.discard(key)
            asked = self._touched_again.pop(key, None)
            again = again if term == self._terms else 0.0
            if asked is not None:
                again = again or max(asked, SPACING)
            if again and task is not None:
                self.touch(task, delay=again)

    async def _put(self, task: Task) -> None:
        told_of = list(task.ended)
        # A merge patch leaves alone what it does not name: what may end is named with null.
        status = status_of_task(task, self.closed(task.key)).to_body()
        if "lastExecution" in status:
            status["lastExecution"] = {"startedAt": None} | status["lastExecution"]
        body = {"status": {"disabledAt": None, "counted": None} | status}
        await self._api.patch(TASKS, task.key.namespace, task.key.name, body, subresource="status")
        for tell in self.on_stored:
            tell(task, told_of)


def status_of_task(task: Task, closed: Closures | None = None) -> TaskStatus:
    """The status of a task as it stands; `closed` are times at which it is not run."""
    # What has ended but is not stored yet counts as active: a successor looks at these names (`Tasks.settle`).
    active = list(task.runs.values())
    queued = sum(run.phase == "Queued" for run in active)
    ledger = task.tally.ledger
    return status_of(
        task.tally,
        # A successor takes what the ledger says for decided; what is not recorded yet it has to look at itself.
        ledger.without(sorted(task.unsaved), task.era()) if task.unsaved else ledger,
        observed_generation=task.generation,
        timing=task.timing or None,
        next_runs=_next_runs(task, closed),
        watermark=_stored_watermark(task),
        active=[ActiveExecution(name=run.key.name, started_at=run.started_at) for run in active[:MAX_ACTIVE_SHOWN]],
        active_count=len(active) - queued,
        queued_count=queued,
        counted=_counted(task),
    )


def _counted(task: Task) -> list[str] | None:
    """What no watermark tells a successor: the executions without an instant of the schedule that are counted."""
    unscheduled = [ended for ended in task.ended if ended.trigger not in BY_SCHEDULE]
    latest = sorted(unscheduled, key=lambda ended: ended.finished_at)[-MAX_COUNTED_SHOWN:]
    return [ended.name for ended in latest] or None


def _stored_watermark(task: Task) -> datetime:
    return min([task.watermark, *(at - timedelta(seconds=1) for at in task.unsaved)])


def _next_runs(task: Task, closed: Closures | None) -> list[datetime]:
    runs: list[datetime] = []
    at, schedule = task.wake_at, task.schedule
    if at is not None and schedule is not None and closed is not None and closed(at) is not None:
        at = closed.next_open(schedule, at)
    while at is not None and schedule is not None and len(runs) < NEXT_RUNS:
        runs.append(at)
        at = schedule.next(at) if closed is None else closed.next_open(schedule, at)
    return runs
