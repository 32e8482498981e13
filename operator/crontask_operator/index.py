"""What the operator knows: one small record for each task, each running execution, each ended one.

Everything here can be rebuilt from the API server (law 5). The records are slim
on purpose, because there is a `Task` for each task in the cluster: specs are
kept as JSON bytes and read when needed.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from crontask_core.attempts import is_partial, retried
from crontask_core.history import Ended, kept_without_task
from crontask_core.ledger import Entry, Era, at_once, outcome_of
from crontask_core.model import (
    BY_SCHEDULE,
    Attempt,
    BackfillProgress,
    ExecutionStatus,
    Overrides,
    Phase,
    TaskSpec,
    Trigger,
)
from crontask_core.model.policy import DeleteAfter
from crontask_core.names import Key, execution_name
from crontask_core.overrides import overridden
from crontask_core.planning.dependencies import Dependencies
from crontask_core.planning.execution import EndAttempt, Finish, StopReason
from crontask_core.pods import PodFacts
from crontask_core.schedule import Schedule
from crontask_core.tally import Tally


@lru_cache(maxsize=512)
def _spec(text: bytes) -> TaskSpec:
    return TaskSpec.model_validate(orjson.loads(text))


def packed(body: dict[str, Any]) -> bytes:
    """A spec as the index keeps it, or another JSON object that is kept as text."""
    # A copy, because orjson leaves its result in a buffer of 4 KB.
    return bytes(memoryview(orjson.dumps(body)))


NO_RUNS: Mapping[str, "Run"] = MappingProxyType({})
"""One for all tasks that rest. What is empty for nearly every task is shared, not made for each."""


@dataclass(slots=True, eq=False)
class Task:
    """A CronTask as far as the operator needs it."""

    key: Key
    uid: str
    created: datetime
    generation: int
    spec_bytes: bytes
    tally: Tally
    watermark: datetime
    """Instants up to this one have been decided (not all of that need be stored yet)."""
    timing: str = ""
    schedule: Schedule | None = None
    """None while the task cannot be run; `problem` says why."""
    problem: str = ""
    problem_reason: str = ""
    """The same in one word, as conditions have it."""
    wake_at: datetime | None = None
    suspended: bool = False
    notifies: bool = False
    """Whether somebody wants to be told of it."""
    delete_after: DeleteAfter = "Never"
    failures_since: datetime | None = None
    """`failuresSince` of its spec."""
    runs: Mapping[str, "Run"] = field(default_factory=lambda: NO_RUNS)
    """Executions that have not ended, by name; `Index` keeps them."""
    ended: tuple[Ended, ...] = ()
    """Executions that have ended and still exist, oldest first."""
    unsaved: frozenset[datetime] = frozenset()
    """Started instants whose execution is not stored yet; the stored watermark stays below them."""

    def read_like(self, other: "Task") -> None:
        """Takes over what was read of the same spec, instead of reading it again."""
        self.spec_bytes, self.timing, self.schedule = other.spec_bytes, other.timing, other.schedule
        self.suspended, self.notifies, self.delete_after = other.suspended, other.notifies, other.delete_after
        self.failures_since = other.failures_since

    @property
    def paused(self) -> bool:
        """Whether its schedule rests, by somebody's wish or after failures."""
        return self.suspended or self.tally.disabled_at is not None

    def era(self) -> Era:
        """What the ledger's ranges are cut by."""
        return Era(self.schedule, self.tally.timing_since)

    def spec(self) -> TaskSpec:
        """The spec as a value. Keeping one for each task would cost 5 KB a task, so only the latest used are kept."""
        return _spec(self.spec_bytes)

    def kept_seconds(self) -> int | None:
        """How long an execution that begins now stays without the task; None: it goes with the task."""
        return kept_without_task(self.spec()) if not self.problem else None

    def spec_with(self, overrides: Overrides | None) -> bytes:
        """What an execution goes by that begins now. Raises FieldError for overrides that are not allowed."""
        return packed(overridden(self.spec(), overrides).to_body()) if overrides is not None else self.spec_bytes


