"""What dialects ask of the store, and the values that it answers with.

A `Store` holds jobs (CronTasks that belong to a dialect), their runs
(CronTaskExecutions, made by the operator or by `trigger`), and switches that all
replicas share. The real one is `kube_store.py`, the one of tests
`tests/fakes/store.py`; `tests/contract/test_store.py` holds for both.

Every read sees every write that was answered before the read began, on whichever
replica of the gateway. All verbs raise the errors of `errors.py`: Unavailable
where the API server does not answer or this replica cannot catch up in time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from crontask_core.model import ExecutionSpec, ExecutionStatus, TaskSpec, TaskStatus
from crontask_core.model.execution import FINAL_PHASES, Overrides
from crontask_core.names import Key
from crontask_gateway.naming import Naming, Scope

Body = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A task that belongs to a dialect, as it is stored. Nothing in it may be changed: it is shared."""

    naming: Naming
    spec: Body
    status: Body
    document: Body
    """What the dialect keeps of its client's document (`documents.py`)."""
    labels: Mapping[str, str]
    created: datetime
    uid: str
    version: str
    """The resourceVersion: another one for each change, greater for a later one."""
    generation: int
    """Counts the changes of `spec`."""

    @property
    def id(self) -> str:
        """The name by which its client knows it."""
        return self.naming.id

    @property
    def key(self) -> Key:
        """Where the task is."""
        return self.naming.key

    @cached_property
    def task(self) -> TaskSpec:
        """`spec` as a value. Raises pydantic's ValidationError for one that is too new for us."""
        return TaskSpec.model_validate(self.spec)

    @cached_property
    def known(self) -> TaskStatus:
        """`status` as a value: what the operator knows of the task."""
        return TaskStatus.model_validate(self.status)

    @cached_property
    def made(self) -> dict[str, Any]:
        """What a dialect has made of this version of the job, kept for as long as this value is."""
        return {}


@dataclass(frozen=True)
class Run:
    """An execution as it is stored. Nothing in it may be changed: it is shared."""

    key: Key
    task: str
    """The name of its task, in the same namespace."""
    spec: Body
    status: Body
    created: datetime
    version: str

    @cached_property
    def wanted(self) -> ExecutionSpec:
        """`spec` as a value."""
        return ExecutionSpec.model_validate(self.spec)

    @cached_property
    def known(self) -> ExecutionStatus:
        """`status` as a value: what became of it so far."""
        return ExecutionStatus.model_validate(self.status)

    @property
    def moment(self) -> datetime:
        """When it began; before that, when it was created. What runs are sorted by."""
        text = self.status.get("startedAt")
        return datetime.fromisoformat(text) if text else self.created

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status.get("phase") in FINAL_PHASES


@dataclass(frozen=True, slots=True)
class Change:
    """What a job is to be, in place of what it was."""

    spec: Body
    document: Body = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """Besides those of the naming. Other labels stay where people have put them, save those of `crontask.dev/`."""
    secrets: Mapping[str, bytes] | None = field(default_factory=dict)
    """Credentials by key, for a Secret of the job's own, whose name is `Naming.name`; `spec` refers to them there.
    None leaves it as it is; an empty mapping means that there is none."""

    def __repr__(self) -> str:
        return f"Change(spec of {sorted(self.spec)}, secrets {sorted(self.secrets or ())})"


@dataclass(frozen=True, slots=True)
class Member:
    """A replica of the operator that is alive, by its Lease."""

    name: str
    since: datetime | None
    """When it began; None where its Lease does not say."""
    shards: int
    """How many shards of the tasks it leads."""


class Store(Protocol):
    """See the module."""

    async def put(self, naming: Naming, make: Callable[[Job | None], Change]) -> Job:
        """Creates the job, or replaces it; `make` is given what is there, and asked again if that changes meanwhile.

        Whatever `make` raises travels on, and nothing is written. Raises Conflict where the name belongs to somebody
        else, or changes each time; Invalid where the API server refuses the spec.
        """
        ...

    async def describe(self, key: Key) -> Job:
        """The job. Raises Unknown."""
        ...

    async def jobs(self, scope: Scope) -> Sequence[Job]:
        """The jobs of a scope, sorted by id (code points)."""
        ...

    async def others(self, scope: Scope) -> Sequence[Job]:
        """The tasks of a scope's namespace that are no jobs of its dialect, by their objects' names.

        They can be described, and their runs read; none of this API may write them. Empty unless the mount shows them.
        """
        ...

    async def change(self, key: Key, change: Callable[[Job], Change | None]) -> Job:
        """The job after the change, or as it is where that is None. Raises as `put`, and Unknown."""
        ...

    async def remove(self, key: Key) -> Job:
        """Deletes the job, with its Secret and (as its history says) its runs; returns it as it was. Raises Unknown."""
        ...

    async def trigger(self, key: Key, overrides: Overrides | None = None) -> Run:
        """Has the job run now, besides its schedule; returns the new run, which has not begun. Raises Unknown."""
        ...

    async def runs(self, key: Key) -> Sequence[Run]:
        """The runs of a job that are still kept, oldest first, with their output. Empty for an unknown job."""
        ...

    async def run(self, key: Key, name: str) -> Run:
        """One run of a job. Raises Unknown."""
        ...

    async def active(self, scope: Scope) -> Sequence[Run]:
        """The runs of all jobs of a scope that have not ended, oldest first, without output."""
        ...

    async def stop(self, key: Key, name: str) -> None:
        """Wishes that a run of a job ends; nothing happens where it has ended. Raises Unknown."""
        ...

    async def forget(self, key: Key) -> None:
        """Deletes the runs of a job that have ended. Raises Unknown for an unknown job."""
        ...

    async def secrets(self, key: Key) -> Mapping[str, bytes]:
        """The credentials of a job by their keys, as they are now; empty where it has none, or is not there."""
        ...

    async def note(self, scope: Scope, name: str) -> Body:
        """A small document that a dialect keeps of a scope besides its jobs; empty at first.

        `name` is up to 20 lower-case letters, digits and hyphens.
        """
        ...

    async def change_note(self, scope: Scope, name: str, change: Callable[[Body], Body | None]) -> Body:
        """The document after the change, or as it is where that is None; `change` is asked again if others are faster.

        Whatever `change` raises travels on, and nothing is written. Raises Conflict where it changes each time, and
        TooLarge.
        """
        ...

    async def flag(self, name: str) -> bool:
        """A switch that all replicas share and that outlives them, such as `dkron.paused`; off at first."""
        ...

    async def set_flag(self, name: str, on: bool) -> None:
        """Turns a switch. `name` is up to 40 letters, digits, hyphens and dots."""
        ...

    async def members(self) -> Sequence[Member]:
        """The operator's replicas that are alive, by name."""
        ...

    async def leader(self) -> Member | None:
        """The one that leads the first shard."""
        ...
