"""What this replica knows of jobs: fed by a watch and by the answers to its own writes. No I/O.

An object is replaced only by a later version of itself (Kubernetes compares
resource versions as numbers since 1.35), so that an event that comes late undoes
nothing that a client was told already. What this replica has deleted stays
deleted, whatever is still told of it. There is one `Jobs` for each namespace. Runs
are in `runs.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crontask_core.names import GROUP, Key
from crontask_gateway import documents
from crontask_gateway.naming import Foreign, Naming, Scope, naming_of
from crontask_gateway.store import Job

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
    return _job(body, naming)


def foreign_of(body: Object) -> Job | None:
    """A CronTask that no dialect has made, in the form of a job; None for one that is being deleted."""
    meta = body["metadata"]
    if "deletionTimestamp" in meta:
        return None
    return _job(body, Foreign(Scope(meta["namespace"], ""), meta["name"]))


def _job(body: Object, naming: Naming) -> Job:
    meta = body["metadata"]
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


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of one task."""

    version: int
    uid: str
    job: Job | None
    """None for one that is nobody's job, or is being deleted."""
    foreign: Job | None
    """The task of one that is nobody's job, where such are kept."""
    forgotten: int
    """Ended runs up to this version do not count any more."""
    doubtful: bool
    """Whether a replica of the gateway was about to delete it."""
    secret: bool
    """Whether a Secret belongs to it."""


def held_of(body: Object, *, others: bool = False) -> Held:
    """Reads a CronTask. An annotation that somebody has broken counts as none; `others`: tasks of nobody are kept."""
    meta, job = body["metadata"], job_of(body)
    marks = meta.get("annotations") or {}
    forgotten = marks.get(ANNOTATION_FORGOTTEN, "")
    return Held(
        version_of(body),
        meta["uid"],
        job,
        foreign_of(body) if others and job is None else None,
        int(forgotten) if forgotten.isascii() and forgotten.isdigit() and len(forgotten) < 20 else 0,
        ANNOTATION_REMOVING in marks,
        ANNOTATION_SECRET in marks,
    )


class Jobs:
    """The jobs of all dialects in a namespace. A `Follower` of its CronTasks."""

    def __init__(self, *, others: bool = False) -> None:
        """`others`: tasks that no dialect has made are kept as well."""
        self._others = others
        self._sorted_others: dict[str, tuple[Job, ...]] = {}
        """By dialect: the tasks that are not its jobs."""
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

    def besides(self, dialect: str) -> Sequence[Job]:
        """All tasks that are no jobs of a dialect, sorted by their objects' names; none unless `others` are kept."""
        if not self._others:
            return ()
        if dialect not in self._sorted_others:
            known = (held.job or held.foreign for held in self._held.values())
            found = (job for job in known if job is not None and job.naming.scope.dialect != dialect)
            self._sorted_others[dialect] = tuple(sorted(found, key=lambda job: job.key))
        return self._sorted_others[dialect]

    def __len__(self) -> int:
        return len(self._held)

    def learn(self, body: Object) -> Held:
        """The object as the API server has answered or told it; returns it read."""
        meta, held = body["metadata"], held_of(body, others=self._others)
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
        self._sorted_others.clear()
        if held.doubtful:
            self.doubtful.add(key)
        if held.job is not None:
            self._scopes.setdefault(held.job.naming.scope, {})[key] = held.job
            self._sorted.pop(held.job.naming.scope, None)

    def _drop(self, key: Key) -> None:
        held = self._held.pop(key, None)
        self._sorted_others.clear()
        self.doubtful.discard(key)
        if held is not None and held.job is not None:
            del self._scopes[held.job.naming.scope][key]
            self._sorted.pop(held.job.naming.scope, None)
