"""Quantiles, and what several repetitions make together."""

import math

import pytest
from bench.figures import Middle, Repeated, Spread, once, quantile

HUNDRED = [float(n) for n in range(1, 101)]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.99, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        (HUNDRED, 0.5, 50.0),
        (HUNDRED, 0.99, 99.0),
        (HUNDRED, 1.0, 100.0),
        (HUNDRED, 0.0, 1.0),
    ],
)
def test_a_quantile_is_a_value_that_was_measured(values: list[float], share: float, expected: float) -> None:
    assert quantile(values, share) == expected


def test_no_values_have_no_quantile() -> None:
    with pytest.raises(ValueError, match="measured nothing"):
        quantile([], 0.5)


def test_a_spread_sorts_what_it_gets() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(count=3, p50=2.0, p99=3.0, largest=3.0)


def test_a_start_that_never_came_is_later_than_all_others() -> None:
    spread = Spread.of(HUNDRED[:98], expected=100)
    assert (spread.count, spread.missing) == (98, 2)
    assert spread.p50 == 50.0
    assert math.isinf(spread.p99)
    assert spread.to_json() == {"count": 98, "missing": 2, "p50": 50.0, "p99": None, "max": None}


def test_more_starts_than_expected_are_not_missing_ones() -> None:
    assert Spread.of([1.0, 2.0], expected=1).missing == 0


def test_repetitions_are_told_by_their_median_and_how_far_they_went() -> None:
    spreads = (Spread(9, 1.0, 5.0, 5.0), Spread(9, 3.0, 4.0, 6.0), Spread(9, 2.0, math.inf, math.inf, 1))
    side = Repeated(spreads)
    assert side.half == Middle(2.0, 1.0, 3.0)
    assert side.deciding == Middle(5.0, 4.0, math.inf)
    assert side.missing == 1
    assert side.to_json() == {
        "p50": {"median": 2.0, "min": 1.0, "max": 3.0},
        "p99": {"median": 5.0, "min": 4.0, "max": None},
        "missing": 1,
        "repetitions": [spread.to_json() for spread in spreads],
    }


def test_plain_numbers_have_one_figure() -> None:
    side = Repeated((50.0, 75.0))
    assert side.half is None
    assert side.to_json() == {"value": {"median": 62.5, "min": 50.0, "max": 75.0}, "repetitions": [50.0, 75.0]}


@pytest.mark.parametrize(
    "side",
    [once(2.0), Repeated((1.0, math.inf)), once(Spread(1, 0.5, 1.0, math.inf, 1)), Repeated((Spread.of([1.0]),) * 3)],
)
def test_what_was_written_is_read_again(side: Repeated) -> None:
    assert Repeated.from_json(side.to_json()) == side


def test_files_from_before_there_were_repetitions_are_read() -> None:
    body = {"count": 1, "missing": 0, "p50": 0.5, "p99": 1.0, "max": 1.0}
    assert Repeated.from_json(body) == once(Spread(1, 0.5, 1.0, 1.0))
    assert Repeated.from_json(8.4) == once(8.4)
