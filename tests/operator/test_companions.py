"""Groups, calendars and targets that are missing, broken, healed, edited; what their own status tells."""

import asyncio

import pytest
from fakes.world import World, at, until

from crontask_kube.resources import CALENDARS, GROUPS, TARGETS, TASKS

pytestmark = pytest.mark.looptime
HOLIDAY = {"dates": ["2026-12-25"]}


@pytest.mark.parametrize(
    ("spec", "reason", "path"),
    [
        ({"group": "g"}, "GroupNotFound", "spec.group"),
        ({"exclude": ["there", "c"]}, "CalendarNotFound", "spec.exclude[1]"),
        ({"only": ["c"]}, "CalendarNotFound", "spec.only[0]"),
        ({"pod": {"image": "i"}, "targets": ["x"]}, "TargetNotFound", "spec.targets[0]"),
    ],
)
async def test_what_is_missing_is_named_and_heals_by_itself(
    world: World, spec: dict[str, object], reason: str, path: str
) -> None:
    world.calendar("there", **HOLIDAY)
    world.task(**spec)  # type: ignore[arg-type]
    world.task("other")
    world.start()
    await until(world, "12:01:30")
    assert world.condition("Ready")[:2] == ("False", reason)
    assert path in world.condition("Ready")[2]
    assert [name for name, _, _ in world.outcomes() if name.startswith("t-")] == []
    assert len(world.receiver.received) == 2
    assert [told for told, _ in world.events()] == [reason]
    world.group("g")
    world.calendar("c", weekly=[{"start": "12:02", "end": "12:10"}] if "only" in spec else [])
    world.target("x", selector={"zone": "x"})
    world.kubelet()
    await until(world, "12:02:30")
    assert world.condition("Ready")[:2] == ("True", "Valid")
    assert [name for name, _, _ in world.outcomes() if name.startswith("t-")] == ["t-20260301120200"]


async def test_all_that_is_missing_is_named(world: World) -> None:
    world.task(group="g", exclude=["c"], only=[f"o{n}" for n in range(10)])
    world.start()
    await until(world, "12:00:30")
    _, reason, message = world.condition("Ready")
    assert reason == "GroupNotFound"
    assert all(path in message for path in ("spec.group:", "spec.exclude[0]:", "spec.only[7]:"))
    assert message.endswith(". And 2 more")


async def test_deleting_what_tasks_still_name_makes_them_not_ready_again(world: World) -> None:
    world.group("g")
    for name in ("a", "b"):
        world.task(name, group="g")
    world.task("apart")
    world.start()
    await until(world, "12:00:30")
    world.server.remove(GROUPS, "g")
    await until(world, "12:01:30")
    assert {world.condition("Ready", name)[1] for name in ("a", "b")} == {"GroupNotFound"}
    assert sorted(name for name, _, _ in world.outcomes()) == [
        "a-20260301120000",
        "apart-20260301120000",
        "apart-20260301120100",
        "b-20260301120000",
    ]


async def test_a_broken_calendar_says_why_and_stops_only_tasks_that_name_it(world: World) -> None:
    world.calendar("bad", ical="BEGIN:VCALENDAR\nnonsense")
    world.group("frozen", freezeCalendars=["bad"])
    world.task("named", exclude=["bad"])
    world.task("by-group", group="frozen")
    world.task("good")
    world.start()
    await until(world, "12:00:30")
    assert [name for name, _, _ in world.outcomes()] == ["good-20260301120000"]
    assert world.condition("Ready", "bad", CALENDARS)[:2] == ("False", "InvalidSpec")
    assert "spec.ical" in world.condition("Ready", "bad", CALENDARS)[2]
    assert world.condition("Ready", "frozen", GROUPS)[:2] == ("False", "CalendarNotReady")
    assert world.condition("Ready", "named")[1] == "CalendarNotReady"
    assert "spec.exclude[0]" in world.condition("Ready", "named")[2]
    assert world.condition("Ready", "by-group")[1] == "GroupNotReady"
    assert "spec.freezeCalendars[0]" in world.condition("Ready", "by-group")[2]
    assert sorted(reason for reason, _ in world.events()) == ["CalendarNotReady", "GroupNotReady", "InvalidSpec"]
    world.server.edit(CALENDARS, "bad", {"spec": {"ical": None, "dates": ["2026-12-25"]}})
    await until(world, "12:01:30")
    assert len(world.receiver.received) == 4
    assert world.condition("Ready", "bad", CALENDARS)[:2] == ("True", "Valid")
    assert world.condition("Ready", "frozen", GROUPS)[:2] == ("True", "Valid")


