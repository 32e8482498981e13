"""Executions made by hand: "run now".

The object is its own lock: before anything is sent, its phase becomes Running by
a compare-and-swap on its resourceVersion, so that two operators never both begin.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from crontask_core.bonds import bond, owner
from crontask_core.errors import FieldError
from crontask_core.history import STRAY_SECONDS
from crontask_core.manifests import execution_labels
from crontask_core.model import FINAL_PHASES, ExecutionSpec, Phase, TaskSpec
from crontask_core.names import Key
from crontask_core.planning.overlap import Load, Start, concurrency_limit, make_room, queue_limit
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import KubeError, NotFound
from crontask_kube.resources import EXECUTIONS, TASKS
from crontask_operator.claims import claim
from crontask_operator.executions import Executions
from crontask_operator.index import Index, Run, Task
from crontask_operator.instants import load_of
from crontask_operator.line import MESSAGES, Line
from crontask_operator.tasks import Tasks
from crontask_operator.workers import Workers

MAX_TRIES = 10
LONGEST_WAIT = 30.0
ON_PURPOSE = frozenset({"Overlap", "Limit", "Stopped", "Suspended", "Disabled", "GroupSuspended", "Frozen", "Calendar"})
"""Reasons for which an execution is not begun although nothing is wrong."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """An execution that is to be decided on, as it was seen."""

    key: Key
    body: dict[str, Any]
    spec: ExecutionSpec
    term: int
    """What is decided counts in this term only, see `ByHand.forget_all`."""


class ByHand:
    """Accepts or refuses executions that somebody created."""

    def __init__(
        self,
        index: Index,
        api: ApiClient,
        clock: Clock,
        *,
        crew: Workers,
        executions: Executions,
        line: Line,
        tasks: Tasks,
        leads: Callable[[], bool],
    ) -> None:
        self._index, self._api, self._clock = index, api, clock
        self._crew, self._executions, self._line, self._tasks = crew, executions, line, tasks
        self._leads = leads
        self.still_wanted: Callable[[Key], bool] = lambda key: True
        """Whether the backfill that has made an execution still wants it."""
        self._accepting: set[Key] = set()
        self._placing: dict[Key, Key] = {}
        """Executions that just take their place in the line, and their tasks."""
        self._tries: dict[Key, int] = {}
        self._terms = 0
        """How often the shard was lost: whoever holds it next, this replica too, decides anew on what was not begun."""

    def accept(self, key: Key, body: dict[str, Any], spec: ExecutionSpec) -> None:
        """Begins the execution, or ends it with the reason why it cannot be begun."""
        if key not in self._accepting:
            self._accepting.add(key)
            asked = Asked(key, body, spec, self._terms)
            self._crew.submit(lambda: self._accept(asked))

    def forget_all(self) -> None:
        """Decides on nothing more that was seen so far: the shard is somebody else's."""
        self._terms += 1
        self._accepting.clear()
        self._placing.clear()
        self._tries.clear()

    def _over(self, asked: Asked) -> bool:
        return asked.term != self._terms

    def deals_with(self, key: Key) -> bool:
        """Whether the execution is being decided on."""
        return key in self._accepting or key in self._tries

    def refuse_unreadable(self, key: Key, problem: str) -> None:
        """Ends an execution whose spec the API server took and we cannot read."""
        status = {"phase": "Failed", "reason": "InvalidSpec", "message": f"spec cannot be read: {problem}"}
        self._crew.submit(lambda: self._end(key, status))

    async def _end(self, key: Key, status: dict[str, str]) -> None:
        try:
            await self._api.patch(EXECUTIONS, key.namespace, key.name, {"status": status})
        except KubeError as error:
            log.warning("the execution cannot be refused", execution=str(key), error=str(error))

    async def _accept(self, asked: Asked) -> None:
        key = asked.key
        try:
            if not self._over(asked):
                await self._decide(asked)
            again = False
        except KubeError as error:
            # Changed meanwhile, or the API server does not answer: the events that tell may have come already.
            log.warning("the execution cannot be begun yet", execution=str(key), error=str(error))
            again = True
        finally:
            if not self._over(asked):
                self._accepting.discard(key)
        if self._over(asked):
            return
        if again:
            self._ask_again(key)
        else:
            self._tries.pop(key, None)

    def _ask_again(self, key: Key) -> None:
        tries = self._tries.get(key, 0)
        if tries >= MAX_TRIES or not self._leads():
            self._tries.pop(key, None)  # the resync finds it
            return
        self._tries[key] = tries + 1
        wait, term = min(2.0**tries, LONGEST_WAIT), self._terms
        asyncio.get_running_loop().call_later(wait, self._crew.submit, lambda: self._look(key, term))

    async def _look(self, key: Key, term: int) -> None:
        """Asks for the execution, and decides on it as it is now.

        One that is said to run, or to wait, and that is not known was claimed by us, and the answer was lost.
        """
        if term != self._terms:
            return
        try:
            body = await self._api.get(EXECUTIONS, key.namespace, key.name)
        except NotFound:
            body = None
        except KubeError:
            if term == self._terms:
                self._ask_again(key)
            return
        if term != self._terms:
            return
        phase = (body.get("status") or {}).get("phase", "Pending") if body is not None else ""
        if body is None or phase in FINAL_PHASES or key in self._index.runs:
            self._tries.pop(key, None)
        else:
            self.accept(key, body, ExecutionSpec.model_validate(body["spec"]))

    async def _decide(self, asked: Asked) -> None:
        key, spec = asked.key, asked.spec
        task = await self.task(Key(key.namespace, spec.task_ref.name))
        if self._over(asked):
            return
        run = self._run(key, asked.body, spec, task)
        if task is None:
            missing = f'There is no CronTask "{spec.task_ref.name}" in this namespace.'
            run.kept_seconds = STRAY_SECONDS
            await self._refuse(asked, run, task, "TaskNotFound", missing)
        elif task.problem:
            await self._refuse(asked, run, task, task.problem_reason, task.problem)
        elif spec.trigger == "Backfill" and spec.parent is None:
            await self._refuse(asked, run, task, "InvalidSpec", "spec.backfill is not set; say from when to when")
        elif spec.stop or (spec.trigger == "Backfill" and not self.still_wanted(key)):
            await self._refuse(asked, run, task, "Stopped", "The execution was stopped before it began.")
        elif spec.trigger == "After" and (why := self._rests(task)):
            await self._refuse(asked, run, task, why, "The task rests now: it runs after no other meanwhile.")
        else:
            try:
                run.spec_bytes = task.spec_with(spec.overrides)
            except FieldError as error:
                await self._refuse(asked, run, task, "NotOverridable", str(error))
                return
            await self._begin(asked, run, task)

    def _rests(self, task: Task) -> str:
        """Why nothing but somebody's wish runs the task now; empty where something else may."""
        now, until, closed = self._clock.now(), task.spec().suspend_until, self._line.closed(task)
        if task.suspended or (until is not None and now < until):
            return "Suspended"
        if task.paused:
            return "Disabled"
        return (closed(now) or "") if closed is not None else ""

    async def task(self, key: Key) -> Task | None:
        """The task, asked for where its own event has not come yet."""
        task = self._index.tasks.get(key)
        if task is not None:
            return task
        try:
            body = await self._api.get(TASKS, key.namespace, key.name)
        except NotFound:
            return None
        self._tasks.seen(body, self._clock.now())
        return self._index.tasks.get(key)

    def _run(self, key: Key, body: dict[str, Any], spec: ExecutionSpec, task: Task | None) -> Run:
        meta = body["metadata"]
        return Run(
            key=key,
            task=Key(key.namespace, spec.task_ref.name),
            uid=task.uid if task else "",
            spec_bytes=task.spec_bytes if task else b"",
            kept_seconds=task.kept_seconds() if task else None,
            trigger=spec.trigger,
            scheduled_at=spec.scheduled_at or datetime.fromisoformat(meta["creationTimestamp"]),
            parent=spec.parent or "",
            stored=True,
            version=meta["resourceVersion"],
        )

    async def _refuse(self, asked: Asked, run: Run, task: Task | None, reason: str, message: str) -> None:
        """Ends the execution; with labels and owner, so that history limits and deletion reach it too.

        Raises Conflict where somebody changed it meanwhile: what was read of it may be long past.
        """
        metadata = {"resourceVersion": run.version, **execution_metadata(run, task, asked.body)}
        await self._api.patch(EXECUTIONS, run.key.namespace, run.key.name, {"metadata": metadata})
        if self._over(asked):
            return
        self._index.add_run(run)
        phase: Phase = "Cancelled" if reason in ON_PURPOSE else "Failed"
        self._executions.finish(run, phase, reason, message)

    async def _begin(self, asked: Asked, run: Run, task: Task) -> None:
        spec, load = run.spec() or task.spec(), self._load(task)
        limit = concurrency_limit(spec)
        if run.trigger == "Backfill" and limit is not None and (load.waiting or len(load.active) >= limit):
            return  # it stays as it is, and is asked for again when there is room
        room = make_room(spec, [Start(run.scheduled_at, run.trigger)], [], load)
        if room.starts and not self._line.admits_now(task, run):
            if load.waiting >= queue_limit(spec):
                self._line.turn_away(run)
                if run.trigger != "Backfill":
                    await self._refuse(asked, run, task, *_no_place(load))
                return
            await self._wait(asked, run, task, "GroupLimit")
            return
        if room.queued:
            await self._wait(asked, run, task, "Overlap")
            return
        if not room.starts:
            await self._refuse(asked, run, task, *_busy(spec, load))
            return
        if await self._claimed(asked, run, task):
            for name in room.stops:
                if (other := task.runs.get(name)) is not None:
                    self._executions.stop(other, "Replaced")
            self._executions.begin_claimed(run)

    async def _claimed(self, asked: Asked, run: Run, task: Task) -> bool:
        """Whether it is ours to begin; where the shard was lost meanwhile its next holder finds it, claimed or not."""
        # Known before the claim, so that an instant that comes meanwhile sees it as active.
        self._index.add_run(run)
        try:
            await claim(self._api, run, metadata=execution_metadata(run, task, asked.body))
        except KubeError:
            if not self._over(asked):
                self._index.remove_run(run)
            raise
        return not self._over(asked)

    async def _wait(self, asked: Asked, run: Run, task: Task, reason: str) -> None:
        """The execution takes its place in the line."""
        run.reason, run.message = reason, MESSAGES[reason]
        # Reserved before the claim, so that of several made at once no more than queueLimit wait.
        self._placing[run.key] = task.key
        try:
            await claim(self._api, run, "Queued", execution_metadata(run, task, asked.body))
            if not self._over(asked) and run.key not in self._index.runs:
                self._line.add(task, run, reason)
        finally:
            if not self._over(asked):
                del self._placing[run.key]

    def _load(self, task: Task) -> Load:
        """What the task has under way; places in its line that are just being taken are taken."""
        load = load_of(task, task.spec())
        placing = sum(of == task.key and key not in self._index.runs for key, of in self._placing.items())
        return load._replace(waiting=load.waiting + placing)


def _busy(spec: TaskSpec, load: Load) -> tuple[str, str]:
    """Why there is no room for it, in a word and in a sentence."""
    if spec.concurrency_policy == "Queue":
        return _no_place(load)
    names = ", ".join(load.active[:3]) or "one that waits"
    return "Overlap", f"concurrencyPolicy is {spec.concurrency_policy} and {names} still runs; wait, or stop it."


def _no_place(load: Load) -> tuple[str, str]:
    return "Limit", f"{load.waiting} executions wait already (queueLimit); try again later, or raise queueLimit."


def execution_metadata(run: Run, task: Task | None, body: dict[str, Any]) -> dict[str, Any]:
    """Labels, and the bond to its task, for an execution that somebody else created."""
    made: dict[str, Any] = {"labels": execution_labels(run.task.name, run.key.name, run.trigger)}
    owners = body["metadata"].get("ownerReferences") or []
    if run.kept_seconds is not None:
        made |= bond(run.task, run.uid, run.kept_seconds)
    elif task is not None and all(other.get("uid") != task.uid for other in owners):
        made["ownerReferences"] = [*owners, owner(task.key, task.uid) | {"controller": not owners}]
    return made
