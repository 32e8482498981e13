"""Tasks that run after others: who follows whom, and who would follow itself.

`Dependencies` is a value that is kept up to date, task by task; only tasks with
`spec.after` are in it. An end that was wanted (Cancelled) starts nobody.
"""

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from crontask_core.errors import FieldError
from crontask_core.model import Phase
from crontask_core.model.base import ConditionStatus
from crontask_core.model.timing import After, End
from crontask_core.names import Key

ENDS: dict[End, frozenset[Phase]] = {
    "Success": frozenset({"Succeeded"}),
    "Failure": frozenset({"Failed", "Lost"}),
    "Completion": frozenset({"Succeeded", "Failed", "Lost"}),
}
"""The phases that each `when` stands for."""


class Dependencies:
    """Who runs after whom. A task is a child of each task that it names in `after`; those need not exist."""

    def __init__(self) -> None:
        self._parents: dict[Key, dict[Key, End]] = {}
        self._children: dict[Key, dict[Key, None]] = {}

    def put(self, child: Key, after: Iterable[After]) -> None:
        """The task runs after these tasks of its namespace from now on, and after no others."""
        for parent in self._parents.pop(child, {}):
            left = self._children[parent]
            del left[child]
            if not left:
                del self._children[parent]
        parents = _parents_of(child, after)
        if parents:
            self._parents[child] = parents
        for parent in parents:
            self._children.setdefault(parent, {})[child] = None

    def parents(self, child: Key) -> tuple[Key, ...]:
        """The tasks that the task runs after."""
        return tuple(self._parents.get(child, ()))

    def children(self, parent: Key) -> tuple[Key, ...]:
        """The tasks that run after the task, in whatever way it ends."""
        return tuple(self._children.get(parent, ()))

    def followers(self, parent: Key, phase: Phase) -> list[Key]:
        """The tasks that run because an execution of `parent` has ended so, by name."""
        return sorted(child for child in self.children(parent) if phase in ENDS[self._parents[child][parent]])

    def circle(self, task: Key) -> tuple[Key, ...]:
        """The shortest way from the task back to itself, each one a parent of the next; empty where there is none.

        The task is the first of it and the last.
        """
        if task not in self._children or task not in self._parents:
            return ()
        return _circle(task, self._parents)

    def circle_with(self, task: Key, after: Iterable[After]) -> tuple[Key, ...]:
        """As `circle`, if the task ran after these and no others; nothing is changed."""
        parents: ChainMap[Key, dict[Key, End]] = ChainMap({task: _parents_of(task, after)}, self._parents)
        return _circle(task, parents)

    def entangled(self, task: Key) -> set[Key]:
        """The tasks that share a circle with the task, itself included; empty where it is in none."""
        if not self.circle(task):
            return set()
        above = {parent for parent, _ in _walk(task, self._parents)}
        return {child for child, _ in _walk(task, self._children) if child in above}


def _parents_of(child: Key, after: Iterable[After]) -> dict[Key, End]:
    return {Key(child.namespace, each.task): each.end for each in after}


def _circle(task: Key, parents: Mapping[Key, Iterable[Key]]) -> tuple[Key, ...]:
    came: dict[Key, Key] = {}
    for parent, child in _walk(task, parents):
        came.setdefault(parent, child)
        if parent == task:
            return _way(task, came)
    return ()


def _way(task: Key, came: Mapping[Key, Key]) -> tuple[Key, ...]:
    way = [task, came[task]]
    while way[-1] != task:
        way.append(came[way[-1]])
    return tuple(way)


def _walk(start: Key, steps: Mapping[Key, Iterable[Key]]) -> Iterator[tuple[Key, Key]]:
    """Everything that is reached from `start`, each with the one before it, the near ones first."""
    ahead, seen = [start], {start}
    for here in ahead:  # (grows while it is read)
        for there in steps.get(here, ()):
            yield there, here
            if there not in seen:
                seen.add(there)
                ahead.append(there)


def circle_error(circle: Sequence[Key]) -> FieldError:
    """What is wrong with a task that would follow itself. `circle` begins and ends with it."""
    way = " -> ".join(key.name for key in circle)
    problem = f"makes the task run after itself ({way}, each runs when the one before it has ended)"
    return FieldError("spec.after", circle[-2].name, problem, "take one of these out of the other's spec.after")


def waiting_for(parents: Sequence[str], missing: Collection[str]) -> tuple[ConditionStatus, str, str]:
    """The condition Scheduled of a task that has nothing to come but the ends of others: status, reason, message."""
    absent = [name for name in parents if name in missing]
    told = f"spec.after: there is no CronTask {', '.join(absent)} in this namespace; create it, or correct spec.after."
    if len(absent) == len(parents):
        return "False", "ParentNotFound", told
    ends = f"Runs when an execution of {', '.join(name for name in parents if name not in missing)} has ended."
    return "True", "After", f"{ends} {told}" if absent else ends
