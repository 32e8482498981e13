"""Sends what waits in the outboxes of tasks: at least once, in order, and never in the way of a start.

What is to be sent stands in the task's status before it is sent, and is taken out of it
after it was delivered; a successor sends again what it finds there, with the same id.
Each way of a task has one notice under way. A crew for notices alone does the work, so
that a mail server that hangs holds up other notifications at most.
"""

import asyncio
import random  # noqa: TID251 - the default of an argument; tests pass their own
from collections.abc import Callable

import structlog

from crontask_core import notices
from crontask_core.errors import FieldError
from crontask_core.httpcall import SecretError
from crontask_core.model import ExecutionSpec, ExecutionStatus, Notify, PendingNotification
from crontask_core.model.base import ConditionStatus
from crontask_core.names import Key
from crontask_core.notices import Facts
from crontask_core.notices.retries import wait_before_next
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError, NotFound, Unavailable
from crontask_kube.resources import EXECUTIONS
from crontask_operator.channels.channel import Channel, Delivery
from crontask_operator.index import Index, Task
from crontask_operator.metrics import Metrics
from crontask_operator.recorder import Recorder
from crontask_operator.workers import Workers

COURIERS = 4
SECONDS = 20.0
"""For one try: reading what is to be told, and sending it (15 s)."""
AGAIN_SECONDS = 5.0
"""Until a notice is looked at again of which nothing could be read."""
REST_SECONDS = 5.0
NOT_WANTED = "NotWanted"
"""The spec does not ask for it any more, or the output has no keyword: nothing was sent, nothing is told."""
Place = tuple[Key, int]
"""A task's way: where one notice is under way at a time."""
log = structlog.get_logger(__name__)


