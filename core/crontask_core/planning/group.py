"""Who of a group may begin now: the group's limits hold exactly, and no task starves.

An execution that begins takes one of `concurrencyLimit` places until it ends, and
counts for `startsPerSecond`: in any `Limits.window` at most `Limits.burst` begin,
which is at most `ceil(startsPerSecond)` in any second and `startsPerSecond` on
average. Of those that wait, the task with the fewest active executions comes
first, and of tasks with equally many the one whose execution waits longest.
Times are seconds of one monotonic clock, so that a step of the wall clock changes
nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from math import ceil
from typing import NamedTuple

from crontask_core.model import GroupSpec
from crontask_core.names import Key


@dataclass(frozen=True, slots=True)
class Limits:
    """What a group allows; None is no limit."""

    concurrency: int | None = None
    starts_per_second: float | None = None
    held: bool = False
    """Whether the group is suspended or frozen: then only what somebody asked for by hand begins."""

    @property
    def burst(self) -> int:
        """How many may begin at one moment."""
        return ceil(self.starts_per_second or 0)

    @property
    def window(self) -> float:
        """The seconds in which no more than `burst` begin; 1 where `startsPerSecond` is a whole number."""
        return self.burst / self.starts_per_second if self.starts_per_second else 0.0


def limits_of(spec: GroupSpec, *, held: bool) -> Limits:
    """The limits that a group's spec states."""
    return Limits(spec.concurrency_limit, spec.starts_per_second, held)


class Waiting(NamedTuple):
    """An execution that its own task would let begin."""

    execution: Key
    task: Key
    since: datetime
    """What tells who waits longest: its instant, or the moment at which somebody asked for it."""
    by_hand: bool = False


class Admission(NamedTuple):
    """Who may begin, in this order, and in how many seconds to look again where nothing else tells before."""

    admitted: tuple[Waiting, ...] = ()
    again_in: float | None = None


def admit(
    limits: Limits, active: Mapping[Key, int], starts: Sequence[float], waiting: Iterable[Waiting], now: float
) -> Admission:
    """Whom of `waiting` the group lets begin at `now`.

    `active` tells how many executions of each task run, `starts` when the latest ones began (oldest first; no more
    than `limits.burst` of them are looked at).
    """
    asking = [each for each in waiting if each.by_hand or not limits.held]
    if not asking:
        return Admission()
    places = len(asking) if limits.concurrency is None else max(0, limits.concurrency - sum(active.values()))
    recent = [at for at in starts if now - at < limits.window]
    tokens = len(asking) if limits.starts_per_second is None else max(0, limits.burst - len(recent))
    admitted = _fairly(asking, active, min(places, tokens))
    if len(admitted) == len(asking) or places <= tokens:
        return Admission(admitted)  # an end tells when there is room again
    latest = [*recent, *[now] * len(admitted)][-limits.burst :]
    return Admission(admitted, limits.window - (now - latest[0]))


def _fairly(asking: list[Waiting], active: Mapping[Key, int], free: int) -> tuple[Waiting, ...]:
    """The first `free` of them: fewest active first, then longest waiting, then by name."""
    if free <= 0:
        return ()
    lines: dict[Key, list[Waiting]] = {}
    for each in sorted(asking, key=lambda each: (each.since, each.execution), reverse=True):
        lines.setdefault(each.task, []).append(each)
    heads = [(active.get(task, 0), line[-1].since, line[-1].execution, task) for task, line in lines.items()]
    heapify(heads)
    admitted: list[Waiting] = []
    while heads and len(admitted) < free:
        count, _, _, task = heads[0]
        line = lines[task]
        admitted.append(line.pop())
        if line:
            heapreplace(heads, (count + 1, line[-1].since, line[-1].execution, task))
        else:
            heappop(heads)
    return tuple(admitted)
