"""From what is kept of a task to the answer about one time: what was due, and what became of it."""

from datetime import datetime, timedelta

from crontask_core.schedule import instants
from crontask_core.why.instant import execution_told, is_for_instant, obstacle, problem_of, told_of
from crontask_core.why.moment import Span
from crontask_core.why.values import MAX_TOLD, Explanation, Found, Seen, Told
from crontask_core.why.words import outcome_sentence, written

_MOMENT = timedelta(microseconds=1)


def explain(seen: Seen, asked: Span, now: datetime) -> Explanation:
    """What became of the instants within `asked`, or why there is none."""
    due = _instants(seen, asked)
    told = [told_of(seen, at, now) for at in due[:MAX_TOLD]]
    around = not told and asked.start > since(seen)
    return Explanation(
        start=asked.start,
        end=asked.end,
        sentence="" if told else _none(seen, asked),
        instants=told,
        more=len(due) > MAX_TOLD,
        before=_neighbour(seen, _before(seen, asked), now) if around else None,
        after=_neighbour(seen, seen.schedule.next(asked.end) if seen.schedule else None, now) if around else None,
        besides=[execution_told(each) for each in seen.found if _is_besides(each, asked)],
        notes=[*([asked.note] if asked.note else []), *notes(seen, now)],
    )


def since(seen: Seen) -> datetime:
    """From when on the present schedule says what is due."""
    return max(seen.created, seen.status.timing_since or seen.created)


def _instants(seen: Seen, asked: Span) -> list[datetime]:
    """What was, or will be, due within the time; before the present schedule, what left a trace."""
    begins = since(seen)
    after = max(asked.start - _MOMENT, begins)
    found: set[datetime] = set()
    if seen.schedule is not None and after < asked.end:
        found.update(instants(seen.schedule, after, asked.end, MAX_TOLD + 1)[0])
    found.update(each.spec.scheduled_at for each in seen.found if is_for_instant(each) and each.spec.scheduled_at)
    if asked.start <= begins:
        found.update(at for entry in seen.status.ledger for at in (entry.first, entry.last) if at <= begins)
    return sorted(at for at in found if asked.start <= at <= asked.end)


def _none(seen: Seen, asked: Span) -> str:
    """Why nothing was due within the time."""
    zone = seen.zone
    if asked.end <= seen.created:
        return f"The task did not exist yet: it was created at {written(seen.created, zone)}."
    begins = since(seen)
    if asked.end > begins:
        return "Not due: the schedule has no instant then." if seen.schedule else f"Not due: {seen.problem}"
    sentence = f"The schedule as it is now holds since {written(begins, zone)} (an edit or a resume)."
    entry = next((each for each in seen.status.ledger if each.first <= asked.end and each.last >= asked.start), None)
    if entry is None:
        return f"{sentence} No instant is known at that time."
    instants_told = "instant" if entry.count == 1 else "instants"
    return (
        f"{sentence} What was due from {written(entry.first, zone)} to {written(entry.last, zone)}"
        f" ({entry.count} {instants_told}): {outcome_sentence(entry, seen.spec)}"
    )


def _before(seen: Seen, asked: Span) -> datetime | None:
    begins = since(seen)
    if seen.schedule is None or asked.start <= begins:
        return None
    return seen.schedule.latest(begins, asked.start - _MOMENT)


def _neighbour(seen: Seen, at: datetime | None, now: datetime) -> Told | None:
    return told_of(seen, at, now) if at is not None else None


def notes(seen: Seen, now: datetime) -> list[str]:
    """What concerns the task as a whole, now."""
    if problem := problem_of(seen):
        return [f"The task is not ready: {problem}"]
    reason, why = obstacle(seen, now)
    return [f"Now {why}."] if reason in ("Suspended", "Disabled", "GroupSuspended", "Frozen") else []


def _is_besides(found: Found, asked: Span) -> bool:
    """Whether an execution for no instant was made within the time."""
    return not is_for_instant(found) and asked.start <= found.created < asked.end + timedelta(seconds=1)
