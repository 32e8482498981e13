"""Writes executions to the API server, off the critical path.

One create when a short run has ended, or a create at about half a second and
one patch at the end. Writes of one execution never overlap: what changes while
a write is under way is written after it. Truth must not be lost, so a write that
the API server cannot take is repeated for as long as this replica holds the shard.
A write that reaches the API server only when the shard is somebody else's (a network
that held it back, a process that was paused) fails on the version that it names, and is
not repeated: the successor's word stays.
"""

import asyncio
from collections.abc import Callable

import structlog

from crontask_core.manifests import execution_body
from crontask_core.model import FINAL_PHASES, BackfillProgress, ExecutionStatus
from crontask_core.model.execution import MAX_TASK_SPEC
from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.errors import AlreadyExists, BadRequest, Conflict, Invalid, KubeError, NotFound, Unavailable
from crontask_kube.resources import EXECUTIONS
from crontask_operator.index import Run
from crontask_operator.parts import attempts_of, waits_for
from crontask_operator.workers import Workers

AGAIN_SECONDS = 2.0
REFUSED_SECONDS = 15.0
REFUSED_TRIES = 20
"""How often, and at what distance, a record is offered that the API server refuses (RBAC, quota, admission)."""
STARTS_FIRST_SECONDS = 0.25
LONGEST_PUT_OFF = 2.0
PUT_OFF_MOST = 6
"""So often a record gives way to starts, each time for twice as long: 8 seconds at most, however long calls hang."""
BUSY = 12
"""So many writes that wait are a backlog."""
log = structlog.get_logger(__name__)


def status_of_run(run: Run) -> ExecutionStatus:
    """The status of an execution as it stands."""
    final = run.phase in FINAL_PHASES
    reason, message = waits_for(run) if run.parts and not run.reason else (run.reason, run.message)
    return ExecutionStatus(
        phase=run.phase,
        reason=reason or None,
        message=message[:1024] or None,
        started_at=run.started_at,
        finished_at=run.finished_at,
        lateness_milliseconds=run.lateness_milliseconds,
        attempts=attempts_of(run),
        output=run.output if final and run.output else None,
        output_truncated=run.output_truncated if final and run.output else None,
        response_headers=run.response_headers if final and run.response_headers else None,
        followers=list(run.followers) if final and run.followers else None,
        backfill=run.backfill,
        task_spec=None if final else _spec_to_keep(run),
    )


def _spec_to_keep(run: Run) -> str | None:
    """What a successor needs of an execution whose task may be gone by then. Without it no further attempt follows."""
    if run.kept_seconds is None or not 0 < len(run.spec_bytes) <= MAX_TASK_SPEC:
        return None
    return run.spec_bytes.decode()


