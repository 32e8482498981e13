"""A shard's parts and the wires between them; nothing runs here.

A part that tells another one of something holds a callable, which is set here:
so no part knows more of the others than it needs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crontask_core.names import Key
from crontask_core.sharding import Place
from crontask_core.validation import Setting
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.lease import ShardLease
from crontask_kube.leasewatch import LeaseWatch
from crontask_operator.accounts import Accounts
from crontask_operator.adoption import Adoption
from crontask_operator.backfills import Backfills
from crontask_operator.byhand import ByHand
from crontask_operator.channels.mail import MailChannel
from crontask_operator.channels.posts import PostChannel
from crontask_operator.companions import Companions
from crontask_operator.companionstatuses import CompanionStatuses
from crontask_operator.dependents import Dependents
from crontask_operator.elsewhere import Elsewhere
from crontask_operator.executions import Executions
from crontask_operator.executors.calls import HttpCalls
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.executors.pod import PodExecutor
from crontask_operator.farewell import Farewell
from crontask_operator.finishing import Finishing
from crontask_operator.gates import Gates
from crontask_operator.history import Keeper
from crontask_operator.index import Index, Run
from crontask_operator.instants import Instants
from crontask_operator.line import Line
from crontask_operator.lists import Lists
from crontask_operator.metrics import Metrics
from crontask_operator.notices import Notices
from crontask_operator.notifier import Notifier
from crontask_operator.openpods import OpenPods
from crontask_operator.parts import Places
from crontask_operator.recorder import Recorder
from crontask_operator.records import Records
from crontask_operator.resync import Resync
from crontask_operator.review import Reviewer
from crontask_operator.scheduler import Scheduler
from crontask_operator.settings import Settings
from crontask_operator.statuses import Statuses
from crontask_operator.sweeper import Sweeper
from crontask_operator.takeover import TakeOver
from crontask_operator.tasks import Tasks
from crontask_operator.workers import Crew, Workers, any_waits


@dataclass(frozen=True, slots=True)
class Shared:
    """What the shards of one replica have in common: clients and crews, so that its limits hold for all of them."""

    settings: Settings
    clock: Clock
    identity: str
    metrics: Metrics
    api: ApiClient
    http: HttpExecutor
    """Makes the calls of tasks; `post` those of notifications, so that neither waits for the other."""
    post: HttpExecutor
    starters: Crew
    callers: Crew
    writers: Crew
    couriers: Crew
    """Send notices."""
    lease_watch: LeaseWatch


class Wiring:
    """The parts of a shard, and who tells whom of what. `Shard` brings them to life."""

    def __init__(self, shared: Shared, place: Place, leads: Callable[[], bool]) -> None:
        """`place` says which namespaces are the shard's; `leads` tells whether this replica holds it."""
        settings, clock, identity = shared.settings, shared.clock, shared.identity
        self.settings, self.place, self.clock, self._leads = settings, place, clock, leads
        self.metrics, self.api, self.http, self.post = shared.metrics, shared.api, shared.http, shared.post
        self.index = Index()
        self.lease = ShardLease(
            self.api,
            namespace=settings.lease_namespace,
            name=place.lease,
            identity=identity,
            clock=clock,
            shards=place.shards,
            duration_seconds=settings.lease_seconds,
        )
        self.starters, self.callers = Workers(shared.starters), Workers(shared.callers)
        self.writers, self._couriers = Workers(shared.writers), Workers(shared.couriers)
        self.taken_over = False
        """Whether it knows everything that an earlier leader has left."""
        self._wire(identity)

    def _wire(self, identity: str) -> None:
        settings, index, clock = self.settings, self.index, self.clock
        zone = settings.default_time_zone
        holds, starts_wait = self.lease.valid, any_waits(self.starters, self.callers)
        self.records = Records(self.api, self.writers, holds, starts_wait)
        self.statuses = Statuses(self.api, index, self.writers, self._leads, self._knows, starts_wait)
        self.sweeper = Sweeper(self.api, self._knows)
        self.keeper = keeper = Keeper(index, clock, self.sweeper)
        self.sweeper.before_sweep = keeper.expire
        recorder = Recorder(self.api, self.writers, identity, holds)
        notices = Notices(recorder, self.statuses.touch)
        setting = Setting(zone, Key(settings.lease_namespace, settings.service_account))
        self.companions = Companions(zone)
        self.companions.review = self._review
        self.statuses.closed = self.companions.closures
        self.companions.on_problem = lambda kind, key, uid, problem: recorder.unusable(
            kind, key, uid, problem, clock.now()
        )
        self.companion_statuses = CompanionStatuses(
            self.api, self.companions, index, clock, crew=self.writers, may_write=holds
        )
        self.finishing = Finishing(self.api, clock, self.writers)
        self.executions = Executions(
            index,
            clock,
            records=self.records,
            metrics=self.metrics,
            places=Places(setting, self.companions.target),
            finishing=self.finishing,
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
        self.by_hand = by_hand = ByHand(
            index,
            self.api,
            clock,
            crew=self.writers,
            executions=self.executions,
            line=self.line,
            tasks=self.tasks,
            leads=self._leads,
        )
        self.dependents = Dependents(
            index,
            self.api,
            clock,
            crew=self.writers,
            statuses=self.statuses,
            recorder=recorder,
            accept=by_hand.accept,
            leads=self._leads,
        )
        self.backfills = Backfills(
            index,
            self.api,
            clock,
            crew=self.writers,
            executions=self.executions,
            by_hand=by_hand,
            records=self.records,
            leads=self._leads,
            closed=self.line.closed,
        )
        farewell = Farewell(
            self.api,
            index,
            clock,
            crew=self.writers,
            recorder=recorder,
            leads=self._leads,
            is_needed=self.backfills.of_task,
        )
        by_hand.still_wanted, self.records.on_progress = self.backfills.children.wants, self.backfills.progress
        self.elsewhere = Elsewhere(index, self.api, clock, self.writers, self.executions)
        self.elsewhere.on_over = self.lease.forget_finishing
        self.executions.on_stop_elsewhere = self.elsewhere.stop
        self.adoption = Adoption(
            index,
            clock,
            self.executions,
            by_hand,
            self.backfills,
            self.dependents,
            self.sweeper,
            keeper,
            self.elsewhere,
        )
        self._wire_reading(farewell)
        keeper.holders += (self.dependents.holds, self.backfills.children.holds)
        self.executions.on_ended = self.finishing.on_ended = self.dependents.ended
        self._wire_records(accounts, keeper)
        self.statuses.on_stored += [
            keeper.status_stored,
            self.notifier.status_stored,
            lambda task, _: farewell.consider(task),
        ]
        common: dict[str, Any] = {"reports": self.executions, "may_send": holds, "default_zone": zone}
        self.executions.executors = {
            "pod": PodExecutor(self.api, clock, starters=self.starters, others=self.writers, **common),
            "http": HttpCalls(self.api, clock, self.http, callers=self.callers, records=self.records, **common),
        }

    def _knows(self) -> bool:
        """Whether the shard is ours, and all is known that an earlier leader has left."""
        return self.taken_over and self.lease.valid()

    def _wire_reading(self, farewell: Farewell) -> None:
        """What is read besides the watches: all at a take-over, and what no event has told."""
        settings, index, clock = self.settings, self.index, self.clock
        lists = Lists(self.api, settings.namespaces, self.place.holds)
        common: dict[str, Any] = {
            "companions": self.companions,
            "tasks": self.tasks,
            "adoption": self.adoption,
            "open_pods": OpenPods(self.api, index, self.adoption),
            "place": self.scheduler.set,
        }
        self.take_over = TakeOver(lists, index, clock, farewell=farewell, **common)
        self.resync = Resync(self.api, lists, index, clock, **common)

    def _wire_records(self, accounts: Accounts, keeper: Keeper) -> None:
        """Who is told what has become durable of an execution."""
        self.records.on_given_up += [self.executions.unrecorded, accounts.unrecorded]
        self.records.on_recorded.append(accounts.recorded)
        self.records.on_stored.append(accounts.stored)
        self.records.on_stored.append(self.dependents.stored)
        self.records.on_stored.append(self.backfills.stored)
        self.records.on_stored.append(keeper.run_stored)

    def _notifier(self, recorder: Recorder) -> Notifier:
        made = Notifier(
            self.index,
            self.api,
            self.clock,
            recorder=recorder,
            metrics=self.metrics,
            touch=self.statuses.touch,
            may_send=self.lease.valid,
            default_zone=self.settings.default_time_zone,
            crew=self._couriers,
        )
        post = PostChannel(self.api, self.post, self.lease.valid)
        mail = MailChannel(self.api, self.clock, self.post.permitted, self.lease.valid)
        made.channels = {"webhook": post, "slack": post, "email": mail}
        return made

    def _wire_instants(self, recorder: Recorder, accounts: Accounts, notices: Notices) -> None:
        """From a due instant to a start, at once or when its turn comes."""
        self.line = Line(
            self.index,
            self.api,
            self.clock,
            crew=self.writers,
            executions=self.executions,
            records=self.records,
            statuses=self.statuses,
            may_start=self._knows,
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
        self.gates = Gates(self.companions, self.index, self.clock)
        self.gates.on_room = self.line.look
        self.line.gate = self.gates
        self.companions.on_moved = self.gates.moved
        self.companions.on_group = self.companion_statuses.on_thawed = self.gates.changed
        self.index.on_removed = self.gates.ended
        self.instants.closed = self.line.closed = lambda task: self.companions.closures(task.key)
        self.instants.revision = self.companions.revision_for
        self.scheduler = Scheduler(self.index, self.tasks, self.instants, self.lease, self.clock, self.metrics)
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

    def _review(self, key: Key, place: int) -> None:
        """Something that a task names has changed."""
        if self.companions.complete:
            self.tasks.review_companions(key, place, self.clock.now())
