"""When a failed attempt is tried again. Pure arithmetic on the policy of the task."""

from datetime import datetime, timedelta

from crontask_core.model import Backoff, Retry


def wait_seconds(backoff: Backoff, failures: int) -> float:
    """Seconds to wait after the `failures`-th failed attempt (counted from 1)."""
    if backoff.kind == "Linear":
        return min(backoff.initial_seconds * failures, backoff.max_seconds)
    # The exponent is capped: beyond it every factor above 1 has long reached the longest wait.
    return min(backoff.initial_seconds * backoff.factor ** min(failures - 1, 64), backoff.max_seconds)


def retry_at(policy: Retry, failures: int, ended_at: datetime) -> datetime | None:
    """When to try again after the `failures`-th failed attempt ended; None means give up."""
    if failures > policy.limit:
        return None
    return ended_at + timedelta(seconds=wait_seconds(policy.backoff, failures))
