"""Executions that wait for their turn (phase Queued): kept as objects, begun one by one.

`plan_line` says who may begin. What begins is claimed by a compare-and-swap on
its own object first (`claims`), so that a crash between the claim and the start
neither loses nor doubles it. There is a timer for each task that has something
waiting, and nothing for the others.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from crontask_core.ledger import at_once
from crontask_core.model import BY_SCHEDULE
from crontask_core.names import Key
from crontask_core.planning.line import LineObservation, LinePlan, Waiting, plan_line
from crontask_core.planning.observation import Closed
from crontask_core.planning.overlap import queue_limit
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError
from crontask_operator.claims import claim
from crontask_operator.executions import Executions
from crontask_operator.index import Index, Run, Task
from crontask_operator.records import Records
from crontask_operator.statuses import Statuses
from crontask_operator.workers import Workers

SOON = timedelta(milliseconds=50)
"""When to look again where a record is just being written."""
AGAIN = timedelta(seconds=1)
"""When to look again where the right to start, or the API server, is not there."""
LONGEST = timedelta(minutes=1)
HELD = timedelta(seconds=5)
"""When to look again where a freeze holds the line."""
MESSAGES = {
    "Overlap": "Waits until an earlier execution of the task has ended (concurrencyPolicy Queue).",
    "CatchUp": "Waits for its turn: missed instants are made up for one by one (missed.policy All).",
    "GroupLimit": "Waits until the limits of the task's group leave room.",
}
log = structlog.get_logger(__name__)


class Gate(Protocol):
    """The limits beyond the task's own: those of its group."""

    def admit(self, task: Task, run: Run) -> bool:
        """Whether the execution may begin now; it then counts as begun. Who is refused is looked at again
        (`Line.look`) when there is room."""
        ...

    def ended(self, run: Run) -> None:
        """The execution has ended, or will not begin."""
        ...