@dataclass(slots=True, eq=False)
class Run:
    """An execution that has not ended, or whose end is not stored yet."""

    key: Key
    task: Key
    uid: str
    """The task's uid."""
    spec_bytes: bytes
    """The task's spec as it was when the execution began (the task's own bytes, where nothing is overridden); empty
    where there is no task. An edit of the task changes nothing about what runs."""
    trigger: Trigger
    scheduled_at: datetime
    phase: Phase = "Pending"
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lateness_milliseconds: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    output: str = ""
    output_truncated: bool = False
    response_headers: str = ""
    stop: StopReason | None = None
    ending: EndAttempt | None = None
    pod: PodFacts | None = None
    stored: bool = False
    """Whether the object exists at the API server."""
    saved: bool = False
    """Whether it exists there in a final state."""
    put_off: int = 0
    """How often its record gave way to starts."""
    version: str = ""
    """The latest resourceVersion that is known; precondition of writes."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while its record is written."""
    parent: str = ""
    """The execution that has caused this one, where one has."""
    followers: tuple[str, ...] = ()
    """The tasks that run because this execution has ended."""
    kept_seconds: int | None = None
    """How long its record stays without its task; None: both go together (`crontask_core.history`)."""
    backfill: BackfillProgress | None = None
    """Of an execution that stands for a backfill: how far that is. It is not in the index and makes no attempts."""
    calling: bool = False
    """Whether this process has an HTTP call of it under way, or a pod that it is just creating."""
    elsewhere: bool = False
    """Whether the holder of the shard before us still has its call under way, and writes its record."""
    parts: "tuple[Run, ...]" = ()
    """With targets: one run for each, not in the index, which makes the attempts there. The whole makes none itself."""
    told: dict[str, Any] | None = None
    """Its record as it has ended, as far as a watch has told of that while it still is in the index."""
    whole: "Run | None" = None
    """Of a part: the execution."""
    target: str = ""
    """Of a part: the CronTaskTarget."""
    unfit: Finish | None = None
    """Of a part: why there can be no pod at its target."""

    def part(self, target: str) -> "Run | None":
        """The part at a target; without targets, the run itself is the one at ""."""
        return next((part for part in self.parts or (self,) if part.target == target), None)

    def spec(self) -> TaskSpec | None:
        """What the execution goes by, as a value; None where that is not known."""
        return _spec(self.spec_bytes) if self.spec_bytes else None

    def take(self, status: ExecutionStatus, now: datetime) -> None:
        """Takes over how it ended from a record that another replica has written."""
        self.phase, self.attempts = status.phase, list(status.attempts)
        self.started_at, self.finished_at = status.started_at, status.finished_at or now
        self.lateness_milliseconds = status.lateness_milliseconds
        self.reason, self.message = status.reason or "", status.message or ""
        self.output, self.output_truncated = status.output or "", bool(status.output_truncated)
        self.response_headers = status.response_headers or ""
        self.followers = tuple(status.followers or ())

    def as_ended(self) -> Ended:
        """What history has to know of it, once it has ended."""
        assert self.finished_at is not None, "an execution that has not ended is no history"
        return Ended(
            self.key.name,
            self.phase,
            self.finished_at,
            self.trigger,
            self.reason or None,
            None if self.trigger == "Manual" else self.scheduled_at,
            self.parent or None,
            began=bool(self.attempts or self.parts),
            kept_seconds=self.kept_seconds,
            lateness_milliseconds=self.lateness_milliseconds,
            partial=is_partial(self.phase, self.attempts),
            retried=retried(self.attempts),
            started_at=self.started_at,
        )

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.attempts[-1] if self.attempts else None


class Stray(NamedTuple):
    """An ended execution whose task is gone, or never was."""

    task: Key
    uid: str
    """The task's uid, empty where there never was one."""
    expires_at: datetime


