"""Instants that have passed: the latest of them, and what is said of those that nobody looks at one by one."""

from datetime import datetime, timedelta

from crontask_core.ledger import COUNTED, ON_TIME, SECOND, Entry
from crontask_core.model import TaskSpec
from crontask_core.model.ledger import Outcome
from crontask_core.planning.observation import Closed, TaskObservation
from crontask_core.schedule import Schedule, instants

EPSILON = timedelta(microseconds=1)
CHANGES = 100
"""So many times an uncounted stretch of an outage is cut where its time closes or opens; weekly windows of a year."""


def latest_instants(schedule: Schedule, after: datetime, upto: datetime, count: int) -> list[datetime]:
    """The last `count` instants in (after, upto], in order; the work grows with `count` alone."""
    found: list[datetime] = []
    while len(found) < count:
        last = schedule.latest(after, upto)
        if last is None:
            break
        # A window of so many seconds holds at most so many instants.
        begin = max(after, last - SECOND * (count - len(found)))
        found = instants(schedule, begin, last, count)[0] + found
        upto = begin
    return found


def passed_over(schedule: Schedule, after: datetime, upto: datetime, reason: str) -> Entry | None:
    """The one entry of all instants in (after, upto] that nobody planned; None where there is none."""
    counted, more = instants(schedule, after, upto, COUNTED)
    if not counted:
        return None
    last = schedule.latest(counted[-1], upto) if more else None
    return Entry(counted[0], last or counted[-1], "Skipped", reason, len(counted) + (last is not None))


def too_late(spec: TaskSpec, age: timedelta) -> str | None:
    """Why an instant of this age is not started any more, whatever the policy."""
    deadline, within = spec.starting_deadline_seconds, spec.missed.within_seconds
    if deadline is not None and age > timedelta(seconds=deadline):
        return "Deadline"
    if within is not None and age >= ON_TIME and age > timedelta(seconds=within):
        return "Window"
    return None


def uncounted(
    seen: TaskObservation, gap: tuple[datetime, datetime], pause: tuple[datetime, str] | None, now: datetime
) -> list[Entry]:
    """Ranges for what lies in the gap, cut where another reason begins to hold."""
    spec, begin, end = seen.spec, gap[0], gap[1] - SECOND
    limits = [spec.starting_deadline_seconds, spec.missed.within_seconds]
    cuts = [now - timedelta(seconds=limit) - EPSILON for limit in limits if limit is not None]
    cuts += [pause[0] - EPSILON] if pause is not None else []
    cuts += _changes(seen.closed, begin, end) if seen.closed is not None else []
    claimed = seen.claimed_through if spec.http is not None else None
    cuts += [claimed] if claimed is not None else []
    made: list[Entry] = []
    for cut in sorted([*(cut for cut in cuts if begin < cut < end), end]):
        first, last = seen.schedule.next(begin), seen.schedule.latest(begin, cut)
        begin = cut
        if first is None or last is None or (first == last and seen.known.outcome(first) is not None):
            continue  # none at all, or a single one that has its outcome
        shut = seen.closed(first) if seen.closed is not None else None
        if claimed is not None and last <= claimed:
            made.append(_range(first, last, "Lost", None))  # its leader may have sent them, and stored nothing for long
        elif pause is not None and last < pause[0]:
            made.append(_range(first, last, "Skipped", pause[1]))
        elif shut is not None:
            made.append(_range(first, last, "Skipped", shut))
        else:
            otherwise = "Limit" if spec.missed.policy == "All" else "Downtime"
            made.append(_range(first, last, "Missed", too_late(spec, now - last) or otherwise))
    return made


def _changes(closed: Closed, begin: datetime, end: datetime) -> list[datetime]:
    """The last moments before the time closes or opens, within the stretch; the first `CHANGES` of them."""
    found, at = list[datetime](), begin
    while len(found) < CHANGES and (at := closed.until(at)) < end:
        found.append(at - EPSILON)
    return found


def _range(first: datetime, last: datetime, outcome: Outcome, reason: str | None) -> Entry:
    return Entry(first, last, outcome, reason, 1 if first == last else 2)
