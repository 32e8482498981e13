"""How often somebody may ask: token buckets as a pure function of what there was and when it is. Bounded.

The time is an argument. Each replica counts for itself: with N of them a client
may ask N times as often.
"""

from collections import OrderedDict
from dataclasses import dataclass

MOST_KNOWN = 10_000
"""So many clients are remembered; beyond that the ones that have not asked for longest begin anew."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` requests on average, up to `burst` at once."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a burst as of a moment (monotonic seconds)."""

    left: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, float]:
    """The bucket after another request, and the seconds until it would be admitted: 0 where it is."""
    left = float(rate.burst)
    if bucket is not None:
        left = min(left, bucket.left + max(0.0, now - bucket.at) * rate.per_second)
    if left >= 1.0:
        return Bucket(left - 1.0, now), 0.0
    return Bucket(left, now), (1.0 - left) / rate.per_second


class Gate:
    """The buckets of all clients of a mount; without a rate everybody is admitted."""

    def __init__(self, rate: Rate | None = None) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def ask(self, who: str, now: float) -> float:
        """Counts a request; returns 0, or the seconds until it is worth asking again."""
        if self._rate is None:
            return 0.0
        bucket, wait = take(self._buckets.get(who), self._rate, now)
        self._buckets[who] = bucket
        self._buckets.move_to_end(who)
        if len(self._buckets) > MOST_KNOWN:
            self._buckets.popitem(last=False)
        return wait