class Known:
    """The instants of a task that have their outcome: in its ledger, or by an execution or a pod."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def outcome(self, at: datetime) -> Entry | None:
        """See `planning.observation.Known`."""
        task = self._task
        if task.tally.ledger.decided(at):
            entry = task.tally.ledger.at(at)
            return at_once(at, entry.outcome, entry.reason) if entry is not None else at_once(at, "Started")
        if not task.runs and not task.ended:
            return None
        name = execution_name(task.key.name, at)
        if (run := task.runs.get(name)) is not None:
            late = run.lateness_milliseconds
            return at_once(at, *outcome_of(run.phase, run.trigger, run.reason or None, late), late)
        for ended in task.ended:
            if ended.name == name:
                known = outcome_of(ended.phase, ended.trigger, ended.reason, ended.lateness_milliseconds)
                return at_once(at, *known, ended.lateness_milliseconds)
        return None

    def between(self, after: datetime, upto: datetime) -> list[datetime]:
        """See `planning.observation.Known`."""
        runs = (run.scheduled_at for run in self._task.runs.values() if run.trigger in BY_SCHEDULE)
        ended = (ended.scheduled_at for ended in self._task.ended if ended.trigger in BY_SCHEDULE)
        return [at for at in (*runs, *ended) if at is not None and after < at <= upto]


@dataclass(slots=True)
class Index:
    """All that is known, by key."""

    tasks: dict[Key, Task] = field(default_factory=dict)
    runs: dict[Key, Run] = field(default_factory=dict)
    _runs_of: dict[tuple[Key, str], dict[str, Run]] = field(default_factory=dict)
    """The same by key and uid of their task, known or not, then by name."""
    dependencies: Dependencies = field(default_factory=Dependencies)
    """Which tasks run after which."""
    complete: bool = False
    """Whether all tasks have been listed; until then none counts as missing."""
    strays: dict[Key, Stray] = field(default_factory=dict)
    """Ended executions without a task."""
    unclaimed: dict[Key, dict[str, tuple[str, Ended]]] = field(default_factory=dict)
    """Ended executions by a task that is not known (yet) and by name, with the uid of that task."""
    on_removed: Callable[[Run], None] = lambda run: None
    """Called with an execution that is forgotten, whatever became of it."""

    def run_of_pod(self, namespace: str, execution: str) -> Run | None:
        """The running execution that a pod belongs to."""
        return self.runs.get(Key(namespace, execution))

    def add_run(self, run: Run) -> None:
        """Registers a running execution, with its task where that is known."""
        if (old := self.runs.get(run.key)) is not None:
            self._leave_task(old)
        self.runs[run.key] = run
        of_task = self._runs_of.setdefault((run.task, run.uid), {})
        of_task[run.key.name] = run
        task = self.tasks.get(run.task)
        if task is not None and task.uid == run.uid:
            task.runs = of_task

    def remove_run(self, run: Run) -> None:
        """Forgets a running execution."""
        self.runs.pop(run.key, None)
        self.on_removed(run)
        self._leave_task(run)

    def _leave_task(self, run: Run) -> None:
        of_task = self._runs_of.get((run.task, run.uid), {})
        of_task.pop(run.key.name, None)
        if not of_task and self._runs_of.pop((run.task, run.uid), None) is not None:
            task = self.tasks.get(run.task)
            if task is not None and task.uid == run.uid:
                task.runs = NO_RUNS

    def add_task(self, task: Task) -> None:
        """Registers a task, with what is known to run of it, and to have ended."""
        self.tasks[task.key] = task
        task.runs = self._runs_of.get((task.key, task.uid), NO_RUNS)
        if (waiting := self.unclaimed.pop(task.key, None)) is not None:
            for name, (uid, ended) in waiting.items():
                if uid in ("", task.uid):
                    task.ended += (ended,)
                    self.strays.pop(Key(task.key.namespace, name), None)
                else:
                    self.leave_unclaimed(task.key, uid, ended)

    def leave_unclaimed(self, task: Key, uid: str, ended: Ended) -> None:
        """Keeps an ended execution until its task, which has this uid, is known or the execution is gone."""
        self.unclaimed.setdefault(task, {})[ended.name] = (uid, ended)

    def execution_gone(self, key: Key, task: Key) -> None:
        """Forgets an ended execution."""
        self.strays.pop(key, None)
        if (known := self.tasks.get(task)) is not None:
            known.ended = tuple(ended for ended in known.ended if ended.name != key.name)
        waiting = self.unclaimed.get(task, {})
        waiting.pop(key.name, None)
        if not waiting:
            self.unclaimed.pop(task, None)

    def ended(self) -> Iterator[tuple[Key, Key]]:
        """Each execution that has ended and exists, as far as is known, with its task."""
        for task in self.tasks.values():
            for ended in task.ended:
                yield Key(task.key.namespace, ended.name), task.key
        for whose, waiting in self.unclaimed.items():
            for name in waiting:
                yield Key(whose.namespace, name), whose
        for key, stray in self.strays.items():
            yield key, stray.task

    def remove_task(self, key: Key) -> Task | None:
        """Forgets a task; its executions go with their own deletion events, or outlive it."""
        return self.tasks.pop(key, None)
