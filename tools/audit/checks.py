"""The questions that are asked of each task. Each check yields what it finds: (instant, sentence)."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from .subject import FINAL, Entry, Execution, Subject

MAX_ENTRIES = 40
ON_TIME = 15_000
"""A start that is later than so many milliseconds is no Started."""
STARTED = ("Started", "Late")
BEGUN = (*STARTED, "Lost")
COUNTED = 100
"""Up to so many instants are counted one by one."""
WAITING = ("Pending", "Queued")
_CLASSES = {"Succeeded": "succeeded", "Failed": "failed", "Cancelled": "cancelled", "Lost": "lost"}


class Finding(NamedTuple):
    """Something that must not be."""

    namespace: str
    task: str
    check: str
    at: datetime | None
    message: str


Found = Iterator[tuple[datetime | None, str]]


def findings(subject: Subject) -> Iterator[Finding]:
    """What all checks find about a task."""
    for name, check in CHECKS.items():
        for at, message in check(subject):
            yield Finding(subject.namespace, subject.name, name, at, message)


def every_instant_has_one_outcome(subject: Subject) -> Found:
    """Each instant up to the watermark is in exactly one entry."""
    for at in subject.due:
        entries = subject.entries_at(at)
        if at <= subject.watermark and not entries:
            yield at, "the instant is below the watermark and has no outcome in the ledger"
        if len(entries) > 1:
            yield at, f"the instant has {len(entries)} outcomes: {', '.join(each.outcome for each in entries)}"


def the_ledger_is_in_order(subject: Subject) -> Found:
    """Entries are ordered, disjoint and not too many."""
    if len(subject.ledger) > MAX_ENTRIES:
        yield None, f"the ledger has {len(subject.ledger)} entries, more than {MAX_ENTRIES}"
    for entry in subject.ledger:
        if entry.first > entry.last:
            yield entry.first, f"an entry ({entry.outcome}) ends before it begins, at {entry.last.isoformat()}"
    for one, other in zip(subject.ledger, subject.ledger[1:], strict=False):
        if other.first <= one.last:
            yield other.first, f"an entry ({other.outcome}) begins before the one before it ({one.outcome}) has ended"


def counts_are_of_instants(subject: Subject) -> Found:
    """No entry counts more instants than there were, what began is counted exactly, and was due."""
    due = set(subject.due)
    for entry in subject.ledger:
        if entry.first <= subject.since:
            continue
        there = sum(entry.covers(at) for at in subject.due)
        # What began is counted one by one; only where a long range was split, less may be left of the count. Lost is
        # also what nobody counted: a long stretch that a dead leader had claimed and stored nothing of, and its parts.
        if entry.count > there or (entry.outcome in STARTED and entry.count < there <= COUNTED):
            yield entry.first, f"{entry.outcome}: the entry counts {entry.count} instants where {there} were due"
        for at in {entry.first, entry.last} if entry.outcome in BEGUN else ():
            if at not in due and at <= subject.now:
                yield at, f"the ledger says {entry.outcome} for a second at which nothing was due"


def nothing_else_was_started(subject: Subject) -> Found:
    """An execution that the schedule caused is for an instant of the schedule."""
    due = set(subject.due)
    for each in subject.executions:
        if each.for_schedule and each.at is not None and each.at > subject.since and each.at not in due:
            what = "which is still to come" if each.at > subject.now else "at which nothing was due"
            yield each.at, f"the execution {each.name} is for a second {what}"


def nothing_was_started_twice(subject: Subject) -> Found:
    """One execution for an instant."""
    counted = Counter(each.at for each in subject.executions if each.for_schedule)
    for at, number in counted.items():
        if number > 1:
            names = ", ".join(sorted(each.name for each in subject.executions if each.for_schedule and each.at == at))
            yield at, f"the instant has {number} executions: {names}"


def what_began_has_its_execution(subject: Subject) -> Found:
    """Each started instant has its execution, unless the history's limits have removed it; a lost one need not."""
    missing = [
        at
        for at in subject.due
        if at <= subject.watermark
        and any(entry.outcome in STARTED for entry in subject.entries_at(at))
        and not subject.started(at)
    ]
    if missing and not _history_removes(subject):
        yield from ((at, "the ledger says that it began, and there is no execution for it") for at in missing)
    kept = sum(each.phase in FINAL and each.phase != "Lost" for each in subject.executions if not each.is_backfill)
    gone = sum(subject.counts.get(name, 0) for name in ("succeeded", "failed", "cancelled")) - kept
    if len(missing) > max(gone, 0) and not subject.is_busy():
        yield missing[0], f"{len(missing)} executions are gone, and only {max(gone, 0)} of those that ended can be"


