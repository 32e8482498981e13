"""The small interfaces between the lifecycle of executions and what carries attempts out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crontask_core.model import TaskSpec, Timings
from crontask_core.planning.execution import EndAttempt
from crontask_core.pods import PodEnd, PodFacts
from crontask_operator.index import Run


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended, as its executor saw it."""

    succeeded: bool
    reason: str
    message: str = ""
    exit_code: int | None = None
    http_status: int | None = None
    http_status_text: str = ""
    url: str = ""
    timings: Timings | None = None
    output: str = ""
    output_truncated: bool = False
    response_headers: str = ""


class Reports(Protocol):
    """What an executor tells of the attempts it carries out."""

    def goes_on(self, run: Run) -> bool:
        """Whether the run is still this replica's to carry out. To be asked right before each send, beside the right to
        send: that may be of a later term, in which the run is no longer what it was.
        """
        ...

    def started(self, run: Run, at: datetime, pod: PodFacts | None) -> None:
        """The attempt is on its way: its pod exists, or its call begins."""
        ...

    def ended(self, run: Run, end: AttemptEnd) -> None:
        """The attempt is over."""
        ...

    def recalled(self, run: Run) -> None:
        """What an attempt had said was read once more."""
        ...

    def unsent(self, run: Run) -> None:
        """Nothing was sent, because this replica no longer leads; the next leader decides."""
        ...


class Executor(Protocol):
    """Carries out attempts of one kind. Verbs return at once; work goes to a crew, ends go to `Reports`."""

    def prepare(self, run: Run, spec: TaskSpec, number: int) -> bytes:
        """What `start` will send, as far as it can be made ahead."""
        ...

    def start(self, run: Run, spec: TaskSpec, prepared: bytes) -> None:
        """Begins the latest attempt of the run."""
        ...

    def end(self, run: Run, why: EndAttempt) -> None:
        """Makes the open attempt end; its end is still reported."""
        ...

    def collect(self, run: Run, spec: TaskSpec | None, end: PodEnd) -> None:
        """Gathers what is left of an attempt whose end was seen from outside, and reports it."""
        ...

    def recall(self, run: Run, spec: TaskSpec | None, pod: PodFacts) -> None:
        """Reads once more what an attempt has said that ended under an earlier leader."""
        ...
