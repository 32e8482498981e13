"""Counts, last times and conditions of a task, folded forward outcome by outcome."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.history import Ended
from crontask_core.ledger import Entry, Ledger, at_once
from crontask_core.model import Counts, LastExecution, Phase, TaskStatus
from crontask_core.notices import Outbox
from crontask_core.tally import Standing, Tally, status_of, tally_of

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def told(tally: Tally, phase: Phase, at: datetime = NOW, **more: Any) -> Tally:
    tally.ended(Ended("report-1", phase, at, reason="Why", **more))
    return tally


def last(phase: Phase, **more: Any) -> LastExecution:
    return LastExecution(name="report-1", phase=phase, trigger="Schedule", reason="Why", finished_at=NOW, **more)


BEFORE = Tally(succeeded=1, failed=2, cancelled=3, lost=4, skipped=5, missed=6, consecutive_failures=2)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Succeeded", replace(BEFORE, succeeded=2, consecutive_failures=0, last_successful=NOW)),
        ("Failed", replace(BEFORE, failed=3, consecutive_failures=3, last_failed=NOW)),
        ("Cancelled", replace(BEFORE, cancelled=4)),
        ("Lost", replace(BEFORE, lost=5, consecutive_failures=3)),
    ],
)
def test_an_outcome_counts_once(phase: Phase, expected: Tally) -> None:
    assert told(replace(BEFORE), phase) == replace(expected, last_execution=last(phase))


def test_what_was_refused_before_it_began_is_counted_and_says_nothing_of_the_task() -> None:
    assert told(replace(BEFORE), "Cancelled", began=False) == replace(BEFORE, cancelled=4)
    lost = told(replace(BEFORE), "Lost", began=False)
    assert lost.last_execution == last("Lost"), "a lost call may have run"


def test_what_succeeded_in_part_and_what_was_retried_is_told() -> None:
    tally = told(Tally(), "Failed", partial=True, retried=3)
    assert tally.last_execution == last("Failed", partial=True)
    assert told(tally, "Succeeded", retried=2).counts() == Counts(succeeded=1, failed=1, retried=5)
    assert tally.last_execution == last("Succeeded")


def test_failures_in_a_row_are_those_since_the_last_success() -> None:
    tally = Tally()
    counts = []
    for phase in ("Failed", "Cancelled", "Failed", "Lost", "Succeeded", "Failed"):
        told(tally, phase)  # type: ignore[arg-type]
        counts.append(tally.consecutive_failures)
    assert counts == [1, 1, 2, 3, 0, 1]


def failed(tally: Tally, *reasons: str) -> Tally:
    """Fails once for each reason; "Lost" is a phase."""
    for reason in reasons:
        phase: Phase = "Lost" if reason == "Lost" else "Failed"
        tally.ended(Ended("report-1", phase, NOW, reason=reason), ["Timeout"] if "Lost" not in reasons else ["Lost"])
    return tally


@pytest.mark.parametrize(
    ("reasons", "failures", "ignored", "disabled"),
    [
        (["BadStatus"] * 2, 2, 0, False),
        (["BadStatus"] * 3, 3, 0, True),
        (["Timeout"] * 9, 9, 9, False),
        (["BadStatus", "Timeout", "BadStatus", "Timeout"], 4, 2, False),
        (["BadStatus", "Timeout", "BadStatus", "BadStatus"], 4, 1, True),
        (["Lost", "BadStatus", "Timeout"], 3, 1, False),
        (["Lost", "BadStatus", "Timeout", "BadStatus"], 4, 1, True),
    ],
)
def test_failures_may_be_left_out_of_those_that_disable(
    reasons: list[str], failures: int, ignored: int, disabled: bool
) -> None:
    tally = failed(Tally(), *reasons)
    assert (tally.consecutive_failures, tally.ignored_failures) == (failures, ignored)
    assert tally.disable_if_due(3, generation=1, now=NOW) is disabled
    assert told(tally, "Succeeded").ignored_failures == 0


def test_failures_are_counted_anew_from_a_change_of_since() -> None:
    tally = replace(failed(Tally(), "Timeout", "BadStatus"), outbox=Outbox(alerting=(0, 2)))
    tally.count_anew(NOW)
    assert (tally.consecutive_failures, tally.ignored_failures, tally.outbox) == (0, 0, None)
    failed(tally, "BadStatus").count_anew(NOW)
    assert tally.consecutive_failures == 1, "the same value is no change"
    tally.count_anew(NOW - timedelta(days=1))
    assert tally.consecutive_failures == 0, "another one is, whatever time it tells"


def test_the_last_execution_tells_its_times() -> None:
    tally = told(Tally(), "Succeeded", LATER, started_at=NOW)
    assert tally.last_execution is not None
    assert (tally.last_execution.started_at, tally.last_execution.finished_at) == (NOW, LATER)


def test_the_last_started_instant_never_goes_back() -> None:
    tally = Tally()
    tally.started(LATER)
    tally.started(NOW)
    assert tally == Tally(last_schedule=LATER)


@pytest.mark.parametrize(
    ("skipped", "missed", "expected"),
    [
        ((), (), BEFORE),
        ((NOW,), (), replace(BEFORE, skipped=6, last_missed=NOW)),
        ((), (NOW, LATER), replace(BEFORE, missed=8, last_missed=LATER)),
        ((LATER,), (NOW,), replace(BEFORE, skipped=6, missed=7, last_missed=LATER)),
    ],
)
def test_instants_that_were_left_out(
    skipped: tuple[datetime, ...], missed: tuple[datetime, ...], expected: Tally
) -> None:
    tally = replace(BEFORE)
    tally.left_out([at_once(at, "Skipped", "Overlap") for at in skipped] + [at_once(at, "Missed") for at in missed])
    assert tally == expected


def condition(tally: Tally, status: str, at: datetime, *, reason: str = "Why", generation: int = 1) -> Standing:
    tally.set_condition("Ready", status, reason, "", generation=generation, now=at)  # type: ignore[arg-type]
    return next(each for each in tally.conditions if each.type == "Ready")


def test_a_condition_s_transition_time_moves_with_its_status_alone() -> None:
    tally = Tally()
    assert condition(tally, "True", NOW).last_transition_time == NOW
    again = condition(tally, "True", LATER, reason="Other", generation=2)
    assert (again.last_transition_time, again.reason, again.observed_generation) == (NOW, "Other", 2)
    assert condition(tally, "False", LATER).last_transition_time == LATER
    assert len(tally.conditions) == 1


def test_conditions_keep_one_order_whatever_was_set_first() -> None:
    kinds = ["Scheduled", "Failing", "Ready", "Scheduled"]
    tally = Tally()
    for kind in kinds:
        tally.set_condition(kind, "True", "Why", "", generation=1, now=NOW)
    assert [each.type for each in tally.conditions] == ["Failing", "Ready", "Scheduled"]


moments = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
number = st.integers(0, 10**9)
phases = st.sampled_from(["Succeeded", "Failed", "Cancelled", "Lost"])
tallies = st.builds(
    Tally,
    *[number] * 8,
    *[moments] * 4,
    last_execution=st.none() | phases.map(last),
    conditions=st.just(()) | st.just((Standing("Ready", "True", "R", "", None, NOW),)),
    ledger=st.just(Ledger()) | st.just(Ledger((Entry(NOW, LATER, "Missed", "Downtime", 2),), NOW)),
    timing_since=st.just(NOW),
    ignored_failures=number,
    failures_since=moments,
)


@settings(deadline=None)
@given(tallies)
def test_a_status_brings_its_tally_back(tally: Tally) -> None:
    stored = status_of(tally, observed_generation=3, active_count=1).to_body()
    read = TaskStatus.model_validate(stored)
    assert tally_of(read) == tally
    assert (read.observed_generation, read.active_count) == (3, 1)


@pytest.mark.parametrize(
    ("late", "changes"), [((True, True, False, False), (True, False, True, False)), ((False,), (False,))]
)
def test_the_condition_late_is_set_where_it_changes(late: tuple[bool, ...], changes: tuple[bool, ...]) -> None:
    tally = Tally()
    assert tuple(tally.show_late(each, "Why", generation=1, now=NOW) for each in late) == changes


def test_a_status_from_before_there_was_a_ledger_has_forgotten_everything() -> None:
    read = tally_of(TaskStatus(watermark=NOW))
    assert (read.ledger, read.timing_since) == (Ledger((), NOW), NOW)


def test_a_task_without_status_begins_at_nothing() -> None:
    assert tally_of(TaskStatus.model_validate({})) == Tally()
