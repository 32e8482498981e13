"""What must not be: every law looked at against what the witnesses saw. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.books import FINAL, UNSEEN, Execution
from chaos.calls import Call, gap, quantiles
from chaos.plan import OF_API
from chaos.poison import PREFIX
from chaos.run import Done, Seen
from chaos.site import Sample
from crontask_kube.transport import ATTEMPTS, FIRST_PAUSE
from crontask_operator.program import WRITERS
from crontask_operator.records import LONGEST_PUT_OFF, PUT_OFF_MOST, STARTS_FIRST_SECONDS
from crontask_operator.settings import Settings

GAP_SECONDS = 3.0
BEFORE = STARTS_FIRST_SECONDS * (2 ** (PUT_OFF_MOST - 2) - 1) + 2 * LONGEST_PUT_OFF
"""For so many seconds a record may give way to starts (about 8): what was called so shortly before a crash may be Lost.
In general it is a second or two; how long it was at most is among the figures."""
AFTER = 6.0
"""Seconds after the end of a fault that still belong to it."""
AFTER_LONG = 20.0
"""The same after an outage of the API server, whose clients back off."""
BACK_SECONDS = 10.0
"""Work goes on so soon after a fault and its aftermath, or something hangs."""
WATCHED = 8.0
"""A gap after a kill is looked for so long."""
STARTED = ("Started", "Late")
BEGUN = (*STARTED, "Lost")
WRONG_WHERE_QUIET = ("Lost", "Missed", "Late")
CALM_CPU = 0.5
"""What an operator may compute (cores) while the API server is away from it."""
LOOPS = 12
"""Leases and watches: each asks once a second at most."""
SHORTEST_ROUND = FIRST_PAUSE * (2 ** (ATTEMPTS - 1) - 1) / 2
"""The pauses of a request that is tried ATTEMPTS times, in seconds, where chance halves each."""
CALM_REQUESTS = (WRITERS + Settings().api_limit) * ATTEMPTS / SHORTEST_ROUND + LOOPS
"""And ask (about 105 requests a second): every worker is busy with one request that fails again and again. The rate of
starts hardly matters: a start leaves two things to write, what began in the last 4 s waits, and each is offered anew
every 4 s or so with ATTEMPTS requests; so ten starts a second keep all workers busy, and more cannot be asked."""
CALM_AFTER = 3.0
LOOKED_AT = 2.0
"""Samples of fewer seconds tell nothing: those that were late come all at once."""
BLIND = (*OF_API, "refuse", "hole")
SHOWN = 5
ALONE, POISONED = "alone", "beside poison"
"""The spans without faults before and after the poison comes (`Seen.spans`)."""
ENOUGH = 100
POISON_FACTOR, POISON_MS = 1.5, 250.0
"""So much later may healthy tasks be beside poison, which is one more second of work in twenty, on two busy cores."""


@dataclass(frozen=True)
class Verdict:
    """Violations, and figures."""

    violations: dict[str, list[str]]
    """By check; empty lists are left out."""
    figures: dict[str, Any]

    @property
    def clean(self) -> bool:
        return not self.violations


def judge(seen: Seen, *, gap_seconds: float = GAP_SECONDS) -> Verdict:
    """Everything at once."""
    gaps = gaps_after_kills(seen)
    found: dict[str, list[str]] = {
        "without outcome": list(_without_outcome(seen)),
        "called twice": list(_called_twice(seen)),
        "pod made twice": list(_made_twice(seen)),
        "without record": list(_without_record(seen)),
        "without end": list(_without_end(seen)),
        "contradiction": list(_contradictions(seen)),
        "harmed where nothing was wrong": list(_harmed(seen)),
        "harmed by poison": list(_harmed_by_poison(seen)),
        "gap": [f"{each['gap']} s after the kill at {each['at']}" for each in gaps if each["gap"] > gap_seconds],
        "slow recovery": list(_slow_recoveries(seen)),
        "hot loop": [told for told, hot in _used(seen) if hot],
        "ended by itself": list(_exits(seen)),
        "audit": [f"{each.task} {each.check} {each.at}: {each.message}" for each in seen.audited.found],
        "witness": seen.broken,
    }
    return Verdict({name: told for name, told in found.items() if told}, figures(seen, gaps))


def figures(seen: Seen, gaps: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The numbers of a run."""
    outcomes: Counter[str] = Counter()
    for name, account in seen.books.accounts.items():
        outcomes.update(account.outcomes.get(at, "none") for at in seen.jobs[name].due(account.since, seen.ended))
    phases = Counter(f"{each.phase} {each.reason}".strip() for each in seen.books.executions.values())
    return {
        "instants": outcomes.total(),
        "outcomes": dict(outcomes.most_common()),
        "executions": dict(phases.most_common()),
        "calls": len(seen.calls),
        "pods": len(seen.books.pods),
        "duplicates": len(list(_called_twice(seen))) + len(list(_made_twice(seen))),
        "unaccounted": len(list(_without_outcome(seen))),
        "gaps": {"each": gaps, "longest": max((each["gap"] for each in gaps), default=None)},
        "lateness_ms": {name: quantiles(values) for name, values in lateness(seen).items()},
        "lost_s_before_a_fault": _lost_before(seen),
        "recovery_s": [
            {"kind": done.fault.kind, "at": done.fault.at, "seconds": round(back - done.ended, 2)}
            for done, back in recoveries(seen)
        ],
        "used": [told for told, _ in _used(seen)],
        "audited": {
            "tasks": seen.audited.tasks,
            "instants": seen.audited.instants,
            "findings": len(seen.audited.found),
        },
    }


