"""One execution in place of an instant: of tasks that no schedule starts, and of tasks that are gone."""

from collections.abc import Iterable
from datetime import datetime

from crontask_core.why.explain import explain, notes, since
from crontask_core.why.instant import execution_told, is_for_instant
from crontask_core.why.moment import Span
from crontask_core.why.values import ExecutionTold, Explanation, Found, Seen
from crontask_core.why.words import written


def has_passed(seen: Seen, now: datetime) -> bool:
    """Whether the schedule, as it is now, had an instant yet."""
    return seen.schedule is not None and seen.schedule.latest(since(seen), now) is not None


def newest(found: Iterable[Found]) -> Found | None:
    """The execution that was made last."""
    return max(found, key=lambda each: (each.created, each.name), default=None)


def explain_last(seen: Seen, now: datetime) -> Explanation:
    """The task's last execution, where no instant has passed yet; or that there is none."""
    runs, found = _runs(seen, now), newest(seen.found)
    if found is not None:
        return explain_execution(seen, found, now, runs)
    ended = seen.status.last_execution
    if ended is None:
        return Explanation(start=now, end=now, sentence=f"{runs} It has not run yet.", notes=notes(seen, now))
    told = ExecutionTold(name=ended.name, trigger=ended.trigger, phase=ended.phase, reason=ended.reason)
    sentence = f"{runs} Its last execution {ended.name} is not kept any more (history)."
    at = seen.status.last_run_time or now
    return Explanation(start=at, end=at, sentence=sentence, last=told, notes=notes(seen, now))


def explain_execution(seen: Seen, found: Found, now: datetime, sentence: str = "") -> Explanation:
    """One execution; where it is for an instant, that instant. `sentence` is told before it."""
    at = found.spec.scheduled_at
    if at is not None and is_for_instant(found):
        whole = explain(seen, Span(at, at), now)
        return whole.model_copy(update={"notes": [sentence, *whole.notes]}) if sentence else whole
    told = execution_told(found)
    return Explanation(start=found.created, end=found.created, sentence=sentence, last=told, notes=notes(seen, now))


def _runs(seen: Seen, now: datetime) -> str:
    """What has the task run, as no instant of its schedule did yet."""
    if seen.schedule is None:
        return "No instant is known, because the schedule cannot be read."
    at = seen.schedule.next(now)
    if at is not None:
        return f"No instant has passed since it has this schedule; the next is {written(at, seen.zone)}."
    after = ", ".join(parent.task for parent in seen.spec.after or ())
    return f"It runs after {after}." if after else "It runs by hand alone."
