"""When a failed attempt is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.model import Backoff, Retry
from crontask_core.retry import retry_at, wait_seconds

ENDED = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (Backoff(), [10, 20, 40, 80, 160, 300, 300]),
        (Backoff(factor=1), [10, 10, 10]),
        (Backoff(initial_seconds=0), [0, 0, 0]),
        (Backoff(initial_seconds=0.5, factor=3, max_seconds=4), [0.5, 1.5, 4, 4]),
        (Backoff(initial_seconds=600), [300, 300]),
        (Backoff(max_seconds=0), [0, 0]),
        (Backoff(kind="Linear", initial_seconds=60), [60, 120, 180, 240, 300, 300]),
        (Backoff(kind="Linear", initial_seconds=0.5, factor=9), [0.5, 1, 1.5]),
    ],
    ids=[
        "by default",
        "equal",
        "at once",
        "with fractions",
        "an initial wait above the longest",
        "no wait allowed",
        "linear",
        "linear, which knows no factor",
    ],
)
def test_waits(backoff: Backoff, waits: list[float]) -> None:
    assert [wait_seconds(backoff, failures) for failures in range(1, len(waits) + 1)] == waits


@pytest.mark.parametrize(
    ("limit", "failures", "again"),
    [(0, 1, None), (1, 1, 10), (1, 2, None), (2, 2, 20), (100, 100, 300), (100, 101, None)],
)
def test_the_limit_counts_attempts_after_the_first(limit: int, failures: int, again: float | None) -> None:
    expected = None if again is None else ENDED + timedelta(seconds=again)
    assert retry_at(Retry(limit=limit), failures, ENDED) == expected


@settings(deadline=None)
@given(
    st.builds(
        Backoff,
        kind=st.sampled_from(["Exponential", "Linear"]),
        initial_seconds=st.floats(0, 86_400),
        factor=st.floats(1, 100),
        max_seconds=st.floats(0, 86_400),
    ),
    st.integers(1, 101),
)
def test_waits_never_shrink_and_stay_within_their_bound(backoff: Backoff, failures: int) -> None:
    wait = wait_seconds(backoff, failures)
    assert 0 <= wait <= backoff.max_seconds
    assert wait <= wait_seconds(backoff, failures + 1)
