"""Executions from begin to outcome: at T, given this change, exactly this step. The clock only goes forward."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crontask_core.model import Attempt, Phase, TaskSpec
from crontask_core.planning.execution import (
    CloseAttempt,
    EndAttempt,
    ExecutionObservation,
    Finish,
    StartAttempt,
    Step,
    StopReason,
    plan_execution,
)
from crontask_core.pods import PodFacts

BEGIN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class Stage:
    """Carries steps out as the operator does, on values alone."""

    spec: TaskSpec | None
    now: datetime = BEGIN
    phase: Phase = "Pending"
    attempts: list[Attempt] = field(default_factory=list)
    stop: StopReason | None = None
    pod: PodFacts | None = None
    ending: EndAttempt | None = None

    def look(self) -> str:
        """Takes steps until there is nothing more to do now, and tells them."""
        told: list[str] = []
        while True:
            seen = ExecutionObservation(self.phase, tuple(self.attempts), self.spec, self.stop, self.pod, self.ending)
            step = plan_execution(seen, self.now)
            told.append(self._carry_out(step))
            if not isinstance(step, CloseAttempt):
                return ", ".join(told)

    def _carry_out(self, step: Step) -> str:
        match step:
            case StartAttempt():
                self.phase, self.ending = "Running", None
                self.attempts.append(Attempt(number=step.number, started_at=self.now))
                self.pod = PodFacts(f"report-{step.number}", "uid", "Pending", self.now)
                return f"start {step.number}"
            case EndAttempt():
                self.ending = step
                return f"end {step.reason}"
            case CloseAttempt():
                self.attempts[-1] = self.attempts[-1].model_copy(
                    update={"finished_at": self.now, "reason": step.end.reason, "message": step.end.message}
                )
                self.pod = self.ending = None
                return f"close {step.end.reason}"
            case Finish():
                self.phase = step.phase
                return f"{step.phase} {step.reason}"
        return f"wait {(step.until - BEGIN).total_seconds():g}" if step.until else "wait"


def runs(stage: Stage) -> None:
    assert stage.pod is not None
    stage.pod = replace(stage.pod, phase="Running", node="node-1", started_at=stage.now, running=True)


def exits(code: int) -> Any:
    def change(stage: Stage) -> None:
        assert stage.pod is not None
        stage.pod = replace(stage.pod, phase="Failed" if code else "Succeeded", running=False, exit_code=code)

    return change


def leaves(stage: Stage) -> None:
    assert stage.pod is not None
    stage.pod = replace(stage.pod, delete_by=stage.now + timedelta(seconds=30))


def vanishes(stage: Stage) -> None:
    assert stage.pod is not None
    stage.pod = stage.pod.as_gone()


def stopped(stage: Stage) -> None:
    stage.stop = "Stopped"


def task_deleted(stage: Stage) -> None:
    stage.spec = None


def nothing(stage: Stage) -> None:
    pass


Script = list[tuple[float, Any, str]]
RETRY = {"retry": {"limit": 2, "backoff": {"initialSeconds": 10, "factor": 2}}}

SCRIPTS: dict[str, tuple[dict[str, Any], Script]] = {
    "it runs and succeeds": (
        {},
        [
            (0, nothing, "start 1"),
            (0, nothing, "wait 300"),
            (1, runs, "wait"),
            (60, exits(0), "close Completed, Succeeded Completed"),
            (61, nothing, "wait"),
        ],
    ),
    "it fails twice and then succeeds": (
        RETRY,
        [
            (0, nothing, "start 1"),
            (1, runs, "wait"),
            (5, exits(1), "close NonZeroExit, wait 15"),
            (14.9, nothing, "wait 15"),
            (15, nothing, "start 2"),
            (16, runs, "wait"),
            (20, vanishes, "close Deleted, wait 40"),
            (40, nothing, "start 3"),
            (41, exits(0), "close Completed, Succeeded Completed"),
        ],
    ),
    "it fails as often as it may": (
        RETRY,
        [
            (0, nothing, "start 1"),
            (5, exits(1), "close NonZeroExit, wait 15"),
            (15, nothing, "start 2"),
            (315, nothing, "close Unschedulable, wait 335"),
            (400, nothing, "start 3"),
            (401, exits(3), "close NonZeroExit, Failed NonZeroExit"),
        ],
    ),
    "it is stopped, its deletion gets lost once, and it ends politely": (
        RETRY,
        [
            (0, nothing, "start 1"),
            (1, runs, "wait"),
            (5, stopped, "end Stopped"),
            (6, nothing, "wait 15"),
            (15, nothing, "end Stopped"),
            (15.5, leaves, "wait 75.5"),
            (16, exits(0), "close Stopped, Cancelled Stopped"),
        ],
    ),
    "it is stopped while its node is silent": (
        {},
        [
            (0, nothing, "start 1"),
            (1, runs, "wait"),
            (5, stopped, "end Stopped"),
            (6, leaves, "wait 66"),
            (66, nothing, "close Stopped, Cancelled Stopped"),
        ],
    ),
    "it is stopped between two attempts": (
        RETRY,
        [
            (0, nothing, "start 1"),
            (5, exits(1), "close NonZeroExit, wait 15"),
            (6, stopped, "Cancelled Stopped"),
            (15, nothing, "wait"),
        ],
    ),
    "its task is deleted while it runs, and the garbage collector takes its pod": (
        RETRY,
        [
            (0, nothing, "start 1"),
            (1, runs, "wait"),
            (5, task_deleted, "wait"),
            (6, leaves, "wait 66"),
            (7, vanishes, "close Deleted, Failed Deleted"),
        ],
    ),
    "it runs into its timeout, which the kubelet does not enforce": (
        {"timeoutSeconds": 60},
        [
            (0, nothing, "start 1"),
            (10, runs, "wait 100"),
            (100, nothing, "end Timeout"),
            (101, leaves, "wait 161"),
            (102, exits(137), "close Timeout, Failed Timeout"),
        ],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str) -> None:
    spec, script = SCRIPTS[name]
    body = {"schedule": "* * * * *", "pod": {"image": "shop/report:1"}} | spec
    stage = Stage(TaskSpec.model_validate(body))
    for seconds, change, expected in script:
        moment = BEGIN + timedelta(seconds=seconds)
        assert moment >= stage.now, "the clock only goes forward"
        stage.now = moment
        change(stage)
        assert (seconds, stage.look()) == (seconds, expected)
