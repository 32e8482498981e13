"""Hands to the sweeper what a task's history no longer needs."""

from collections.abc import Callable

from crontask_core.history import surplus
from crontask_core.names import Key
from crontask_operator.index import Run, Task
from crontask_operator.sweeper import Sweeper


class Keeper:
    """Decides, after each durable write, what may go (the rule itself is `crontask_core.history`)."""

    def __init__(self, sweeper: Sweeper, *holders: Callable[[Key], bool]) -> None:
        """`holders` say of an execution whether its record must stay, because something to come depends on it."""
        self._sweeper, self._holders = sweeper, holders

    def run_stored(self, run: Run) -> None:
        """The execution's end is durable: its pods have served."""
        if any(attempt.pod for attempt in run.attempts):
            self._sweeper.pods_of(run.key)

    def status_stored(self, task: Task) -> None:
        """The task's watermark is durable: ended executions beyond the limits may go."""
        if not task.ended:
            return
        free = [ended for ended in task.ended if not self._is_held(Key(task.key.namespace, ended.name))]
        doomed = set(surplus(free, task.spec().history))
        if doomed:
            task.ended = [ended for ended in task.ended if ended.name not in doomed]
            for name in doomed:
                self._sweeper.execution(Key(task.key.namespace, name))

    def _is_held(self, execution: Key) -> bool:
        return any(holds(execution) for holds in self._holders)