def windows(seen: Seen) -> list[tuple[float, float]]:
    """The times that belong to a fault, until work goes on and some seconds more."""
    return [(done.began - BEFORE, back + _aftermath(done)) for done, back in recoveries(seen)]


def recoveries(seen: Seen) -> list[tuple[Done, float]]:
    """When, after each fault, the first plain call came for an instant that was due after its end."""
    calls = [(call.at, call.due) for call in seen.calls if _is_plain(seen, call.execution)]
    found = []
    for done in seen.faults:
        back = min((at for at, due in calls if due >= done.ended), default=seen.ended)
        found.append((done, max(back, done.ended)))
    return found


def _slow_recoveries(seen: Seen) -> Iterator[str]:
    for done, back in recoveries(seen):
        near = [each for each in seen.faults if each.began < back and done.began < each.ended + AFTER]
        if back - done.ended > BACK_SECONDS + _aftermath(done) and len(near) == 1:
            yield f"{done.fault.kind} at {done.fault.at:g}: {back - done.ended:.1f} s until work went on"


def _aftermath(done: Done) -> float:
    after = AFTER_LONG if done.fault.kind in OF_API else AFTER
    # A clock that was ahead has left a claim and watermarks ahead of the time, one that was behind made all late.
    return after + abs(done.fault.value) if done.fault.kind in ("clock", "slow") else after


def _within(spans: Sequence[tuple[float, float]], at: float) -> bool:
    return any(begin <= at <= end for begin, end in spans)


def gaps_after_kills(seen: Seen) -> list[dict[str, float]]:
    """The longest time without a plain call after each kill of the leader that no other fault is near to."""
    arrivals = [call.at for call in seen.calls if _is_plain(seen, call.execution)]
    found = []
    for done in seen.faults:
        if done.fault.kind != "kill" or done.fault.who != "leader" or not done.hit:
            continue
        near = (done.began - AFTER, done.began + WATCHED)
        others = [each for each in seen.faults if (each.fault.kind, each.fault.who) != ("kill", "leader")]
        if not any(each.began - 1 < near[1] and near[0] < each.ended + _aftermath(each) for each in others):
            found.append({"at": round(done.fault.at, 2), "gap": round(gap(arrivals, done.began, near[1]), 3)})
    return found


def lateness(seen: Seen) -> dict[str, list[float]]:
    """Seconds from the instant to the arrival of plain first calls, by the receiver's clock, apart from all faults."""
    spans, found = windows(seen), defaultdict[str, list[float]](list)
    for call in seen.calls:
        if (
            call.attempt != "1"
            or not _is_plain(seen, call.execution)
            or _within(spans, call.at)
            or _within(spans, call.due)
        ):
            continue
        late = call.at - call.due
        found["outside faults"].append(late)
        for name, span in seen.spans.items():
            if span[0] <= call.due <= span[1]:
                found[name].append(late)
    return dict(found)


def _harmed_by_poison(seen: Seen) -> Iterator[str]:
    """Healthy tasks must not be later for the sake of bad objects, but for the work that these make."""
    found = lateness(seen)
    if len(found.get(ALONE, ())) < ENOUGH or len(found.get(POISONED, ())) < ENOUGH:
        return
    alone, beside = (quantiles(found[name])["p99"] for name in (ALONE, POISONED))
    if beside > alone * POISON_FACTOR + POISON_MS:
        yield f"p99 {beside:g} ms beside poison, {alone:g} ms without"


def _is_plain(seen: Seen, execution: str) -> bool:
    job = seen.jobs.get(execution.rpartition("-")[0])
    return job is not None and job.is_plain


def _without_outcome(seen: Seen) -> Iterator[str]:
    for name, account in seen.books.accounts.items():
        for at in seen.jobs[name].due(account.since, min(seen.ended, account.watermark)):
            if at not in account.outcomes:
                yield f"{name} {at}"
        if account.watermark < seen.ended:
            yield f"{name}: its watermark is {seen.ended - account.watermark:.0f} s behind the end"


def _called_twice(seen: Seen) -> Iterator[str]:
    """One that is not tried again is called once, whatever attempt the second call says it is."""
    counts: Counter[tuple[str, str]] = Counter()
    for call in seen.calls:
        job = seen.jobs.get(call.execution.rpartition("-")[0])
        if job is None or not job.may_repeat:
            counts[call.execution, call.attempt if job is None or job.tries_again else "any"] += 1
    for (name, attempt), count in counts.items():
        if count > 1:
            yield f"{name} attempt {attempt}: {count} times"


def _made_twice(seen: Seen) -> Iterator[str]:
    for name, lives in seen.books.pods.items():
        if len(lives) > 1:
            yield f"{name}: {len(lives)} times"


