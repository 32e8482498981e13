"""The ledger: folding, splitting, forgetting; that each instant has the outcome that was recorded last."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.ledger import EMPTY, Entry, Era, Ledger, ledger_entries, outcome_of, read_ledger
from crontask_core.model.ledger import MAX_ENTRIES, Outcome
from crontask_core.schedule import parse

DAY = datetime(2026, 11, 22, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTELY = Era(parse("* * * * *"))


def minute(number: int) -> datetime:
    return DAY + timedelta(minutes=number)


def entry(first: int, last: int, outcome: Outcome, reason: str | None = None) -> Entry:
    """An entry over whole minutes after ten o'clock."""
    return Entry(minute(first), minute(last), outcome, reason, last - first + 1)


def written(*entries: Entry, era: Era = MINUTELY) -> tuple[Entry, ...]:
    ledger = EMPTY
    for each in entries:
        ledger = ledger.record(each, era)
    return ledger.entries


def test_equal_outcomes_in_a_row_are_one_range() -> None:
    assert written(*[entry(n, n, "Started") for n in range(5)]) == (entry(0, 4, "Started"),)


def test_a_range_never_covers_an_instant_that_has_no_outcome_yet() -> None:
    apart = written(entry(0, 6, "Started"), entry(8, 8, "Started"))
    assert apart == (entry(0, 6, "Started"), entry(8, 8, "Started"))
    assert written(*apart, entry(7, 7, "Started")) == (entry(0, 8, "Started"),)
    assert written(*apart, entry(7, 7, "Lost")) == (apart[0], entry(7, 7, "Lost"), apart[1])
    assert written(*apart, entry(3, 3, "Lost"))[-2:] == (entry(4, 6, "Started"), entry(8, 8, "Started"))


def test_another_outcome_or_reason_begins_another_range() -> None:
    rows = (entry(0, 1, "Skipped", "Overlap"), entry(2, 2, "Skipped", "Calendar"), entry(3, 4, "Missed", "Calendar"))
    assert written(*rows) == rows


def test_a_later_outcome_splits_the_range_in_which_it_lies_at_real_instants() -> None:
    made = written(entry(0, 9, "Queued"), entry(4, 4, "Late", "Queued"))
    assert made == (entry(0, 3, "Queued"), entry(4, 4, "Late", "Queued"), entry(5, 9, "Queued"))


def test_a_range_that_is_replaced_instant_by_instant_leaves_nothing_behind() -> None:
    late = [entry(n, n, "Late", "Queued") for n in range(5)]
    assert written(entry(0, 4, "Queued"), *late) == (entry(0, 4, "Late", "Queued"),)


def test_a_wider_outcome_takes_the_place_of_what_it_covers() -> None:
    made = written(entry(0, 2, "Started"), entry(3, 3, "Lost"), entry(4, 6, "Started"), entry(1, 5, "Missed"))
    assert made == (entry(0, 0, "Started"), entry(1, 5, "Missed"), entry(6, 6, "Started"))


def test_what_is_recorded_again_changes_nothing_but_the_lateness() -> None:
    ledger = EMPTY.record(entry(0, 5, "Started"))
    assert ledger.record(entry(2, 2, "Started")) is ledger
    late = ledger.began(minute(5), "Started", None, 40).began(minute(4), "Started", None, 30)
    assert late.entries == (entry(0, 5, "Started")._replace(lateness=40),)


def test_ranges_of_two_schedules_are_not_folded() -> None:
    changed = Era(MINUTELY.schedule, minute(3))
    made = written(entry(0, 3, "Started"), entry(4, 5, "Started"), entry(6, 6, "Started"), era=changed)
    assert made == (entry(0, 3, "Started"), entry(4, 6, "Started"))


@pytest.mark.parametrize("step", [2, 10, 60, 3600])
def test_a_range_of_an_earlier_schedule_drains_and_leaves_nothing_behind(step: int) -> None:
    at = [DAY + SECOND * step * n for n in range(30)]
    era = Era(parse("0 0 13 1 1 *"), at[-1] + SECOND)
    ledger = Ledger((Entry(at[0], at[-1], "Queued", "Overlap", 30),))
    for n, each in enumerate(at, 1):
        ledger = ledger.record(Entry(each, each, "Started"), era)
        assert sum(entry.size for entry in ledger.entries if entry.outcome == "Queued") == 30 - n
        assert all(entry.size for entry in ledger.entries)
    assert {entry.outcome for entry in ledger.entries} == {"Started"}
    assert ledger.since is None


def test_a_range_fills_only_what_has_no_outcome() -> None:
    ledger = Ledger((entry(2, 3, "Started"), entry(6, 6, "Queued")))
    made = ledger.fill(entry(0, 8, "Missed", "Downtime"), MINUTELY).entries
    missed = [entry(a, b, "Missed", "Downtime") for a, b in ((0, 1), (4, 5), (7, 8))]
    assert made == (missed[0], entry(2, 3, "Started"), missed[1], entry(6, 6, "Queued"), missed[2])


def test_instants_can_be_left_out() -> None:
    ledger = Ledger((entry(0, 5, "Started"), entry(6, 6, "Skipped")))
    made = ledger.without([minute(5), minute(2), minute(6), minute(9)], MINUTELY).entries
    assert made == (entry(0, 1, "Started"), entry(3, 4, "Started"))


def test_the_oldest_entries_are_forgotten() -> None:
    outcomes: list[Outcome] = ["Started", "Skipped"]
    ledger = EMPTY
    for n in range(MAX_ENTRIES + 3):
        ledger = ledger.record(entry(n, n, outcomes[n % 2]))
    assert len(ledger.entries) == MAX_ENTRIES
    assert ledger.since == minute(2)
    assert ledger.record(entry(1, 1, "Lost")) == ledger, "what is forgotten stays forgotten"
    assert ledger.decided(minute(1))


