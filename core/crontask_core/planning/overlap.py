"""Who may begin while other executions of the same task run or wait: `concurrencyPolicy` and its limits."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from crontask_core.ledger import Entry, at_once
from crontask_core.model import TaskSpec, Trigger
from crontask_core.model.task import DEFAULT_QUEUE_LIMIT


class Start(NamedTuple):
    """An instant to be started, now or when its turn comes."""

    scheduled_at: datetime
    trigger: Trigger


class Load(NamedTuple):
    """What a task has under way."""

    active: tuple[str, ...] = ()
    """Names of the executions that have begun and not ended, oldest first."""
    waiting: int = 0
    """Executions that wait for their turn."""
    catching_up: int = 0
    """Those among them that make up for missed instants; they have a limit of their own."""


IDLE = Load()


@dataclass(frozen=True, slots=True)
class Room:
    """What may begin, what waits, what is stopped for it; and the outcome of each instant."""

    starts: tuple[Start, ...] = ()
    queued: tuple[Start, ...] = ()
    stops: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


def concurrency_limit(spec: TaskSpec) -> int | None:
    """How many executions may run at once; None for any number."""
    return None if spec.concurrency_policy == "Allow" else spec.concurrency_limit or 1


def queue_limit(spec: TaskSpec) -> int:
    """How many executions may wait, those that make up for missed instants aside."""
    return spec.queue_limit or DEFAULT_QUEUE_LIMIT


def make_room(spec: TaskSpec, starts: list[Start], line: list[Start], load: Load) -> Room:
    """Applies the policy to what is due (`starts`, oldest first) and to what is made up for one by one (`line`)."""
    queued = [at_once(start.scheduled_at, "Queued", "CatchUp") for start in line]
    if not starts:
        return Room(queued=tuple(line), entries=tuple(queued)) if line else _NOTHING
    begin, wait, stops = starts, list[Start](), load.active[:0]
    limit = concurrency_limit(spec)
    if limit is not None and spec.concurrency_policy == "Replace":
        # Of several instants due at once only the last would survive: the others are not even begun.
        begin = starts[-limit:]
        stops = load.active[: max(0, len(load.active) + len(begin) - limit)]
    elif limit is not None and spec.concurrency_policy == "Queue":
        begin = starts[: max(0, limit - len(load.active))] if not load.waiting and not line else []
        wait = starts[len(begin) :][: max(0, queue_limit(spec) - load.waiting + load.catching_up)]
    elif limit is not None:
        # What waits is active as well, except for what is made up for: that waits for room in any case.
        begin = starts[: max(0, limit - len(load.active) - load.waiting + load.catching_up)]
    taken = {start.scheduled_at for start in (*begin, *wait)}
    reason = "Limit" if spec.concurrency_policy == "Queue" else "Overlap"
    entries = [
        *queued,
        *(at_once(at, "Late", "CatchUp") if why == "CatchUp" else at_once(at, "Started") for at, why in begin),
        *(at_once(at, "Queued", "CatchUp" if why == "CatchUp" else "Overlap") for at, why in wait),
        *(at_once(start.scheduled_at, "Skipped", reason) for start in starts if start.scheduled_at not in taken),
    ]
    return Room(tuple(begin), (*line, *wait), stops, tuple(entries))


_NOTHING = Room()
