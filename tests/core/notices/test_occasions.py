"""What is told, to whom, and when: tables of single ends, and properties of long rows of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_core import notices
from crontask_core.model import Notify, PendingNotification, Phase
from crontask_core.model.notify import MAX_PENDING
from crontask_core.notices import FAILURES, Outbox
from crontask_core.notices.retries import wait_before_next

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHASES: tuple[Phase, ...] = ("Succeeded", "Failed", "Cancelled", "Lost")


def way(*when: str, **fields: Any) -> Notify:
    return Notify.model_validate({"when": list(when), "webhook": {"url": "http://hook.test/"}} | fields)


def end(
    ways: Sequence[Notify],
    phase: Phase,
    *,
    failures: int,
    alerting: tuple[int, ...] = (),
    output: str | None = "",
    at: datetime = AT,
    name: str = "t-1",
) -> tuple[list[PendingNotification], tuple[int, ...]]:
    return notices.ended(ways, alerting, uid="u", execution=name, phase=phase, at=at, failures=failures, output=output)


@pytest.mark.parametrize(
    ("told", "phase", "failures", "alerting", "expected", "after"),
    [
        (way("Failure"), "Failed", 1, (), ["Failure"], (0,)),
        (way("Failure"), "Lost", 1, (), ["Failure"], (0,)),
        (way("Failure"), "Cancelled", 0, (), [], ()),
        (way("Failure"), "Failed", 2, (0,), [], (0,)),
        (way("Failure", after=3), "Failed", 2, (), [], ()),
        (way("Failure", after=3), "Failed", 3, (), ["Failure"], (0,)),
        # The number was lowered by an edit: the next failure is one too many.
        (way("Failure", after=3), "Failed", 7, (), ["Failure"], (0,)),
        (way("Failure", after=3), "Cancelled", 7, (), [], ()),
        (way("Failure"), "Cancelled", 1, (0,), [], (0,)),
        (way("Recovery"), "Succeeded", 0, (0,), ["Recovery"], ()),
        (way("Recovery"), "Succeeded", 0, (), [], ()),
        (way("Recovery", after=2), "Failed", 2, (), [], (0,)),
        (way("Failure"), "Succeeded", 0, (0,), [], ()),
        (way("Success"), "Succeeded", 0, (), ["Success"], ()),
        (way("Success"), "Failed", 1, (), [], (0,)),
        (way("Always"), "Cancelled", 0, (), ["Always"], ()),
        (way("Always", "Failure", "Success"), "Failed", 1, (), ["Failure", "Always"], (0,)),
        (way("Late", "Missed", "Disabled"), "Failed", 1, (), [], (0,)),
        (way("Failure", repeat=True), "Failed", 2, (0,), ["Failure"], (0,)),
        (way("Failure", repeat=True), "Lost", 2, (0,), ["Failure"], (0,)),
        (way("Failure", repeat=True), "Cancelled", 1, (0,), [], (0,)),
        (way("Failure", repeat=True, after=3), "Failed", 2, (), [], ()),
        (way("Failure", repeat=True, after=3), "Failed", 4, (0,), ["Failure"], (0,)),
        (way("Started"), "Failed", 1, (), [], (0,)),
        # The spec has fewer ways than before.
        (way("Recovery"), "Succeeded", 0, (3,), [], ()),
    ],
)
def test_an_end(
    told: Notify, phase: Phase, failures: int, alerting: tuple[int, ...], expected: list[str], after: tuple[int, ...]
) -> None:
    made, still = end([told], phase, failures=failures, alerting=alerting)
    assert ([each.when for each in made], still) == (expected, after)


@pytest.mark.parametrize(
    ("keyword", "output", "told"),
    [
        ("disk.*full", "the disk is\nfull", False),
        ("(?s)disk.*full", "the disk is\nfull", True),
        ("voll", "Platte ist voll ü", True),
        ("voll", "", False),
        # Not at hand, or too much to look through now: decided when it is sent.
        ("voll", None, True),
        ("(a?){300}b", "a" * 100_000, True),
        # No expression at all; the task is not Ready and says so.
        ("(", "(", False),
    ],
)
def test_a_keyword(keyword: str, output: str | None, told: bool) -> None:
    made, _ = end([way("Keyword", keyword=keyword)], "Succeeded", failures=0, output=output)
    assert bool(made) is told


@pytest.mark.parametrize(
    ("told", "phase", "alerting", "expected"),
    [
        (way("Always", "Failure", once=True), "Failed", (), ["Failure"]),
        (way("Always", "Failure", once=True), "Failed", (0,), ["Always"]),
        (way("Keyword", "Success", "Recovery", keyword="x", once=True), "Succeeded", (0,), ["Recovery"]),
        (way("Keyword", "Success", keyword="x", once=True), "Succeeded", (), ["Success"]),
        (way("Keyword", "Failure", keyword="x", once=True), "Succeeded", (), ["Keyword"]),
        (way("Failure", once=True), "Succeeded", (), []),
    ],
)
def test_an_end_may_be_told_once(told: Notify, phase: Phase, alerting: tuple[int, ...], expected: list[str]) -> None:
    made, _ = end([told], phase, failures=1, alerting=alerting, output="x")
    assert [each.when for each in made] == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (way("Failure", "Disabled"), ["Failure", "Disabled"]),
        (way("Failure", "Disabled", once=True), ["Failure"]),
        (way("Failure", "Disabled", once=True, after=2), ["Disabled"]),
        (way("Always", "Disabled", once=True), ["Always"]),
        (way("Keyword", "Disabled", keyword="x", once=True), ["Keyword", "Disabled"]),
        (way("Disabled", once=True), ["Disabled"]),
    ],
)
def test_the_failure_that_pauses_the_schedule(told: Notify, expected: list[str]) -> None:
    ways = [told]
    made, _ = end(ways, "Failed", failures=1, output=None)
    [earlier] = notices.begun([way("Started")], uid="u", execution="t-1", at=AT)
    made += notices.disabled(ways, [earlier, *made], uid="u", execution="t-1", at=AT, failures=1)
    assert [each.when for each in made] == expected


def test_each_way_is_told_by_itself() -> None:
    made, alerting = end([way("Failure"), way("Failure", after=2), way("Failure")], "Failed", failures=1)
    assert [each.way for each in made] == [0, 2]
    assert alerting == (0, 2)
    assert len({each.id for each in made}) == 2


def test_a_beginning_is_one_notice_of_each_way_that_asks_for_it() -> None:
    ways = [way("Failure"), way("Started", "Failure")]
    [made] = notices.begun(ways, uid="u", execution="t-1", at=AT)
    assert (made.when, made.way, made.phase, made.at) == ("Started", 1, "Running", AT)
    [again] = notices.begun(ways, uid="u", execution="t-1", at=AT + timedelta(seconds=1))
    assert again.id == made.id, "a successor may know less well when it began"


@pytest.mark.parametrize(("milliseconds", "told"), [(29_999, 0), (30_000, 1)])
def test_a_late_beginning(milliseconds: int, told: int) -> None:
    made = notices.begun_late(
        [way("Late", lateSeconds=30), way("Failure")],
        uid="u",
        execution="t-1",
        scheduled_at=AT,
        lateness_milliseconds=milliseconds,
    )
    assert len(made) == told


def test_missed_instants_are_one_notice() -> None:
    last = AT + timedelta(minutes=2)
    [three] = notices.missed([way("Failure"), way("Missed")], uid="u", first=AT, last=last, count=3)
    [one] = notices.missed([way("Missed")], uid="u", first=AT, last=AT, count=1)
    assert (three.way, three.at, three.until, three.count) == (1, AT, last, 3)
    assert (one.until, one.count) == (None, 1)


def test_a_notice_is_the_same_whoever_counts_it() -> None:
    first, second = (end([way("Failure")], "Failed", failures=1, output=output) for output in ("x", None))
    assert first == second
    other, _ = end([way("Failure")], "Failed", failures=1, at=AT + timedelta(seconds=1))
    assert other[0].id != first[0][0].id


@given(st.lists(st.sampled_from(PHASES), max_size=60), st.integers(1, 4))
def test_between_two_successes_a_failure_is_told_at_most_once_and_a_recovery_only_after_it(
    phases: list[Phase], after: int
) -> None:
    ways, alerting, failures, row = [way("Failure", "Recovery", after=after)], (), 0, 0
    told: list[str] = []
    for phase in phases:
        failures = 0 if phase == "Succeeded" else failures + (phase in FAILURES)
        made, alerting = end(ways, phase, failures=failures, alerting=alerting)
        told += [each.when for each in made]
        row = 0 if phase == "Succeeded" else row + ("Failure" in [each.when for each in made])
        assert row <= 1
        assert (row == 1) == (failures >= after)
    assert told[::2] == ["Failure"] * len(told[::2])
    assert told[1::2] == ["Recovery"] * len(told[1::2])


@given(st.lists(st.integers(0, 60), max_size=80))
def test_an_outbox_is_bounded_and_keeps_the_latest_each_once(numbers: list[int]) -> None:
    outbox: Outbox | None = None
    lost = 0
    for number in numbers:
        made, _ = end([way("Always")], "Succeeded", failures=0, name=f"t-{number}")
        before = {each.id for each in outbox.pending} if outbox else set()
        outbox, dropped = notices.with_new(outbox, made)
        assert outbox is not None
        assert dropped == (len(before | {made[0].id}) > MAX_PENDING)
        assert made[0].id in {each.id for each in outbox.pending}
        lost += dropped
    if outbox is not None:
        assert len(outbox.pending) <= MAX_PENDING
        for notice in outbox.pending:
            outbox = notices.without(outbox, notice.id)
        assert outbox is None


def test_tries_are_counted_and_an_empty_outbox_is_none() -> None:
    made, alerting = end([way("Failure")], "Failed", failures=1)
    outbox, _ = notices.with_new(None, made)
    outbox = notices.with_alerting(notices.with_try(outbox, made[0].id), alerting)
    assert outbox is not None
    assert (outbox.pending[0].tries, outbox.alerting, outbox.executions()) == (1, (0,), {"t-1"})
    assert notices.without(outbox, made[0].id) == Outbox((), (0,))
    assert notices.with_alerting(notices.without(outbox, made[0].id), ()) is None


@given(st.floats(0, 1))
def test_waits_grow_and_end(jitter: float) -> None:
    waits = [wait_before_next(tries, jitter) for tries in range(1, 13)]
    assert waits[-1] is None
    assert all(wait is not None and 0 < wait <= 1500 for wait in waits[:-1])
    assert [wait_before_next(tries, 0.5) for tries in (1, 2, 3)] == [5.0, 15.0, 45.0]