def _without_record(seen: Seen) -> Iterator[str]:
    """Poison goes on when nobody looks at records any more, and nobody keeps its ledgers: that is the auditor's."""
    known = seen.books.executions
    for call in seen.calls:
        if call.execution not in known and not call.execution.startswith(PREFIX) and not _is_lost(seen, call):
            yield f"call {call.execution} attempt {call.attempt}"
    for name in seen.books.pods:
        if not name.startswith(PREFIX) and name.rpartition("-")[0] not in known:
            yield f"pod {name}"


def _is_lost(seen: Seen, call: Call) -> bool:
    """Whether the ledger says that nobody knows, or no longer reaches so far back; of many lost calls at once not each
    has a record."""
    account = seen.books.accounts.get(call.execution.rpartition("-")[0])
    return account is not None and account.outcomes.get(round(call.due), "").startswith(("Lost", UNSEEN))


def _without_end(seen: Seen) -> Iterator[str]:
    for name, each in seen.books.executions.items():
        if each.phase not in FINAL and each.task in seen.jobs:
            yield f"{name} is {each.phase}" + ("" if each.exists else " and was deleted")


def _contradictions(seen: Seen) -> Iterator[str]:
    """Ledgers against executions, and executions against the receiver."""
    by_instant = {(each.task, each.at): (name, each) for name, each in seen.books.executions.items() if each.at}
    for task, account in seen.books.accounts.items():
        for at, told in account.outcomes.items():
            name, execution = by_instant.get((task, at), ("", None))
            problem = _contradiction(told.split()[0], execution) if told != UNSEEN and at <= seen.ended else ""
            if problem:
                yield f"{task} {at}: {told}, and {name} {problem}"
    received = {call.execution for call in seen.calls}
    for name, each in seen.books.executions.items():
        job = seen.jobs.get(each.task)
        if job is not None and each.at is not None and each.at % job.period:
            yield f"{name}: nothing was due then"
        if job is not None and job.is_call and each.phase == "Succeeded" and name not in received:
            yield f"{name}: Succeeded, and the receiver got nothing"


def _contradiction(outcome: str, execution: Execution | None) -> str:
    if outcome == "Queued":
        return "still waits"
    if outcome in STARTED and execution is None:
        return "there never was an execution"
    return "has begun" if outcome not in BEGUN and execution is not None and execution.started else ""


def _harmed(seen: Seen) -> Iterator[str]:
    """Plain tasks' instants far from any fault that were not simply started."""
    spans = windows(seen)
    for name, account in seen.books.accounts.items():
        if seen.jobs[name].is_plain:
            for at, told in account.outcomes.items():
                if told.split()[0] in WRONG_WHERE_QUIET and not _within(spans, at) and at < seen.ended:
                    yield f"{name} {at}: {told}"


def _lost_before(seen: Seen) -> float:
    """How many seconds before a fault a plain call was made at most that is lost through it."""
    begins, ends = sorted(done.began for done in seen.faults), [span[1] for span in windows(seen)]
    before = [
        next((begin - at for begin in begins if begin > at), 0.0)
        for name, account in seen.books.accounts.items()
        if seen.jobs[name].is_plain
        for at, told in account.outcomes.items()
        if told == "Lost" and not any(done.began <= at <= end for done, end in zip(seen.faults, ends, strict=True))
    ]
    return round(max((each for each in before if each <= BEFORE), default=0.0), 2)


def _used(seen: Seen) -> Iterator[tuple[str, bool]]:
    """What each operator used while the API server was away from it: one that is started again answers before it is
    ready."""
    for done in seen.faults:
        away = done.fault.seconds if done.fault.kind in OF_API else done.ended - done.began
        if done.fault.kind not in BLIND or away < CALM_AFTER + 2:
            continue
        for name in done.hit if done.fault.kind not in OF_API else sorted({each.name for each in seen.samples}):
            span = (done.began + CALM_AFTER, done.began + away)
            mine = [each for each in seen.samples if each.name == name and span[0] <= each.at <= span[1]]
            mine = [each for each in mine if each.process == mine[-1].process] if mine else []
            if mine and mine[-1].at - mine[0].at >= LOOKED_AT:
                yield _told(done, mine)


def _told(done: Done, mine: Sequence[Sample]) -> tuple[str, bool]:
    first, last = mine[0], mine[-1]
    seconds = last.at - first.at
    cpu, requests = (last.cpu - first.cpu) / seconds, (last.requests - first.requests) / seconds
    told = f"{done.fault.kind} at {done.fault.at:g}: {first.name} {cpu:.2f} cores, {requests:.1f} requests a second"
    return told, cpu > CALM_CPU or requests > CALM_REQUESTS


def _exits(seen: Seen) -> Iterator[str]:
    """Processes that ended although the API server was there."""
    away = [
        (done.began - 1, done.ended + AFTER_LONG)
        for done in seen.faults
        if done.fault.kind in BLIND or done.fault.kind == "cut"
    ]
    for at, name, code in seen.exits:
        if not _within(away, at):
            yield f"{name} at {at:.0f}: exit code {code}"
