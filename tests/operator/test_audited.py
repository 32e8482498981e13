"""Whole operators in virtual time under the eyes of the auditor, which shares no code with them (`tools/audit`)."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.world import World, until

from crontask_kube.resources import EXECUTIONS, TASKS

sys.path.append(str(Path(__file__).parents[2] / "tools"))

from audit.dump import Dump
from audit.report import Report, audit, lines

pytestmark = pytest.mark.looptime
KINDS: dict[str, dict[str, Any]] = {
    "call": {"schedule": "*/30 * * * * *"},
    "every": {"schedule": "@every 17s"},
    "splayed": {"schedule": "* * * * *", "splaySeconds": 50},
    "hashed": {"schedule": "H/30 * * * * *"},
    "berlin": {"schedule": "5-59/13 0-1 13 * * *", "timeZone": "Europe/Berlin"},
    "several": {"schedules": ["*/15 * * * * *", "*/25 * * * * *"]},
    "window": {"schedule": "*/5 * * * * *", "startAt": "2026-03-01T12:00:30Z", "endAt": "2026-03-01T12:01:00Z"},
    "first": {"schedule": "@every 30s", "firstRunAt": "2026-03-01T12:00:37Z"},
    "all": {"schedule": "*/30 * * * * *", "missed": {"policy": "All", "limit": 4}},
    "skip": {"schedule": "*/30 * * * * *", "missed": {"policy": "Skip"}},
    "deadline": {"schedule": "*/30 * * * * *", "startingDeadlineSeconds": 5},
    "excluded": {"schedule": "*/30 * * * * *", "exclude": ["minutes"]},
    "frozen": {"schedule": "*/30 * * * * *", "group": "frozen"},
    "until": {"schedule": "*/30 * * * * *", "suspendUntil": "2026-03-01T12:01:05Z"},
}
PODS: dict[str, dict[str, Any]] = {
    "allow": {"schedule": "*/30 * * * * *"},
    "forbid": {"schedule": "*/10 * * * * *", "concurrencyPolicy": "Forbid"},
    "replace": {"schedule": "*/10 * * * * *", "concurrencyPolicy": "Replace"},
    "queue": {"schedule": "*/10 * * * * *", "concurrencyPolicy": "Queue", "queueLimit": 3},
    "two": {"schedule": "*/10 * * * * *", "concurrencyPolicy": "Forbid", "concurrencyLimit": 2},
}


def audited(world: World) -> Report:
    """What the auditor says of everything that is there."""
    tasks = world.server.all(TASKS)
    return audit(Dump(world.clock.now(), tasks, world.server.all(EXECUTIONS), tasks), settle=timedelta(seconds=20))


def assert_clean(world: World, tasks: int) -> None:
    report = audited(world)
    assert (report.tasks, report.unjudged) == (tasks, [])
    assert not report.found, "\n".join(lines(report))


def begin(world: World) -> int:
    """All kinds of tasks; how many."""
    world.calendar("minutes", weekly=[{"start": "12:01", "end": "12:02"}])
    world.group("frozen", freezes=[{"start": "2026-03-01T12:01:00Z", "end": "2026-03-01T12:01:30Z"}])
    for name, spec in KINDS.items():
        body = {"metadata": {"name": name}, "spec": {"http": {"url": "http://receiver.test/"}, **spec}}
        world.server.put(TASKS, body)
    for name, spec in PODS.items():
        world.pod_task(name, **spec)
    world.kubelet(seconds=25)
    return len(KINDS) + len(PODS)


async def test_everything_at_once(world: World) -> None:
    world.start()
    tasks = begin(world)
    await until(world, "12:02:45")
    assert_clean(world, tasks)


async def test_an_outage_in_the_middle(world: World) -> None:
    world.start("a")
    tasks = begin(world)
    await until(world, "12:00:41")
    await world.crash("a")
    await until(world, "12:01:42")
    world.start("b")
    await until(world, "12:02:45")
    assert_clean(world, tasks)


@pytest.mark.parametrize("second", ["00.050", "20.300", "20.001"])
async def test_crashes_one_after_the_other(world: World, second: str) -> None:
    world.start("0")
    tasks = begin(world)
    for n in range(1, 3):
        await until(world, f"12:0{n}:{second}")
        await world.crash(str(n - 1))
        world.start(str(n))
    await until(world, "12:02:45")
    assert_clean(world, tasks)


async def test_edits_pauses_and_a_step_of_the_clock(world: World) -> None:
    world.start()
    tasks = begin(world)
    await until(world, "12:00:35")
    for name in ("call", "forbid", "queue", "every"):
        world.server.edit(TASKS, name, {"spec": {"suspend": True}})
    world.server.edit(TASKS, "allow", {"spec": {"schedule": "*/7 * * * * *"}})
    world.server.edit(TASKS, "skip", {"spec": {"schedule": "0 0 30 2 *"}})
    await until(world, "12:01:17")
    for name in ("call", "forbid", "queue", "every"):
        world.server.edit(TASKS, name, {"spec": {"suspend": False}})
    world.server.edit(TASKS, "skip", {"spec": {"schedule": "*/30 * * * * *"}})
    await until(world, "12:02:00")
    world.clock.step(-15)
    await until(world, "12:02:45")
    assert_clean(world, tasks)