def _history_removes(subject: Subject) -> bool:
    """Whether the limits of the history can have removed any execution yet."""
    history = subject.spec.get("history") or {}
    if history.get("ttlSeconds") is not None:
        return True
    ended = [each for each in subject.executions if each.phase in FINAL and not each.is_backfill]
    kept = Counter(each.phase == "Succeeded" for each in ended)
    succeeded = subject.counts.get("succeeded", 0)
    others = sum(subject.counts.get(name, 0) for name in ("failed", "cancelled", "lost"))
    for limit, number, there in (
        (history.get("successful", 3), succeeded, kept[True]),
        (history.get("failed", 1), others, kept[False]),
    ):
        if number > limit or (subject.is_busy() and there >= limit):
            return True
    return False


def outcomes_agree_with_executions(subject: Subject) -> Found:
    """What the ledger says of an instant is what its execution says."""
    for each in subject.executions:
        if not each.for_schedule or each.at is None or each.at <= subject.since or each.moved_since(subject.settled):
            continue
        for entry in subject.entries_at(each.at):
            problem = _contradiction(entry, each)
            if problem:
                outcome = f"{entry.outcome} {entry.reason}".rstrip()
                yield each.at, f"the ledger says {outcome}, but {each.name} {problem}"


def _contradiction(entry: Entry, execution: Execution) -> str:
    if execution.started is not None and entry.outcome in ("Skipped", "Missed", "Queued", "Cancelled"):
        return f"began at {execution.started.isoformat()}"
    if entry.outcome == "Started" and execution.lateness >= ON_TIME:
        return f"was {execution.lateness} ms late"
    if entry.outcome in BEGUN and execution.phase in WAITING:
        return f"is {execution.phase}"
    if execution.phase == "Lost" and execution.started is None and entry.outcome != "Lost":
        return "is Lost"
    return ""


def the_watermark_moves(subject: Subject) -> Found:
    """The watermark is not behind an instant that has passed a while ago, unless the task rests."""
    if _rests(subject):
        return
    behind = [at for at in subject.due if subject.watermark < at <= subject.settled]
    if behind:
        late = (subject.now - behind[0]).total_seconds()
        yield behind[0], f"the watermark ({subject.watermark.isoformat()}) is behind it, {late:.0f} s afterwards"


def _rests(subject: Subject) -> bool:
    """Whether nobody plans the task at the moment: its time goes into the ledger when it goes on."""
    ready = [each["status"] for each in subject.status.get("conditions") or [] if each["type"] == "Ready"]
    until = subject.spec.get("suspendUntil")
    paused = until is not None and datetime.fromisoformat(until) > subject.settled
    return bool(subject.spec.get("suspend") or subject.status.get("disabledAt")) or paused or ready != ["True"]


def what_waits_is_there(subject: Subject) -> Found:
    """Each queued instant has an execution that waits."""
    for at in subject.due:
        if not any(entry.outcome == "Queued" for entry in subject.entries_at(at)) or at > subject.settled:
            continue
        mine = subject.started(at)
        if not any(each.phase in WAITING or each.moved_since(subject.settled) for each in mine):
            told = f"{mine[0].name} is {mine[0].phase}" if mine else "it has no execution"
            yield at, f"the ledger says that it waits, but {told}"


def the_counts_fit(subject: Subject) -> Found:
    """The status counts at least the executions that are there, and exactly those that are open."""
    if subject.is_busy():
        return
    for phase, name in _CLASSES.items():
        there = sum(each.phase == phase for each in subject.executions if not each.is_backfill)
        if there > subject.counts.get(name, 0):
            yield None, f"{there} executions are {phase}, and counts.{name} is {subject.counts.get(name, 0)}"
    is_open = sum(each.phase not in FINAL for each in subject.executions if not each.is_backfill)
    active, queued = (subject.status.get(name) or 0 for name in ("activeCount", "queuedCount"))
    if is_open != active + queued:
        yield None, f"{is_open} executions have not ended, and activeCount is {active}, queuedCount {queued}"


CHECKS: dict[str, Callable[[Subject], Found]] = {
    "outcome": every_instant_has_one_outcome,
    "order": the_ledger_is_in_order,
    "count": counts_are_of_instants,
    "not-due": nothing_else_was_started,
    "twice": nothing_was_started_twice,
    "execution": what_began_has_its_execution,
    "contradiction": outcomes_agree_with_executions,
    "watermark": the_watermark_moves,
    "queued": what_waits_is_there,
    "totals": the_counts_fit,
}
