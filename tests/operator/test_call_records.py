"""What an execution keeps of a call, and what a call is told, in virtual time."""

import re
from typing import Any

import pytest
from fakes.world import World, until

from crontask_core.httpcall import CallError, CallFacts, Reason
from crontask_core.model import Timings

pytestmark = pytest.mark.looptime

URL = "http://receiver.test/$(CRONTASK_RANDOM_UUID)?at=$(CRONTASK_NOW_UNIX)"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
FINE = CallFacts(
    http_status=200,
    status_text="Fine",
    headers=((b"X-Shard", b"7"), (b"Set-Cookie", b"s=1")),
    timings=Timings(ready_microseconds=5, total_microseconds=9),
    sent=True,
)


def record(world: World, place: int = 0) -> dict[str, Any]:
    status: dict[str, Any] = world.executions()[place]["status"]
    return status


async def test_what_was_called_and_what_was_said(world: World) -> None:
    world.receiver.answers = [FINE]
    world.task(history={"headerBytes": 100})
    world.start()
    await until(world, "12:00:05")
    status = record(world)
    [attempt] = status["attempts"]
    assert (attempt["url"], attempt["httpStatus"], attempt["httpStatusText"]) == ("http://receiver.test/", 200, "Fine")
    assert attempt["timings"] == {"readyMicroseconds": 5, "totalMicroseconds": 9}
    assert status["responseHeaders"] == "X-Shard: 7\nSet-Cookie: s=1\n"


async def test_headers_are_kept_where_they_are_asked_for(world: World) -> None:
    world.receiver.answers = [FINE]
    world.task()
    world.start()
    await until(world, "12:00:05")
    assert "responseHeaders" not in record(world)


async def test_of_several_attempts_the_last_one_s_headers_are_kept(world: World) -> None:
    world.receiver.answers = [FINE, CallFacts(error=CallError(Reason.REFUSED, "no"))]
    retry = {"limit": 1, "backoff": {"initialSeconds": 1}}
    world.task(history={"headerBytes": 100}, retry=retry, http={"url": URL, "success": {"codes": ["404"]}})
    world.start()
    await until(world, "12:00:05")
    status = record(world)
    assert "responseHeaders" not in status
    assert [attempt.get("httpStatusText") for attempt in status["attempts"]] == ["Fine", None]


async def test_each_attempt_has_its_moment_and_ids_of_its_own(world: World) -> None:
    world.receiver.answers = [CallFacts(http_status=500, sent=True)]
    header = {"name": "X-Id", "value": "$(CRONTASK_RANDOM_UUID)"}
    call = {"url": URL, "method": "POST", "headers": [header], "body": "$(CRONTASK_NOW_UNIX)"}
    world.task(http=call, retry={"limit": 1, "backoff": {"initialSeconds": 3}})
    world.start()
    await until(world, "12:00:05")
    requests = [request for _, request in world.receiver.received]
    texts = [f"{request.url} {dict(request.headers)['X-Id']}" for request in requests]
    ids = [found for text in texts for found in re.findall(UUID, text)]
    assert (len(requests), len(set(ids))) == (2, 4)
    moments = [int(request.body or b"") for request in requests]
    assert [moment - 1_772_366_400 for moment in moments] == [0, 3], "seconds since noon"
    for request, moment in zip(requests, moments, strict=True):
        assert request.url.endswith(f"?at={moment}")
    assert [attempt["url"] for attempt in record(world)["attempts"]] == [request.url for request in requests]


async def test_the_status_tells_begin_and_end_of_the_last_execution(world: World) -> None:
    world.receiver.seconds = 2
    world.task()
    world.start()
    await until(world, "12:00:05")
    last = world.status()["lastExecution"]
    assert last["startedAt"].startswith("2026-03-01T12:00:00")
    assert last["finishedAt"].startswith("2026-03-01T12:00:02")
    assert (last["startedAt"], last["finishedAt"]) == (record(world)["startedAt"], record(world)["finishedAt"])


async def test_a_lost_call_has_no_begin_and_keeps_none_of_an_earlier_one(world: World) -> None:
    world.task()
    world.start()
    await until(world, "12:00:50")
    world.receiver.seconds = 30
    await until(world, "12:01:00.200")  # claimed and sent, not recorded yet
    await world.crash()
    world.start("b")
    await until(world, "12:01:20")
    last = world.status()["lastExecution"]
    assert (last["phase"], last["name"]) == ("Lost", "t-20260301120100")
    assert last.get("startedAt") is None
