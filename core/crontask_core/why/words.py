"""The ledger's words as sentences for people."""

from collections.abc import Callable
from datetime import datetime, timedelta

from crontask_core.model import LedgerEntry, TaskSpec
from crontask_core.planning.overlap import queue_limit
from crontask_core.planning.task import DEFAULT_CATCH_UP
from crontask_core.schedule.zones import clock_time

_OUTAGE = "no operator was there to start it in time"


def outcome_sentence(entry: LedgerEntry, spec: TaskSpec) -> str:
    """Why an instant has the outcome that its ledger entry names. The spec is today's and may be newer."""
    words = _REASONS.get((entry.outcome, entry.reason or ""))
    if words is None:
        return f"{_OUTCOMES[entry.outcome]}{f' ({entry.reason})' if entry.reason else ''}."
    return f"{_OUTCOMES[entry.outcome]}: {words if isinstance(words, str) else words(spec)}."


def written(at: datetime, zone: str) -> str:
    """A time by the clock of a zone, to the second, with its offset."""
    return clock_time(zone, at).replace(microsecond=0).isoformat(sep=" ")


def span(length: timedelta) -> str:
    """A length of time in its two largest units: 3 d 4 h, 12 min 5 s, 0.3 s."""
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 1 or not seconds else f"{seconds * 1000:.0f} ms"
    rest, parts = int(seconds), []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2])


def _overlap(spec: TaskSpec) -> str:
    limit = spec.concurrency_limit or 1
    running = "an execution was still running" if limit == 1 else f"{limit} executions were still running"
    policy = spec.concurrency_policy
    if policy == "Replace":
        return "a later instant came at the same moment, and concurrencyPolicy Replace starts the latest alone"
    return f"{running}, and concurrencyPolicy {'Forbid' if policy == 'Allow' else policy} starts none beside it"


def _full(spec: TaskSpec) -> str:
    return f"queueLimit ({queue_limit(spec)}) executions of the task were waiting already"


def _deadline(spec: TaskSpec) -> str:
    seconds = spec.starting_deadline_seconds
    return f"startingDeadlineSeconds{f' ({seconds})' if seconds is not None else ''} had passed before it could begin"


def _window(spec: TaskSpec) -> str:
    return f"{_OUTAGE}, and it was longer ago than missed.withinSeconds ({spec.missed.within_seconds}) when one was"


def _beyond(spec: TaskSpec) -> str:
    limit = spec.missed.limit or DEFAULT_CATCH_UP
    return f"{_OUTAGE}, and later than this one there were missed.limit ({limit}) others to make up for"


def _downtime(spec: TaskSpec) -> str:
    kept = {"Skip": "starts none of these", "Latest": "makes up for the latest alone", "All": "did not cover it"}
    return f"{_OUTAGE}, and missed.policy {spec.missed.policy} {kept[spec.missed.policy]}"


def _disabled(spec: TaskSpec) -> str:
    return f"disableAfterFailures ({spec.disable_after_failures}) had paused the task; an edit takes it up again"


def _group(spec: TaskSpec) -> str:
    return f"the group{f' {spec.group}' if spec.group else ''}"


_OUTCOMES = {
    "Started": "It was started on time",
    "Late": "It was started late",
    "Queued": "It waits",
    "Skipped": "It was skipped",
    "Missed": "It was missed",
    "Cancelled": "It was cancelled before it began",
    "Lost": "It may or may not have been started",
}

_REASONS: dict[tuple[str, str], str | Callable[[TaskSpec], str]] = {
    ("Late", ""): "the operator could not start it within 15 seconds",
    ("Late", "CatchUp"): f"{_OUTAGE}; it was made up for afterwards, as missed.policy asks",
    ("Late", "Queued"): "it waited until the executions before it had ended (concurrencyPolicy Queue)",
    ("Late", "GroupLimit"): lambda spec: f"it waited for the limits of {_group(spec)}",
    ("Queued", "Overlap"): "the executions before it have not ended (concurrencyPolicy Queue)",
    ("Queued", "CatchUp"): "missed instants are made up for one after the other, oldest first",
    ("Queued", "GroupLimit"): lambda spec: f"the limits of {_group(spec)} leave no room for it yet",
    ("Skipped", "Overlap"): _overlap,
    ("Skipped", "Suspended"): "the task was suspended (suspend or suspendUntil)",
    ("Skipped", "Disabled"): _disabled,
    ("Skipped", "GroupSuspended"): lambda spec: f"{_group(spec)} was suspended",
    ("Skipped", "Frozen"): lambda spec: f"{_group(spec)} was frozen",
    ("Skipped", "Calendar"): "a calendar in exclude covered it, or none in only did",
    ("Skipped", "Limit"): _full,
    ("Skipped", "NotReady"): "the task was not ready (its spec, or something that it names, could not be used)",
    ("Skipped", "Edited"): "the schedule was changed or resumed before it was handled, and an edit starts nothing past",
    ("Missed", "Deadline"): _deadline,
    ("Missed", "Downtime"): _downtime,
    ("Missed", "Window"): _window,
    ("Missed", "Limit"): _beyond,
    ("Cancelled", "Stopped"): "somebody stopped it while it waited",
    ("Cancelled", "Replaced"): "a later instant took its place (concurrencyPolicy Replace)",
    ("Cancelled", "Deadline"): _deadline,
    ("Cancelled", "RecordRefused"): "the API server refused the record of its execution; an event has its words",
    ("Cancelled", "Suspended"): "the task was suspended while it waited",
    ("Lost", ""): "the operator was interrupted between claiming the call and recording it; retry.lost would repeat it",
}
