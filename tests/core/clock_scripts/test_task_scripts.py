"""A task's days in steps: at T, given this change, exactly these outcomes. The clock only goes forward unless told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crontask_core.ledger import SECOND, Entry, at_once
from crontask_core.model import TaskSpec
from crontask_core.planning.observation import TaskObservation
from crontask_core.planning.overlap import Load
from crontask_core.planning.task import plan_task
from crontask_core.schedule import Schedule, instants, parse

DAY = datetime(2026, 11, 22, tzinfo=UTC)


def clock(text: str) -> datetime:
    hours, minutes, seconds = text.split(":")
    return DAY + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def shown(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _within(schedule: Schedule, entry: Entry) -> list[datetime]:
    """The instants that an entry is about."""
    return instants(schedule, entry.first - SECOND, entry.last, 1000)[0]


@dataclass(frozen=True)
class Executed:
    """The instants that have an execution."""

    at: set[datetime]

    def outcome(self, at: datetime) -> Entry | None:
        return at_once(at, "Started") if at in self.at else None

    def between(self, after: datetime, upto: datetime) -> list[datetime]:
        return sorted(at for at in self.at if after < at <= upto)


@dataclass
class Stage:
    """A task and its leader, which carries plans out on values alone."""

    body: dict[str, Any]
    now: datetime
    watermark: datetime
    claimed: datetime | None = None
    inherited: datetime | None = None
    known: set[datetime] = field(default_factory=set)
    active: list[str] = field(default_factory=list)

    def look(self) -> str:
        """Plans for now and carries it out; tells all that the plan holds."""
        spec = TaskSpec.model_validate(self.body)
        schedule = parse(spec.schedule, zone=spec.time_zone or "UTC", anchor=DAY)
        known = Executed(self.known)
        load = Load(active=tuple(self.active))
        seen = TaskObservation(schedule, spec, self.watermark, self.inherited, known, load)
        plan = plan_task(seen, self.now)
        self.claimed = self.now
        self.active = [name for name in self.active if name not in plan.stops]
        told = [f"stop {name}" for name in plan.stops]
        for start in plan.starts:
            told.append(f"{'start' if start.trigger == 'Schedule' else 'make up'} {shown(start.scheduled_at)}")
            self.known.add(start.scheduled_at)
            self.active.append(shown(start.scheduled_at))
        for word, outcome in (("skip", "Skipped"), ("miss", "Missed"), ("lose", "Lost")):
            ranges = [entry for entry in plan.entries if entry.outcome == outcome]
            told += [f"{word} {shown(at)}" for each in ranges for at in _within(schedule, each)]
        assert plan.watermark is not None
        self.watermark = plan.watermark
        told.append(f"wake {shown(plan.wake_at)}" if plan.wake_at else "sleep")
        return ", ".join(told)


Change = Callable[[Stage], None]
Script = list[tuple[str, Change, str]]


def nothing(stage: Stage) -> None:
    pass


def ends(stage: Stage) -> None:
    stage.active.clear()


def edited(**fields: Any) -> Change:
    """An edit of the spec, after which the operator moves the watermark to now."""

    def change(stage: Stage) -> None:
        stage.body = stage.body | fields
        stage.watermark = max(stage.watermark, stage.now)

    return change


def leader_dies(*, stored: str) -> Change:
    """Another leader takes over from the stored watermark; executions and pods are still there."""

    def change(stage: Stage) -> None:
        stage.watermark = clock(stored)
        stage.inherited = stage.claimed

    return change


def leader_dies_without_record(*, stored: str) -> Change:
    def change(stage: Stage) -> None:
        leader_dies(stored=stored)(stage)
        stage.known.clear()
        stage.active.clear()

    return change


POD: dict[str, Any] = {"schedule": "*/5 * * * *", "pod": {"image": "shop/report:1"}}
CALL: dict[str, Any] = {"schedule": "*/5 * * * *", "http": {"url": "http://shop.example/tick"}}

SCRIPTS: dict[str, tuple[dict[str, Any], Script]] = {
    "a quiet morning": (
        POD,
        [
            ("10:01:00", nothing, "wake 10:05:00"),
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:05:01", ends, "wake 10:10:00"),
            ("10:10:00.020", nothing, "start 10:10:00, wake 10:15:00"),
        ],
    ),
    "a suspension and a resume replay nothing": (
        POD,
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:07:00", edited(suspend=True), "sleep"),
            ("10:15:03", nothing, "skip 10:10:00, skip 10:15:00, sleep"),
            ("10:20:07", edited(suspend=False), "wake 10:25:00"),
            ("10:25:00", nothing, "start 10:25:00, wake 10:30:00"),
        ],
    ),
    "a suspension that ends on an instant does not start it": (
        POD,
        [("10:04:00", edited(suspend=True), "sleep"), ("10:05:00", edited(suspend=False), "wake 10:10:00")],
    ),
    "an edit to an earlier time starts nothing that has passed": (
        POD | {"schedule": "30 10 * * *"},
        [
            ("10:20:00", nothing, "wake 10:30:00"),
            ("10:20:30", edited(schedule="20 10 * * *"), "wake 10:20:00"),
            ("10:20:31", edited(schedule="21 10 * * *"), "wake 10:21:00"),
            ("10:21:00", nothing, "start 10:21:00, wake 10:21:00"),
        ],
    ),
    "an edit to another zone moves the instants from then on": (
        POD | {"schedule": "0 12 * * *", "timeZone": "UTC"},
        [
            ("10:59:00", nothing, "wake 12:00:00"),
            ("10:59:30", edited(timeZone="Europe/Berlin"), "wake 11:00:00"),
            ("11:00:00", nothing, "start 11:00:00, wake 11:00:00"),
        ],
    ),
    "a step of the clock back fires nothing twice": (
        POD,
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:10:00", ends, "start 10:10:00, wake 10:15:00"),
            ("back to 10:04:00", ends, "wake 10:15:00"),
            ("10:05:00", nothing, "wake 10:15:00"),
            ("10:10:00", nothing, "wake 10:15:00"),
            ("10:15:00", nothing, "start 10:15:00, wake 10:20:00"),
        ],
    ),
    "a step of the clock forward is an outage, of which the latest instant is made up for": (
        POD,
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            (
                "10:23:00",
                ends,
                "make up 10:20:00, miss 10:10:00, miss 10:15:00, wake 10:25:00",
            ),
        ],
    ),
    "a new leader finds the pods of the old one": (
        POD,
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:05:02", leader_dies(stored="10:00:00"), "wake 10:10:00"),
        ],
    ),
    "a new leader starts the pods that the old one had claimed and not made": (
        POD,
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:05:03", leader_dies_without_record(stored="10:00:00"), "start 10:05:00, wake 10:10:00"),
        ],
    ),
    "a new leader loses the calls that the old one had claimed and not recorded": (
        CALL,
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:05:03", leader_dies_without_record(stored="10:00:00"), "lose 10:05:00, wake 10:10:00"),
            ("10:10:00", nothing, "start 10:10:00, wake 10:15:00"),
        ],
    ),
    "a new leader after a long outage makes up for one, and misses the others": (
        CALL,
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            (
                "10:21:00",
                leader_dies(stored="10:05:00"),
                "make up 10:20:00, miss 10:10:00, miss 10:15:00, wake 10:25:00",
            ),
            ("10:25:00", ends, "start 10:25:00, wake 10:30:00"),
        ],
    ),
    "Forbid waits for the end of what runs, and for the next instant": (
        POD | {"concurrencyPolicy": "Forbid"},
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:10:00", nothing, "skip 10:10:00, wake 10:15:00"),
            ("10:12:00", ends, "wake 10:15:00"),
            ("10:15:00", nothing, "start 10:15:00, wake 10:20:00"),
        ],
    ),
    "Replace stops what runs": (
        POD | {"concurrencyPolicy": "Replace"},
        [
            ("10:05:00", nothing, "start 10:05:00, wake 10:10:00"),
            ("10:10:00", nothing, "stop 10:05:00, start 10:10:00, wake 10:15:00"),
            ("10:11:00", ends, "wake 10:15:00"),
            ("10:15:00", nothing, "start 10:15:00, wake 10:20:00"),
        ],
    ),
    "one shot, and then never again": (
        POD | {"schedule": "@at 2026-11-22T10:05:00Z"},
        [
            ("10:04:00", nothing, "wake 10:05:00"),
            ("10:05:00", nothing, "start 10:05:00, sleep"),
            ("11:00:00", leader_dies(stored="10:04:00"), "sleep"),
        ],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str) -> None:
    body, script = SCRIPTS[name]
    begin = clock(script[0][0]) - timedelta(minutes=1)
    stage = Stage(body, now=begin, watermark=begin)
    for when, change, expected in script:
        moment = clock(when.removeprefix("back to "))
        assert (moment < stage.now) == when.startswith("back to "), "the clock only goes forward unless told"
        stage.now = moment
        change(stage)
        assert (when, stage.look()) == (when, expected)
