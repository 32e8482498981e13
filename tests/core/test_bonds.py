"""How objects are tied to their task, and how that is read again."""

from typing import Any

import pytest

from crontask_core.bonds import Mark, bond, mark_of
from crontask_core.names import Key

TASK = Key("shop", "report")


def test_what_goes_with_its_task_is_owned_by_it() -> None:
    made = bond(TASK, "u", None)
    assert [(each["kind"], each["name"], each["uid"]) for each in made["ownerReferences"]] == [
        ("CronTask", "report", "u")
    ]
    assert mark_of(made) is None


@pytest.mark.parametrize("seconds", [0, 60, 315_360_000])
def test_what_outlives_its_task_has_no_owner_and_tells_whose_it_was(seconds: int) -> None:
    made = bond(TASK, "u", seconds)
    assert "ownerReferences" not in made
    assert mark_of(made) == Mark("u", seconds)


@pytest.mark.parametrize("kept", ["", "-1", "soon", "1.5", "9" * 10, "9" * 5000, "٣"])
def test_what_somebody_else_has_written_there_does_no_harm(kept: str) -> None:
    annotations: dict[str, Any] = {"crontask.dev/kept-seconds": kept, "crontask.dev/task-uid": "u"}
    assert mark_of({"annotations": annotations}) is None
    assert mark_of({"annotations": None}) is None
