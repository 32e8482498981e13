"""What a task's condition Scheduled says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crontask_core.conditions import Prospect, scheduled
from crontask_core.planning.task import CLOCK_BEHIND

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
AHEAD = NOW + CLOCK_BEHIND + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("seen", "status", "reason", "told"),
    [
        ({}, "True", "Waiting", ""),
        ({"suspended": True}, "False", "Suspended", "spec.suspend"),
        ({"failures": 1}, "False", "Disabled", "An execution has failed"),
        ({"failures": 5}, "False", "Disabled", "5 executions have failed"),
        ({"suspended": True, "failures": 5}, "False", "Suspended", "spec.suspend"),
        ({"wake_at": None}, "False", "NoFurtherInstant", "only by hand"),
        ({"wake_at": None, "parents": ["a"]}, "True", "After", "an execution of a has ended"),
        ({"wake_at": None, "parents": ["a", "b"], "missing": ["b"]}, "True", "After", "no CronTask b"),
        ({"wake_at": None, "parents": ["a"], "missing": ["a"]}, "False", "ParentNotFound", "no CronTask a"),
        ({"parents": ["a"], "missing": ["a"]}, "True", "Waiting", ""),
        ({"watermark": AHEAD}, "False", "ClockBehind", "until 2026-03-01T12:01:01Z"),
        ({"watermark": NOW + CLOCK_BEHIND}, "True", "Waiting", ""),
        ({"watermark": AHEAD, "suspended": True}, "False", "Suspended", "spec.suspend"),
        ({"watermark": AHEAD, "wake_at": None}, "False", "NoFurtherInstant", "only by hand"),
    ],
)
def test_the_first_that_holds_is_told(seen: dict[str, Any], status: str, reason: str, told: str) -> None:
    said = scheduled(Prospect(**({"watermark": NOW, "wake_at": SOON} | seen)), NOW)
    assert (said.status, said.reason) == (status, reason)
    assert told in said.message
    assert bool(told) is bool(said.message)
