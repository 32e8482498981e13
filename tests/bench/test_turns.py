"""Whose turn it is."""

import random  # noqa: TID251 - seeded

from bench.arguments import options, sizes
from bench.stage import turns

NAMES = ("ours", "stock", "tuned")


def test_in_each_repetition_everybody_has_one_turn() -> None:
    order = turns(NAMES, 20, random.Random(7))
    rounds = [tuple(order[place : place + 3]) for place in range(0, 60, 3)]
    assert len(rounds) == 20
    assert {tuple(sorted(each)) for each in rounds} == {NAMES}
    assert len(set(rounds)) > 1


def test_the_seed_decides_on_the_order() -> None:
    assert turns(NAMES, 9, random.Random(7)) == turns(NAMES, 9, random.Random(7))
    assert turns(NAMES, 9, random.Random(7)) != turns(NAMES, 9, random.Random(8))


def test_ours_takes_part_whoever_else_does(tmp_path: object) -> None:
    asked = options(["--contestants", "tuned", "--repetitions", "2"], results=tmp_path)  # type: ignore[arg-type]
    assert sizes(asked).contestants == ("ours", "tuned")
    assert sizes(asked).repetitions == 2
