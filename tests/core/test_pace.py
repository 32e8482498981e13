"""How long what is written of a start waits for the end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_core.planning.pace import RECORD_SECONDS, STATUS_SECONDS, record_wait, status_wait, usual_seconds

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("began", "good", "bad", "usual"),
    [
        pytest.param(None, None, None, None, id="it has never run"),
        pytest.param(NOON, None, None, None, id="its first execution runs"),
        pytest.param(NOON, later(3), None, 3.0, id="the latest was good"),
        pytest.param(NOON, later(-60), later(2), 2.0, id="the latest was bad"),
        pytest.param(NOON, later(-60), later(-120), None, id="a further one runs"),
    ],
)
def test_what_executions_take(
    began: datetime | None, good: datetime | None, bad: datetime | None, usual: float | None
) -> None:
    assert usual_seconds(began, good, bad) == usual


@pytest.mark.parametrize(
    ("usual", "record", "status"),
    [
        pytest.param(None, 0.5, 3.0, id="nothing is known"),
        pytest.param(0.01, 1.0125, 3.0, id="a call"),
        pytest.param(3.0, 4.75, 6.25, id="a short pod"),
        pytest.param(60.0, 0.5, 3.0, id="a long one is shown at once"),
    ],
)
def test_how_long_is_waited(usual: float | None, record: float, status: float) -> None:
    assert (record_wait(usual), status_wait(usual)) == (record, status)


@given(st.floats(0, 5))
def test_one_that_takes_what_is_usual_or_a_fifth_more_is_written_once(usual: float) -> None:
    assert record_wait(usual) > usual * 1.2
    assert status_wait(usual) > record_wait(usual)


@given(st.none() | st.floats(0, 1e6))
def test_the_wait_is_bounded(usual: float | None) -> None:
    assert RECORD_SECONDS <= record_wait(usual) < 7.5
    assert STATUS_SECONDS <= status_wait(usual) < 9
