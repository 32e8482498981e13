"""What attempts say of their execution as a whole."""

import pytest

from crontask_core.attempts import is_partial, retried
from crontask_core.model import Attempt, Phase
from crontask_core.planning.parts import joint_attempts


def tries(*reasons: str, target: str | None = None) -> list[Attempt]:
    return [Attempt(number=n + 1, reason=reason, target=target) for n, reason in enumerate(reasons)]


@pytest.mark.parametrize(
    ("phase", "attempts", "expected"),
    [
        ("Failed", tries("Timeout", target="a") + tries("Completed", target="b"), True),
        ("Failed", tries("Timeout", target="a") + tries("OOMKilled", target="b"), False),
        ("Succeeded", tries("Timeout", "Completed", target="a") + tries("Completed", target="b"), False),
        ("Cancelled", tries("Stopped", target="a") + tries("Completed", target="b"), False),
        # Without targets a retry is no part: it takes the place of the attempt before it.
        ("Failed", tries("Timeout", "Timeout"), False),
        ("Succeeded", tries("Timeout", "Completed"), False),
        ("Failed", [], False),
    ],
)
def test_what_is_partial(phase: Phase, attempts: list[Attempt], expected: bool) -> None:
    assert is_partial(phase, attempts) is expected


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], 0),
        (tries("Completed"), 0),
        (tries("Timeout"), 0),
        (tries("Timeout", "Timeout", "Completed"), 2),
        (tries("Timeout", "Completed", target="a") + tries("Timeout", "Timeout", "Timeout", target="b"), 3),
    ],
)
def test_how_many_were_retried(attempts: list[Attempt], expected: int) -> None:
    assert retried(attempts) == expected


def test_attempts_that_are_no_longer_kept_count_too() -> None:
    kept = tries(*["Timeout"] * 60)
    assert retried(kept[:1] + kept[-19:]) == 59
    assert retried(joint_attempts([tries(*["Timeout"] * 60, target="a"), tries(*["Timeout"] * 61, target="b")])) == 119
