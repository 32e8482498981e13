"""Sets, zones and expiry: when a job is due, by the operator's own engine."""

from datetime import UTC, datetime

import pytest
from fakes.cronjob_org import EVERY_MINUTE, CronJobOrg

from crontask_core.validation import Setting, read_schedule
from crontask_gateway.dialects.cronjob_org.schedule import read, write
from crontask_gateway.dialects.cronjob_org.wire import Fields

SETS = ("minutes", "hours", "mdays", "months", "wdays")


async def due(start: str, count: int, **schedule: object) -> list[str]:
    """The first instants of a job after a moment, by its spec."""
    gateway = CronJobOrg()
    ident = await gateway.made(enabled=True, schedule=EVERY_MINUTE | schedule)
    job = await gateway.stage.store.describe(gateway.naming(str(ident)).key)
    made = read_schedule(job.task, job.key, job.created, Setting())
    at: datetime | None = datetime.fromisoformat(start)
    found: list[str] = []
    while len(found) < count and at is not None and (at := made.next(at)) is not None:
        found.append(at.strftime("%Y-%m-%dT%H:%MZ"))
    return found


async def test_days_and_weekdays_are_either() -> None:
    found = await due("2026-03-01T00:00Z", 4, minutes=[0], hours=[12], mdays=[3, 31], wdays=[1])
    assert found == ["2026-03-02T12:00Z", "2026-03-03T12:00Z", "2026-03-09T12:00Z", "2026-03-16T12:00Z"]


async def test_sunday_is_0() -> None:
    assert await due("2026-03-02T00:00Z", 1, minutes=[0], hours=[0], wdays=[0]) == ["2026-03-08T00:00Z"]


@pytest.mark.parametrize("empty", SETS)
async def test_an_empty_set_is_never(empty: str) -> None:
    assert await due("2026-03-01T00:00Z", 1, **{empty: []}) == []


async def test_a_day_that_no_month_has_is_never_and_a_leap_day_waits() -> None:
    assert await due("2026-03-01T00:00Z", 1, minutes=[0], hours=[0], mdays=[30], months=[2]) == []
    assert await due("2026-03-01T00:00Z", 1, minutes=[0], hours=[0], mdays=[29], months=[2]) == ["2028-02-29T00:00Z"]


async def test_a_month_is_not_given_up_for_its_longest_day_nor_skipped_from_the_31st() -> None:
    """What the service's own prediction does wrong."""
    assert await due("2026-01-31T13:00Z", 1, minutes=[0], hours=[12], mdays=[5, 31], months=[2]) == [
        "2026-02-05T12:00Z"
    ]


async def test_when_the_clocks_are_put_forward_the_skipped_hour_is_skipped() -> None:
    found = await due("2026-03-28T00:00Z", 2, timezone="Europe/Berlin", minutes=[30], hours=[2])
    assert found == ["2026-03-28T01:30Z", "2026-03-30T00:30Z"]


async def test_when_they_are_put_back_the_hour_counts_twice() -> None:
    found = await due("2026-10-24T12:00Z", 3, timezone="Europe/Berlin", minutes=[30], hours=[2])
    assert found == ["2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-26T01:30Z"]


async def test_the_last_minute_of_an_expiry_counts() -> None:
    found = await due("2026-12-31T16:58Z", 9, timezone="America/New_York", expiresAt=20261231120000)
    assert found == ["2026-12-31T16:59Z", "2026-12-31T17:00Z"]


@pytest.mark.parametrize(
    ("digits", "end"),
    [
        (0, None),
        (-1, None),
        (20261231120000, "2026-12-31T12:00:00Z"),
        (20261231126000, "2026-12-31T12:59:59Z"),
        (20261231250000, "2026-12-31T23:59:59Z"),
        (20260231000000, "2026-02-28T23:59:59Z"),
        (20260200000000, "2026-01-31T23:59:59Z"),
        (20261301000000, "2026-12-31T23:59:59Z"),
        (20260001000000, "2025-12-31T23:59:59Z"),
        (7, "1970-01-01T00:00:00Z"),
        (19691231235959, "1970-01-01T00:00:00Z"),
        (99991231235959, "9999-12-31T23:59:59Z"),
        (100000101000000, None),
        (2**63 - 1, None),
    ],
)
def test_digits_are_numbers_and_no_dates(digits: int, end: str | None) -> None:
    spec = read(Fields(expires_at=digits))
    assert spec.get("endAt") == end
    assert write(spec, Fields(expires_at=digits))["expires_at"] == digits


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Apia", "America/New_York"])
def test_an_end_in_an_hour_that_is_there_twice_is_its_second_pass(zone: str) -> None:
    spec = read(Fields(timezone=zone, expires_at=20261025023000))
    assert write(spec, Fields())["expires_at"] == 20261025023000
    if zone == "Europe/Berlin":
        assert datetime.fromisoformat(spec["endAt"]) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