async def test_a_target_that_cannot_be_laid_over_any_pod_says_why(world: World) -> None:
    world.target("x", template={"spec": {"containers": [{"tty": True}]}})
    world.pod_task(targets=["x"])
    world.start()
    await until(world, "12:00:30")
    assert world.condition("Ready", "x", TARGETS)[:2] == ("False", "InvalidSpec")
    assert "spec.template.spec.containers[0].name" in world.condition("Ready", "x", TARGETS)[2]
    assert world.condition("Ready")[1] == "TargetNotReady"
    assert world.outcomes() == []


async def test_the_status_of_a_group_counts_and_is_written_only_where_it_changed(world: World) -> None:
    freeze = {"start": "2026-03-01T12:01:30Z", "end": "2026-03-01T12:03:30Z", "message": "release"}
    world.group("g", freezes=[freeze])
    world.calendar("c", **HOLIDAY)
    world.target("x", selector={"a": "b"})
    world.pod_task("a", group="g")
    world.pod_task("b", group="g", schedule="@yearly")
    world.kubelet(seconds=20)
    world.start()
    await until(world, "12:00:10")
    status = world.status("g", GROUPS)
    assert (status["taskCount"], status["activeCount"], status["queuedCount"]) == (2, 1, 0)
    assert world.condition("Frozen", "g", GROUPS)[:2] == ("False", "Open")
    assert world.condition("Ready", "x", TARGETS)[:2] == ("True", "Valid")
    await until(world, "12:01:33")
    assert world.condition("Frozen", "g", GROUPS) == ("True", "Frozen", "release")
    await until(world, "12:03:33")
    assert world.condition("Frozen", "g", GROUPS)[:2] == ("False", "Open")
    await until(world, "12:03:50")
    before = len(world.server.requests)
    world.server.edit(TASKS, "a", {"spec": {"suspend": True}})
    await until(world, "12:09:50")
    patched = [r.resource for r in world.server.requests[before:] if r.verb == "patch"]
    assert "crontasks" in patched
    assert not {"crontaskgroups", "crontaskcalendars", "crontasktargets"} & set(patched)


async def test_a_successor_writes_no_status_anew_that_is_right(world: World) -> None:
    world.group("g", suspend=True)
    world.task(group="g")
    world.start()
    await until(world, "12:00:30")
    await world.crash()
    before = len(world.server.requests)
    world.start("b")
    await until(world, "12:01:30")
    assert [r.verb for r in world.server.requests[before:] if r.resource == "crontaskgroups"] == ["list"]


async def test_what_appeared_or_went_while_nobody_watched_is_known_to_the_successor(world: World) -> None:
    world.group("here")
    world.task("a", group="here")
    world.task("b", group="later")
    world.start()
    await until(world, "12:00:30")
    await world.crash()
    world.server.remove(GROUPS, "here")
    world.group("later")
    await until(world, "12:02:10")
    world.start("b")
    await until(world, "12:03:30")
    assert world.condition("Ready", "a")[1] == "GroupNotFound"
    # What passed before it could be run is not made up for.
    assert world.receiver.keys() == ["a-20260301120000", "b-20260301120300"]


async def test_the_resync_finds_what_no_event_told_of(world: World) -> None:
    world.group("g")
    world.task(group="g")
    operator = world.start()
    await until(world, "12:00:30")
    operator.receive = lambda *_: None  # type: ignore[method-assign]
    world.server.remove(GROUPS, "g")
    await asyncio.sleep(310)
    assert world.condition("Ready")[1] == "GroupNotFound"
    world.group("g")
    await asyncio.sleep(310)
    assert world.condition("Ready")[1] == "Valid"
    assert world.clock.now() > at("12:10:00")


async def test_many_tasks_that_name_one_calendar_are_told_gradually(world: World) -> None:
    for n in range(300):
        world.task(f"t{n:03}", exclude=["c"], schedule="@yearly")
    world.start()
    await until(world, "12:00:10")
    before = len(world.server.requests)
    world.calendar("c", **HOLIDAY)
    await asyncio.sleep(1)
    first = len([r for r in world.server.requests[before:] if r.resource == "crontasks"])
    await asyncio.sleep(5)
    patched = [r.name for r in world.server.requests[before:] if r.resource == "crontasks"]
    assert 0 < first < 150
    assert len(patched) == len(set(patched)) == 300
