"""Which ended executions are too many."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.history import BACKFILLS_KEPT, Ended, kept_without_task, next_expiry, surplus
from crontask_core.model import History, Phase, TaskSpec, Trigger

BEGIN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOW = BEGIN + timedelta(minutes=10)


KINDS: dict[str, tuple[Phase, bool, Trigger, str | None]] = {
    "S": ("Succeeded", True, "Schedule", None),
    "F": ("Failed", True, "Schedule", None),
    "C": ("Cancelled", True, "Schedule", None),
    "L": ("Lost", True, "Schedule", None),
    "Q": ("Lost", False, "Schedule", None),
    "R": ("Failed", False, "Manual", None),
    "W": ("Cancelled", False, "Schedule", None),
    "B": ("Succeeded", False, "Backfill", None),
    "D": ("Failed", False, "Backfill", None),
    "I": ("Succeeded", True, "Backfill", "bf"),
    "E": ("Cancelled", False, "Backfill", "bf"),
}


def ended(text: str) -> list[Ended]:
    """`S1 F2` is an execution that succeeded at minute 1, and one that failed at minute 2.

    R was refused, W stopped while it waited, Q was claimed and lost; B and D are backfills (good and refused), I is an
    instant of one, E one that was refused.
    """
    made = []
    for word in text.split():
        phase, began, trigger, parent = KINDS[word[0]]
        at = BEGIN + timedelta(minutes=int(word[1]))
        made.append(Ended(word, phase, at, trigger, began=began, parent=parent, counted=True))
    return made


ROWS = [
    ("nothing has ended", "", 3, 1, []),
    ("as many as are kept", "S1 S2 S3 F4", 3, 1, []),
    ("the oldest go first", "S3 S1 S4 S2 F5 F6", 2, 1, ["S1", "S2", "F5"]),
    ("failures do not push successes out", "S1 F2 F3 F4", 1, 1, ["F2", "F3"]),
    ("what was cancelled or lost counts as failed", "C1 L2 F3", 3, 1, ["C1", "L2"]),
    ("zero keeps none", "S1 F2", 0, 0, ["S1", "F2"]),
    ("zero of one kind keeps the other", "S1 F2", 0, 1, ["S1"]),
    ("backfills push nobody out", "S1 F1 B2 B3 D4", 1, 1, []),
    ("the latest three backfills stay", "S1 B2 D3 B4 B5 D6", 1, 1, ["B2", "D3"]),
    ("backfills stay where nothing else does", "S1 F1 B2", 0, 0, ["S1", "F1"]),
    ("the instants of a backfill are executions like others", "S1 I2 I3 B4", 2, 1, ["S1"]),
    ("what was refused pushes nobody out", "S1 F2 R3 W4 E5", 1, 1, ["R3", "W4"]),
    ("so many that were refused stay as that failed", "F1 R2 W3 R4", 3, 2, ["R2"]),
    ("one that was refused stays in any case", "F1 R2 R3", 3, 0, ["F1", "R2"]),
    ("a lost one may have run", "F1 Q2 R3", 3, 1, ["F1"]),
    ("of two that ended together the later name stays", "S1b S1a", 1, 1, ["S1a"]),
]


@pytest.mark.parametrize(("says", "text", "successful", "failed", "gone"), ROWS, ids=[row[0] for row in ROWS])
def test_surplus(says: str, text: str, successful: int, failed: int, gone: list[str]) -> None:
    assert surplus(ended(text), History(successful=successful, failed=failed), NOW) == gone


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("".join(KINDS)), st.integers(0, 9)), max_size=30),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_what_stays_is_the_newest_and_deleting_twice_changes_nothing(
    drawn: list[tuple[str, int]], successful: int, failed: int
) -> None:
    everything = [
        replace(one, name=f"{n:02}")
        for n, one in enumerate(ended(" ".join(f"{kind}{minute}" for kind, minute in drawn)))
    ]
    limits = History(successful=successful, failed=failed)
    gone = set(surplus(everything, limits, NOW))
    left = [each for each in everything if each.name not in gone]
    assert surplus(left, limits, NOW) == []
    for kinds, keep in (("SI", successful), ("FCLQ", failed), ("RWE", max(failed, 1)), ("BD", BACKFILLS_KEPT)):
        kind = [each for each, (letter, _) in zip(everything, drawn, strict=True) if letter in kinds]
        stayed = [each for each in kind if each in left]
        assert len(stayed) == min(len(kind), keep)
        oldest_kept = min((each.finished_at for each in stayed), default=None)
        assert all(oldest_kept is None or each.finished_at <= oldest_kept for each in kind if each.name in gone)


def test_what_is_older_than_the_task_keeps_goes_whatever_the_counts() -> None:
    limits = History(ttl_seconds=120)
    assert surplus(ended("S1 F2 S8 F9"), limits, NOW) == ["S1", "S8", "F2"]
    assert surplus(ended("R1 B2 R9 B9"), limits, NOW) == ["R1", "B2"]
    assert next_expiry(ended("F9"), limits) == BEGIN + timedelta(minutes=11)
    assert next_expiry([], limits) is None
    assert next_expiry(ended("F9"), History()) is None


def test_what_no_status_tells_of_stays_and_counts() -> None:
    executions = ended("S1 S2 S3")
    executions[0].counted = False
    assert surplus(executions, History(successful=1, ttl_seconds=0), NOW) == ["S2", "S3"]
    assert surplus(executions, History(successful=1), NOW) == ["S2"]


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({}, None),
        ({"history": {"ttlSeconds": 60}}, None),
        ({"history": {"outliveTask": True}}, 7 * 86_400),
        ({"history": {"outliveTask": True, "ttlSeconds": 60}}, 60),
        ({"deleteAfter": "Finished"}, 7 * 86_400),
        ({"deleteAfter": "Dispatch", "history": {"ttlSeconds": 0}}, 0),
    ],
)
def test_how_long_an_execution_stays_without_its_task(spec: dict[str, object], seconds: int | None) -> None:
    made = TaskSpec.model_validate({"schedule": "@manual", "pod": {"image": "i"}, **spec})
    assert kept_without_task(made) == seconds