class Line:
    """The executions that wait, of all tasks."""

    def __init__(
        self,
        index: Index,
        api: ApiClient,
        clock: Clock,
        *,
        crew: Workers,
        executions: Executions,
        records: Records,
        statuses: Statuses,
        may_start: Callable[[], bool],
    ) -> None:
        self._index, self._api, self._clock = index, api, clock
        self._crew, self._executions, self._records, self._statuses = crew, executions, records, statuses
        self._may_start = may_start
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._caught_up_at: dict[Key, datetime] = {}
        self._resting = False
        self._claims = 0
        self._no_claims = asyncio.Event()
        self._no_claims.set()
        self.gate: Gate | None = None
        self.closed: Callable[[Task], Closed | None] = lambda task: None
        """See `Instants.closed`."""

    def admits(self, task: Task, run: Run) -> bool:
        """Whether an execution that is due may begin at once; one that may not waits, or is left out."""
        if self.admits_now(task, run):
            return True
        waiting = sum(other.phase == "Queued" for other in task.runs.values())
        if waiting < queue_limit(task.spec()):
            self.add(task, run, "GroupLimit")
        else:
            entry = at_once(run.scheduled_at, "Skipped", "Limit")
            task.tally.ledger = task.tally.ledger.record(entry, task.era())
            task.tally.left_out([entry])
            self.turn_away(run)
        return False

    def turn_away(self, run: Run) -> None:
        """An execution that the group has no room for does not wait either."""
        if self.gate is not None:
            self.gate.ended(run)

    def admits_now(self, task: Task, run: Run) -> bool:
        """Whether the task's group has room for the execution."""
        return self.gate is None or self.gate.admit(task, run)

    def add(self, task: Task, run: Run, reason: str) -> None:
        """An execution waits from now on; its object is made, or has been made by somebody."""
        if self._index.runs.get(run.key, run) is not run:
            log.error("the execution's name is taken", execution=str(run.key))
            return
        run.phase, run.reason, run.message = "Queued", reason, MESSAGES[reason]
        self._index.add_run(run)
        if run.trigger in BY_SCHEDULE:
            entry = at_once(run.scheduled_at, "Queued", reason)
            task.tally.ledger = task.tally.ledger.record(entry, task.era())
        if not run.stored:
            task.unsaved |= {run.scheduled_at}
            self._records.touch(run, 0)
        self._statuses.touch(task)
        self.look(task)

    def look(self, task: Task) -> None:
        """Something has changed for those that wait: they are looked at soon."""
        self._look_at(task, timedelta())

    def look_all(self) -> None:
        """After a take-over: looks at everything that an earlier leader left waiting."""
        self._resting = False
        for task in self._index.tasks.values():
            if any(run.phase == "Queued" for run in task.runs.values()):
                self.look(task)

    def changed(self, run: Run) -> None:
        """An execution has come to exist, or has ended."""
        task = self._index.tasks.get(run.task)
        if task is not None and task.key in self._timers:  # that is where something waits
            self.look(task)

    async def rest(self, seconds: float) -> None:
        """Begins nothing more (an orderly stop), and waits until what is claimed has begun."""
        self.leave()
        try:
            async with asyncio.timeout(seconds):
                await self._no_claims.wait()
        except TimeoutError:
            log.warning("claims are still under way", claims=self._claims)

    def leave(self) -> None:
        """This replica no longer leads, or is about to end."""
        self._resting = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._caught_up_at.clear()

    def _look_at(self, task: Task, wait: timedelta) -> None:
        timer = self._timers.pop(task.key, None)
        if timer is not None:
            timer.cancel()
        if not self._resting:
            # Wall time is turned into loop time at most a minute ahead, so that a clock step is noticed.
            seconds = min(max(wait.total_seconds(), 0.0), 60.0)
            self._timers[task.key] = asyncio.get_running_loop().call_later(seconds, self._advance, task)

    def _advance(self, task: Task) -> None:
        self._timers.pop(task.key, None)
        waiting = {run.key.name: run for run in task.runs.values() if run.phase == "Queued"}
        if self._index.tasks.get(task.key) is not task or not waiting:
            self._caught_up_at.pop(task.key, None)
            return
        if not self._may_start():
            self._look_at(task, AGAIN)
            return
        now = self._clock.now()
        held = self._held(task, now)
        plan = plan_line(self._observe(task, waiting, held), now)
        for name in plan.expired:
            self._expire(waiting[name])
        ready = [self._release(task, waiting[name], now) for name in plan.release]
        self._judge(task, plan, now)
        again = [plan.again_at - now] if plan.again_at is not None else []
        self._look_at(task, min([*again, SOON if not all(ready) else HELD if held else LONGEST]))

    def _observe(self, task: Task, waiting: dict[str, Run], held: bool) -> LineObservation:
        running = sum(run.phase != "Queued" and run.finished_at is None for run in task.runs.values())
        lined = tuple(Waiting(run.scheduled_at, name, run.trigger, run.stored) for name, run in waiting.items())
        return LineObservation(task.spec(), lined, running, held, self._caught_up_at.get(task.key))

    def _held(self, task: Task, now: datetime) -> bool:
        if task.paused or task.problem:
            return True
        until = task.spec().suspend_until
        if until is not None and now < until:
            return True
        closed = self.closed(task)
        return closed is not None and closed(now) in ("Frozen", "GroupSuspended")

    def _judge(self, task: Task, plan: LinePlan, now: datetime) -> None:
        """What waits for long makes the task late; its start says later how late it was."""
        if plan.late and task.tally.show_late(True, "Waiting", generation=task.generation, now=now):
            self._statuses.touch(task)

    def _expire(self, run: Run) -> None:
        why = "It waited for longer than startingDeadlineSeconds allows."
        self._executions.finish(run, "Cancelled", "Deadline", why)

    def _release(self, task: Task, run: Run, now: datetime) -> bool:
        """Begins an execution, unless its group has no room for it; False where its record has to be waited for."""
        if not self._records.quiet(run):
            return False
        if not self.admits_now(task, run):
            if run.reason != "GroupLimit":
                run.reason, run.message = "GroupLimit", MESSAGES["GroupLimit"]
                self._records.touch(run, 0)
            return True
        if run.trigger == "CatchUp":
            self._caught_up_at[task.key] = now
        if run.trigger in BY_SCHEDULE:
            run.spec_bytes = task.spec_bytes
        waited, run.reason, run.message = run.reason, "", ""
        run.phase = "Pending"
        self._claims += 1
        self._no_claims.clear()
        self._crew.submit(lambda: self._claim(task, run, waited))
        return True

    async def _claim(self, task: Task, run: Run, waited: str) -> None:
        try:
            claimed = await self._try_claim(run)
            if self._index.runs.get(run.key) is not run or run.finished_at is not None:
                return
            if claimed:
                self._executions.begin_claimed(run)
            else:
                run.phase, run.reason, run.message = "Queued", waited, MESSAGES.get(waited, "")
                self._look_at(task, AGAIN)
            self._statuses.touch(task)  # it runs now, or waits again
        finally:
            self._claims -= 1
            if not self._claims:
                self._no_claims.set()

    async def _try_claim(self, run: Run) -> bool:
        if self._resting or not self._may_start():
            return False
        try:
            await claim(self._api, run)
        except KubeError as error:
            log.warning("the execution cannot be begun yet", execution=str(run.key), error=str(error))
            return False
        return True
