"""The store on Kubernetes: reads from what watches have told, writes through, and what a client was told stays true.

How tasks are written is `kube_tasks.py`'s part, how reads see the writes of
other replicas `freshness.py`'s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from secrets import token_hex
from typing import TypeVar

from crontask_core.model.execution import Overrides
from crontask_core.names import LABEL_EXECUTION, Key, label_value
from crontask_gateway.answers import translated
from crontask_gateway.bodies import execution_body
from crontask_gateway.cache import ANNOTATION_FORGOTTEN, Held, Jobs, Object
from crontask_gateway.errors import Unknown
from crontask_gateway.freshness import Freshness
from crontask_gateway.kube_tasks import TaskWriter, unknown
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.notes import Notes
from crontask_gateway.operators import Operators
from crontask_gateway.progress import Place
from crontask_gateway.runs import Runs, run_of
from crontask_gateway.store import Body, Change, Job, Member, Run
from crontask_gateway.switches import Switches
from crontask_gateway.together import unbroken
from crontask_kube import errors as kube
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.resources import EXECUTIONS, TASKS

T = TypeVar("T")

AT_ONCE = 16
"""So many objects are asked for at a time."""
PER_DELETION = 50
"""So many runs are named in one request."""


class KubeStore:
    """See the module, and `Store`. `jobs` and `runs` are the caches by namespace."""

    def __init__(
        self,
        api: ApiClient,
        clock: Clock,
        *,
        jobs: Mapping[str, Jobs],
        runs: Mapping[str, Runs],
        freshness: Freshness,
        switches: Switches,
        notes: Notes,
        operators: Operators,
        token: Callable[[], str] = lambda: token_hex(8),
    ) -> None:
        self._api, self._clock, self._token = api, clock, token
        self._jobs, self._runs, self._freshness = jobs, runs, freshness
        self._switches, self._notes, self._operators = switches, notes, operators
        self._tasks = TaskWriter(api, jobs, freshness)

    async def put(self, naming: Naming, make: Callable[[Job | None], Change]) -> Job:
        """See `Store`."""
        await self._fresh(naming.scope.namespace, TASKS.plural)
        return await unbroken(self._tasks.write(naming.key, naming, make))

    async def change(self, key: Key, change: Callable[[Job], Change | None]) -> Job:
        """See `Store`."""

        def make(was: Job | None) -> Change | None:
            if was is None:
                raise unknown(key)
            return change(was)

        await self._fresh(key.namespace, TASKS.plural)
        return await unbroken(self._tasks.write(key, None, make))

    async def describe(self, key: Key) -> Job:
        """See `Store`."""
        return (await self._held(key))[1]

    async def jobs(self, scope: Scope) -> Sequence[Job]:
        """See `Store`."""
        await self._fresh(scope.namespace, TASKS.plural)
        jobs = self._jobs[scope.namespace]
        if jobs.doubtful:
            with translated():
                await _gathered(self._tasks.look(key) for key in list(jobs.doubtful))
        return jobs.of(scope)

    async def others(self, scope: Scope) -> Sequence[Job]:
        """See `Store`."""
        await self._fresh(scope.namespace, TASKS.plural)
        return self._jobs[scope.namespace].besides(scope.dialect)

    async def remove(self, key: Key) -> Job:
        """See `Store`."""
        await self._fresh(key.namespace, TASKS.plural)
        return await unbroken(self._tasks.remove(key))

    async def trigger(self, key: Key, overrides: Overrides | None = None) -> Run:
        """See `Store`."""
        _, job = await self._held(key)
        body = execution_body(job, self._clock.now(), self._token(), overrides)
        with translated():
            try:
                made = await self._api.create(EXECUTIONS, key.namespace, body)
            except kube.AlreadyExists:  # the answer to the first try was lost
                made = await self._api.get(EXECUTIONS, key.namespace, body["metadata"]["name"])
        return await self._ran(made)

    async def runs(self, key: Key) -> Sequence[Run]:
        """See `Store`."""
        try:
            held, _ = await self._held(key, EXECUTIONS.plural)
        except Unknown:
            return ()
        runs = self._runs[key.namespace]
        found: list[Run] = list(runs.active(held, key.name))
        with translated():
            bodies = await _gathered(self._body(each) for each in runs.ended(held, key.name))
        return _in_order([*found, *(run_of(body) for body in bodies if body is not None)])

    async def run(self, key: Key, name: str) -> Run:
        """See `Store`."""
        held, _ = await self._held(key, EXECUTIONS.plural)
        runs, wanted = self._runs[key.namespace], Key(key.namespace, name)
        for run in runs.active(held, key.name):
            if run.key == wanted:
                return run
        if runs.counts(held, key.name, wanted):
            with translated():
                body = await self._body(wanted)
            if body is not None:
                return run_of(body)
        raise Unknown(f"the job {key.name} has no run {name}")

    async def active(self, scope: Scope) -> Sequence[Run]:
        """See `Store`."""
        await self._fresh(scope.namespace, TASKS.plural, EXECUTIONS.plural)
        jobs = self._jobs[scope.namespace]
        found = []
        for uid, run in self._runs[scope.namespace].all_active():
            held = jobs.get(Key(scope.namespace, run.task))
            if held and held.job and held.job.naming.scope == scope and uid in {"", held.uid}:
                found.append(run)
        return _in_order(found)

    async def stop(self, key: Key, name: str) -> None:
        """See `Store`."""
        run = await self.run(key, name)
        if not run.ended and not run.spec.get("stop"):
            with translated():
                made = await self._api.patch(EXECUTIONS, key.namespace, name, {"spec": {"stop": True}})
            await self._ran(made)

    async def forget(self, key: Key) -> None:
        """See `Store`. One write makes them invisible on all replicas; what follows it tidies up."""
        held, _ = await self._held(key, EXECUTIONS.plural)
        runs = self._runs[key.namespace]
        names = runs.ended(held, key.name)
        if not names:
            return
        mark = {ANNOTATION_FORGOTTEN: str(runs.latest(key.name))}
        with translated():
            made = await self._api.patch(TASKS, key.namespace, key.name, {"metadata": {"annotations": mark}})
            await self._tasks.wrote(made)
            for start in range(0, len(names), PER_DELETION):
                labels = ",".join(label_value(each.name) for each in names[start : start + PER_DELETION])
                await self._api.delete_collection(
                    EXECUTIONS, key.namespace, label_selector=f"{LABEL_EXECUTION} in ({labels})"
                )

    async def secrets(self, key: Key) -> Mapping[str, bytes]:
        """See `Store`."""
        with translated():
            return await self._tasks.vault.read(key)

    async def note(self, scope: Scope, name: str) -> Body:
        """See `Store`."""
        return await self._notes.read(scope, name)

    async def change_note(self, scope: Scope, name: str, change: Callable[[Body], Body | None]) -> Body:
        """See `Store`."""
        return await unbroken(self._notes.change(scope, name, change))

    async def flag(self, name: str) -> bool:
        """See `Store`."""
        return name in await self._switches.on()

    async def set_flag(self, name: str, on: bool) -> None:
        """See `Store`."""
        with translated():
            await self._switches.turn(name, on)

    async def members(self) -> Sequence[Member]:
        """See `Store`."""
        return self._operators.members()

    async def leader(self) -> Member | None:
        """See `Store`."""
        return self._operators.leader()

    # Reading.

    async def _fresh(self, namespace: str, *plurals: str) -> None:
        await self._freshness.fresh(*(Place(plural, namespace) for plural in plurals))

    async def _held(self, key: Key, *besides: str) -> tuple[Held, Job]:
        """What is known of a job, fresh. Raises Unknown."""
        await self._fresh(key.namespace, TASKS.plural, *besides)
        jobs = self._jobs[key.namespace]
        if key in jobs.doubtful:
            with translated():
                await self._tasks.look(key)
        held = jobs.get(key)
        job = (held.job or held.foreign) if held else None
        if held is None or job is None:
            raise unknown(key)
        return held, job

    async def _body(self, key: Key) -> Object | None:
        """An ended run, whole; None where it has been deleted meanwhile. Raises KubeError."""
        runs = self._runs[key.namespace]
        if (body := runs.body(key)) is None:
            try:
                body = await self._api.get(EXECUTIONS, key.namespace, key.name)
            except kube.NotFound:
                runs.gone(key)
                return None
            runs.keep(key, body)
        return body

    async def _ran(self, body: Object) -> Run:
        meta = body["metadata"]
        self._runs[meta["namespace"]].learn(body)
        run = run_of(body)
        await self._freshness.note(Place(EXECUTIONS.plural, meta["namespace"]), int(run.version))
        return run


def _in_order(runs: list[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.moment, run.key.name))


async def _gathered(works: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all, some at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(work: Awaitable[T]) -> T:
        async with slots:
            return await work

    return list(await asyncio.gather(*(one(work) for work in works)))
