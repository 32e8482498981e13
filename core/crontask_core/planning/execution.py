"""What happens next to one execution: an attempt, an end, or a wait.

The order of questions: has it ended? is an attempt open? does somebody want it
stopped? is there an attempt left? HTTP attempts report their own end; the end
of a pod attempt is read from its pod (`crontask_core.pods`).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from crontask_core.model import FINAL_PHASES, Attempt, Phase, TaskSpec
from crontask_core.model.pod_action import DEFAULT_PENDING_SECONDS
from crontask_core.pods import PodDoomed, PodEnd, PodFacts, PodPending, judge_pod
from crontask_core.retry import retry_at

StopReason = Literal["Stopped", "Replaced"]

ASK_AGAIN = timedelta(seconds=10)
"""When a pod's deletion is asked for once more, where nothing shows that the first request has arrived."""


@dataclass(frozen=True, slots=True)
class EndAttempt:
    """Delete the pod, or drop the call, of the open attempt, and wait for its end."""

    reason: str
    message: str
    again_at: datetime | None = None
    """When to look whether that has happened; None: not before the next event."""


@dataclass(frozen=True, slots=True)
class ExecutionObservation:
    """All that the next step depends on, besides the time."""

    phase: Phase
    attempts: tuple[Attempt, ...]
    spec: TaskSpec | None
    """What the execution goes by; None where that is not known, or no pod can be made of it (`unfit`)."""
    stop: StopReason | None
    """Why the execution is to be stopped, where somebody wants that."""
    pod: PodFacts | None
    """The pod of the open attempt, as far as it has been seen."""
    ending: EndAttempt | None = None
    """What was already done to end the open attempt."""
    unfit: "Finish | None" = None
    """Without a spec: how the execution ends because of that, where not by the end of an attempt."""


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Begin the attempt of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class CloseAttempt:
    """The open attempt has ended; its pod, if it still exists, is to be deleted."""

    end: PodEnd


@dataclass(frozen=True, slots=True)
class Finish:
    """The execution has its outcome."""

    phase: Phase
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before this time (None: before the next event)."""

    until: datetime | None


Step = StartAttempt | CloseAttempt | EndAttempt | Finish | Wait


def plan_execution(seen: ExecutionObservation, now: datetime) -> Step:
    """The next step of the execution at `now`."""
    if seen.phase in FINAL_PHASES:
        return Wait(None)
    last = seen.attempts[-1] if seen.attempts else None
    if last is not None and last.finished_at is None:
        return _open_attempt(seen, now)
    if last is not None and last.reason == "Completed":
        return Finish("Succeeded", "Completed", "")
    if seen.stop is not None:
        return Finish("Cancelled", seen.stop, _stop_message(seen.stop))
    if seen.phase == "Queued":
        return Wait(None)  # until its turn comes (`planning.line`)
    if last is None or last.finished_at is None:  # (an open attempt has been dealt with above)
        gone = seen.unfit or Finish("Cancelled", "TaskDeleted", "The task was deleted.")
        return StartAttempt(1) if seen.spec else gone
    again = retry_at(seen.spec.retry, last.number, last.finished_at) if seen.spec else None
    if again is None:
        return Finish("Failed", last.reason or "Failed", last.message or "")
    return StartAttempt(last.number + 1) if now >= again else Wait(again)


def _stop_message(reason: StopReason) -> str:
    if reason == "Replaced":
        return "A later instant replaced this execution (concurrencyPolicy Replace)."
    return "The execution was stopped (spec.stop)."


def _open_attempt(seen: ExecutionObservation, now: datetime) -> Step:
    wanted = EndAttempt(seen.stop, _stop_message(seen.stop), now + ASK_AGAIN) if seen.stop else None
    if seen.pod is None:
        # An HTTP call in flight, or a pod that is being created.
        return wanted if wanted and not seen.ending else Wait(None)
    pending, timeout = _limits(seen.spec)
    verdict = judge_pod(seen.pod, now, pending_timeout=pending, timeout=timeout)
    if isinstance(verdict, PodEnd):
        return CloseAttempt(_as_wanted(verdict, seen.pod, seen.ending))
    if seen.ending is not None:
        return _await_end(seen.ending, seen.pod, verdict, now)
    if wanted:
        return wanted
    if isinstance(verdict, PodPending):
        return Wait(verdict.look_again_at)
    if not verdict.ran:
        return CloseAttempt(PodEnd(False, verdict.reason, verdict.message))
    return EndAttempt(verdict.reason, verdict.message, now + ASK_AGAIN)


def _await_end(ending: EndAttempt, pod: PodFacts, verdict: PodPending | PodDoomed, now: datetime) -> Step:
    """Waits for the end that was asked for. A request that got lost must not let the pod run on: it is repeated."""
    if isinstance(verdict, PodPending) and pod.delete_by is not None:
        return Wait(verdict.look_again_at)
    if ending.again_at is None or now < ending.again_at:
        return Wait(ending.again_at)
    return replace(ending, again_at=now + ASK_AGAIN)


def _limits(spec: TaskSpec | None) -> tuple[timedelta, timedelta | None]:
    """How long the pod may wait, and how long it may run."""
    if spec is None:
        return timedelta(seconds=DEFAULT_PENDING_SECONDS), None
    pending = spec.pod.pending_timeout_seconds if spec.pod else DEFAULT_PENDING_SECONDS
    timeout = timedelta(seconds=spec.timeout_seconds) if spec.timeout_seconds else None
    return timedelta(seconds=pending), timeout


def _as_wanted(end: PodEnd, pod: PodFacts, ending: EndAttempt | None) -> PodEnd:
    """A pod that we deleted ended for our reason, whatever it answered to the signal; unless it was through before."""
    if ending is None or (end.succeeded and pod.delete_by is None):
        return end
    return PodEnd(False, ending.reason, ending.message)
