"""The operator as one object: its parts wired together, started, supervised and stopped.

Order matters in two places. Crews and loops are created before Kopf runs,
because Kopf cancels what was created while it ran. And an orderly stop first
stops starting, then lets calls end and records be written, then gives the Lease
back, and only then ends Kopf.
"""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

import structlog

from crontask_core.egress import EgressPolicy
from crontask_core.names import Key
from crontask_core.validation import Setting
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.connection import Connection
from crontask_kube.errors import KubeError
from crontask_kube.lease import ShardLease
from crontask_kube.resources import ENDPOINT_SLICES, EXECUTIONS, PODS, TASKS
from crontask_operator.accounts import Accounts
from crontask_operator.adoption import Adoption
from crontask_operator.backfills import Backfills
from crontask_operator.byhand import ByHand
from crontask_operator.channels.mail import MailChannel
from crontask_operator.channels.posts import PostChannel
from crontask_operator.companions import Companions, kind_of
from crontask_operator.companionstatuses import CompanionStatuses
from crontask_operator.dependents import Dependents
from crontask_operator.executions import Executions
from crontask_operator.executors.calls import HttpCalls
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.executors.pod import PodExecutor
from crontask_operator.farewell import Farewell
from crontask_operator.gates import Gates
from crontask_operator.history import Keeper
from crontask_operator.index import Index, Run
from crontask_operator.instants import Instants
from crontask_operator.isolation import each
from crontask_operator.leadership import Leadership
from crontask_operator.line import Line
from crontask_operator.metrics import Metrics
from crontask_operator.notices import Notices
from crontask_operator.notifier import Notifier
from crontask_operator.parts import Places
from crontask_operator.recorder import Recorder
from crontask_operator.records import Records
from crontask_operator.review import Reviewer
from crontask_operator.scheduler import Scheduler
from crontask_operator.settings import Settings
from crontask_operator.statuses import Statuses
from crontask_operator.sweeper import Sweeper
from crontask_operator.tasks import Tasks
from crontask_operator.truth import Truth
from crontask_operator.workers import Workers, was_cancelled

TAKE_OVER_AGAIN = 1.0
WRITERS = 6
"""Fewer than the API client has slots, so that records never keep a start waiting."""
log = structlog.get_logger(__name__)


