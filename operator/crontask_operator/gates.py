"""The gate of each group: who holds a place of it, when the latest ones began, and who waits before it.

Every start of a task in a group asks `admit`, which never waits and never counts
twice. Who is refused is remembered with its instant; when a place or a second is
free, `planning.group` says whose turn it is, and their tasks' lines are told to
ask again (`on_room`). Who does not ask then (its task is paused meanwhile, say)
loses nothing but this turn. All of it is made anew from the index at a take-over.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from crontask_core.model import GroupSpec
from crontask_core.names import Key
from crontask_core.planning.group import Limits, Waiting, admit, limits_of
from crontask_kube.clock import Clock
from crontask_operator.companions import Companions
from crontask_operator.index import Index, Run, Task

BY_HAND = ("Manual", "Backfill")
SILENT = 0.5
"""Seconds after which whoever was told of room and did not ask is passed over."""
SHORTEST = 0.001
UNKNOWN = 1.0
"""Seconds after a take-over, or an edit of the group, in which nothing begins under `startsPerSecond`: what began
right before may not be recorded."""


@dataclass(slots=True, eq=False)
class Gate:
    """One group's."""

    opened_at: float
    """Since when all starts are known."""
    inside: dict[Key, Key] = field(default_factory=dict)
    """The executions that hold a place, and their tasks."""
    counts: dict[Key, int] = field(default_factory=dict)
    """How many of each task."""
    starts: deque[float] = field(default_factory=deque)
    """When the latest ones began, as far as the rate needs it."""
    waiting: dict[Key, Waiting] = field(default_factory=dict)
    turn: set[Key] = field(default_factory=set)
    """Those of `waiting` that were told of room and have not asked yet."""
    timer: asyncio.TimerHandle | None = None
    """When to look at those that wait; None while only an end can change something."""

    def enter(self, execution: Key, task: Key) -> None:
        """An execution takes a place."""
        self.waiting.pop(execution, None)
        self.turn.discard(execution)
        self.inside[execution] = task
        self.counts[task] = self.counts.get(task, 0) + 1

    def leave(self, execution: Key) -> None:
        """An execution is over, or does not wait any more."""
        self.waiting.pop(execution, None)
        self.turn.discard(execution)
        task = self.inside.pop(execution, None)
        if task is not None:
            self.counts[task] -= 1
            if not self.counts[task]:
                del self.counts[task]

    def room(self, limits: Limits, now: float) -> float:
        """How many may begin at `now`."""
        places = inf if limits.concurrency is None else limits.concurrency - len(self.inside)
        if limits.starts_per_second is None:
            return places
        if self.unknown(limits, now) > 0:
            return 0
        while self.starts and now - self.starts[0] >= limits.window:
            self.starts.popleft()
        return min(places, limits.burst - len(self.starts))

    def others(self, execution: Key, limits: Limits) -> int:
        """How many besides this one wait and could begin."""
        if limits.held:
            return sum(each.by_hand and each.execution != execution for each in self.waiting.values())
        return len(self.waiting) - (execution in self.waiting)

    def unknown(self, limits: Limits, now: float) -> float:
        """For how many seconds starts may still count that nobody knows of; see `UNKNOWN`."""
        return min(UNKNOWN, limits.window) - (now - self.opened_at)

    def started(self, limits: Limits, at: float) -> None:
        """Counts a start for the rate."""
        self.starts.append(at)
        while len(self.starts) > limits.burst:
            self.starts.popleft()


