"""Quantiles, comparisons and goals."""

import math

import pytest
from bench.figures import Line, Spread, at_most, quantile, share_of, times_of

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


def test_goals_look_at_the_99th_percentile() -> None:
    ours, rival = Spread.of([*HUNDRED[:99], 10_000.0]), Spread.of([value * 2 for value in HUNDRED])
    assert at_most(1.0, 1.0, "").met
    assert not at_most(1.001, 1.0, "").met
    assert share_of(ours, rival, 1 / 2, "").met
    assert not share_of(ours, rival, 1 / 3, "").met
    assert times_of(30.0, 2.0, 15, "").met
    assert not times_of(29.9, 2.0, 15, "").met


@pytest.mark.parametrize(
    ("unit", "ours", "rival", "expected"),
    [("s", 2.0, 20.0, 10.0), ("/s", 20.0, 2.0, 10.0), ("writes", 5.0, 15.0, 3.0), ("s", 0.0, 1.0, None)],
)
def test_the_ratio_says_how_many_times_better(unit: str, ours: float, rival: float, expected: float | None) -> None:
    line = Line("m", unit, ours, rival)  # type: ignore[arg-type]
    assert line.ratio(line.stock) == expected


def test_there_is_no_ratio_without_a_rival_or_with_one_that_never_ends() -> None:
    line = Line("m", "s", 1.0, math.inf)
    assert line.ratio(line.stock) is None
    assert line.ratio(line.tuned) is None
