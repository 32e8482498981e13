"""What cron-job.org's clients see of runs: the gateway and a whole operator on one fake API server, in virtual time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.cronjob_org import EVERY_MINUTE
from fakes.whole import WholeCronJobOrg
from fakes.world import World, until

from crontask_core.httpcall import CallError, CallFacts, Reason

pytestmark = pytest.mark.looptime

HOOK = {"webhook": {"url": "http://hook.test/"}}
TOLD = {"onFailure": True, "onFailureCount": 3, "onSuccess": True, "onDisable": True}
BAD = CallFacts(http_status=500, sent=True)
SLOW = CallFacts(error=CallError(Reason.TIMEOUT, "took too long"), sent=True)


@pytest.fixture
async def api() -> AsyncIterator[WholeCronJobOrg]:
    made = WholeCronJobOrg(World(), notify=HOOK, history=500)
    yield made
    await made.close()


async def due_each_minute(api: WholeCronJobOrg, *answers: CallFacts, **more: Any) -> int:
    """A job that is called each minute from 12:00 on; the first calls are answered so, later ones 200."""
    api.world.receiver.answers = list(answers)
    return await api.made("http://receiver.test/", enabled=True, schedule=EVERY_MINUTE, **more)


def told(api: WholeCronJobOrg) -> list[tuple[str, str]]:
    """What the webhook was told, and when."""
    return [
        (at.strftime("%H:%M"), dict(request.headers)["CronTask-Notification"])
        for at, request in api.world.post.received
    ]


async def test_a_job_is_called_each_minute_and_what_became_of_it_is_told(api: WholeCronJobOrg) -> None:
    answer = CallFacts(http_status=200, status_text="OK", body=b"warm", headers=((b"x-id", b"7"),), sent=True)
    ident = await due_each_minute(api, answer, saveResponses=True, requestMethod=1)
    await until(api.world, "12:02:30")
    items = await api.history(ident)
    assert [item["datePlanned"] % 3600 for item in items] == [120, 60, 0]
    assert {item["status"] for item in items} == {1}
    first = (await api.get(f"/jobs/{ident}/history/{items[-1]['identifier']}")).json["jobHistoryDetails"]
    assert (first["statusText"], first["headers"], first["body"]) == ("OK", "x-id: 7\r\n\r\n", "warm")
    shown = await api.details(ident)
    assert (shown["lastStatus"], shown["lastExecution"]) == (1, items[0]["date"])
    assert shown["nextExecution"] == items[0]["datePlanned"] + 60
    (_, request), *_ = api.world.receiver.received
    assert request.method == "POST"


async def test_a_job_that_is_off_or_over_or_has_an_empty_set_is_not_called(api: WholeCronJobOrg) -> None:
    off = await api.made("http://receiver.test/", schedule=EVERY_MINUTE)
    never = await api.made("http://receiver.test/", enabled=True, schedule=EVERY_MINUTE | {"mdays": []})
    over = await api.made("http://receiver.test/", enabled=True, schedule=EVERY_MINUTE | {"expiresAt": 20260301120100})
    await until(api.world, "12:03:30")
    assert [len(await api.history(ident)) for ident in (off, never, over)] == [0, 0, 2]
    shown = await api.details(over)
    assert (shown["enabled"], shown["nextExecution"]) == (True, None)


async def test_the_16th_failure_switches_a_job_off_and_a_change_begins_anew(api: WholeCronJobOrg) -> None:
    ident = await due_each_minute(api, *[BAD] * 16, notification=TOLD)
    await until(api.world, "12:14:30")
    assert (await api.details(ident))["enabled"] is True
    await until(api.world, "12:20:30")
    shown = await api.details(ident)
    assert (shown["enabled"], shown["lastStatus"], len(await api.history(ident))) == (False, 4, 16)
    assert told(api) == [("12:02", "Failure"), ("12:15", "Disabled")]

    await api.changed(ident, title="still off")
    await until(api.world, "12:22:30")
    assert len(await api.history(ident)) == 16, "a change of something else does not switch it on again"
    await api.changed(ident, enabled=True)
    await until(api.world, "12:25:30")
    assert (await api.details(ident))["lastStatus"] == 1
    assert told(api)[2:] == [], "the count had begun anew, so nothing has recovered"


async def test_timeouts_are_told_and_never_switch_a_job_off(api: WholeCronJobOrg) -> None:
    ident = await due_each_minute(api, *[SLOW] * 20, notification=TOLD)
    await until(api.world, "12:21:30")
    assert (await api.details(ident))["enabled"] is True
    items = await api.history(ident)
    assert [item["status"] for item in items[-20:]] == [5] * 20
    assert told(api) == [("12:02", "Failure"), ("12:20", "Recovery")]


async def test_any_change_even_an_empty_one_begins_the_count_anew(api: WholeCronJobOrg) -> None:
    ident = await due_each_minute(api, *[BAD] * 8, notification=TOLD)
    await until(api.world, "12:01:30")
    await api.changed(ident)
    await until(api.world, "12:03:30")
    assert told(api) == []
    await until(api.world, "12:04:30")
    assert told(api) == [("12:04", "Failure")]


async def test_a_recovery_is_told_only_after_a_failure_that_was(api: WholeCronJobOrg) -> None:
    good = CallFacts(http_status=200, sent=True)
    await due_each_minute(api, BAD, BAD, good, BAD, BAD, BAD, good, notification=TOLD)
    await until(api.world, "12:07:30")
    assert told(api) == [("12:05", "Failure"), ("12:06", "Recovery")]


async def test_no_minute_is_made_up_for_and_calls_may_overlap(api: WholeCronJobOrg) -> None:
    api.world.receiver.seconds = 70
    ident = await due_each_minute(api)
    await until(api.world, "12:03:30")
    assert [at.strftime("%H:%M") for at, _ in api.world.receiver.received] == ["12:00", "12:01", "12:02", "12:03"]
    items = await api.history(ident)
    assert all(item["jitter"] < 1000 for item in items)