class Gates:
    """The gates of all groups."""

    def __init__(self, companions: Companions, index: Index, clock: Clock) -> None:
        self._companions, self._index, self._clock = companions, index, clock
        self._gates: dict[Key, Gate] = {}
        self._group_of: dict[Key, Key] = {}
        """The group of each execution that holds a place or waits for one."""
        self._opened_at: float | None = None
        """When all that runs had been counted; None before that."""
        self.on_room: Callable[[Task], None] = lambda task: None
        """Called with a task whose waiting execution may ask again."""

    def admit(self, task: Task, run: Run) -> bool:
        """Whether an execution may begin now; it then holds a place until `ended`. Who is refused waits."""
        group = self._companions.group_of(task.key)
        spec = self._companions.group(group) if group is not None else None
        if group is None or spec is None:
            return True
        gate, limits, now = self._gate(group), self._limits(group, spec), self._clock.monotonic()
        if run.key in gate.inside:
            return True
        self._group_of[run.key] = group
        if self._opened_at is not None and (_by_hand(run) or not limits.held):
            room = gate.room(limits, now)
            if room > 0 and (run.key in gate.turn or room > gate.others(run.key, limits)):
                gate.enter(run.key, task.key)
                gate.started(limits, now)
                return True
        gate.waiting[run.key] = Waiting(run.key, run.task, run.scheduled_at, _by_hand(run))
        if gate.timer is None:
            self._look(group, SHORTEST)
        return False

    def ended(self, run: Run) -> None:
        """An execution has ended, or will not begin."""
        group = self._group_of.pop(run.key, None)
        if group is not None:
            self._gates[group].leave(run.key)
            self._look(group, 0.0)

    def changed(self, group: Key) -> None:
        """The group was edited, or is no longer frozen."""
        if group in self._gates:
            self._gates[group].opened_at = self._clock.monotonic()
            self._look(group, 0.0)

    def moved(self, task_key: Key) -> None:
        """The task names another group than before: what runs of it counts there from now on."""
        task = self._index.tasks.get(task_key)
        for run in list(task.runs.values()) if task is not None else ():
            self.ended(run)
            self._count(run)

    def take_over(self) -> None:
        """Counts what an earlier leader has begun; before that nothing is admitted."""
        for run in sorted(self._index.runs.values(), key=lambda run: run.started_at or self._clock.now()):
            self._count(run)
        self._opened_at = self._clock.monotonic()
        for group, gate in self._gates.items():
            gate.opened_at = self._opened_at
            self._look(group, 0.0)

    def forget_all(self) -> None:
        """This replica no longer leads."""
        for gate in self._gates.values():
            if gate.timer is not None:
                gate.timer.cancel()
        self._gates.clear()
        self._group_of.clear()
        self._opened_at = None

    def _count(self, run: Run) -> None:
        """Lets an execution that has begun already hold its place."""
        group = self._companions.group_of(run.task)
        spec = self._companions.group(group) if group is not None else None
        if group is None or spec is None or run.finished_at is not None or run.phase in ("Pending", "Queued"):
            return
        ago = (self._clock.now() - run.started_at).total_seconds() if run.started_at is not None else 0.0
        gate = self._gate(group)
        gate.enter(run.key, run.task)
        gate.started(self._limits(group, spec), self._clock.monotonic() - max(0.0, ago))
        self._group_of[run.key] = group

    def _gate(self, group: Key) -> Gate:
        gate = self._gates.get(group)
        if gate is None:
            gate = self._gates[group] = Gate(self._opened_at or 0.0)
        return gate

    def _limits(self, group: Key, spec: GroupSpec) -> Limits:
        return limits_of(spec, held=self._companions.held(group, self._clock.now()))

    def _look(self, group: Key, seconds: float) -> None:
        gate = self._gates[group]
        if gate.timer is not None:
            gate.timer.cancel()
        gate.timer = asyncio.get_running_loop().call_later(seconds, self._advance, group)

    def _advance(self, group: Key) -> None:
        """Says whose turn it is."""
        gate, spec = self._gates[group], self._companions.group(group)
        gate.timer = None
        if self._opened_at is None or spec is None or not gate.waiting:
            return
        limits, now = self._limits(group, spec), self._clock.monotonic()
        unknown = gate.unknown(limits, now) if limits.starts_per_second is not None else 0.0
        if unknown > 0:
            self._look(group, unknown)
            return
        chosen, again_in = admit(limits, gate.counts, gate.starts, gate.waiting.values(), now)
        told = [each for each in chosen if each.execution not in gate.turn]
        gate.turn = {each.execution for each in chosen}
        if again_in is not None:
            self._look(group, max(again_in, SHORTEST))
        if told:
            asyncio.get_running_loop().call_later(SILENT, self._pass_over, group, {each.execution for each in told})
        for each in told:
            if (task := self._index.tasks.get(each.task)) is not None:
                self.on_room(task)

    def _pass_over(self, group: Key, told: set[Key]) -> None:
        """Those that were told of room and have not asked make way for others; they wait again once they ask."""
        gate = self._gates.get(group)
        silent = told & gate.turn if gate is not None else set[Key]()
        if gate is not None and silent:
            for execution in silent:
                gate.leave(execution)
                self._group_of.pop(execution, None)
            self._look(group, 0.0)


def _by_hand(run: Run) -> bool:
    return run.trigger in BY_HAND
