"""The next step of one execution: a row for each situation, and scripts from its begin to its outcome."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crontask_core.model import Attempt, Phase, TaskSpec
from crontask_core.planning.execution import (
    ASK_AGAIN,
    CloseAttempt,
    EndAttempt,
    ExecutionObservation,
    Finish,
    StartAttempt,
    Step,
    StopReason,
    Wait,
    plan_execution,
)
from crontask_core.pods import GONE_AFTER, TIMEOUT_GRACE, PodEnd, PodFacts

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
STOPPED = "The execution was stopped (spec.stop)."
REPLACED = "A later instant replaced this execution (concurrencyPolicy Replace)."


def task(**rest: Any) -> TaskSpec:
    return TaskSpec.model_validate({"schedule": "* * * * *", "pod": {"image": "shop/report:1"}} | rest)


TWICE = task(retry={"limit": 2, "backoff": {"initialSeconds": 10, "factor": 3, "maxSeconds": 20}})
CALL = TaskSpec.model_validate({"schedule": "* * * * *", "http": {"url": "http://shop.example/tick"}})

OPEN = Attempt(number=1, started_at=NOW)
DONE = Attempt(number=1, started_at=NOW, finished_at=NOW, reason="Completed")
FAILED = Attempt(number=1, started_at=NOW, finished_at=NOW, reason="NonZeroExit", message="exit code 3")
FAILED_AGAIN = FAILED.model_copy(update={"number": 2})

WAITING = PodFacts("report-1", "uid", "Pending", NOW)
RUNNING = PodFacts("report-1", "uid", "Running", NOW, node="node-1", started_at=NOW, running=True)
ABSENT_IMAGE = replace(WAITING, waiting="InvalidImageName", message="bad name", node="node-1")
SUCCEEDED = replace(RUNNING, phase="Succeeded", running=False, exit_code=0)
EXIT_3 = replace(RUNNING, phase="Failed", running=False, exit_code=3)
LEAVING = replace(RUNNING, delete_by=NOW + 30 * SECOND)

STOP = EndAttempt("Stopped", STOPPED, NOW + ASK_AGAIN)
TIMEOUT = EndAttempt("Timeout", "The pod ran on after its deadline.", NOW + ASK_AGAIN)


@dataclass(frozen=True)
class Row:
    """A situation, told in a sentence, and the step that follows."""

    says: str
    step: Step
    attempts: tuple[Attempt, ...] = ()
    spec: TaskSpec | None = task()  # noqa: RUF009 - a frozen value
    stop: StopReason | None = None
    pod: PodFacts | None = None
    ending: EndAttempt | None = None
    phase: Phase = "Running"
    now: datetime = NOW


ROWS = [
    # Begin.
    Row("a new execution begins its first attempt", StartAttempt(1), phase="Pending"),
    Row("stopped before it began, it starts nothing", Finish("Cancelled", "Stopped", STOPPED), stop="Stopped"),
    Row("replaced before it began, it starts nothing", Finish("Cancelled", "Replaced", REPLACED), stop="Replaced"),
    Row(
        "its task deleted before it began, it starts nothing",
        Finish("Cancelled", "TaskDeleted", "The task was deleted."),
        spec=None,
    ),
    Row("one that has ended is left alone", Wait(None), phase="Succeeded", attempts=(DONE,)),
    Row("one that was lost is left alone", Wait(None), phase="Lost", stop="Stopped"),
    # An open attempt.
    Row("a pod that is being created is awaited", Wait(None), (OPEN,)),
    Row("a call in flight is awaited", Wait(None), (OPEN,), CALL),
    Row("a running pod is awaited, for ever where there is no timeout", Wait(None), (OPEN,), pod=RUNNING),
    Row(
        "a pod with a timeout is looked at again when the kubelet should have ended it",
        Wait(NOW + 60 * SECOND + TIMEOUT_GRACE),
        (OPEN,),
        task(timeoutSeconds=60),
        pod=RUNNING,
    ),
    Row("a pod without a node is given five minutes", Wait(NOW + 300 * SECOND), (OPEN,), pod=WAITING),
    Row(
        "or as long as the task says",
        Wait(NOW + 20 * SECOND),
        (OPEN,),
        task(pod={"image": "shop/report:1", "pendingTimeoutSeconds": 20}),
        pod=WAITING,
    ),
    Row(
        "a pod that has found no node in time is given up",
        CloseAttempt(PodEnd(False, "Unschedulable", "after 300 seconds: no node was found")),
        (OPEN,),
        pod=WAITING,
        now=NOW + 300 * SECOND,
    ),
    Row(
        "a pod of which nothing runs is closed at once",
        CloseAttempt(PodEnd(False, "ImagePull", "bad name")),
        (OPEN,),
        pod=ABSENT_IMAGE,
    ),
    Row(
        "a pod of which something runs is ended first",
        EndAttempt("ImagePull", "bad name", NOW + ASK_AGAIN),
        (OPEN,),
        pod=replace(ABSENT_IMAGE, running=True),
    ),
    Row(
        "a pod that the kubelet did not end at its deadline is ended by us",
        replace(TIMEOUT, again_at=NOW + 61 * SECOND + TIMEOUT_GRACE + ASK_AGAIN),
        (OPEN,),
        task(timeoutSeconds=60),
        pod=RUNNING,
        now=NOW + 61 * SECOND + TIMEOUT_GRACE,
    ),
    Row("a pod that has ended well is closed", CloseAttempt(PodEnd(True, "Completed")), (OPEN,), pod=SUCCEEDED),
    Row(
        "a pod that has failed is closed",
        CloseAttempt(PodEnd(False, "NonZeroExit", "A container ended with exit code 3.")),
        (OPEN,),
        pod=EXIT_3,
    ),
    Row(
        "a pod that somebody deleted is closed",
        CloseAttempt(PodEnd(False, "Deleted", "The pod was deleted before it had ended.")),
        (OPEN,),
        pod=RUNNING.as_gone(),
    ),
    Row(
        "a pod on a node that does not answer is awaited at first",
        Wait(NOW + 30 * SECOND + GONE_AFTER),
        (OPEN,),
        pod=LEAVING,
    ),
    Row(
        "and then given up",
        CloseAttempt(PodEnd(False, "NodeLost", "The pod's deletion is not confirmed; node node-1 does not answer.")),
        (OPEN,),
        pod=LEAVING,
        now=NOW + 30 * SECOND + GONE_AFTER,
    ),
    Row("a pod goes on after its task is gone, until it is collected", Wait(None), (OPEN,), None, pod=RUNNING),
    # Stop, while an attempt is open.
    Row("a stop ends a running pod", STOP, (OPEN,), stop="Stopped", pod=RUNNING),
    Row(
        "a replacement ends a running pod",
        EndAttempt("Replaced", REPLACED, NOW + ASK_AGAIN),
        (OPEN,),
        stop="Replaced",
        pod=RUNNING,
    ),
    Row("a stop ends a pod that still waits", STOP, (OPEN,), stop="Stopped", pod=WAITING),
    Row("a stop drops a call in flight", STOP, (OPEN,), CALL, stop="Stopped"),
    Row("a call that is being dropped is not dropped again", Wait(None), (OPEN,), CALL, stop="Stopped", ending=STOP),
    Row(
        "a stop that comes after the pod's own end changes nothing",
        CloseAttempt(PodEnd(True, "Completed")),
        (OPEN,),
        stop="Stopped",
        pod=SUCCEEDED,
    ),
    Row(
        "a stopped pod that is on its way out is awaited",
        Wait(NOW + 30 * SECOND + GONE_AFTER),
        (OPEN,),
        stop="Stopped",
        pod=LEAVING,
        ending=STOP,
    ),
    Row(
        "a stop whose deletion is not to be seen yet is looked at again",
        Wait(NOW + ASK_AGAIN),
        (OPEN,),
        stop="Stopped",
        pod=RUNNING,
        ending=STOP,
    ),
    Row(
        "a stop whose deletion got lost is repeated",
        replace(STOP, again_at=NOW + 2 * ASK_AGAIN),
        (OPEN,),
        stop="Stopped",
        pod=RUNNING,
        ending=STOP,
        now=NOW + ASK_AGAIN,
    ),
    Row(
        "a timeout whose deletion got lost is repeated",
        replace(TIMEOUT, again_at=NOW + 100 * SECOND + ASK_AGAIN),
        (OPEN,),
        task(timeoutSeconds=1),
        pod=RUNNING,
        ending=TIMEOUT,
        now=NOW + 100 * SECOND,
    ),
    Row(
        "a pod that failed because we ended it failed for our reason",
        CloseAttempt(PodEnd(False, "Stopped", STOPPED)),
        (OPEN,),
        stop="Stopped",
        pod=replace(EXIT_3, delete_by=NOW),
        ending=STOP,
    ),
    Row(
        "a pod that answered the signal politely was stopped all the same",
        CloseAttempt(PodEnd(False, "Stopped", STOPPED)),
        (OPEN,),
        stop="Stopped",
        pod=replace(SUCCEEDED, delete_by=NOW),
        ending=STOP,
    ),
    Row(
        "a pod that was through before our deletion reached it has succeeded",
        CloseAttempt(PodEnd(True, "Completed")),
        (OPEN,),
        stop="Stopped",
        pod=SUCCEEDED,
        ending=STOP,
    ),
    Row(
        "a stopped pod that vanished was stopped",
        CloseAttempt(PodEnd(False, "Stopped", STOPPED)),
        (OPEN,),
        stop="Stopped",
        pod=RUNNING.as_gone(),
        ending=STOP,
    ),
    # After an attempt.
    Row("a good attempt is success", Finish("Succeeded", "Completed", ""), (DONE,)),
    Row("a good attempt is success after a stop too", Finish("Succeeded", "Completed", ""), (DONE,), stop="Stopped"),
    Row("a good attempt is success without a task too", Finish("Succeeded", "Completed", ""), (DONE,), None),
    Row("without retries a bad attempt is failure", Finish("Failed", "NonZeroExit", "exit code 3"), (FAILED,)),
    Row(
        "an attempt without a reason is failure too",
        Finish("Failed", "Failed", ""),
        (Attempt(number=1, started_at=NOW, finished_at=NOW),),
    ),
    Row("a stop between attempts ends it", Finish("Cancelled", "Stopped", STOPPED), (FAILED,), TWICE, "Stopped"),
    Row(
        "where nobody knows what the task wanted, no attempt follows",
        Finish("Failed", "NonZeroExit", "exit code 3"),
        (FAILED,),
        None,
    ),
    Row("the second attempt waits", Wait(NOW + 10 * SECOND), (FAILED,), TWICE),
    Row("and begins when the wait is over", StartAttempt(2), (FAILED,), TWICE, now=NOW + 10 * SECOND),
    Row("a late look begins it too", StartAttempt(2), (FAILED,), TWICE, now=NOW + timedelta(days=1)),
    Row("the third waits longer, but not too long", Wait(NOW + 20 * SECOND), (FAILED, FAILED_AGAIN), TWICE),
    Row(
        "after the last attempt the execution has failed",
        Finish("Failed", "NonZeroExit", "exit code 3"),
        (FAILED, FAILED_AGAIN, FAILED.model_copy(update={"number": 3})),
        TWICE,
    ),
    Row(
        "where old attempts are not kept, the number counts and not their length",
        Finish("Failed", "NonZeroExit", "exit code 3"),
        (FAILED, FAILED.model_copy(update={"number": 3})),
        TWICE,
    ),
    Row(
        "a suspended task lets its executions go on",
        StartAttempt(2),
        (FAILED,),
        TWICE.model_copy(update={"suspend": True}),
        now=NOW + 10 * SECOND,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_situation(row: Row) -> None:
    seen = ExecutionObservation(row.phase, row.attempts, row.spec, row.stop, row.pod, row.ending)
    assert plan_execution(seen, row.now) == row.step


def test_each_pod_counts_its_pending_timeout_anew() -> None:
    later = NOW + timedelta(hours=1)
    seen = ExecutionObservation("Running", (FAILED, OPEN.model_copy(update={"number": 2})), TWICE, None, None)
    second = replace(seen, pod=replace(WAITING, created_at=later))
    assert plan_execution(second, later) == Wait(later + 300 * SECOND)
