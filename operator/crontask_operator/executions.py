"""The life of executions in this process: begin, attempts, stop, end.

What happens next is asked of `plan_execution`; executors carry attempts out and
report back; records are written off the critical path. An execution whose
attempt is just being sent, called or collected (`run.calling`) is left alone
until that is reported. An execution with targets has one part for each (`parts`),
which goes the same way; what is said of the whole here does nothing but gather.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from crontask_core.history import kept_without_task
from crontask_core.model import BY_SCHEDULE, FINAL_PHASES, Attempt, ExecutionStatus, Phase, TaskSpec, Trigger
from crontask_core.names import Key, execution_name, pod_name
from crontask_core.planning.execution import (
    CloseAttempt,
    EndAttempt,
    ExecutionObservation,
    Finish,
    StartAttempt,
    StopReason,
    plan_execution,
)
from crontask_core.planning.pace import RECORD_SECONDS, record_wait
from crontask_core.pods import PodFacts
from crontask_kube.clock import Clock
from crontask_operator.finishing import Finishing
from crontask_operator.index import Index, Run, Task
from crontask_operator.metrics import Metrics
from crontask_operator.parts import Places, end_of, gather, have_ended
from crontask_operator.ports import AttemptEnd, Executor
from crontask_operator.records import Records

UNSENT_WAIT = timedelta(seconds=1)
ENDED_SECONDS = 0.2
"""From an end to its record: of many that are due at one instant, the first end while others are still being sent."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An execution ready to begin, and what its first attempt sends."""

    run: Run
    spec: TaskSpec | None
    """None at a target where no pod can be made."""
    first: bytes
    parts: "tuple[Prepared, ...]" = ()


