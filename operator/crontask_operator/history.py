"""Hands to the sweeper what history no longer needs: too many, too old, or without a task.

The rules are `crontask_core.history`. One heap holds when the next execution of a
task, or a stray one, expires; it has entries only for tasks with `ttlSeconds` and
for strays. An entry that no longer fits is dropped when its time comes.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from heapq import heappop, heappush

from pydantic import ValidationError

from crontask_core.history import Ended, next_expiry, surplus
from crontask_core.model import History
from crontask_core.names import Key
from crontask_kube.clock import Clock
from crontask_operator.index import Index, Run, Stray, Task
from crontask_operator.sweeper import Sweeper

AGAIN = timedelta(seconds=2)
"""After which time to look again at what is to go and is still held."""


class Keeper:
    """Decides, after each durable write and as time passes, what may go."""

    def __init__(self, index: Index, clock: Clock, sweeper: Sweeper) -> None:
        self._index, self._clock, self._sweeper = index, clock, sweeper
        self.holders: list[Callable[[Key], bool]] = []
        """They say of an execution whether its record must stay, because something to come depends on it."""
        self._heap: list[tuple[datetime, Key, bool]] = []
        """When to look again at a task, or (True) at a stray execution."""
        self._next: dict[Key, datetime] = {}
        """The earliest entry of each task in the heap, so that there are not many."""
        self._given: dict[Key, tuple[Task, Ended]] = {}
        """What was given to the sweeper and is still there."""

    def run_stored(self, run: Run) -> None:
        """The execution's end is durable: its pods have served."""
        if any(attempt.pod for attempt in run.attempts):
            self._sweeper.pods_of(run.key)
        task = self._index.tasks.get(run.task)
        if task is None or task.uid != run.uid:
            self.stray(run.key.namespace, run.task, run.uid, run.as_ended())

    def status_stored(self, task: Task, told_of: Iterable[Ended]) -> None:
        """The task's status is durable, and tells of these executions: they may go when it is time."""
        for ended in told_of:
            ended.counted = True
        self.look(task)

    def look(self, task: Task) -> None:
        """Gives away what the task does not keep, and notes when to look again."""
        if not task.ended:
            return
        limits, now = _limits(task), self._clock.now()
        waiting = task.tally.outbox.executions() if task.tally.outbox else ()
        free = [
            ended
            for ended in task.ended
            if ended.name not in waiting and not self._is_held(Key(task.key.namespace, ended.name))
        ]
        doomed = set(surplus(free, limits, now))
        if doomed:
            for ended in (ended for ended in task.ended if ended.name in doomed):
                execution = Key(task.key.namespace, ended.name)
                self._given[execution] = task, ended
                self._sweeper.execution(execution)
            task.ended = tuple(ended for ended in task.ended if ended.name not in doomed)
        at = next_expiry((ended for ended in task.ended if ended.counted), limits)
        if at is None:
            return
        at, planned = max(at, now + AGAIN), self._next.get(task.key)
        if planned is None or at < planned:
            self._next[task.key] = at
            heappush(self._heap, (at, task.key, False))

    def _is_held(self, execution: Key) -> bool:
        return any(holds(execution) for holds in self.holders)

    def given(self) -> set[Key]:
        """What was given to the sweeper and is still there, as far as is known."""
        return set(self._given)

    def execution_gone(self, execution: Key) -> None:
        """It exists no more."""
        self._given.pop(execution, None)

    def leave(self) -> None:
        """This replica no longer leads: what was to go is there until its successor's deletion is told."""
        for given, ended in self._given.values():
            task = self._index.tasks.get(given.key)
            if task is not None and task.uid == given.uid and all(each.name != ended.name for each in task.ended):
                task.ended = (ended, *task.ended)
        self._given.clear()

    def task_gone(self, task: Task) -> None:
        """The task is deleted; its executions go with it, save those that outlive it."""
        for ended in task.ended:
            self.stray(task.key.namespace, task.key, task.uid, ended)

    def stray(self, namespace: str, task: Key, uid: str, ended: Ended) -> None:
        """An execution has ended, and its task is gone."""
        if ended.kept_seconds is None:
            return  # the garbage collector takes it
        key = Key(namespace, ended.name)
        expires_at = ended.finished_at + timedelta(seconds=ended.kept_seconds)
        if key not in self._index.strays:
            self._index.strays[key] = Stray(task, uid, expires_at)
            heappush(self._heap, (expires_at, key, True))

    def expire(self) -> None:
        """Gives away what is too old by now; called again and again while this replica leads."""
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            at, key, is_stray = heappop(self._heap)
            if is_stray:
                self._expire_stray(key, at)
                continue
            if self._next.get(key) == at:
                del self._next[key]
            task = self._index.tasks.get(key)
            if task is not None:
                self.look(task)

    def _expire_stray(self, key: Key, at: datetime) -> None:
        stray = self._index.strays.get(key)
        if stray is None or stray.expires_at != at:
            return
        task = self._index.tasks.get(stray.task)
        if task is not None and task.uid == stray.uid:
            del self._index.strays[key]
            return
        if not self._is_held(key):
            self._sweeper.execution(key)  # it stays known until its deletion is told
        self._index.strays[key] = stray._replace(expires_at=self._clock.now() + AGAIN)
        heappush(self._heap, (self._index.strays[key].expires_at, key, True))


def _limits(task: Task) -> History:
    """The task's limits, or the standard ones where its spec cannot be read."""
    try:
        return task.spec().history
    except ValidationError:
        return History()