class Notifier:
    """Delivers notices by `channels` (webhook, slack, email), and says in status and events how that went."""

    def __init__(
        self,
        index: Index,
        api: ApiClient,
        clock: Clock,
        *,
        recorder: Recorder,
        metrics: Metrics,
        touch: Callable[[Task], None],
        may_send: Callable[[], bool],
        default_zone: str,
        crew: Workers,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._index, self._api, self._clock = index, api, clock
        self._recorder, self._metrics, self._touch = recorder, metrics, touch
        self._may_send, self._default_zone, self._jitter = may_send, default_zone, jitter
        self._crew = crew
        self._waiting: dict[Place, asyncio.TimerHandle | None] = {}
        """What is under way, or waits for its next try."""
        self._resting = False
        self.channels: dict[str, Channel] = {}

    async def rest(self) -> None:
        """An orderly stop: begins nothing more, and lets what is under way end; the successor goes on."""
        self._resting = True
        self._cancel_timers()
        await self._crew.idle(REST_SECONDS)

    def forget_all(self) -> None:
        """The shard is somebody else's: what waits is in the statuses, the new leader sends it."""
        self._cancel_timers()
        self._waiting = {}

    def look_at_all(self) -> None:
        """After the take-over: sends what an earlier leader left."""
        self._resting = False
        for task in self._index.tasks.values():
            self.look(task)

    def status_stored(self, task: Task, told_of: object) -> None:
        """The task's status is durable: sends what stands in it."""
        self.look(task)

    def look(self, task: Task) -> None:
        """Sends what the task's status holds, unless it is under way already."""
        if task.tally.outbox is None or self._resting:
            return
        for notice in task.tally.outbox.pending:
            place = (task.key, notice.way)
            if place not in self._waiting:
                self._submit(place)

    def _submit(self, place: Place) -> None:
        self._waiting[place] = None
        waiting = self._waiting
        self._crew.submit(lambda: self._work(place, waiting))

    async def _work(self, place: Place, waiting: dict[Place, asyncio.TimerHandle | None]) -> None:
        """One try for the oldest notice of a task's way; `waiting` tells whether the shard was lost meanwhile."""
        again: float | None = AGAIN_SECONDS
        try:
            if waiting is self._waiting:
                again = await self._next(place, waiting)
        finally:
            if waiting is self._waiting:
                del waiting[place]
                self._go_on(place, again)

    def _go_on(self, place: Place, again: float | None) -> None:
        if self._resting:
            return
        if again is not None:
            self._waiting[place] = asyncio.get_running_loop().call_later(again, self._submit, place)
        elif (task := self._index.tasks.get(place[0])) is not None:
            self.look(task)

    async def _next(self, place: Place, waiting: dict[Place, asyncio.TimerHandle | None]) -> float | None:
        """Sends the way's oldest notice; returns after how many seconds there is to look again, if there is."""
        task = self._index.tasks.get(place[0])
        outbox = task.tally.outbox if task else None
        notice = next((each for each in outbox.pending if each.way == place[1]), None) if outbox else None
        if task is None or notice is None:
            return None
        if not self._may_send():
            return AGAIN_SECONDS
        delivery = await self._try(task, notice)
        if delivery is None:
            return AGAIN_SECONDS
        known = self._index.tasks.get(task.key)
        if waiting is not self._waiting or known is None or known.uid != task.uid:
            return None
        return self._judge(known, notice, delivery)

    async def _try(self, task: Task, notice: PendingNotification) -> Delivery | None:
        """One try; None where nothing can be said of it, because the API server does not answer."""
        ways = task.spec().notify if task.notifies else []
        if notice.way >= len(ways) or notice.when not in ways[notice.way].when:
            return Delivery(True, NOT_WANTED)
        try:
            async with asyncio.timeout(SECONDS):
                facts = await self._facts(task, ways[notice.way], notice)
                if notice.when == "Keyword" and not await _has_keyword(facts):
                    return Delivery(True, NOT_WANTED)
                return await self.channels[facts.notify.kind].send(facts)
        except TimeoutError:
            return Delivery(False, "Timeout", f"not done within {SECONDS:g} s")
        except FieldError as error:
            reason = "InvalidSecret" if isinstance(error, SecretError) else "InvalidRequest"
            return Delivery(False, reason, str(error))
        except Unavailable as error:
            log.warning("the notification has to wait", task=str(task.key), error=str(error))
            return None
        except KubeError as error:
            return Delivery(False, "SecretUnreadable", f"A Secret or the execution cannot be read: {error}"[:500])
        except Exception:
            log.exception("a notification failed inside the operator", task=str(task.key), way=notice.way)
            return Delivery(False, "InternalError", "The operator failed; see its log.")

    async def _facts(self, task: Task, notify: Notify, notice: PendingNotification) -> Facts:
        """The notice with its execution, where that still exists."""
        zone = task.spec().time_zone or self._default_zone
        if notice.execution is None:
            return Facts(task.key, notify, notice, zone)
        try:
            body = await self._api.get(EXECUTIONS, task.key.namespace, notice.execution)
        except NotFound:
            return Facts(task.key, notify, notice, zone)
        spec = ExecutionSpec.model_validate(body["spec"])
        status = ExecutionStatus.model_validate(body.get("status") or {})
        return Facts(task.key, notify, notice, zone, spec, status)

    def _judge(self, task: Task, notice: PendingNotification, delivery: Delivery) -> float | None:
        """Notes in the status how a try went; returns the wait before the next one."""
        wait = None if delivery.delivered else wait_before_next(notice.tries + 1, self._jitter())
        change = notices.with_try if wait is not None else notices.without
        task.tally.outbox = change(task.tally.outbox, notice.id)
        if delivery.reason != NOT_WANTED:
            self._tell(task, notice, delivery, given_up=wait is None)
        self._touch(task)
        return wait

    def _tell(self, task: Task, notice: PendingNotification, delivery: Delivery, *, given_up: bool) -> None:
        now, way = self._clock.now(), f"notify[{notice.way}]"
        outcome = "delivered" if delivery.delivered else "given_up" if given_up else "failed"
        shown = f"{way} ({notice.when}): {delivery.message}" if delivery.message else ""
        status: ConditionStatus = "True" if delivery.delivered else "False"
        generation = task.generation
        task.tally.set_condition("Notified", status, delivery.reason, shown, generation=generation, now=now)
        self._metrics.notification(outcome)
        log.info("notified", task=str(task.key), way=way, when=notice.when, outcome=outcome, reason=delivery.reason)
        if not delivery.delivered:
            self._recorder.notification_failed(task, f"{delivery.reason}: {shown}.", given_up, now)

    def _cancel_timers(self) -> None:
        for timer in self._waiting.values():
            if timer is not None:
                timer.cancel()


async def _has_keyword(facts: Facts) -> bool:
    """Whether the output matches; where the execution is gone it cannot be said, and is rather told than not."""
    if facts.status is None or facts.notify.keyword is None:
        return True
    output = facts.status.output or ""
    return bool(await asyncio.to_thread(notices.keyword_found, facts.notify.keyword, output, patient=True))
