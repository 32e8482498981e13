"""Which ended executions are too many."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.history import Ended, surplus
from crontask_core.model import History, Phase

BEGIN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def ended(text: str) -> list[Ended]:
    """`S1 F2` is an execution that succeeded at minute 1, and one that failed at minute 2."""
    phases: dict[str, Phase] = {"S": "Succeeded", "F": "Failed", "C": "Cancelled", "L": "Lost"}
    return [Ended(word, phases[word[0]], BEGIN + timedelta(minutes=int(word[1]))) for word in text.split()]


ROWS = [
    ("nothing has ended", "", 3, 1, []),
    ("as many as are kept", "S1 S2 S3 F4", 3, 1, []),
    ("the oldest go first", "S3 S1 S4 S2 F5 F6", 2, 1, ["S1", "S2", "F5"]),
    ("failures do not push successes out", "S1 F2 F3 F4", 1, 1, ["F2", "F3"]),
    ("what was cancelled or lost counts as failed", "C1 L2 F3", 3, 1, ["C1", "L2"]),
    ("zero keeps none", "S1 F2", 0, 0, ["S1", "F2"]),
    ("zero of one kind keeps the other", "S1 F2", 0, 1, ["S1"]),
    ("of two that ended together the later name stays", "S1b S1a", 1, 1, ["S1a"]),
]


@pytest.mark.parametrize(("says", "text", "successful", "failed", "gone"), ROWS, ids=[row[0] for row in ROWS])
def test_surplus(says: str, text: str, successful: int, failed: int, gone: list[str]) -> None:
    assert surplus(ended(text), History(successful=successful, failed=failed)) == gone


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("SFCL"), st.integers(0, 9)), max_size=30),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_what_stays_is_the_newest_and_deleting_twice_changes_nothing(
    drawn: list[tuple[str, int]], successful: int, failed: int
) -> None:
    everything = [
        Ended(f"{n:02}", one.phase, one.finished_at)
        for n, one in enumerate(ended(" ".join(f"{kind}{minute}" for kind, minute in drawn)))
    ]
    limits = History(successful=successful, failed=failed)
    gone = set(surplus(everything, limits))
    left = [each for each in everything if each.name not in gone]
    assert surplus(left, limits) == []
    for good, keep in ((True, successful), (False, failed)):
        kind = [each for each in everything if (each.phase == "Succeeded") is good]
        stayed = [each for each in left if (each.phase == "Succeeded") is good]
        assert len(stayed) == min(len(kind), keep)
        oldest_kept = min((each.finished_at for each in stayed), default=None)
        assert all(oldest_kept is None or each.finished_at <= oldest_kept for each in kind if each.name in gone)
