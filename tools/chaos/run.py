"""A run from its first task to its last record: carries the plan out while the work goes on, and asks the witnesses."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from pathlib import Path

from live.apiwitness import ApiWitness
from live.etcd import EtcdWitness
from live.stories import Stage, until

from audit.dump import Unreadable, from_cluster, kubectl, machine_now
from audit.report import Report, audit, until_clean
from chaos import acts, poison
from chaos.books import FINAL, Books
from chaos.calls import Call, read
from chaos.plan import Fault
from chaos.site import Member, Sample, Site
from chaos.work import Job, group

LOOK = 0.5
"""Seconds between two looks at what the operators use."""
PATIENCE = 120.0
STOP_SECONDS = 60.0
"""So long an orderly stop may take; then it is ended."""
READ_SECONDS = 180.0
AUDIT_SECONDS = 300.0


@dataclass(frozen=True)
class Done:
    """A fault as it happened; unix times."""

    fault: Fault
    began: float
    ended: float
    hit: tuple[str, ...]
    """The names of those that it hit."""


@dataclass
class Seen:
    """All that the witnesses have seen of a run."""

    jobs: dict[str, Job]
    books: Books
    ended: float = 0.0
    """Everything due up to this moment must have its outcome."""
    faults: list[Done] = field(default_factory=list)
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Named times without faults: "alone", and with poison "beside poison"."""
    calls: list[Call] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    exits: list[tuple[float, str, int]] = field(default_factory=list)
    audited: Report = field(default_factory=Report)
    broken: list[str] = field(default_factory=list)
    """Witnesses that went blind, and what did not come about in time."""


def run(
    stage: Stage,
    site: Site,
    jobs: Sequence[Job],
    plan: Sequence[Fault],
    *,
    quiet: float,
    poisoned: bool,
    say: Callable[[str], None],
) -> Seen:
    """The whole run; `quiet` is the length of a time without faults, once without and once with poison."""
    by_name = {job.name: job for job in jobs}
    seen = Seen(by_name, Books(by_name))
    with ExitStack() as stack:
        witnesses = _witnesses(stage, site, seen.books)
        for witness in witnesses:
            stack.enter_context(witness)
        until(site.all_ready, "both operators are ready", PATIENCE)
        stage.apply(group(), *(job.body() for job in jobs))
        until(seen.books.all_known, "all tasks have a status", PATIENCE)
        if quiet:
            _quiet(site, seen, "alone", quiet)
        if poisoned:
            say(f"{poison.pour(stage)} poison objects are in")
            if quiet:
                _quiet(site, seen, "beside poison", quiet)
        carry_out(site, plan, seen.faults, say)
        _settle(stage, site, seen, say)
        seen.broken += [witness.broken for witness in witnesses if witness.broken]
    seen.samples, seen.exits = site.samples, site.exits
    seen.calls = read(stage.state / "receiver.jsonl", stage.skipped, stage.kubectl.namespace)
    return seen


def carry_out(site: Site, plan: Sequence[Fault], done: list[Done], say: Callable[[str], None]) -> None:
    """Begins and ends each fault at its time, and looks at the operators in between."""
    start = time.monotonic()
    todo: list[tuple[float, int, str, Fault]] = [(fault.at, n, "begin", fault) for n, fault in enumerate(plan)]
    heapify(todo)
    open_faults: dict[int, tuple[float, list[Member]]] = {}
    while todo:
        at, number, step, fault = heappop(todo)
        _wait(site, start + at)
        if step == "begin":
            began = time.time()
            hit = acts.begin(site, fault)
            open_faults[number] = (began, hit)
            names = ", ".join(member.replica.name for member in hit) or "nobody"
            say(f"{at:7.1f} s  {fault.kind} {fault.value or ''} {names}, {fault.seconds:g} s")
            heappush(todo, (max(fault.end, time.monotonic() - start), number, "end", fault))
        elif not acts.may_end(fault, open_faults[number][1]) and time.monotonic() - start < fault.end + STOP_SECONDS:
            heappush(todo, (time.monotonic() - start + LOOK, number, "end", fault))
        else:
            began, hit = open_faults.pop(number)
            acts.end(site, fault, hit)
            done.append(Done(fault, began, time.time(), tuple(member.replica.name for member in hit)))


def _wait(site: Site, moment: float) -> None:
    """Until a moment of the monotonic clock, with looks in between."""
    while True:
        site.look()
        left = moment - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, LOOK))


def _quiet(site: Site, seen: Seen, name: str, seconds: float) -> None:
    began = time.time()
    _wait(site, time.monotonic() + seconds)
    seen.spans[name] = (began, time.time())


def _settle(stage: Stage, site: Site, seen: Seen, say: Callable[[str], None]) -> None:
    """Both operators live undisturbed until everything is decided; then the tasks rest and are audited."""

    def ready() -> bool:
        site.look()
        return site.all_ready()

    def decided() -> bool:
        site.look()
        return all(account.watermark >= seen.ended for account in seen.books.accounts.values())

    def at_rest() -> bool:
        site.look()
        return all(
            each.phase in FINAL or not each.exists or each.task not in seen.jobs
            for each in list(seen.books.executions.values())
        )

    until(ready, "both operators are ready again", PATIENCE)
    seen.ended = time.time()
    if not _hope(seen, decided, "each task's watermark has reached the end"):
        return  # an end of their schedules would pass over what is not decided
    say("the schedules end")
    stage.apply(*(job.ending(today()) for job in seen.jobs.values()))
    _hope(seen, at_rest, "what has begun ends")

    ask = kubectl([f"--kubeconfig={stage.kubectl.kubeconfig}"], stage.kubectl.namespace, READ_SECONDS)
    try:
        seen.audited = until_clean(lambda: audit(from_cluster(ask, machine_now)), AUDIT_SECONDS)
    except Unreadable as error:  # what the other witnesses saw is not to be lost with it
        seen.broken.append(f"the auditor: {error}")


def _hope(seen: Seen, look: Callable[[], bool], what: str) -> bool:
    try:
        return until(look, what, PATIENCE)
    except AssertionError as error:
        seen.broken.append(str(error))
        return False


def _witnesses(stage: Stage, site: Site, books: Books) -> list[EtcdWitness | ApiWitness]:
    """etcd's where it can be asked, because it sees during an outage of the API server as well."""
    server, namespace, group = site.server, stage.kubectl.namespace, "crontask.dev"
    if server.facts.etcd:
        port = server.facts.etcd
        return [
            EtcdWitness(port, f"/registry/{group}/crontasks/{namespace}/", books.task),
            EtcdWitness(port, f"/registry/{group}/crontaskexecutions/{namespace}/", books.execution),
            EtcdWitness(port, f"/registry/pods/{namespace}/", books.pod),
        ]
    where = f"/apis/{group}/v1beta1/namespaces/{namespace}"
    return [
        ApiWitness(server.api, f"{where}/crontasks", books.task),
        ApiWitness(server.api, f"{where}/crontaskexecutions", books.execution),
        ApiWitness(server.api, f"/api/v1/namespaces/{namespace}/pods", books.pod),
    ]


def today() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def receiver_size(state: Path) -> int:
    """How many bytes the receiver has written down so far."""
    return (state / "receiver.jsonl").stat().st_size
