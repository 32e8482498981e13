"""How often, and at what distance, a notification is tried: a little more than two hours in all."""

from crontask_core.model.notify import MAX_ATTEMPTS

FIRST_SECONDS = 5.0
FACTOR = 3.0
LONGEST_SECONDS = 1200.0


def wait_before_next(tries: int, jitter: float) -> float | None:
    """Seconds until the next try after `tries` in vain; None where it is given up. `jitter` is from 0 to 1."""
    if tries >= MAX_ATTEMPTS:
        return None
    seconds = min(FIRST_SECONDS * FACTOR ** max(tries - 1, 0), LONGEST_SECONDS)
    return seconds * (0.75 + jitter / 2)
