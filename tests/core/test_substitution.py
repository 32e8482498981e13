"""Names of an attempt, and references to them as Kubernetes reads them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crontask_core.errors import ZoneError
from crontask_core.substitution import expand, rfc3339, values

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def test_values_of_an_attempt() -> None:
    assert values(
        namespace="shop",
        task="report",
        execution="report-20261122140000",
        attempt=2,
        trigger="Schedule",
        scheduled_at=AT,
        zone="Europe/Berlin",
    ) == {
        "CRONTASK_NAMESPACE": "shop",
        "CRONTASK_TASK": "report",
        "CRONTASK_EXECUTION": "report-20261122140000",
        "CRONTASK_ATTEMPT": "2",
        "CRONTASK_TRIGGER": "Schedule",
        "CRONTASK_SCHEDULED_AT": "2026-11-22T15:00:00+01:00",
        "CRONTASK_SCHEDULED_UNIX": "1795356000",
    }


def test_a_pod_at_a_target_is_told_where_it_is() -> None:
    where: dict[str, Any] = {
        "namespace": "n",
        "task": "t",
        "execution": "e",
        "attempt": 1,
        "trigger": "Manual",
        "zone": "",
    }
    assert "CRONTASK_TARGET" not in values(**where, scheduled_at=AT)
    assert values(**where, scheduled_at=AT, target="eu")["CRONTASK_TARGET"] == "eu"


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        ("", AT, "2026-11-22T14:00:00Z"),
        ("UTC", AT, "2026-11-22T14:00:00Z"),
        ("Europe/Berlin", AT.replace(month=7), "2026-07-22T16:00:00+02:00"),
        ("Asia/Kathmandu", AT, "2026-11-22T19:45:00+05:45"),
        ("America/New_York", AT, "2026-11-22T09:00:00-05:00"),
        # The two 02:30 of the night when Berlin's clocks go back differ in their offset alone.
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25T02:30:00+02:00"),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25T02:30:00+01:00"),
        ("UTC", AT.replace(microsecond=999_999), "2026-11-22T14:00:00Z"),
    ],
)
def test_time_is_written_in_the_zone_of_the_task(zone: str, at: datetime, expected: str) -> None:
    assert rfc3339(at, zone) == expected


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "Europe/"])
def test_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(ZoneError, match=r"spec\.timeZone"):
        rfc3339(AT, zone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("$(A)", "1"),
        ("x$(A)y$(B)z", "x1y$(A)z"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$()", "$()"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$$", "$"),
        ("costs 5$", "costs 5$"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
        ("$($(A)", "$($(A)"),
        ("$(a)", "$(a)"),
        ('{"at": "$(A)"}', '{"at": "1"}'),
    ],
)
def test_expansion_follows_kubernetes(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "$(A)"}) == expected


def test_each_random_uuid_is_another_one() -> None:
    made = iter(["a", "b", "c"])
    text = "$(CRONTASK_RANDOM_UUID) $$(CRONTASK_RANDOM_UUID) $(CRONTASK_RANDOM_UUID)$(A)"
    assert expand(text, {"A": "1"}, lambda: next(made)) == "a $(CRONTASK_RANDOM_UUID) b1"
    assert next(made) == "c"
    assert expand("$(CRONTASK_RANDOM_UUID)", {}) == "$(CRONTASK_RANDOM_UUID)", "where there are none"
