"""A `Store` in memory, for dialects: the same contract as the one on Kubernetes, without an operator behind it.

Tests play the operator: `tell` writes a job's status, `ran` records a run, `advance` changes one, `lead` says which
replicas there are. What a client may not store is refused as far as the models can tell.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from crontask_core.model import TaskSpec
from crontask_core.model.execution import Overrides
from crontask_core.names import GROUP, Key, execution_name
from crontask_gateway import documents
from crontask_gateway.errors import Invalid, TooLarge, Unknown
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.notes import MAX_NOTE
from crontask_gateway.store import Body, Change, Job, Member, Run
from crontask_kube.clock import Clock


class MemoryStore:
    """See the module. `kept` holds what was put into Secrets, by the job's key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._version = 1000
        self._jobs: dict[Key, Job] = {}
        self._runs: dict[Key, dict[str, Run]] = {}
        self._notes: dict[tuple[Scope, str], Body] = {}
        self._flags: set[str] = set()
        self._members: tuple[Member, ...] = ()
        self._leader: Member | None = None
        self.kept: dict[Key, dict[str, bytes]] = {}

    # The verbs.

    async def put(self, naming: Naming, make: Callable[[Job | None], Change]) -> Job:
        was = self._jobs.get(naming.key)
        return self._store(naming, was, make(was))

    async def describe(self, key: Key) -> Job:
        if key not in self._jobs:
            raise Unknown(f"there is no job {key.name}")
        return self._jobs[key]

    async def jobs(self, scope: Scope) -> Sequence[Job]:
        return sorted((job for job in self._jobs.values() if job.naming.scope == scope), key=lambda job: job.id)

    async def others(self, scope: Scope) -> Sequence[Job]:
        found = (job for job in self._jobs.values() if job.key.namespace == scope.namespace)
        return sorted((job for job in found if job.naming.scope.dialect != scope.dialect), key=lambda job: job.key)

    async def change(self, key: Key, change: Callable[[Job], Change | None]) -> Job:
        was = await self.describe(key)
        wanted = change(was)
        return was if wanted is None else self._store(was.naming, was, wanted)

    async def remove(self, key: Key) -> Job:
        was = await self.describe(key)
        del self._jobs[key]
        self._runs.pop(key, None)
        self.kept.pop(key, None)
        return was

    async def trigger(self, key: Key, overrides: Overrides | None = None) -> Run:
        await self.describe(key)
        spec: dict[str, Any] = {"taskRef": {"name": key.name}, "trigger": "Manual"}
        if overrides is not None:
            spec["overrides"] = overrides.to_body()
        return self._keep(key, f"{execution_name(key.name, self._clock.now())}-{self._next()}", spec, {})

    async def runs(self, key: Key) -> Sequence[Run]:
        return sorted(self._runs.get(key, {}).values(), key=lambda run: (run.moment, run.key.name))

    async def run(self, key: Key, name: str) -> Run:
        found = self._runs.get(key, {}).get(name)
        if found is None:
            raise Unknown(f"the job {key.name} has no run {name}")
        return found

    async def active(self, scope: Scope) -> Sequence[Run]:
        runs = [run for job in await self.jobs(scope) for run in await self.runs(job.key) if not run.ended]
        return sorted(runs, key=lambda run: (run.moment, run.key.name))

    async def stop(self, key: Key, name: str) -> None:
        run = await self.run(key, name)
        if not run.ended:
            self._runs[key][name] = replace(run, spec=run.spec | {"stop": True}, version=self._next())

    async def forget(self, key: Key) -> None:
        await self.describe(key)
        self._runs[key] = {name: run for name, run in self._runs.get(key, {}).items() if not run.ended}

    async def secrets(self, key: Key) -> Mapping[str, bytes]:
        return dict(self.kept.get(key, {}))

    async def note(self, scope: Scope, name: str) -> Body:
        return deepcopy(self._notes.get((scope, name), {}))

    async def change_note(self, scope: Scope, name: str, change: Callable[[Body], Body | None]) -> Body:
        wanted = change(await self.note(scope, name))
        if wanted is None:
            return await self.note(scope, name)
        if (length := len(json.dumps(wanted))) > MAX_NOTE:
            raise TooLarge(f"the {name} take {length} bytes")
        self._notes[scope, name] = deepcopy(wanted)
        return wanted

    async def flag(self, name: str) -> bool:
        return name in self._flags

    async def set_flag(self, name: str, on: bool) -> None:
        (self._flags.add if on else self._flags.discard)(name)

    async def members(self) -> Sequence[Member]:
        return self._members

    async def leader(self) -> Member | None:
        return self._leader

    # What tests do to it.

    def tell(self, key: Key, **status: Any) -> Job:
        """The operator's status of a job, by the fields' names on the wire; others stay."""
        job = self._jobs[key]
        self._jobs[key] = replace(job, status=job.status | deepcopy(status), version=self._next())
        return self._jobs[key]

    def edit(self, key: Key, **spec: Any) -> Job:
        """A change of the spec by kubectl, by the fields' names on the wire; None takes a field away."""
        job = self._jobs[key]
        wanted = {name: value for name, value in (job.spec | deepcopy(spec)).items() if value is not None}
        self._jobs[key] = replace(job, spec=wanted, version=self._next(), generation=job.generation + 1)
        return self._jobs[key]

    def ran(self, key: Key, name: str, *, trigger: str = "Schedule", **status: Any) -> Run:
        """A run that the operator has made, with its status by the fields' names on the wire."""
        return self._keep(key, name, {"taskRef": {"name": key.name}, "trigger": trigger}, deepcopy(status))

    def advance(self, key: Key, name: str, **status: Any) -> Run:
        """What became of a run."""
        run = self._runs[key][name]
        self._runs[key][name] = replace(run, status=run.status | deepcopy(status), version=self._next())
        return self._runs[key][name]

    def lead(self, leader: Member | None, *others: Member) -> None:
        """The operator's replicas."""
        members = others if leader is None else (leader, *others)
        self._members, self._leader = tuple(sorted(members, key=lambda member: member.name)), leader

    def _next(self) -> str:
        self._version += 1
        return str(self._version)

    def _keep(self, key: Key, name: str, spec: dict[str, Any], status: dict[str, Any]) -> Run:
        run = Run(Key(key.namespace, name), key.name, spec, status, self._clock.now(), self._next())
        self._runs.setdefault(key, {})[name] = run
        return run

    def _store(self, naming: Naming, was: Job | None, wanted: Change) -> Job:
        try:
            TaskSpec.model_validate(wanted.spec)
        except ValidationError as error:
            first = error.errors()[0]
            raise Invalid(first["msg"], ".".join(str(part) for part in ("spec", *first["loc"]))) from None
        documents.write(wanted.document)
        edited = was is None or wanted.spec != was.spec
        made = Job(
            naming=naming,
            spec=deepcopy(wanted.spec),
            status=was.status if was else {},
            document=deepcopy(wanted.document),
            labels=_of_others(was) | dict(wanted.labels) | naming.labels(),
            created=was.created if was else self._clock.now(),
            uid=was.uid if was else f"uid-{self._next()}",
            version=self._next(),
            generation=(was.generation if was else 0) + edited,
        )
        self._jobs[naming.key] = made
        if wanted.secrets is not None:
            self.kept[naming.key] = dict(wanted.secrets)
        return made


def _of_others(was: Job | None) -> dict[str, str]:
    """Labels that people have put there."""
    labels = was.labels if was else {}
    return {name: value for name, value in labels.items() if not name.startswith(f"{GROUP}/")}
