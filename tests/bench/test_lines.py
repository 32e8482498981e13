"""Comparisons and goals."""

import math

import pytest
from bench.figures import Repeated, Spread, once
from bench.lines import Goal, Line, at_least, at_most, share_of, times_of

HUNDRED = [float(n) for n in range(1, 101)]


def test_goals_look_at_the_99th_percentile() -> None:
    ours = once(Spread.of([*HUNDRED[:99], 10_000.0]))
    rival = once(Spread.of([value * 2 for value in HUNDRED]))
    assert share_of(ours, rival, 1 / 2, "").met
    assert not share_of(ours, rival, 1 / 3, "").met
    assert times_of(once(30.0), once(2.0), 15, "").met
    assert not times_of(once(29.9), once(2.0), 15, "").met


def test_goals_look_at_the_median_of_the_repetitions() -> None:
    ours, rival = Repeated((1.0, 9.0, 2.0)), Repeated((1.0, 8.0, 4.0))
    assert share_of(ours, rival, 1 / 2, "").met
    assert not share_of(ours, rival, 1 / 3, "").met


def test_limits_may_be_reached_exactly() -> None:
    assert at_most(1.0, 1.0, "").met
    assert not at_most(1.001, 1.0, "").met
    assert at_least(1.0, 1.0, "").met
    assert not at_least(0.999, 1.0, "").met


def test_goals_beside_who_did_not_take_part_are_left_out() -> None:
    goals = (("stock", share_of, 1 / 2, "half of stock"), ("tuned", share_of, 1.0, "as tuned"))
    line = Line.beside("m", "s", {"ours": [1.0, 3.0], "tuned": [1.0], "stock": []}, goals)
    assert line == Line("m", "s", Repeated((1.0, 3.0)), None, once(1.0), (Goal("as tuned", False),))


def test_dkron_stands_in_a_column_of_its_own() -> None:
    goals = (("dkron", share_of, 1.0, "no more than Dkron's"),)
    line = Line.beside("m", "s", {"ours": [1.0], "dkron": [2.0]}, goals)
    assert (line.rivals, line.goals[0].met) == ((None, None, once(2.0)), True)
    assert Line.from_json(line.to_json()) == line


def test_files_from_before_there_was_dkron_are_read() -> None:
    body = Line("m", "s", once(1.0), once(2.0)).to_json()
    del body["dkron"]
    assert Line.from_json(body) == Line("m", "s", once(1.0), once(2.0))


@pytest.mark.parametrize(
    ("unit", "ours", "rival", "expected"),
    [
        ("s", 2.0, 20.0, 10.0),
        ("/s", 20.0, 2.0, 10.0),
        ("%", 100.0, 50.0, 2.0),
        ("writes", 5.0, 15.0, 3.0),
        ("s", 0.0, 1.0, None),
    ],
)
def test_the_ratio_says_how_many_times_better(unit: str, ours: float, rival: float, expected: float | None) -> None:
    line = Line("m", unit, once(ours), once(rival))  # type: ignore[arg-type]
    assert line.ratio(line.stock) == expected


def test_there_is_no_ratio_without_a_rival_or_with_one_that_never_ends() -> None:
    line = Line("m", "s", once(1.0), once(math.inf))
    assert line.ratio(line.stock) is None
    assert line.ratio(line.tuned) is None


def test_what_was_written_is_read_again() -> None:
    line = Line("m", "s", once(1.5), None, Repeated((2.0, 3.0)), (Goal("≤ 2 s", True),), {"x": 1.25})
    assert Line.from_json(line.to_json()) == line
