"""What this replica knows of runs: fed by a watch and by the answers to its own writes. No I/O.

Running ones are kept whole, ended ones as a few numbers, and their bodies as
bytes up to a limit. There is one `Runs` for each namespace, on `Bodies` that they
share.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from sys import intern

import orjson

from crontask_core.bonds import uid_of
from crontask_core.names import Key
from crontask_gateway.cache import Held, Object, version_of
from crontask_gateway.store import Run


def run_of(body: Object) -> Run:
    """A CronTaskExecution as a run."""
    meta = body["metadata"]
    return Run(
        key=Key(meta["namespace"], meta["name"]),
        task=body["spec"]["taskRef"]["name"],
        spec=body["spec"],
        status=body.get("status") or {},
        created=datetime.fromisoformat(meta["creationTimestamp"]),
        version=meta["resourceVersion"],
    )


class Bodies:
    """Objects as bytes, those that were used last, up to `limit` bytes in all."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._found: OrderedDict[Key, bytes] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def get(self, key: Key) -> Object | None:
        """The object, if it is still kept."""
        data = self._found.get(key)
        if data is None:
            return None
        self._found.move_to_end(key)
        body: Object = orjson.loads(data)
        return body

    def put(self, key: Key, body: Object) -> None:
        """Keeps an object in place of the one of the same key."""
        self.drop(key)
        data = orjson.dumps(body)
        self._found[key] = data
        self._size += len(data)
        while self._size > self._limit:
            self._size -= len(self._found.popitem(last=False)[1])

    def drop(self, key: Key) -> None:
        """The object is gone."""
        self._size -= len(self._found.pop(key, b""))


@dataclass(frozen=True, slots=True)
class Brief:
    """What is kept of a run that has ended."""

    task: str
    version: int
    uid: str
    """Of its task; empty for one that somebody has made by hand and the operator has not seen."""


class Runs:
    """The runs of a namespace. A `Follower` of its CronTaskExecutions."""

    def __init__(self, bodies: Bodies, wanted: Callable[[str], bool] = lambda task: True) -> None:
        """`wanted` tells by its name whether a task may be a job; runs of others are not kept."""
        self._bodies, self._wanted = bodies, wanted
        self._ended: dict[str, dict[Key, Brief]] = {}
        self._active: dict[Key, tuple[str, Run]] = {}
        self._tasks: dict[Key, str] = {}
        """Of all runs that are known: the name of the task."""
        self._listed: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def ended(self, held: Held, task: str) -> list[Key]:
        """The ended runs of a task that count."""
        return [key for key in self._ended.get(task, {}) if self.counts(held, task, key)]

    def counts(self, held: Held, task: str, key: Key) -> bool:
        """Whether it is an ended run of a task that counts."""
        run = self._ended.get(task, {}).get(key)
        return run is not None and run.uid in {"", held.uid} and run.version > held.forgotten

    def latest(self, task: str) -> int:
        """The greatest version of a task's ended runs; 0 where there are none."""
        return max((run.version for run in self._ended.get(task, {}).values()), default=0)

    def active(self, held: Held, task: str) -> list[Run]:
        """The runs of a task that have not ended."""
        return [run for uid, run in self._active.values() if run.task == task and uid in {"", held.uid}]

    def all_active(self) -> list[tuple[str, Run]]:
        """All runs that have not ended, with the uid of their task (empty where nobody has told)."""
        return list(self._active.values())

    def body(self, key: Key) -> Object | None:
        """An ended run, if it is in memory."""
        return self._bodies.get(key)

    def keep(self, key: Key, body: Object) -> None:
        """Keeps an ended run in memory that had to be asked for."""
        if key in self._tasks:
            self._bodies.put(key, body)

    def version(self, key: Key) -> int:
        """The version of a run that is known; 0 where it is not."""
        if (active := self._active.get(key)) is not None:
            return int(active[1].version)
        brief = self._ended.get(self._tasks.get(key, ""), {}).get(key)
        return brief.version if brief else 0

    def learn(self, body: Object) -> None:
        """The object as the API server has answered or told it."""
        meta, run = body["metadata"], run_of(body)
        if not self._wanted(run.task) or self.version(run.key) >= int(run.version):
            return
        self.gone(run.key)
        uid, task = intern(uid_of(meta)), intern(run.task)
        self._tasks[run.key] = task
        if run.ended:
            self._ended.setdefault(task, {})[run.key] = Brief(task, int(run.version), uid)
            self._bodies.put(run.key, body)
        else:
            run.status.pop("taskSpec", None)  # of no use to a client, and up to 128 KiB long
            self._active[run.key] = (uid, run)

    def gone(self, key: Key) -> None:
        """The run was deleted."""
        task = self._tasks.pop(key, None)
        if task is None:
            return
        self._active.pop(key, None)
        self._bodies.drop(key)
        of_task = self._ended.get(task)
        if of_task is not None and of_task.pop(key, None) is not None and not of_task:
            del self._ended[task]

    def known(self, plural: str) -> set[Key]:
        """See `Follower`."""
        self._listed = {key: self.version(key) for key in self._tasks}
        return set(self._listed)

    def receive(self, plural: str, event: str | None, body: Object) -> None:
        """See `Follower`."""
        meta = body["metadata"]
        if event != "DELETED":
            self.learn(body)
        elif self.version(key := Key(meta["namespace"], meta["name"])) <= version_of(body):
            self.gone(key)

    def missing(self, plural: str, keys: set[Key]) -> None:
        """See `Follower`."""
        for key in keys:
            if self.version(key) == self._listed.get(key):
                self.gone(key)
