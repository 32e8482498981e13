"""One instant: what the ledger and its execution say of it, or what it has to expect."""

from datetime import datetime

from crontask_core.ledger import late_after, outcome_of
from crontask_core.model import LedgerEntry
from crontask_core.names import execution_name
from crontask_core.schedule.zones import clock_time
from crontask_core.why.values import MAX_TOLD, ExecutionTold, Found, Seen, Told
from crontask_core.why.words import outcome_sentence, span, written

_FOR_INSTANTS = ("Schedule", "CatchUp", "Backfill")
_BEGAN = ("Started", "Late", "Lost")
_DELAY = "a start is written within some 10 s"


def told_of(seen: Seen, at: datetime, now: datetime) -> Told:
    """One instant."""
    found = [each for each in seen.found if is_for_instant(each) and each.spec.scheduled_at == at]
    name = execution_name(seen.key.name, at)
    own = next((each for each in found if each.name == name), None)
    entry = _implied(seen, at, own)
    told = _from_ledger(seen, at, entry) if entry is not None else _without_entry(seen, at, now)
    again = [each for each in found if each.spec.trigger == "Backfill" and each is not own]
    if told.verdict == "Forgotten" and own is None and again:
        told = _backfilled(told, again[-1])
    mine = [execution_told(each) for each in found]
    first = execution_told(own) if own is not None else None
    changed: dict[str, object] = {"executions": mine}
    if first is not None:
        changed |= {"execution": name, "sentence": f"{told.sentence} {_ended(first)}"}
        if first.lateness_milliseconds is not None:
            changed["lateness_milliseconds"] = first.lateness_milliseconds
    elif told.verdict in _BEGAN:
        gone = f"Its execution {name} is not kept any more (history)."
        changed |= {"execution": name, "sentence": f"{told.sentence} {gone}"}
    return told.model_copy(update=changed)


def entry_at(ledger: list[LedgerEntry], at: datetime) -> LedgerEntry | None:
    """The entry that covers an instant."""
    return next((entry for entry in ledger if entry.first <= at <= entry.last), None)


def _implied(seen: Seen, at: datetime, own: Found | None) -> LedgerEntry | None:
    """The ledger's entry, or what the instant's own execution says where the ledger does not know it yet."""
    entry = entry_at(seen.status.ledger, at)
    open_ = entry.outcome == "Queued" if entry is not None else at > _written_up_to(seen)
    if own is None or own.status.phase == "Pending" or not open_:
        return entry
    status = own.status
    outcome, reason = outcome_of(status.phase, own.spec.trigger, status.reason, status.lateness_milliseconds)
    if entry is not None and outcome == "Queued":
        return entry
    if entry is not None and outcome == "Late" and reason is None:
        reason = late_after(entry.reason)
    return LedgerEntry(first=at, last=at, outcome=outcome, reason=reason, count=1)


def _written_up_to(seen: Seen) -> datetime:
    """Up to when the stored status has, or had, an outcome for every instant."""
    status = seen.status
    return max(status.ledger_since or seen.created, status.watermark or seen.created)


def _backfilled(told: Told, child: Found) -> Told:
    """A forgotten instant that a backfill has run."""
    sentence = f"Backfilled by {child.spec.parent or child.name}. {_ended(execution_told(child))}"
    late = child.status.lateness_milliseconds
    changed = {"verdict": "Backfilled", "sentence": sentence, "execution": child.name, "lateness_milliseconds": late}
    return told.model_copy(update=changed)


def _from_ledger(seen: Seen, at: datetime, entry: LedgerEntry) -> Told:
    sentence = outcome_sentence(entry, seen.spec)
    closed = seen.closed(at) if entry.reason in ("Calendar", "Frozen") else None
    if closed is not None and closed.reason == entry.reason:
        sentence = f"It was skipped: {closed.sentence}."
    elif entry.reason == "Overlap":
        sentence += "".join(f" {each}" for each in _running_at(seen, at))
    return Told(
        instant=at,
        verdict=entry.outcome,
        reason=entry.reason,
        sentence=sentence,
        lateness_milliseconds=entry.lateness_milliseconds,
    )


def _running_at(seen: Seen, at: datetime) -> list[str]:
    """The executions that ran at an instant, as far as they are kept, as sentences."""
    told = []
    for each in seen.found:
        began, ended = each.status.started_at, each.status.finished_at
        if began is not None and began < at and (ended is None or ended > at):
            start = f"{clock_time(seen.zone, began):%H:%M:%S}"
            ran = f"ran from {start} to {clock_time(seen.zone, ended):%H:%M:%S}" if ended else f"runs since {start}"
            told.append(f"{each.name} {ran}.")
    return told[:MAX_TOLD]


