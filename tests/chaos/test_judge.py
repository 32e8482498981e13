"""The judge finds what is wrong: a clean run, and the same with one defect each."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chaos.books import UNSEEN, Books
from chaos.calls import Call, gap
from chaos.judge import judge
from chaos.plan import Fault
from chaos.run import Done, Seen
from chaos.site import Sample
from chaos.work import Job

BEGIN = 1_800_000_000
END = BEGIN + 60
JOB = Job("call-0", 1, {"http": {"url": "http://127.0.0.1/"}})
POD = Job("pod", 20, {"pod": {"image": "x"}})


def text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def entry(first: int, last: int, outcome: str = "Started", reason: str | None = None) -> dict[str, Any]:
    return {"first": text(first), "last": text(last), "outcome": outcome, "count": 1} | (
        {"reason": reason} if reason else {}
    )


def task(watermark: int, *ledger: dict[str, Any]) -> bytes:
    status = {"watermark": text(watermark), "ledger": list(ledger), "timingSince": text(BEGIN)}
    return json.dumps({"metadata": {"creationTimestamp": text(BEGIN)}, "status": status}).encode()


def execution(of: str, at: int, phase: str = "Succeeded") -> bytes:
    spec = {"taskRef": {"name": of}, "trigger": "Schedule", "scheduledAt": text(at)}
    return json.dumps({"spec": spec, "status": {"phase": phase, "startedAt": text(at)}}).encode()


def name(of: str, at: int) -> str:
    return f"{of}-{datetime.fromtimestamp(at, UTC):%Y%m%d%H%M%S}"


def clean() -> Seen:
    """A minute without a flaw, in which the leader was killed once."""
    jobs = {JOB.name: JOB, POD.name: POD}
    seen = Seen(jobs, Books(jobs), ended=END - 0.5)
    books = seen.books
    for job in (JOB, POD):
        for at in job.due(BEGIN, END):
            books.execution(name(job.name, at), "1", execution(job.name, at))
            books.task(job.name, "1", task(at, entry(job.due(BEGIN, END)[0], at)))
        books.task(job.name, "1", task(END, entry(job.due(BEGIN, END)[0], END)))
    for at in POD.due(BEGIN, END):
        books.pod(f"{name('pod', at)}-1", str(at), b"")
    seen.calls = [Call(name("call-0", at), "1", at + 0.01, at, "/plain/0") for at in JOB.due(BEGIN, END)]
    seen.faults = [Done(Fault(20, "kill", "leader", 1), BEGIN + 20, BEGIN + 21, ("chaos-1",))]
    return seen


def test_a_clean_run_is_clean() -> None:
    verdict = judge(clean())
    assert verdict.violations == {}
    assert verdict.figures["instants"] == 61
    assert verdict.figures["outcomes"] == {"Started": 61}
    assert verdict.figures["gaps"]["each"] == [{"at": 20, "gap": 1.0}]


def _forgotten(seen: Seen) -> None:
    del seen.books.accounts["call-0"].outcomes[BEGIN + 30]


def _behind(seen: Seen) -> None:
    seen.books.accounts["pod"].watermark = BEGIN + 10


def _called_twice(seen: Seen) -> None:
    seen.calls.append(replace(seen.calls[5], at=seen.calls[5].at + 0.2))


def _called_again_as_another_attempt(seen: Seen) -> None:
    seen.calls.append(replace(seen.calls[5], attempt="2", at=seen.calls[5].at + 0.2))


def _late_beside_poison(seen: Seen) -> None:
    seen.spans = {"alone": (BEGIN + 30, BEGIN + 40), "beside poison": (BEGIN + 45, BEGIN + 55)}
    for late, (begin, _) in zip((0.1, 0.5), seen.spans.values(), strict=True):
        seen.calls += [Call(f"call-0-{begin}{n}", "1", begin + late, begin, "/plain/0") for n in range(100)]


def _made_twice(seen: Seen) -> None:
    seen.books.pod(f"{name('pod', BEGIN + 20)}-1", "another life", b"")


def _unrecorded(seen: Seen) -> None:
    seen.calls.append(Call("call-0-by-nobody", "1", BEGIN + 31, BEGIN + 31, "/plain/0"))


def _open(seen: Seen) -> None:
    seen.books.execution(name("pod", BEGIN + 40), "1", execution("pod", BEGIN + 40, "Running"))


def _not_received(seen: Seen) -> None:
    del seen.calls[40]


def _skipped_yet_begun(seen: Seen) -> None:
    seen.books.accounts["call-0"].outcomes[BEGIN + 45] = "Skipped Overlap"


def _lost_for_nothing(seen: Seen) -> None:
    seen.books.accounts["call-0"].outcomes[BEGIN + 50] = "Lost"


def _long_gap(seen: Seen) -> None:
    seen.calls = [call for call in seen.calls if not BEGIN + 20 < call.at < BEGIN + 24]


def _hangs(seen: Seen) -> None:
    seen.faults = [Done(Fault(10, "cut", "leader", 0), BEGIN + 10, BEGIN + 10, ("chaos-1",))]
    seen.calls = [call for call in seen.calls if not BEGIN + 10 <= call.due < BEGIN + 40]


def _ended(seen: Seen) -> None:
    seen.exits.append((BEGIN + 50, "chaos-2", 1))


def _busy(seen: Seen) -> None:
    seen.faults.append(Done(Fault(30, "hole", "leader", 10), BEGIN + 30, BEGIN + 40, ("chaos-2",)))
    seen.samples = [Sample(BEGIN + 30 + n, "chaos-2", 7, n * 0.9, n) for n in range(11)]


def _many_requests(seen: Seen) -> None:
    _busy(seen)
    seen.samples = [replace(each, cpu=0.0, requests=each.requests * 300) for each in seen.samples]


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        (_forgotten, "without outcome"),
        (_behind, "without outcome"),
        (_called_twice, "called twice"),
        (_called_again_as_another_attempt, "called twice"),
        (_late_beside_poison, "harmed by poison"),
        (_made_twice, "pod made twice"),
        (_unrecorded, "without record"),
        (_open, "without end"),
        (_not_received, "contradiction"),
        (_skipped_yet_begun, "contradiction"),
        (_lost_for_nothing, "harmed where nothing was wrong"),
        (_long_gap, "gap"),
        (_hangs, "slow recovery"),
        (_ended, "ended by itself"),
        (_busy, "hot loop"),
        (_many_requests, "hot loop"),
    ],
)
def test_each_defect_is_found(defect: Callable[[Seen], None], check: str) -> None:
    seen = clean()
    defect(seen)
    assert check in judge(seen).violations


def test_what_a_fault_explains_is_no_violation() -> None:
    seen = clean()
    seen.books.accounts["call-0"].outcomes[BEGIN + 21] = "Lost"
    assert judge(seen).violations == {}


def test_what_was_not_recorded_yet_before_a_kill_is_told() -> None:
    seen = clean()
    seen.books.accounts["call-0"].outcomes[BEGIN + 15] = "Lost"
    verdict = judge(seen)
    assert verdict.violations == {}
    assert verdict.figures["lost_s_before_a_fault"] == 5


def test_a_call_that_the_ledger_no_longer_tells_of_may_have_been_lost() -> None:
    seen = clean()
    del seen.books.executions[name("call-0", BEGIN + 5)]
    seen.books.accounts["call-0"].outcomes[BEGIN + 5] = UNSEEN
    assert "without record" not in judge(seen).violations


def test_an_api_server_that_is_back_may_be_asked_a_lot() -> None:
    seen = clean()
    seen.faults.append(Done(Fault(30, "api-term", "both", 4.4), BEGIN + 30, BEGIN + 43, ("chaos-1", "chaos-2")))
    seen.samples = [Sample(BEGIN + 30 + n, "chaos-2", 7, n * 0.9, n * 300) for n in range(13)]
    assert "hot loop" not in judge(seen).violations


def test_a_poison_call_of_after_the_end_need_not_be_recorded_yet() -> None:
    seen = clean()
    seen.calls.append(Call("poison-unicode-1", "1", END + 5, END + 5, "/poison"))
    assert judge(seen).violations == {}


def test_a_late_end_is_seen_when_the_ledger_has_moved_on() -> None:
    books = clean().books
    books.task("call-0", "1", task(END + 50, entry(END + 1, END + 50, "Missed", "Downtime")))
    account = books.accounts["call-0"]
    assert account.outcomes[BEGIN + 5] == "Started"
    assert account.outcomes[END + 7] == "Missed Downtime"


def test_what_a_bounded_ledger_has_never_held_is_said_to_be_unseen() -> None:
    books = clean().books
    body = json.loads(task(END + 50, entry(END + 20, END + 50)))
    body["status"]["ledgerSince"] = text(END + 19)
    books.task("call-0", "1", json.dumps(body).encode())
    outcomes = books.accounts["call-0"].outcomes
    assert (outcomes[END], outcomes[END + 1], outcomes[END + 19]) == ("Started", UNSEEN, UNSEEN)
    assert outcomes[END + 20] == "Started"


def test_a_gap_begins_with_the_kill_or_with_a_call_after_it() -> None:
    """Not with the call before: where all is due at full seconds, nothing is due for a while anyway."""
    assert gap([9.2, 12.5, 13.0], 10.0, 18.0) == 2.5
    assert gap([9.2, 10.1, 14.1, 14.2], 10.0, 18.0) == 4.0
    assert gap([9.2, 10.1, 19.0, 29.0], 10.0, 18.0) == pytest.approx(8.9)


def test_samples_that_come_all_at_once_show_no_hot_loop() -> None:
    seen = clean()
    _busy(seen)
    seen.samples = [Sample(BEGIN + 35 + n / 1000, "chaos-2", 7, n * 0.01, n) for n in range(9)]
    assert "hot loop" not in judge(seen).violations