class Operator:
    """Everything that runs besides Kopf."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        identity: str,
        metrics: Metrics,
        api: ApiClient,
        http: HttpExecutor,
        post: HttpExecutor,
    ) -> None:
        """`http` makes the calls of tasks, `post` those of notifications, so that neither waits for the other."""
        self.settings, self._clock = settings, clock
        self.metrics, self.api, self.http, self.post = metrics, api, http, post
        self.index = Index()
        self.lease = ShardLease(
            self.api,
            namespace=settings.lease_namespace,
            name="crontask-shard-0",
            identity=identity,
            clock=clock,
            duration_seconds=settings.lease_seconds,
        )
        self.leadership = Leadership(
            self.lease,
            every_seconds=settings.lease_seconds / 3,
            on_won=self._won,
            on_lost=self._lost,
            on_pause=self._pause,
            on_resume=self._resume,
        )
        self._starters = Workers("starter", settings.api_limit)
        self._callers = Workers("caller", settings.http_limit)
        self._writers = Workers("writer", WRITERS)
        self._wire(identity)
        self._loops: list[asyncio.Task[None]] = []
        self._taken_over = False

    def _wire(self, identity: str) -> None:
        settings, index, clock = self.settings, self.index, self._clock
        zone = settings.default_time_zone
        holds = self.lease.valid
        self.records = Records(self.api, self._writers, holds, self._starts_wait)
        self.statuses = Statuses(self.api, index, self._writers, holds, self._starts_wait)
        self.sweeper = Sweeper(self.api, holds)
        keeper = Keeper(index, clock, self.sweeper)
        self.sweeper.before_sweep = keeper.expire
        recorder = Recorder(self.api, self._writers, identity, holds)
        notices = Notices(recorder, self.statuses.touch)
        setting = Setting(zone, Key(settings.lease_namespace, settings.service_account))
        self.companions = Companions(zone)
        self.companions.review = self._review
        self.statuses.closed = self.companions.closures
        self.companions.on_problem = lambda kind, key, uid, problem: recorder.unusable(
            kind, key, uid, problem, clock.now()
        )
        self.companion_statuses = CompanionStatuses(
            self.api, self.companions, index, clock, crew=self._writers, may_write=holds
        )
        self.executions = Executions(
            index,
            clock,
            records=self.records,
            metrics=self.metrics,
            places=Places(setting, self.companions.target),
        )
        accounts = Accounts(index, self.statuses, recorder, notices)
        self.tasks = Tasks(
            index,
            setting,
            companions=self.companions,
            executions=self.executions,
            statuses=self.statuses,
            recorder=recorder,
            notices=notices,
            keeper=keeper,
        )
        self.notifier = self._notifier(recorder)
        self.reviewer = Reviewer(index, self.companions, setting, clock)
        self._wire_instants(recorder, accounts, notices)
        by_hand = ByHand(
            index,
            self.api,
            clock,
            crew=self._writers,
            executions=self.executions,
            line=self.line,
            tasks=self.tasks,
            leads=lambda: self.leadership.holding,
        )
        self.dependents = Dependents(
            index,
            self.api,
            clock,
            crew=self._writers,
            statuses=self.statuses,
            recorder=recorder,
            accept=by_hand.accept,
            leads=lambda: self.leadership.holding,
        )
        self.backfills = Backfills(
            index,
            self.api,
            clock,
            crew=self._writers,
            executions=self.executions,
            by_hand=by_hand,
            records=self.records,
            leads=lambda: self.leadership.holding,
            closed=self.line.closed,
        )
        farewell = Farewell(
            self.api,
            index,
            clock,
            crew=self._writers,
            recorder=recorder,
            leads=lambda: self.leadership.holding,
            is_needed=self.backfills.of_task,
        )
        by_hand.still_wanted, self.records.on_progress = self.backfills.wants, self.backfills.progress
        self.adoption = Adoption(
            index, clock, self.executions, by_hand, self.backfills, self.dependents, self.sweeper, keeper
        )
        self.truth = Truth(
            self.api,
            index,
            clock,
            self.companions,
            self.tasks,
            self.adoption,
            settings.namespaces,
            self.scheduler.set,
            farewell,
        )
        keeper.holders += (self.dependents.holds, self.backfills.holds)
        self.executions.on_ended = self.dependents.ended
        self.records.on_recorded.append(accounts.recorded)
        self.records.on_stored.append(accounts.stored)
        self.records.on_stored.append(self.dependents.stored)
        self.records.on_stored.append(self.backfills.stored)
        self.records.on_stored.append(keeper.run_stored)
        self.statuses.on_stored += [
            keeper.status_stored,
            self.notifier.status_stored,
            lambda task, _: farewell.consider(task),
        ]
        common: dict[str, Any] = {"reports": self.executions, "may_send": holds, "default_zone": zone}
        self.executions.executors = {
            "pod": PodExecutor(self.api, clock, starters=self._starters, others=self._writers, **common),
            "http": HttpCalls(self.api, clock, self.http, callers=self._callers, records=self.records, **common),
        }

    def _notifier(self, recorder: Recorder) -> Notifier:
        made = Notifier(
            self.index,
            self.api,
            self._clock,
            recorder=recorder,
            metrics=self.metrics,
            touch=self.statuses.touch,
            may_send=self.lease.valid,
            default_zone=self.settings.default_time_zone,
        )
        post = PostChannel(self.api, self.post, self.lease.valid)
        mail = MailChannel(self.api, self._clock, self.post.permitted, self.lease.valid)
        made.channels = {"webhook": post, "slack": post, "email": mail}
        return made

    def _wire_instants(self, recorder: Recorder, accounts: Accounts, notices: Notices) -> None:
        """From a due instant to a start, at once or when its turn comes."""
        self.line = Line(
            self.index,
            self.api,
            self._clock,
            crew=self._writers,
            executions=self.executions,
            records=self.records,
            statuses=self.statuses,
            may_start=lambda: self._taken_over and self.lease.valid(),
        )
        self.instants = Instants(
            self.index,
            executions=self.executions,
            line=self.line,
            statuses=self.statuses,
            recorder=recorder,
            notices=notices,
            metrics=self.metrics,
        )
        self.gates = Gates(self.companions, self.index, self._clock)
        self.gates.on_room = self.line.look
        self.line.gate = self.gates
        self.companions.on_moved = self.gates.moved
        self.companions.on_group = self.companion_statuses.on_thawed = self.gates.changed
        self.index.on_removed = self.gates.ended
        self.instants.closed = self.line.closed = lambda task: self.companions.closures(task.key)
        self.instants.revision = self.companions.revision_for
        self.scheduler = Scheduler(self.index, self.tasks, self.instants, self.lease, self._clock, self.metrics)
        self.tasks.look = self.line.look
        self.instants.on_settled = self.tasks.judge
        self.executions.on_started = accounts.started
        self.executions.on_finished = self._finished
        self.records.on_recorded.append(self.line.changed)
        self.tasks.on_moved = self.scheduler.set
        self.executions.on_unsent = self.scheduler.set

    def _finished(self, run: Run) -> None:
        """An execution has ended: what waits for that may begin."""
        self.gates.ended(run)
        self.line.changed(run)

    def _starts_wait(self) -> bool:
        return self._starters.backlog > 0 or self._callers.backlog > 0

    def start(self) -> None:
        """Creates crews and loops; to be called once, before Kopf runs."""
        for crew in (self._starters, self._callers, self._writers):
            crew.start()
        self.notifier.start()
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "leadership": self.leadership.run,
            "scheduler": self.scheduler.run,
            "sweeper": self.sweeper.run,
            "resync": self._resync,
            "companions": self.companions.run,
            "companion statuses": self.companion_statuses.run,
        }
        for name, loop in loops.items():
            self._loops.append(asyncio.create_task(_keep(name, loop), name=name))

    def receive(self, plural: str, event: str | None, body: dict[str, Any]) -> None:
        """An event from Kopf. Never raises: one bad object stops nothing but itself (law 4)."""
        each([body], lambda _: self._receive(plural, event == "DELETED", body))

    def _receive(self, plural: str, deleted: bool, body: dict[str, Any]) -> None:
        meta = body["metadata"]
        key = Key(meta["namespace"], meta["name"])
        if plural == TASKS.plural:
            if deleted:
                self.tasks.gone(key, meta["uid"], self._clock.now())
            elif (task := self.tasks.seen(body, self._clock.now())) is not None:
                self.scheduler.set(task)
        elif plural == EXECUTIONS.plural:
            if deleted:
                self.adoption.execution_gone(key, Key(key.namespace, body["spec"]["taskRef"]["name"]))
            else:
                self.adoption.execution_seen(body)
        elif plural == PODS.plural:
            self.adoption.pod_seen(body, gone=deleted)
        elif (kind := kind_of(plural)) is not None:
            if deleted:
                self.companions.gone(kind, key, meta["uid"])
            else:
                self.companions.seen(kind, body)

    def _review(self, key: Key, place: int) -> None:
        """Something that a task names has changed."""
        if self.companions.complete:
            self.tasks.review_companions(key, place, self._clock.now())

    def problem(self) -> str:
        """Why this replica is not ready; empty where it is."""
        if not self.leadership.seen:
            return "the Lease has not been read yet"
        if self.leadership.holding and not self._taken_over:
            return "the index is being built"
        return ""

    def exposition(self) -> bytes:
        """The metrics as text."""
        return self.metrics.text(
            tasks=len(self.index.tasks), active=len(self.index.runs), leading=self.leadership.holding
        )

    def idle_seconds(self) -> float:
        """How long ago the scheduler's loop last came round."""
        return self._clock.monotonic() - self.scheduler.ticked_at

    def _won(self) -> None:
        self._writers.submit(self._take_over)

    async def _take_over(self) -> None:
        self.instants.inherited_claim = self.lease.inherited_through
        while self.leadership.holding:
            try:
                await self.truth.take_over()
            except Exception as error:
                # A shard that is held and not taken over would start nothing: whatever it was, try again.
                log.warning("the take-over has to wait", error=str(error), exc_info=not isinstance(error, KubeError))
                await asyncio.sleep(TAKE_OVER_AGAIN)
                continue
            self._taken_over = True
            self.gates.take_over()
            self.line.look_all()
            self.scheduler.allow()
            self.notifier.look_at_all()
            log.info("taken over", tasks=len(self.index.tasks), running=len(self.index.runs))
            return

    def _pause(self) -> None:
        self.scheduler.forbid()

    def _resume(self) -> None:
        if self._taken_over:
            self.scheduler.allow()

    def _lost(self) -> None:
        self.scheduler.forbid()
        self._taken_over = False
        self.adoption.leading = self.companions.complete = False
        self.line.leave()
        self.executions.leave()
        for queue in (
            self.records,
            self.statuses,
            self.companion_statuses,
            self.gates,
            self.sweeper,
            self.dependents,
            self.backfills,
            self.notifier,
        ):
            queue.forget_all()  # the new leader finds all of it by itself

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            if not self._taken_over:
                continue
            try:
                await self.truth.resync()
            except KubeError as error:
                log.warning("the resync has to wait", error=str(error))
            except Exception:
                log.exception("the resync failed")

    async def drain(self) -> None:
        """An orderly stop: starts nothing more, lets what is under way end, stores it, gives the Lease back."""
        self.backfills.rest()
        await self.scheduler.rest()
        await self.line.rest(5)
        if not await self._callers.idle(self.settings.drain_seconds):
            log.warning("calls are still under way and will be recorded as lost", calls=self._callers.under_way)
        await self._starters.idle(5)
        await self.notifier.rest()
        self.records.hurry()
        self.statuses.hurry()
        await self._writers.idle(5)
        try:
            await self.sweeper.sweep()
        finally:
            await self.leadership.release()

    async def close(self) -> None:
        """Ends loops, crews and connections."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for crew in (self._starters, self._callers, self._writers):
            await crew.close()
        await self.notifier.close()
        await self.http.close()
        await self.post.close()
        await self.api.close()


async def _keep(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Runs a loop until it ends or is cancelled itself; what is cancelled inside of it does not end it."""
    while True:
        try:
            await loop()
        except asyncio.CancelledError:
            if was_cancelled():
                raise
            log.warning("a loop was interrupted and goes on", loop=name)
        else:
            return


async def egress_policy(settings: Settings, connection: Connection, api: ApiClient) -> EgressPolicy:
    """The installation's policy; the API server's addresses, by name and behind its Service, are looked up once.

    A loopback address is not counted among them: loopback has a denial of its own, and who allows it
    (a cluster on the same machine) means the whole of it.
    """
    host = urlsplit(connection.server).hostname or ""
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    addresses = {ip_address(info[4][0]) for info in found} | await _endpoints(api)
    servers = [address for address in addresses if not address.is_loopback]
    return EgressPolicy.standard(allow=settings.egress_allow, deny=settings.egress_deny, api_servers=servers)


async def _endpoints(api: ApiClient) -> set[IPv4Address | IPv6Address]:
    """The addresses at which the API server itself listens."""
    try:
        found = await api.get(ENDPOINT_SLICES, "default", "kubernetes", within=10)
    except KubeError as error:
        log.warning("the API server's own addresses are not known, so HTTP actions may reach them", error=str(error))
        return set()
    return {ip_address(text) for each in found.get("endpoints") or () for text in each["addresses"]}