class Executions:
    """Begins, follows and ends executions."""

    def __init__(
        self,
        index: Index,
        clock: Clock,
        *,
        records: Records,
        metrics: Metrics,
        places: Places,
        finishing: Finishing,
    ) -> None:
        self._index, self._clock = index, clock
        self._records, self._metrics = records, metrics
        self._places, self._finishing = places, finishing
        self._timers: dict[Run, asyncio.TimerHandle] = {}
        self.executors: dict[str, Executor] = {}
        self.on_started: Callable[[Run], None] = lambda run: None
        """Called with an execution whose first attempt is on its way."""
        self.on_finished: Callable[[Run], None] = lambda run: None
        """Called with an execution that runs no longer: there may be room for another one."""
        self.on_unsent: Callable[[Task], None] = lambda task: None
        """Called with a task of which an instant has to be planned again."""
        self.on_stop_elsewhere: Callable[[Run], None] = lambda run: None
        """Called with an execution that is to be stopped where its call is under way."""
        self.on_ended: Callable[[Run], None] = lambda run: None
        """Called with an execution that has its outcome, before that is written."""

    def prepare(self, task: Task, spec: TaskSpec, at: datetime, trigger: Trigger) -> Prepared:
        """An execution of `task` for the instant `at`, not yet begun."""
        return self._prepared(self.make(task, spec, at, trigger), spec)

    def make(self, task: Task, spec: TaskSpec, at: datetime, trigger: Trigger) -> Run:
        """The same without anything to send."""
        return Run(
            key=Key(task.key.namespace, execution_name(task.key.name, at)),
            task=task.key,
            uid=task.uid,
            spec_bytes=task.spec_bytes,
            trigger=trigger,
            scheduled_at=at,
            kept_seconds=kept_without_task(spec),
        )

    def _prepared(self, run: Run, spec: TaskSpec) -> Prepared:
        if not spec.targets:
            return Prepared(run, spec, self._executor(spec).prepare(run, spec, 1))
        parts = self._places.parts(run, spec, spec.targets)
        return Prepared(run, spec, b"", tuple(self._prepared_part(part, part.spec()) for part in parts))

    def _prepared_part(self, part: Run, spec: TaskSpec | None) -> Prepared:
        return Prepared(part, spec, self._executor(spec).prepare(part, spec, 1) if spec is not None else b"")

    def begin(self, task: Task, prepared: Prepared) -> None:
        """Starts a claimed instant."""
        run = prepared.run
        if run.key in self._index.runs:
            # Somebody made an execution by hand under this very name; the admission policy refuses that.
            log.error("the execution's name is taken", execution=str(run.key))
            return
        task.unsaved |= {run.scheduled_at}
        self._index.add_run(run)
        self._metrics.instants("started", 1)
        self._first(prepared)

    def begin_claimed(self, run: Run) -> None:
        """Starts an execution that was claimed by a write to its own object, by its own spec."""
        spec = run.spec()
        assert spec is not None, "an execution without a task is refused"
        if run.trigger in BY_SCHEDULE:
            self._metrics.instants("started", 1)
        self.guarded(run, lambda run: self._first(self._prepared(run, spec)))

    def _first(self, prepared: Prepared) -> None:
        """The first attempt, at each target where there are some."""
        run = prepared.run
        run.phase = "Running"
        run.parts = tuple(part.run for part in prepared.parts)
        for each in prepared.parts or (prepared,):
            if each.spec is None:
                self.advance(each.run)
            else:
                self._attempt(each.run, each.spec, 1, each.first)

    def restore(self, run: Run, targets: Iterable[str]) -> None:
        """Splits an execution that an earlier leader began into parts again, with the attempts that are known."""
        spec = run.spec()
        if spec is not None:
            attempts, run.attempts = run.attempts, []
            run.reason = run.stop or ""  # why a part waits is the part's to tell
            run.parts += self._places.parts(run, spec, targets)
            for part in run.parts:
                part.phase = "Running"
                part.attempts += [attempt for attempt in attempts if attempt.target == part.target]

    def guarded(self, run: Run, step: Callable[[Run], None]) -> None:
        """Does something for an execution; what that raises ends the execution and nothing else (law 4)."""
        try:
            step(run)
        except Exception:
            log.exception("an execution cannot go on", execution=str(run.key))
            self.finish(run, "Failed", "InternalError", "The operator failed on this execution; its log says where.")

    def advance(self, run: Run) -> None:
        """Takes the next step of an execution, as often as something is known anew."""
        for each in run.parts or (run,):
            self.guarded(each, self._advance)

    def goes_on(self, run: Run) -> bool:
        """See `Reports.goes_on`."""
        whole = run.whole or run
        return self._index.runs.get(run.key) is whole and (whole is run or whole.phase not in FINAL_PHASES)

    def _advance(self, run: Run) -> None:
        if not self.goes_on(run) or (run.calling and run.stop is None):
            return
        now = self._clock.now()
        seen = ExecutionObservation(
            run.phase, tuple(run.attempts), run.spec(), run.stop, run.pod, run.ending, run.unfit
        )
        step = plan_execution(seen, now)
        match step:
            case EndAttempt():
                run.ending = step
                self._executor_of(run).end(run, step)
                self._look_again(run, step.again_at, now)
            case _ if run.calling:
                return
            case StartAttempt() if seen.spec is not None:
                self._attempt(
                    run, seen.spec, step.number, self._executor(seen.spec).prepare(run, seen.spec, step.number)
                )
            case CloseAttempt():
                run.calling = True
                self._executor_of(run).collect(run, seen.spec, step.end)
            case Finish():
                self.finish(run, step.phase, step.reason, step.message)
            case _:
                self._tell_why_it_waits(run)
                self._look_again(run, getattr(step, "until", None), now)

    def _tell_why_it_waits(self, run: Run) -> None:
        """Shows meanwhile what keeps a pod from starting, such as an image that cannot be pulled."""
        attempt = run.attempt
        if run.pod is None or run.stop is not None or attempt is None or attempt.finished_at is not None:
            return
        telling = "" if run.pod.waiting in ("ContainerCreating", "PodInitializing") else run.pod.waiting
        if run.reason != telling:
            run.reason, run.message = telling, run.pod.message if telling else ""
            self._touch(run, RECORD_SECONDS)

    def stop(self, run: Run, reason: StopReason) -> None:
        """Ends an execution before its time."""
        if run.elsewhere:
            if run.stop is None and reason == "Replaced":
                run.stop = reason
                self.on_stop_elsewhere(run)
            self.stop_finishing(run.key)
            return  # who has its call under way sees by itself that somebody wants it stopped
        if run.stop is None and run.phase not in FINAL_PHASES:
            run.stop = run.reason = reason  # stored as well, for a successor that sees the pod end
            for part in run.parts:
                part.stop = reason
            run.message = "Stopping; a pod has its grace period to end by itself."
            self._records.touch(run, 0)
            log.info("stopping", execution=str(run.key), reason=reason)
            self.advance(run)

    def unrecorded_found(self, run: Run) -> None:
        """A run was found by its pod: it gets its record while it runs, unless it ends at once."""
        self._touch(run, RECORD_SECONDS)

    def drop(self, run: Run) -> None:
        """Forgets an execution whose objects are gone; a call under way is given up."""
        for each in (run, *run.parts):
            each.stop = "Stopped"
            self._cancel_timer(each)
        self._records.forget(run.key)
        self._records.withdraw(run)
        for each in run.parts or (run,):
            if each.calling:
                self._executor_of(each).end(each, EndAttempt("Stopped", "The task was deleted."))
        self._index.remove_run(run)

    def record_lost(self, task: Task, at: datetime, now: datetime) -> None:
        """An earlier leader claimed this call and left no record: nobody knows whether it was sent."""
        run = self.make(task, task.spec(), at, "Schedule")
        task.unsaved |= {at}
        self._index.add_run(run)
        run.attempts.append(Attempt(number=1))
        self.attempt_lost(run, None, now)

    def attempt_lost(self, run: Run, spec: TaskSpec | None, now: datetime) -> None:
        """The open attempt of an HTTP call has no known end; whether it is tried again is the task's choice."""
        message = "The operator stopped before the call's end was recorded; it may have reached its receiver."
        run.attempts[-1] = run.attempts[-1].model_copy(
            update={"finished_at": now, "reason": "Lost", "message": message}
        )
        if spec is not None and spec.retry.lost:
            run.phase = "Running"
            self.advance(run)
        else:
            self.finish(run, "Lost", "Lost", message)

    # What executors report.

    def started(self, run: Run, at: datetime, pod: PodFacts | None) -> None:
        """See `Reports.started`; of an earlier term it is not ours to record."""
        if not (self.goes_on(run) or self._finishing.goes_on(run)):
            return
        whole, wait = run.whole or run, RECORD_SECONDS
        if whole.started_at is None:
            wait = self._record_wait(whole)
            whole.started_at = at
            late = at - whole.scheduled_at
            if whole.trigger in BY_SCHEDULE:
                whole.lateness_milliseconds = max(0, round(late / timedelta(milliseconds=1)))
            if whole.trigger == "Schedule":
                self._metrics.lateness(self._kind(whole), late.total_seconds())
            self.on_started(whole)
        run.attempts[-1] = run.attempts[-1].model_copy(update={"started_at": at})
        late_ms = whole.lateness_milliseconds
        log.info("started", execution=str(run.key), attempt=run.attempts[-1].number, late_ms=late_ms)
        if pod is not None:
            run.calling = False
            if run.pod is None:
                run.pod = pod
            self.advance(run)
        elif run.stop is not None:
            self.advance(run)
        if whole.phase not in FINAL_PHASES:
            self._touch(run, wait)

    def _record_wait(self, run: Run) -> float:
        """How long the record of a start waits for the end; to be asked before the start is counted."""
        task = self._index.tasks.get(run.task)
        return record_wait(task.tally.usual_seconds() if task is not None else None)

    def ended(self, run: Run, end: AttemptEnd) -> None:
        """See `Reports.ended`."""
        run.calling = False
        if self._finishing.goes_on(run):
            self._close(run, end)
            self._finishing.ended(run)
        elif self.goes_on(run):
            self._close(run, end)
            self.advance(run)
            if (run.whole or run).phase not in FINAL_PHASES:
                self._touch(run, 0)

    def _close(self, run: Run, end: AttemptEnd) -> None:
        reason, message = end.reason, end.message
        if run.ending is not None and not end.succeeded:
            reason, message = run.ending.reason, run.ending.message
        run.attempts[-1] = run.attempts[-1].model_copy(
            update={
                "finished_at": self._clock.now(),
                "reason": reason,
                "message": message[:1024] or None,
                "exit_code": end.exit_code,
                "http_status": end.http_status,
                "http_status_text": end.http_status_text or None,
                "url": end.url or None,
                "timings": end.timings,
                "node": run.pod.node if run.pod else None,
            }
        )
        run.output, run.output_truncated = end.output, end.output_truncated
        run.response_headers = end.response_headers
        run.pod, run.ending = None, None

    def ended_elsewhere(self, run: Run, status: ExecutionStatus) -> None:
        """The holder of the shard before us has stored how an execution ended: it is counted and told of here."""
        run.take(status, self._clock.now())
        self._cancel_timer(run)
        self._metrics.finished("http", run.phase, run.reason)
        log.info("finished elsewhere", execution=str(run.key), phase=run.phase, reason=run.reason)
        self._records.found(run)
        self.on_finished(run)

    def recall(self, part: Run, pod: PodFacts) -> None:
        """A part ended under an earlier leader: what it said is not recorded before the whole ends."""
        part.calling = True
        self._executor_of(part).recall(part, part.spec(), pod)

    def recalled(self, run: Run) -> None:
        """See `Reports.recalled`."""
        run.calling = False
        self.advance(run)

    def unsent(self, run: Run) -> None:
        """See `Reports.unsent`. If this replica still holds the shard, what was not sent is looked at anew."""
        run.calling = False
        if self._finishing.goes_on(run):
            self._finishing.unsent(run)
            return
        if not self.goes_on(run):
            return
        task = self._index.tasks.get(run.task)
        log.warning("not sent, the right to send had run out", execution=str(run.key))
        run.attempts.pop()
        part, run = run, run.whole or run
        if any(each.attempts for each in run.parts or (run,)) or not self._records.withdraw(run):
            self._look_again(part, self._clock.now() + UNSENT_WAIT, self._clock.now())
            return
        for each in run.parts:
            self._cancel_timer(each)
        # Its instant is planned again, so that deadline and overlap are judged by the time that it is then.
        self._index.remove_run(run)
        if task is None or task.uid != run.uid:
            return  # the task was deleted before anything of it was sent
        task.unsaved -= {run.scheduled_at}
        task.tally.ledger = task.tally.ledger.without([run.scheduled_at], task.era())
        task.watermark = min(task.watermark, run.scheduled_at - timedelta(seconds=1))
        task.wake_at = run.scheduled_at
        self.on_unsent(task)

    def finish(self, run: Run, phase: Phase, reason: str, message: str) -> None:
        """The execution has its outcome, which is stored now and counted when that is done (`accounts`)."""
        now = self._clock.now()
        run.phase, run.reason, run.message, run.finished_at = phase, reason, message, now
        self._cancel_timer(run)
        if run.whole is not None:
            self._part_finished(run, run.whole)
            return
        if run.parts:
            gather(run)
            for part in run.parts:
                self._cancel_timer(part)
        self.on_ended(run)
        kind = self._kind(run)
        self._metrics.finished(kind, phase, reason)
        log.info("finished", execution=str(run.key), phase=phase, reason=reason, attempts=len(run.attempts))
        self._records.touch(run, ENDED_SECONDS)
        self.on_finished(run)

    def unrecorded(self, run: Run, words: str) -> None:
        """The record of an execution is given up. One that has not begun has nothing then that it could be claimed by,
        and would hold up the line of its task for ever: it ends."""
        if run.phase == "Queued" and not run.stored:
            self.finish(run, "Cancelled", "RecordRefused", f"The API server does not take its record: {words}")

    def _part_finished(self, part: Run, whole: Run) -> None:
        """What became of one target; with the last of them the execution ends."""
        if not part.attempts:
            attempt = {"finished_at": part.finished_at, "reason": part.reason, "message": part.message[:1024] or None}
            part.attempts.append(Attempt(number=1, target=part.target, **attempt))
        if not have_ended(whole):
            self._touch(part, RECORD_SECONDS)
        elif whole.phase not in FINAL_PHASES:
            end = end_of(whole)
            self.finish(whole, end.phase, end.reason, end.message)

    def stop_finishing(self, key: Key) -> None:
        """Somebody wants an execution stopped that ends here although the shard is another's."""
        self._finishing.stop(key, self.executors["http"].end)

    def calls(self) -> list[Run]:
        """The runs that have an HTTP call under way."""
        return [
            run for run in self._index.runs.values() if run.calling and not run.elsewhere and self._kind(run) == "http"
        ]

    def leave(self) -> None:
        """This replica no longer leads: forget what is under way, the next leader adopts it."""
        for run in list(self._index.runs.values()):
            for each in (run, *run.parts):
                self._cancel_timer(each)
            self._index.remove_run(run)

    def _attempt(self, run: Run, spec: TaskSpec, number: int, prepared: bytes) -> None:
        run.phase, run.calling = "Running", True
        run.pod, run.ending = None, None
        pod = pod_name(run.key.name, number, run.target) if spec.pod else None
        run.attempts.append(Attempt(number=number, target=run.target or None, pod=pod))
        del run.attempts[1:-19]  # the status keeps the first and the latest ones
        self._executor(spec).start(run, spec, prepared)

    def _touch(self, run: Run, delay: float) -> None:
        """Writes the execution soon; what becomes of several targets about the same time is one write."""
        if run.whole is None:
            self._records.touch(run, delay)
        else:
            self._records.touch(run.whole, max(delay, RECORD_SECONDS))

    def _look_again(self, run: Run, at: datetime | None, now: datetime) -> None:
        self._cancel_timer(run)
        if at is not None:
            # Wall time is turned into loop time at most an hour ahead, so that a clock step is noticed.
            seconds = min(max((at - now).total_seconds(), 0.0), 3600.0)
            self._timers[run] = asyncio.get_running_loop().call_later(seconds, self.advance, run)

    def _cancel_timer(self, run: Run) -> None:
        timer = self._timers.pop(run, None)
        if timer is not None:
            timer.cancel()

    def _executor(self, spec: TaskSpec) -> Executor:
        return self.executors["pod" if spec.pod is not None else "http"]

    def _kind(self, run: Run) -> str:
        return "pod" if run.parts or (run.attempt is not None and run.attempt.pod is not None) else "http"

    def _executor_of(self, run: Run) -> Executor:
        return self.executors[self._kind(run)]
