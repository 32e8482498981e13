"""Token buckets."""

import pytest

from crontask_gateway.limits import MOST_KNOWN, Bucket, Gate, Rate, take

RATE = Rate(per_second=2.0, burst=3)


@pytest.mark.parametrize(
    ("bucket", "now", "left", "wait"),
    [
        (None, 100.0, 2.0, 0.0),
        (Bucket(2.0, 100.0), 100.0, 1.0, 0.0),
        (Bucket(0.0, 100.0), 100.0, 0.0, 0.5),
        (Bucket(0.0, 100.0), 100.25, 0.5, 0.25),
        (Bucket(0.0, 100.0), 100.5, 0.0, 0.0),
        (Bucket(0.0, 100.0), 1000.0, 2.0, 0.0),
        (Bucket(0.0, 100.0), 50.0, 0.0, 0.5),
    ],
)
def test_a_bucket_fills_and_empties(bucket: Bucket | None, now: float, left: float, wait: float) -> None:
    after, told = take(bucket, RATE, now)
    assert (after.left, told) == (pytest.approx(left), pytest.approx(wait))


def test_without_a_rate_everybody_is_admitted() -> None:
    gate = Gate()
    assert not any(gate.ask("a", 0.0) for _ in range(1000))


def test_each_client_has_a_bucket_and_their_number_is_bounded() -> None:
    gate = Gate(Rate(1.0, 1))
    assert (gate.ask("a", 0.0), gate.ask("b", 0.0), gate.ask("a", 0.0)) == (0.0, 0.0, 1.0)
    for number in range(MOST_KNOWN):
        gate.ask(f"c{number}", 0.0)
    assert gate.ask("a", 0.0) == 0.0  # forgotten, and so admitted again
