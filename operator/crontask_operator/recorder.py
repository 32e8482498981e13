"""Kubernetes events for what a user must know: named methods, one reason each.

A task that goes wrong every second must not flood the cluster: of one reason
for one task there is an event at most every five minutes, and the next one says
how many were held back (law 7).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from crontask_core import names
from crontask_core.companions import Problem
from crontask_core.ledger import Entry
from crontask_core.manifests import rfc3339
from crontask_core.names import Key, Kind, digest
from crontask_kube.client import ApiClient
from crontask_kube.errors import KubeError
from crontask_kube.resources import EVENTS
from crontask_operator.index import Task
from crontask_operator.workers import Workers

QUIET = timedelta(minutes=5)
REMEMBERED = 10_000
MAX_NOTE = 1000
CONTROLLER = f"{names.GROUP}/operator"
log = structlog.get_logger(__name__)


class Subject(NamedTuple):
    """What an event is about, where that is no task."""

    key: Key
    uid: str
    kind: Kind


class Recorder:
    """Posts events about tasks and what they name (events.k8s.io/v1)."""

    def __init__(self, api: ApiClient, crew: Workers, identity: str, may_write: Callable[[], bool]) -> None:
        self._api, self._crew, self._identity, self._may_write = api, crew, identity, may_write
        self._told: OrderedDict[tuple[Key, str], tuple[datetime, int]] = OrderedDict()

    def not_ready(self, task: Task, now: datetime) -> None:
        """The task cannot be run, for the reason that its conditions tell too."""
        once_for = str(task.generation)
        self._post(task, "Warning", task.problem_reason, "Validate", task.problem, now, once_for=once_for)

    def unusable(self, kind: Kind, key: Key, uid: str, problem: Problem, now: datetime) -> None:
        """A group, calendar or target cannot be used."""
        self._post(Subject(key, uid, kind), "Warning", problem.reason, "Validate", problem.message, now)

    def skipped(self, task: Task, entries: Sequence[Entry], now: datetime) -> None:
        """Instants were not started because an execution still runs, or too many wait."""
        full = entries[0].reason == "Limit"
        why = "as many executions wait as may (queueLimit)" if full else "an execution still runs (concurrencyPolicy)"
        self._post(task, "Normal", "Skipped", "Schedule", f"Not started at {_told(entries)}: {why}.", now)

    def missed(self, task: Task, entries: Sequence[Entry], now: datetime) -> None:
        """Instants passed while they could not be started."""
        more = "more than " if any(entry.size > 1 for entry in entries) else ""
        number, reasons = sum(entry.size for entry in entries), sorted({entry.reason or "" for entry in entries})
        note = f"Missed {more}{number} instant(s): {_told(entries)} ({', '.join(reasons)})."
        self._post(task, "Warning", "Missed", "Schedule", note, now)

    def failed(self, task: Task, execution: str, reason: str, message: str, now: datetime) -> None:
        """An execution ended without success."""
        self._post(task, "Warning", "ExecutionFailed", "Execute", f"{execution}: {reason}: {message}", now)

    def record_refused(self, task: Task, execution: str, phase: str, words: str, now: datetime) -> None:
        """The API server does not take the record of an execution that has ended."""
        note = f"The record of {execution} ({phase}) is given up, the API server refuses it: {words}"
        self._post(task, "Warning", "RecordRefused", "Record", note, now)

    def clock_behind(self, task: Task, message: str, now: datetime) -> None:
        """Nothing is started for long, because the task's watermark lies in the future."""
        self._post(task, "Warning", "ClockBehind", "Schedule", message, now)

    def disabled(self, task: Task, now: datetime) -> None:
        """The schedule is paused, because too many executions have failed in a row."""
        failures = task.tally.consecutive_failures
        note = f"Paused after {failures} failure(s) in a row; an edit of the spec takes it up again."
        self._post(task, "Warning", "Disabled", "Schedule", note, now, once_for=str(task.generation))

    def not_run_after(self, task: Task, execution: str, error: str, now: datetime) -> None:
        """The task was to run after an execution of another one, and the API server does not take its own."""
        self._post(task, "Warning", "NotRunAfter", "Schedule", f"Cannot run after {execution}: {error}", now)

    def notification_failed(self, task: Task, problem: str, given_up: bool, now: datetime) -> None:
        """A notification was not delivered; a further try follows unless it is given up."""
        note = problem + (" It is given up." if given_up else " It is tried again.")
        self._post(task, "Warning", "NotificationFailed", "Notify", note, now, once_for="up" if given_up else "")

    def notifications_dropped(self, task: Task, count: int, now: datetime) -> None:
        """More notifications wait than a status holds."""
        note = f"Too many notifications wait to be delivered; the oldest went undelivered ({count})."
        self._post(task, "Warning", "NotificationDropped", "Notify", note, now)

    def deleted(self, task: Task, after: str, now: datetime) -> None:
        """The task was deleted as it wished."""
        self._post(task, "Normal", "Deleted", "Delete", f"Deleted by itself (deleteAfter: {after}).", now)

    def kept(self, task: Task, problem: str, now: datetime) -> None:
        """The task was to be deleted and cannot be."""
        note = f"It was to be deleted by itself (deleteAfter), which failed: {problem}"
        self._post(task, "Warning", "NotDeleted", "Delete", note, now)

    def _post(
        self,
        about: Task | Subject,
        kind: str,
        reason: str,
        action: str,
        note: str,
        now: datetime,
        *,
        once_for: str = "",
    ) -> None:
        if not self._may_write():
            return
        regarding = about.kind if isinstance(about, Subject) else names.TASK
        held = self._held_back(about.key, regarding.kind + reason + once_for, now)
        if held is None:
            return
        if held:
            note += f" ({held} similar event(s) were held back.)"
        body = self._body(Subject(about.key, about.uid, regarding), kind, reason, action, note[:MAX_NOTE], now)
        self._crew.submit(lambda: self._send(body))

    def _held_back(self, key: Key, reason: str, now: datetime) -> int | None:
        """How many events were held back since the last one; None where this one is to be held back too."""
        last, held = self._told.get((key, reason), (None, 0))
        if last is not None and now - last < QUIET:
            self._told[key, reason] = (last, held + 1)
            return None
        self._told[key, reason] = (now, 0)
        self._told.move_to_end((key, reason))
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return held

    def _body(self, about: Subject, kind: str, reason: str, action: str, note: str, now: datetime) -> dict[str, object]:
        moment = rfc3339(now)
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{names.shortened(about.key.name, 200)}.{digest(f'{about.uid}{reason}{moment}')}",
                "namespace": about.key.namespace,
            },
            "eventTime": moment if "." in moment else moment[:-1] + ".000000Z",
            "type": kind,
            "reason": reason,
            "action": action,
            "note": note,
            "reportingController": CONTROLLER,
            "reportingInstance": self._identity[:128],
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": about.kind.kind,
                "namespace": about.key.namespace,
                "name": about.key.name,
                "uid": about.uid,
            },
        }

    async def _send(self, body: dict[str, object]) -> None:
        meta = body["metadata"]
        assert isinstance(meta, dict)
        try:
            await self._api.create(EVENTS, meta["namespace"], body)
        except KubeError as error:
            log.warning("the event cannot be posted", error=str(error))


def _told(entries: Sequence[Entry]) -> str:
    first, last = rfc3339(entries[0].first), rfc3339(entries[-1].last)
    return first if first == last else f"{first} to {last}"
