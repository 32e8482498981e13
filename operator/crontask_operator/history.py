"""Hands to the sweeper what a task's history no longer needs."""

from crontask_core.history import surplus
from crontask_core.names import Key
from crontask_operator.index import Run, Task
from crontask_operator.sweeper import Sweeper


class Keeper:
    """Decides, after each durable write, what may go (the rule itself is `crontask_core.history`)."""

    def __init__(self, sweeper: Sweeper) -> None:
        self._sweeper = sweeper

    def run_stored(self, run: Run) -> None:
        """The execution's end is durable: its pods have served."""
        if any(attempt.pod for attempt in run.attempts):
            self._sweeper.pods_of(run.key)

    def status_stored(self, task: Task) -> None:
        """The task's watermark is durable: ended executions beyond the limits may go."""
        if not task.ended:
            return
        doomed = set(surplus(task.ended, task.spec().history))
        if doomed:
            task.ended = [ended for ended in task.ended if ended.name not in doomed]
            for name in doomed:
                self._sweeper.execution(Key(task.key.namespace, name))
