"""What the attempts of an ended execution say of it as a whole."""

from collections.abc import Iterable

from crontask_core.model import Attempt, Phase


def is_partial(phase: Phase, attempts: Iterable[Attempt]) -> bool:
    """Whether it failed at some of its targets and succeeded at others."""
    return phase == "Failed" and any(attempt.target and attempt.reason == "Completed" for attempt in attempts)


def retried(attempts: Iterable[Attempt]) -> int:
    """How many attempts failed and were followed by another one; at several targets, those at each of them.

    Records of very many attempts have gaps, so it is told from the number of the latest one at each target.
    """
    latest: dict[str | None, int] = {}
    for attempt in attempts:
        latest[attempt.target] = max(attempt.number, latest.get(attempt.target, 0))
    return sum(number - 1 for number in latest.values())
