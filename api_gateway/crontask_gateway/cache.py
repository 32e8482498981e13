"""What this replica knows of jobs and runs: fed by watches and by the answers to its own writes. No I/O.

An object is replaced only by a later version of itself (Kubernetes compares
resource versions as numbers since 1.35), so that an event that comes late undoes
nothing that a client was told already. What this replica has deleted stays
deleted, whatever is still told of it. Ended runs are kept as a few numbers, their
bodies as bytes up to a limit; running ones whole. One `Jobs` and one `Runs` for
each namespace, each fed by a reflector of its own.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

import orjson

from crontask_core.bonds import uid_of
from crontask_core.names import GROUP, Key
from crontask_gateway import documents
from crontask_gateway.naming import Scope, naming_of
from crontask_gateway.store import Job, Run

Object = dict[str, Any]

ANNOTATION_REMOVING = f"{GROUP}/removing"
"""On a task that a replica of the gateway is about to delete: whoever sees it asks whether it still exists."""
ANNOTATION_SECRET = f"{GROUP}/secret"
"""On a task that has a Secret of its own."""
ANNOTATION_FORGOTTEN = f"{GROUP}/forgotten"
"""On a task: ended runs up to this version are as good as deleted, and soon are."""


def version_of(body: Object) -> int:
    """An object's version as a number."""
    return int(body["metadata"]["resourceVersion"])


def job_of(body: Object) -> Job | None:
    """A CronTask as a job; None for one that is nobody's, or is being deleted."""
    meta = body["metadata"]
    naming = naming_of(meta)
    if naming is None or "deletionTimestamp" in meta:
        return None
    return Job(
        naming=naming,
        spec=body.get("spec") or {},
        status=body.get("status") or {},
        document=documents.read(meta),
        labels=meta.get("labels") or {},
        created=datetime.fromisoformat(meta["creationTimestamp"]),
        uid=meta["uid"],
        version=meta["resourceVersion"],
        generation=meta.get("generation") or 0,
    )


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


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of one task."""

    version: int
    uid: str
    job: Job | None
    """None for one that is nobody's job, or is being deleted."""
    forgotten: int
    """Ended runs up to this version do not count any more."""
    doubtful: bool
    """Whether a replica of the gateway was about to delete it."""
    secret: bool
    """Whether a Secret belongs to it."""


def held_of(body: Object) -> Held:
    """Reads a CronTask. An annotation that somebody has broken counts as none."""
    meta = body["metadata"]
    marks = meta.get("annotations") or {}
    forgotten = marks.get(ANNOTATION_FORGOTTEN, "")
    return Held(
        version_of(body),
        meta["uid"],
        job_of(body),
        int(forgotten) if forgotten.isascii() and forgotten.isdigit() and len(forgotten) < 20 else 0,
        ANNOTATION_REMOVING in marks,
        ANNOTATION_SECRET in marks,
    )


class Jobs:
    """The jobs of all dialects in a namespace. A `Follower` of its CronTasks."""

    def __init__(self) -> None:
        self._held: dict[Key, Held] = {}
        self._scopes: dict[Scope, dict[Key, Job]] = {}
        self._sorted: dict[Scope, tuple[Job, ...]] = {}
        self._deleted: dict[str, Key] = {}
        """By uid: what was deleted here and may still be told of."""
        self._listed: dict[Key, int] = {}
        """The versions that were known when the last list was asked for."""
        self.doubtful: set[Key] = set()
        """The tasks that a replica of the gateway was about to delete."""

    def get(self, key: Key) -> Held | None:
        """What is known of a task."""
        return self._held.get(key)

    def of(self, scope: Scope) -> Sequence[Job]:
        """The jobs of a scope, sorted by id."""
        if scope not in self._sorted:
            jobs = self._scopes.get(scope, {}).values()
            self._sorted[scope] = tuple(sorted(jobs, key=lambda job: job.id))
        return self._sorted[scope]

    def __len__(self) -> int:
        return len(self._held)

    def learn(self, body: Object) -> Held:
        """The object as the API server has answered or told it; returns it read."""
        meta, held = body["metadata"], held_of(body)
        key = Key(meta["namespace"], meta["name"])
        known = self._held.get(key)
        if held.uid not in self._deleted and (known is None or known.version < held.version):
            self._drop(key)
            self._keep(key, held)
        return held

    def gone(self, key: Key, uid: str = "") -> None:
        """The object was deleted by us, or (without a uid) was not found."""
        held = self._held.get(key)
        if held is not None and uid in {"", held.uid}:
            self._drop(key)
        if uid:
            self._deleted[uid] = key

    def known(self, plural: str) -> set[Key]:
        """See `Follower`."""
        self._listed = {key: held.version for key, held in self._held.items()}
        return {*self._held, *self._deleted.values()}

    def receive(self, plural: str, event: str | None, body: Object) -> None:
        """See `Follower`."""
        if event != "DELETED":
            self.learn(body)
            return
        meta = body["metadata"]
        key = Key(meta["namespace"], meta["name"])
        self._deleted.pop(meta["uid"], None)
        held = self._held.get(key)
        # It may have been created anew, and we may know that already.
        if held is not None and held.uid == meta["uid"]:
            self._drop(key)

    def missing(self, plural: str, keys: set[Key]) -> None:
        """See `Follower`. What we have learnt while the list was read stays."""
        for uid in [uid for uid, key in self._deleted.items() if key in keys]:
            del self._deleted[uid]
        for key in keys:
            held = self._held.get(key)
            if held is not None and held.version == self._listed.get(key):
                self._drop(key)

    def _keep(self, key: Key, held: Held) -> None:
        self._held[key] = held
        if held.doubtful:
            self.doubtful.add(key)
        if held.job is not None:
            self._scopes.setdefault(held.job.naming.scope, {})[key] = held.job
            self._sorted.pop(held.job.naming.scope, None)

    def _drop(self, key: Key) -> None:
        held = self._held.pop(key, None)
        self.doubtful.discard(key)
        if held is not None and held.job is not None:
            del self._scopes[held.job.naming.scope][key]
            self._sorted.pop(held.job.naming.scope, None)


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