class Records:
    """A queue of executions to write, each at most once in it."""

    def __init__(
        self, api: ApiClient, crew: Workers, may_write: Callable[[], bool], starts_wait: Callable[[], bool]
    ) -> None:
        self._api, self._crew, self._may_write, self._starts_wait = api, crew, may_write, starts_wait
        self._waiting: dict[Key, tuple[float, asyncio.Handle, Run]] = {}
        """When (loop time) and by which timer a record is written. uvloop's handles do not tell their time."""
        self._writing: set[Key] = set()
        self._again: dict[Key, Run] = {}
        self._refusals: dict[Key, int] = {}
        self._terms = 0
        """How often the shard became somebody else's; what was to be written in an earlier term is not."""
        self.on_recorded: list[Callable[[Run], None]] = []
        """Called when an execution has come to exist at the API server."""
        self.on_progress: Callable[[Run, BackfillProgress], None] = lambda run, progress: None
        """Called when a backfill's record has come to show this progress."""
        self.on_stored: list[Callable[[Run], None]] = []
        """Called when the final state of an execution has become durable, or its record is given up."""
        self.on_given_up: list[Callable[[Run, str], None]] = []
        """Called with an execution whose record is offered no more, and the API server's words, before `on_stored`."""

    def touch(self, run: Run, delay: float) -> None:
        """Writes the execution after `delay` seconds, unless it is written before that, or by another replica."""
        if run.elsewhere:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + delay
        waiting = self._waiting.get(run.key)
        if waiting is not None and waiting[0] <= at:
            return
        self._forget(run.key)
        self._waiting[run.key] = (at, loop.call_later(delay, self._submit, run), run)

    def hurry(self) -> None:
        """Writes at once what would be written soon (an orderly stop)."""
        for _, timer, run in list(self._waiting.values()):
            timer.cancel()
            run.put_off = PUT_OFF_MOST
            self._submit(run)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written, or to be written once more."""
        return not self._waiting and not self._writing and not self._again

    def found(self, run: Run) -> None:
        """Another replica has stored the final state of the execution."""
        self._saved(run)

    def forget_all(self) -> None:
        """Writes nothing more of what is waiting: the shard is somebody else's."""
        self._terms += 1
        for _, timer, _run in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._again.clear()
        self._refusals.clear()

    def withdraw(self, run: Run) -> bool:
        """Takes back what waits to be written; False where the execution exists already, or is just being written."""
        if run.stored or run.key in self._writing:
            return False
        self._forget(run.key)
        self._refusals.pop(run.key, None)
        return True

    def quiet(self, run: Run) -> bool:
        """Writes nothing of the execution before it is touched again; False while something is being written."""
        self._forget(run.key)
        return run.key not in self._writing

    async def write_now(self, run: Run) -> bool:
        """Writes the execution before something that must not happen unrecorded; False where that failed."""
        self._forget(run.key)
        try:
            await self._put(run)
        except KubeError as error:
            log.warning("the record cannot be written", execution=str(run.key), error=str(error))
            return False
        return True

    def _submit(self, run: Run) -> None:
        self._waiting.pop(run.key, None)
        if run.put_off < PUT_OFF_MOST and self._gives_way(run):
            self.touch(run, min(STARTS_FIRST_SECONDS * 2**run.put_off, LONGEST_PUT_OFF))
            run.put_off += 1
            return
        if run.key in self._writing:
            self._again[run.key] = run
            return
        self._writing.add(run.key)
        term = self._terms
        self._crew.submit(lambda: self._write(run, term))

    def _gives_way(self, run: Run) -> bool:
        """In a burst the API server's time belongs to what is due now; the claim covers what is not recorded yet.

        What an earlier leader has lost waits for what this one has run: were it to die too, that would be lost as well.
        """
        return self._starts_wait() or (run.phase == "Lost" and self._crew.backlog > BUSY)

    def forget(self, key: Key) -> None:
        """Writes nothing more of an execution that is gone."""
        self._forget(key)
        self._again.pop(key, None)

    def _forget(self, key: Key) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            waiting[1].cancel()

    async def _write(self, run: Run, term: int) -> None:
        wait = 0.0
        try:
            if term != self._terms:
                return
            if self._may_write():
                await self._put(run)
                self._refusals.pop(run.key, None)
            else:
                self._again[run.key], wait = run, AGAIN_SECONDS
        except KubeError as error:
            if term == self._terms:
                wait = self._failed(run, error)
        finally:
            self._writing.discard(run.key)
            again = self._again.pop(run.key, None)
            if again is not None and not again.saved:
                self.touch(again, wait)

    def _failed(self, run: Run, error: KubeError) -> float:
        """Sees to it that the record is offered again, where it is; after how many seconds."""
        if isinstance(error, Unavailable | Conflict | AlreadyExists):
            log.warning("the record has to wait", execution=str(run.key), error=str(error))
            self._again[run.key] = run
            return AGAIN_SECONDS
        self._refused(run, error)
        return REFUSED_SECONDS

    def _refused(self, run: Run, error: KubeError) -> None:
        """What refuses may change its mind; after some minutes the record is given up, but never what runs."""
        tries = self._refusals.get(run.key, 0) + 1
        log.error("the record is refused", execution=str(run.key), tries=tries, error=str(error))
        if tries < REFUSED_TRIES and not isinstance(error, BadRequest | Invalid):
            self._refusals[run.key] = tries
            self._again[run.key] = run
            return
        self._refusals.pop(run.key, None)
        for tell in self.on_given_up:
            tell(run, str(error))
        if run.phase in FINAL_PHASES:
            self._forget(run.key)
            self._saved(run)

    async def _put(self, run: Run) -> None:
        """Writes the execution as it is when its turn comes; an older state never follows a newer one."""
        async with run.turn:
            status = await self._store(run)
            if status.backfill is not None:
                self.on_progress(run, status.backfill)
            if status.phase in FINAL_PHASES:
                self._saved(run)

    async def _store(self, run: Run) -> ExecutionStatus:
        status = status_of_run(run)
        if not run.stored:
            body = execution_body(
                run.key,
                task=run.task,
                uid=run.uid,
                trigger=run.trigger,
                scheduled_at=run.scheduled_at,
                status=status,
                kept_seconds=run.kept_seconds,
            )
            try:
                made = await self._api.create(EXECUTIONS, run.key.namespace, body)
                run.version = made["metadata"]["resourceVersion"]
            except AlreadyExists as error:
                status = await self._meet(run, error)
            run.stored = True
            for tell in self.on_recorded:
                tell(run)
        else:
            try:
                await self._patch(run, status)
            except Conflict as error:
                status = await self._meet(run, error)
        return status

    async def _meet(self, run: Run, error: KubeError) -> ExecutionStatus:
        """The record is not as we know it: by a write of ours whose answer was lost, by somebody's wish, or by another
        leader. Raises the error where the right to write has run out meanwhile: a successor may have written it.
        """
        existing = await self._api.get(EXECUTIONS, run.key.namespace, run.key.name)
        if not self._may_write():
            raise error
        found, status = existing.get("status") or {}, status_of_run(run)
        run.version = existing["metadata"]["resourceVersion"]
        if not run.stored and found.get("phase") in FINAL_PHASES and found["phase"] != status.phase:
            log.warning("the record has an outcome already, which counts", execution=str(run.key), phase=found["phase"])
            run.take(ExecutionStatus.model_validate(found), run.finished_at or run.scheduled_at)
            return status_of_run(run)
        await self._patch(run, status)
        return status

    async def _patch(self, run: Run, status: ExecutionStatus) -> None:
        """Raises Conflict where the record is another than we know."""
        kept = {"taskSpec": None} if run.kept_seconds is not None else {}
        # A merge patch keeps what it does not name: what was told meanwhile must not outlast its cause.
        told = {"reason": None, "message": None, **kept, **status.to_body()}
        body = {"metadata": {"resourceVersion": run.version}, "status": told}
        try:
            made = await self._api.patch(EXECUTIONS, run.key.namespace, run.key.name, body)
        except NotFound:
            log.info("the record was deleted meanwhile", execution=str(run.key))
        else:
            run.version = made["metadata"]["resourceVersion"]

    def _saved(self, run: Run) -> None:
        if not run.saved:
            run.saved = True
            for tell in self.on_stored:
                tell(run)