def test_what_waits_is_not_decided() -> None:
    ledger = Ledger((entry(0, 0, "Queued"), entry(1, 1, "Skipped")))
    assert [ledger.decided(minute(n)) for n in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (("Running", "Schedule", None, None), ("Started", None)),
        (("Succeeded", "Schedule", "Completed", 14_999), ("Started", None)),
        (("Failed", "Schedule", "Error", 15_000), ("Late", None)),
        (("Running", "CatchUp", None, 900_000), ("Late", "CatchUp")),
        (("Queued", "Schedule", "Overlap", None), ("Queued", "Overlap")),
        (("Lost", "Schedule", "Lost", None), ("Lost", None)),
        (("Cancelled", "Schedule", "Stopped", 3), ("Started", None)),
        (("Cancelled", "Schedule", "Stopped", None), ("Cancelled", "Stopped")),
        (("Cancelled", "CatchUp", "Deadline", None), ("Missed", "Deadline")),
    ],
)
def test_an_execution_tells_the_outcome_of_its_instant(state: tuple, outcome: tuple) -> None:  # type: ignore[type-arg]
    assert outcome_of(*state) == outcome


outcomes = st.sampled_from(
    [("Started", None), ("Late", "Queued"), ("Queued", "Overlap"), ("Skipped", "Overlap"), ("Missed", "Deadline")]
)
records = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 9) | st.just(0), outcomes), max_size=80)


@settings(deadline=None)
@given(records, st.booleans(), st.none() | st.integers(0, 120))
def test_each_instant_has_the_outcome_that_was_recorded_last(
    story: list[tuple[int, int, tuple[Outcome, str | None]]], minutely: bool, seam: int | None
) -> None:
    """With a schedule that has fewer instants than seconds, and without one, where each second is an instant."""
    step = 60 if minutely else 1
    era = Era(MINUTELY.schedule if minutely else None, DAY + SECOND * step * seam if seam is not None else None)
    ledger, expected = EMPTY, dict[datetime, tuple[str, str | None]]()
    for first, length, (outcome, reason) in story:
        begin, end = DAY + SECOND * step * first, DAY + SECOND * step * (first + length)
        ledger = ledger.record(Entry(begin, end, outcome, reason, length + 1), era)
        expected.update({DAY + SECOND * step * n: (outcome, reason) for n in range(first, first + length + 1)})
    _sound(ledger)
    for at, outcome_then in expected.items():
        found = ledger.at(at)
        if ledger.since is None or at > ledger.since:
            assert found is not None
            assert (found.outcome, found.reason) == outcome_then
    for each in ledger.entries:
        assert each.size <= (each.last - each.first) // (SECOND * step) + 1
        if minutely and era.since is None:
            assert (each.first.second, each.last.second) == (0, 0), "a range begins and ends at instants"


def _sound(ledger: Ledger) -> None:
    entries = ledger.entries
    assert len(entries) <= MAX_ENTRIES
    assert all(each.first <= each.last for each in entries)
    assert all(one.last < other.first for one, other in pairwise(entries))
    assert ledger.since is None or not entries or ledger.since < entries[0].first


@settings(deadline=None)
@given(records, st.tuples(st.integers(0, 120), st.integers(0, 60)))
def test_filling_changes_no_outcome_and_leaves_no_hole(
    story: list[tuple[int, int, tuple[Outcome, str | None]]], hole: tuple[int, int]
) -> None:
    ledger = EMPTY
    for first, length, (outcome, reason) in story[:15]:
        ledger = ledger.record(Entry(DAY + SECOND * first, DAY + SECOND * (first + length), outcome, reason))
    new = Entry(DAY + SECOND * hole[0], DAY + SECOND * (hole[0] + hole[1]), "Cancelled", "Fill", 1)
    filled = ledger.fill(new)
    _sound(filled)
    for n in range(190):
        at = DAY + SECOND * n
        before, after = ledger.at(at), filled.at(at)
        if before is not None and (filled.since is None or at > filled.since):
            assert after is not None
            assert (after.outcome, after.reason) == (before.outcome, before.reason)
        elif before is None and (filled.since is None or at > filled.since):
            assert (after is not None) == new.covers(at)


@settings(deadline=None)
@given(records)
def test_a_status_brings_its_ledger_back(story: list[tuple[int, int, tuple[Outcome, str | None]]]) -> None:
    ledger = EMPTY
    for first, length, (outcome, reason) in story:
        ledger = ledger.record(Entry(DAY + SECOND * first, DAY + SECOND * (first + length), outcome, reason))
    assert read_ledger(ledger_entries(ledger), ledger.since) == ledger


def test_entries_that_somebody_disordered_are_left_out() -> None:
    rows = ledger_entries(Ledger((entry(3, 5, "Started"), entry(4, 9, "Lost"), entry(8, 7, "Lost"))))
    assert read_ledger(rows, None).entries == (entry(3, 5, "Started"),)


def test_what_a_clock_that_was_ahead_left_out_is_open_again() -> None:
    ahead = (entry(0, 0, "Started"), entry(1, 50, "Missed", "Downtime"), entry(51, 52, "Started"))
    ledger = Ledger(written(*ahead), minute(40)).reopened(minute(5) + SECOND, MINUTELY)
    assert [each[:3] for each in ledger.entries] == [
        (minute(0), minute(0), "Started"),
        (minute(1), minute(5), "Missed"),
        (minute(51), minute(52), "Started"),
    ]
    assert ledger.since == minute(5) + SECOND
    assert not ledger.decided(minute(6))
    assert ledger.decided(minute(51))