def _without_entry(seen: Seen, at: datetime, now: datetime) -> Told:
    """An instant that the ledger does not tell of."""
    status = seen.status
    known_from = status.ledger_since or seen.created
    if at > now:
        reason, sentence = _to_come(seen, at, now)
        return Told(instant=at, verdict="Due", reason=reason, sentence=sentence)
    if at <= known_from:
        sentence = f"It is forgotten: the ledger keeps what happened after {written(known_from, seen.zone)}."
        return Told(instant=at, verdict="Forgotten", sentence=sentence)
    if status.watermark is not None and at <= status.watermark:
        sentence = "The ledger has no outcome for it, though it should: please report this, with the task's status."
        return Told(instant=at, verdict="Unaccounted", sentence=sentence)
    return Told(instant=at, verdict="Undecided", sentence=_undecided(seen, at, now))


def _to_come(seen: Seen, at: datetime, now: datetime) -> tuple[str | None, str]:
    """What an instant in the future has to expect."""
    ahead = f"It is due in {span(at - now)}"
    reason, why = obstacle(seen, at)
    if reason is None:
        return None, f"{ahead}."
    return reason, f"{ahead}, and will be skipped as things stand: {why}."


def obstacle(seen: Seen, at: datetime) -> tuple[str | None, str]:
    """What keeps an instant from being started as things stand: (the ledger's reason, why)."""
    spec, status = seen.spec, seen.status
    if problem := problem_of(seen):
        return "NotReady", f"the task is not ready ({problem})"
    if spec.suspend:
        return "Suspended", "the task is suspended (suspend: true)"
    if spec.suspend_until is not None and at < spec.suspend_until:
        return "Suspended", f"the task is suspended until {written(spec.suspend_until, seen.zone)}"
    if status.disabled_at is not None:
        return "Disabled", f"{spec.disable_after_failures} failures in a row have disabled the task; edit it to go on"
    closed = seen.closed(at)
    return (closed.reason, closed.sentence) if closed else (None, "")


def _undecided(seen: Seen, at: datetime, now: datetime) -> str:
    """An instant that has passed, and that the stored status does not cover yet."""
    passed = f"It was due {span(now - at)} ago and has no outcome yet"
    reason, why = obstacle(seen, at)
    if reason is not None:
        return f"{passed}: {why}. It will be recorded as Skipped ({reason})."
    if any(is_for_instant(each) and each.spec.scheduled_at == at for each in seen.found):
        return f"{passed}: its execution is there and is about to begin; {_DELAY}."
    mark = seen.status.watermark
    upto = f"wrote this task's status up to {written(mark, seen.zone)}" if mark else "wrote no status yet"
    return f"{passed}: the operator {upto}. Usually {_DELAY}; if that stays so, see whether an operator runs and leads."


def problem_of(seen: Seen) -> str:
    """What the Ready condition objects to, or what we cannot read ourselves."""
    for condition in seen.status.conditions:
        if condition.type == "Ready" and condition.status == "False":
            return condition.message or condition.reason
    return seen.problem


def is_for_instant(found: Found) -> bool:
    """Whether an execution stands for an instant of the schedule (the parent of a backfill does not)."""
    return found.spec.trigger in _FOR_INSTANTS and found.spec.backfill is None


def execution_told(found: Found) -> ExecutionTold:
    status = found.status
    return ExecutionTold(
        name=found.name,
        trigger=found.spec.trigger,
        phase=status.phase,
        reason=status.reason,
        message=status.message,
        started_at=status.started_at,
        finished_at=status.finished_at,
        lateness_milliseconds=status.lateness_milliseconds,
        attempts=list(status.attempts),
    )


def _ended(told: ExecutionTold) -> str:
    """How the execution for an instant went."""
    tried = max((attempt.number for attempt in told.attempts), default=0)
    tries = f" after {tried} attempts" if tried > 1 else ""
    why = f" ({told.reason})" if told.reason else ""
    match told.phase:
        case "Pending" | "Queued":
            return "Its execution has not begun."
        case "Running":
            return f"Its execution is running{why}."
        case "Succeeded":
            return f"Its execution succeeded{tries}."
        case "Failed":
            return f"Its execution failed{tries}{why}."
        case "Cancelled":
            return f"Its execution was cancelled{why}."
        case "Lost":
            return f"Its execution is lost{why}."
