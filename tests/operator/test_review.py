"""What a reviewer says of objects, beside what the operator knows."""

from typing import Any

import pytest
from fakes.world import World, until

from crontask_core.errors import FieldError
from crontask_operator.review import Reviewer

pytestmark = pytest.mark.looptime

Body = dict[str, Any]
CALL: Body = {"url": "http://receiver.test/"}
BACKWARDS: Body = {"startAt": "2031-01-01T00:00:00Z", "endAt": "2030-01-01T00:00:00Z"}
ODD: Body = CALL | {"success": {"bodyRegex": "("}}


def body(**spec: Any) -> Body:
    return {"metadata": {"namespace": "default", "name": "new"}, "spec": spec}


@pytest.fixture
async def reviewer(world: World) -> Reviewer:
    world.task("open", overridable=["Body"])
    world.calendar("christmas", dates=[f"{year}-12-25" for year in range(2026, 2040)])
    world.task("broken", schedule="61 * * * *")
    world.task("second", after=[{"task": "new"}])
    world.task("third", after=[{"task": "second"}])
    operator = world.start()
    await until(world, "12:00:05")
    operator.shards[0].companions.all_known()
    operator.shards[0].index.complete = True
    return operator.shards[0].reviewer


REFUSED = [
    ("crontasks", {"schedule": "61 * * * *", "http": CALL}, "spec.schedule"),
    ("crontasks", {"schedules": ["@daily", "x"], "http": CALL}, "spec.schedules[1]"),
    ("crontasks", {"schedule": "@daily", "http": ODD}, "spec.http.success.bodyRegex"),
    ("crontasks", {"schedule": "@daily", "timeZone": "Mars/Phobos", "http": CALL}, "spec.timeZone"),
    ("crontasks", {"schedule": "@daily", "http": CALL} | BACKWARDS, "spec.endAt"),
    ("crontasks", {"http": CALL, "after": [{"task": "new"}]}, "spec.after"),
    ("crontasks", {"http": CALL, "after": [{"task": "open"}, {"task": "third"}]}, "spec.after"),
    ("crontaskexecutions", {"taskRef": {"name": "open"}, "overrides": {"url": "http://x.test"}}, "spec.overrides.url"),
    ("crontaskcalendars", {"ical": "BEGIN:NONSENSE"}, "spec.ical"),
    ("crontaskcalendars", {"dates": ["2030-02-30"]}, "spec.dates"),
    (
        "crontasktargets",
        {"template": {"spec": {"containers": [{"tty": True}]}}},
        "spec.template.spec.containers[0].name",
    ),
]


@pytest.mark.parametrize(("plural", "spec", "path"), REFUSED, ids=[f"{row[0]} {row[2]}" for row in REFUSED])
async def test_refused(reviewer: Reviewer, plural: str, spec: Body, path: str) -> None:
    with pytest.raises(FieldError) as caught:
        reviewer.review(plural, body(**spec))
    assert caught.value.path.startswith(path)
    assert caught.value.remedy


WARNED = [
    ("crontasks", {"schedule": "0 0 0 1 1 ? 2020", "http": CALL}, ["never runs by itself"]),
    ("crontasks", {"schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "http": CALL}, ["leave out", "show twice"]),
    ("crontasks", {"schedule": "* * * * * *", "http": CALL}, ['spec.schedule: "new" runs more than 1,440']),
    ("crontasks", {"schedule": "@hourly", "splaySeconds": 7200, "http": CALL}, ["spec.splaySeconds"]),
    ("crontasks", {"schedule": "@hourly", "endAt": "2020-01-01T00:00:00Z", "http": CALL}, ["is over"]),
    ("crontaskexecutions", {"taskRef": {"name": "nobody"}}, ['CronTask "nobody" is not known yet']),
    (
        "crontasks",
        {"http": CALL, "after": [{"task": "open"}, {"task": "x"}]},
        ['after[1].task: CronTask "x" is not known'],
    ),
    ("crontasks", {"schedule": "@hourly", "http": CALL | {"body": "$(CRONTASK_X)"}}, ["$(CRONTASK_X)"]),
    ("crontaskexecutions", {"taskRef": {"name": "broken"}}, ["cannot be run"]),
    ("crontaskexecutions", {"taskRef": {"name": "open"}, "overrides": {"body": "x"}}, []),
    ("crontaskgroups", {}, []),
    ("crontaskgroups", {"freezeCalendars": ["nowhen"]}, ["spec.freezeCalendars[0]"]),
    ("crontasks", {"schedule": "@hourly", "http": CALL, "group": "none"}, ["spec.group"]),
    (
        "crontasks",
        {"schedule": "@hourly", "http": CALL, "group": "none", "exclude": ["nowhen", "christmas", "never"]},
        ['spec.group: CronTaskGroup "none" is not known yet', "spec.exclude[0]", "spec.exclude[2]"],
    ),
    ("crontasks", {"schedule": "0 0 25 12 *", "http": CALL, "exclude": ["christmas"]}, ["calendars"]),
]


@pytest.mark.parametrize(("plural", "spec", "words"), WARNED, ids=lambda value: str(value)[:60])
async def test_warnings(reviewer: Reviewer, plural: str, spec: Body, words: list[str]) -> None:
    found = reviewer.review(plural, body(**spec))
    assert len(found) == len(words)
    for text, word in zip(found, words, strict=True):
        assert word in text


async def test_a_circle_is_refused_with_its_path(reviewer: Reviewer) -> None:
    with pytest.raises(FieldError, match=r"\(new -> second -> third -> new, "):
        reviewer.review("crontasks", body(http=CALL, after=[{"task": "third"}]))
