"""All that can be said of a notice when it is sent, and the names by which texts refer to it.

An execution is read when the notice is sent; where it is gone by then, the notice
itself still tells what happened.
"""

from dataclasses import dataclass
from datetime import datetime

from crontask_core.model import Attempt, ExecutionSpec, ExecutionStatus, Notify, PendingNotification
from crontask_core.names import Key
from crontask_core.substitution import NAMES as ATTEMPT_NAMES
from crontask_core.substitution import rfc3339, values

MAX_OUTPUT = 8_000
"""Characters of the output in a text; the JSON of a webhook has twice as many."""
NAMES = ATTEMPT_NAMES | {
    f"CRONTASK_{name}"
    for name in (
        *("WHEN", "NOTIFICATION", "PHASE", "REASON", "MESSAGE", "OUTPUT"),
        *("STARTED_AT", "FINISHED_AT", "LATENESS_SECONDS"),
        *("FAILURES", "MISSED_COUNT", "MISSED_UNTIL"),
    )
}
"""The keys of `variables`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A notice with its task, its way, and its execution where that still exists."""

    task: Key
    notify: Notify
    notice: PendingNotification
    zone: str = ""
    spec: ExecutionSpec | None = None
    status: ExecutionStatus | None = None

    @property
    def last_attempt(self) -> Attempt | None:
        """The execution's latest attempt."""
        return self.status.attempts[-1] if self.status and self.status.attempts else None

    @property
    def scheduled_at(self) -> datetime | None:
        """The instant that it is about; None for an execution made by hand, or one that is gone."""
        if self.notice.when in ("Missed", "Late"):
            return self.notice.at
        return self.spec.scheduled_at if self.spec else None

    @property
    def started_at(self) -> datetime | None:
        """When the execution began; its record may not exist yet when that is told."""
        known = self.status.started_at if self.status else None
        return known or (self.notice.at if self.notice.when == "Started" else None)

    def output(self, most: int) -> str:
        """The output, or `most` characters of it: the start of an answer, the end of a log."""
        output = (self.status.output if self.status else None) or ""
        if len(output) <= most:
            return output
        is_answer = self.last_attempt is not None and self.last_attempt.http_status is not None
        return output[:most] + "…" if is_answer else "…" + output[-most:]


def variables(facts: Facts) -> dict[str, str]:
    """The names that texts may refer to as `$(NAME)`; what is not known or does not apply is empty."""
    notice, status, attempt = facts.notice, facts.status, facts.last_attempt
    at = facts.scheduled_at or notice.at
    known = values(
        namespace=facts.task.namespace,
        task=facts.task.name,
        execution=notice.execution or "",
        attempt=attempt.number if attempt else 0,
        trigger=facts.spec.trigger if facts.spec else "",
        scheduled_at=at,
        zone=facts.zone,
    )
    late = status.lateness_milliseconds if status else None
    return known | {
        "CRONTASK_WHEN": notice.when,
        "CRONTASK_NOTIFICATION": notice.id,
        "CRONTASK_PHASE": phase(facts),
        "CRONTASK_REASON": (status.reason if status else None) or "",
        "CRONTASK_MESSAGE": (status.message if status else None) or "",
        "CRONTASK_OUTPUT": facts.output(MAX_OUTPUT),
        "CRONTASK_STARTED_AT": _moment(facts.started_at, facts.zone),
        "CRONTASK_FINISHED_AT": _moment(status.finished_at if status else None, facts.zone),
        "CRONTASK_LATENESS_SECONDS": "" if late is None else f"{late / 1000:.1f}",
        "CRONTASK_FAILURES": "" if notice.failures is None else str(notice.failures),
        "CRONTASK_MISSED_COUNT": "" if notice.count is None else str(notice.count),
        "CRONTASK_MISSED_UNTIL": _moment(notice.until, facts.zone),
    }


def phase(facts: Facts) -> str:
    """How the execution ended, or what it does; "" where there is none."""
    return facts.notice.phase or (facts.status.phase if facts.status else "")


def _moment(at: datetime | None, zone: str) -> str:
    return "" if at is None else rfc3339(at, zone)
