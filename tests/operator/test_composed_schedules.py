"""Everything that says when a task is due, through a whole operator: what is started, and what the status expects."""

from typing import Any

import pytest
from fakes.world import World, until

from crontask_core.schedule import splay

pytestmark = pytest.mark.looptime

OFFSET = splay("default/t", 40).seconds
"""Seconds by which the task `t` is moved where it may be moved by up to 40."""


@pytest.mark.parametrize(
    ("spec", "minutes", "started"),
    [
        (
            {"schedule": "*/2 * * * *", "schedules": ["2,3 * * * *"]},
            "12:05:00",
            ["120000", "120200", "120300", "120400"],
        ),
        ({"schedule": None, "calendar": {"minutes": [1, 3]}}, "12:05:00", ["120100", "120300"]),
        ({"schedule": "@every 2m", "firstRunAt": "2026-03-01T12:00:30Z"}, "12:05:00", ["120030", "120230", "120430"]),
        ({"schedule": None, "firstRunAt": "2026-03-01T12:00:30Z"}, "12:05:00", ["120030"]),
        ({"startAt": "2026-03-01T12:02:00Z", "endAt": "2026-03-01T12:03:00Z"}, "12:05:00", ["120200", "120300"]),
        ({"splaySeconds": 40}, "12:02:59", [f"12{minute:02}{OFFSET:02}" for minute in (0, 1, 2)]),
    ],
    ids=["union", "calendar", "first run", "only a first run", "window", "spread"],
)
async def test_what_is_started(world: World, spec: dict[str, Any], minutes: str, started: list[str]) -> None:
    world.task(**spec)
    world.start()
    await until(world, minutes)
    assert world.receiver.keys() == [f"t-20260301{at}" for at in started]


async def test_a_spread_instant_is_on_time_and_expected(world: World) -> None:
    world.task(splaySeconds=40)
    world.start()
    await until(world, "12:01:50")
    [_, last] = world.executions()
    assert last["spec"]["scheduledAt"] == f"2026-03-01T12:01:{OFFSET:02}Z"
    assert last["status"]["latenessMilliseconds"] < 20
    assert world.status()["nextRuns"][0] == f"2026-03-01T12:02:{OFFSET:02}Z"


async def test_what_contradicts_itself_is_told_and_starts_nothing(world: World) -> None:
    world.task(startAt="2026-03-01T13:00:00Z", endAt="2026-03-01T12:00:00Z")
    world.start()
    await until(world, "12:02:00")
    [ready] = [each for each in world.status()["conditions"] if each["type"] == "Ready"]
    assert (ready["status"], "spec.endAt" in ready["message"]) == ("False", True)
    assert world.receiver.received == []


async def test_an_end_that_has_come_leaves_nothing_to_expect(world: World) -> None:
    world.task(endAt="2026-03-01T12:01:00Z")
    world.start()
    await until(world, "12:03:00")
    status = world.status()
    assert status.get("nextRuns", []) == []
    [scheduled] = [each for each in status["conditions"] if each["type"] == "Scheduled"]
    assert scheduled["status"] == "False"
