"""Notifications of a whole operator in virtual time: told once, told again after a crash, never in the way."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from fakes.world import World, at, until

from crontask_core.httpcall import CallError, CallFacts, HttpRequest, Reason
from crontask_core.notices import Facts, retries
from crontask_kube.resources import EXECUTIONS, SECRETS, TASKS
from crontask_operator.channels.channel import Delivery

pytestmark = pytest.mark.looptime

FIRST = "t-20260301120000"
BAD = CallFacts(http_status=500, sent=True)
GOOD = CallFacts(http_status=200, sent=True)
UNREACHABLE = CallFacts(error=CallError(Reason.REFUSED, "127.0.0.1 refused the connection to port 9"))
HOOK = {"webhook": {"url": "http://hook.test/told"}}


def told(world: World) -> list[tuple[str, str]]:
    """What was told of which execution, in the order in which it arrived."""
    return [(body["when"], body["execution"] or "") for body in bodies(world)]


def bodies(world: World) -> list[dict[str, Any]]:
    return [json.loads(request.body or b"") for _, request in world.post.received]


def moments(world: World) -> list[datetime]:
    return [moment for moment, _ in world.post.received]


def header(request: HttpRequest, name: str) -> str:
    return dict(request.headers)[name]


def put_secret(world: World, name: str, **data: str) -> None:
    import base64

    values = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    world.server.put(SECRETS, {"metadata": {"name": name}, "data": values})


async def test_a_failure_is_told_once_and_the_recovery_after_it(world: World) -> None:
    world.receiver.answers = [BAD, BAD, BAD, GOOD, BAD]
    world.task(schedule="*/10 * * * * *", notify=[HOOK | {"when": ["Failure", "Recovery"], "after": 2}])
    world.start()
    await until(world, "12:00:55")
    assert told(world) == [("Failure", "t-20260301120010"), ("Recovery", "t-20260301120030")]
    [first, second] = bodies(world)
    assert (first["consecutiveFailures"], first["phase"], first["reason"]) == (2, "Failed", "BadStatus")
    assert second["phase"] == "Succeeded"
    status = world.status()
    assert "notifications" not in status or status["notifications"] == []
    assert [c["status"] for c in status["conditions"] if c["type"] == "Notified"] == ["True"]


@pytest.mark.parametrize("once", [False, True])
async def test_the_failure_that_pauses_the_schedule_may_be_told_once(world: World, once: bool) -> None:
    world.receiver.answers = [BAD] * 9
    way = HOOK | {"when": ["Failure", "Disabled"], "after": 3, "once": once}
    world.task(schedule="*/10 * * * * *", notify=[way], disableAfterFailures=3)
    world.start()
    await until(world, "12:01:00")
    third = "t-20260301120020"
    assert told(world) == [("Failure", third)] + [("Disabled", third)] * (not once)


async def test_who_counts_anew_hears_of_the_next_failures(world: World) -> None:
    world.receiver.answers = [BAD, BAD, GOOD, BAD]
    world.task(schedule="*/10 * * * * *", notify=[HOOK | {"when": ["Failure", "Recovery"]}])
    world.start()
    await until(world, "12:00:15")
    world.server.edit(TASKS, "t", {"spec": {"failuresSince": "2026-03-01T12:00:15Z"}})
    await until(world, "12:00:35")
    assert [when for when, _ in told(world)] == ["Failure", "Failure"], "nothing is left to recover from"


async def test_what_is_told_of_is_counted_in_the_same_patch(world: World) -> None:
    world.post.seconds = 3
    world.task(notify=[HOOK | {"when": ["Success"]}])
    world.start()
    await until(world, "12:00:02")
    status = world.status()
    assert status["counts"]["succeeded"] == 1
    assert [(each["when"], each["execution"]) for each in status["notifications"]] == [("Success", FIRST)]
    await until(world, "12:00:10")
    assert world.status()["notifications"] == []


async def test_a_task_without_notifications_patches_as_often_as_ever(world: World) -> None:
    world.task()
    world.task("u", notify=[HOOK | {"when": ["Failure"]}])
    world.start()
    await until(world, "12:05:30")
    patches = [r.name for r in world.server.requests if (r.verb, r.resource) == ("patch", TASKS.plural)]
    assert patches.count("t") == patches.count("u")
    assert world.post.received == []


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"when": ["Success"]}, ["Success"]),
        ({"when": ["Always"]}, ["Always"]),
        ({"when": ["Failure", "Recovery", "Late", "Missed", "Disabled"]}, []),
        ({"when": ["Keyword"], "keyword": "disk (is )?full"}, ["Keyword"]),
        ({"when": ["Keyword"], "keyword": "disk is empty"}, []),
    ],
)
async def test_a_success(world: World, fields: dict[str, Any], when: list[str]) -> None:
    world.receiver.answers = [replace(GOOD, body=b"the disk is full")]
    world.task(notify=[HOOK | fields])
    world.start()
    await until(world, "12:00:30")
    assert [each for each, _ in told(world)] == when
    assert world.status().get("notifications", []) == []


async def test_missed_instants_are_told_of_together(world: World) -> None:
    world.task(schedule="*/10 * * * * *", missed={"policy": "Skip"}, notify=[HOOK | {"when": ["Missed"]}])
    world.start()
    await until(world, "12:00:05")
    await world.crash()
    await until(world, "12:02:05")
    world.start("b")
    await until(world, "12:02:20")
    [body] = bodies(world)
    assert body["when"] == "Missed"
    assert body["execution"] is None
    assert body["scheduledAt"] == "2026-03-01T12:00:10Z"
    assert body["missedCount"] >= 10


async def test_what_waited_for_too_long_is_told_of_as_missed(world: World) -> None:
    world.receiver.seconds = 50
    world.task(
        schedule="*/10 * * * * *",
        concurrencyPolicy="Queue",
        queueLimit=1,
        startingDeadlineSeconds=20,
        notify=[HOOK | {"when": ["Missed"]}],
    )
    world.start()
    await until(world, "12:00:35")
    [body] = bodies(world)
    assert (body["when"], body["scheduledAt"], body["missedCount"]) == ("Missed", "2026-03-01T12:00:10Z", 1)


async def test_a_late_start_is_told_of(world: World) -> None:
    world.task(missed={"policy": "Latest"}, notify=[HOOK | {"when": ["Late"], "lateSeconds": 30}])
    world.start()
    await until(world, "12:00:05")
    await world.crash()
    await until(world, "12:01:40")
    world.start("b")
    await until(world, "12:01:59")
    [body] = bodies(world)
    assert (body["when"], body["execution"], body["scheduledAt"]) == (
        "Late",
        "t-20260301120100",
        "2026-03-01T12:01:00Z",
    )
    assert body["latenessMilliseconds"] >= 30_000


async def test_a_late_start_is_told_of_although_the_operator_dies_at_once(world: World) -> None:
    world.pod_task(missed={"policy": "Latest"}, notify=[HOOK | {"when": ["Late"], "lateSeconds": 30}])
    world.kubelet(seconds=2)
    await until(world, "12:01:40")
    world.start("a")
    world.server.hold("patch", TASKS, times=5)
    await until(world, "12:01:42")
    assert world.pods_made() == ["t-20260301120100-1"]
    await world.crash("a")
    world.server.heal()
    world.start("b")
    await until(world, "12:01:59")
    assert told(world) == [("Late", "t-20260301120100")]


# The beginning, and each failure.


async def test_a_beginning_is_told_while_the_execution_goes_on(world: World) -> None:
    world.receiver.seconds = 30
    world.task(notify=[HOOK | {"when": ["Started", "Success"]}])
    world.start()
    await until(world, "12:00:10")
    [body] = bodies(world)
    known = [body[name] for name in ("when", "execution", "phase", "startedAt")]
    assert known == ["Started", FIRST, "Running", "2026-03-01T12:00:00Z"]
    await until(world, "12:00:40")
    assert told(world) == [("Started", FIRST), ("Success", FIRST)]


async def test_the_beginning_of_a_run_by_hand_is_told_and_a_retry_is_none(world: World) -> None:
    world.receiver.answers = [BAD]
    retry = {"limit": 1, "backoff": {"initialSeconds": 1}}
    world.task(schedule="@manual", retry=retry, notify=[HOOK | {"when": ["Started"]}])
    world.start()
    await until(world, "11:59:55")
    world.by_hand("x")
    await until(world, "12:00:10")
    assert told(world) == [("Started", "x")]
    assert len(world.receiver.received) == 2


async def test_a_beginning_is_told_although_the_operator_dies_at_once(world: World) -> None:
    world.pod_task(notify=[HOOK | {"when": ["Started", "Success"]}])
    world.kubelet(seconds=20)
    world.start("a")
    world.server.hold("patch", TASKS, times=9)
    await until(world, "12:00:03")
    assert told(world) == []
    await world.crash("a")
    world.server.heal()
    world.start("b")
    await until(world, "12:00:40")
    assert told(world) == [("Started", FIRST), ("Success", FIRST)]


async def test_each_failure_is_told_where_that_is_asked_for(world: World) -> None:
    world.receiver.answers = [BAD, BAD, BAD, GOOD]
    world.task(schedule="*/10 * * * * *", notify=[HOOK | {"when": ["Failure"], "after": 2, "repeat": True}])
    world.start()
    await until(world, "12:00:35")
    assert told(world) == [("Failure", "t-20260301120010"), ("Failure", "t-20260301120020")]


# Crashes.


async def test_killed_after_the_record_and_before_the_status(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(notify=[HOOK | {"when": ["Failure"]}])
    world.start()
    world.server.hold("patch", TASKS, times=3)
    await until(world, "12:00:05")
    assert world.post.received == []
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:00:30")
    assert told(world) == [("Failure", FIRST)]
    assert world.status()["consecutiveFailures"] == 1


async def test_killed_between_the_status_and_the_delivery(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(notify=[HOOK | {"when": ["Failure"]}])
    world.start()
    world.server.hold("get", EXECUTIONS)
    await until(world, "12:00:05")
    assert world.post.received == []
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:00:30")
    assert told(world) == [("Failure", FIRST)]
    assert world.status()["notifications"] == []


async def test_killed_between_the_delivery_and_its_note_tells_again_with_the_same_id(world: World) -> None:
    world.receiver.answers = [BAD]
    world.post.seconds = 1
    world.task(notify=[HOOK | {"when": ["Failure"]}])
    world.start()
    await until(world, "12:00:01")
    world.server.hold("patch", TASKS, times=3)
    await until(world, "12:00:05")
    assert told(world) == [("Failure", FIRST)]
    await world.crash()
    world.server.heal()
    world.start("b")
    await until(world, "12:00:30")
    assert told(world) == [("Failure", FIRST), ("Failure", FIRST)]
    assert len({header(request, "Idempotency-Key") for _, request in world.post.received}) == 1


async def test_killed_while_the_next_try_waits_goes_on_with_the_tries_that_were_made(world: World) -> None:
    world.receiver.answers = [BAD]
    world.post.answers = [UNREACHABLE] * 3
    world.task(notify=[HOOK | {"when": ["Failure"]}])
    world.start()
    await until(world, "12:00:12")
    assert [each["tries"] for each in world.status()["notifications"]] == [2]
    await world.crash()
    world.start("b")
    await until(world, "12:03:00")
    assert [header(request, "CronTask-Attempt") for _, request in world.post.received] == ["1", "2", "3", "4"]
    assert world.status()["notifications"] == []


async def test_only_the_leader_sends_and_a_standby_knows_what_was_delivered(world: World) -> None:
    world.task(schedule="*/10 * * * * *", notify=[HOOK | {"when": ["Success"]}])
    world.start("a")
    world.start("b")
    await until(world, "12:00:45")
    assert len(told(world)) == 5
    await world.crash("a")
    await until(world, "12:01:15")
    names = [name for _, name in told(world)]
    assert len(names) == len(set(names)) == 8


async def test_an_orderly_stop_hands_over_without_telling_twice(world: World) -> None:
    world.post.seconds = 2
    world.task(schedule="*/10 * * * * *", notify=[HOOK | {"when": ["Success"]}])
    world.start()
    await until(world, "12:00:01")
    await world.stop()
    world.start("b")
    await until(world, "12:00:29")
    names = [name for _, name in told(world)]
    assert names == [FIRST, "t-20260301120010", "t-20260301120020"]


# Ways that do not work.


async def test_what_cannot_be_delivered_is_tried_ever_more_rarely_and_then_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "LONGEST_SECONDS", 60.0)
    world.receiver.answers = [BAD]
    world.post.answers = [UNREACHABLE] * 50
    world.task(schedule="@at 2026-03-01T12:00:00Z", notify=[HOOK | {"when": ["Failure"]}])
    world.start()
    await until(world, "12:20:00")
    assert len(world.post.received) == 12
    waits = [(b - a).total_seconds() for a, b in zip(moments(world), moments(world)[1:], strict=False)]
    assert waits[0] < 10
    assert 30 < max(waits) < 80
    assert world.status()["notifications"] == []
    [condition] = [c for c in world.status()["conditions"] if c["type"] == "Notified"]
    assert (condition["status"], condition["reason"]) == ("False", "Refused")
    notes = [note for reason, note in world.events() if reason == "NotificationFailed"]
    assert notes[-1].endswith("It is given up.")
    assert "notify[0] (Failure)" in notes[0]


async def test_a_way_that_hangs_holds_up_neither_starts_nor_other_ways(world: World) -> None:
    hanging = {"webhook": {"url": "http://hangs.test/"}, "when": ["Success"]}

    async def answer(request: HttpRequest, **_: object) -> CallFacts:
        import asyncio

        if "hangs" in request.url:
            await asyncio.sleep(15)
            return CallFacts(error=CallError(Reason.TIMEOUT, "not done within 15 s"))
        world.post.received.append((world.clock.now(), request))
        return GOOD

    world.post.call = answer  # type: ignore[method-assign, assignment]
    world.task(schedule="*/5 * * * * *", notify=[hanging, HOOK | {"when": ["Success"]}])
    world.start()
    await until(world, "12:01:02")
    started = [moment for moment, _ in world.receiver.received]
    assert len(started) == 14
    assert max(moment.timestamp() % 5 for moment in started) < 0.5
    assert len(told(world)) >= 12


async def test_the_order_is_kept_where_a_way_fails_for_a_while(world: World) -> None:
    world.receiver.answers = [BAD, GOOD]
    world.post.answers = [UNREACHABLE] * 3
    world.task(schedule="*/10 * * * * *", notify=[HOOK | {"when": ["Failure", "Recovery"]}])
    world.start()
    await until(world, "12:02:00")
    assert [when for when, _ in told(world)] == ["Failure"] * 4 + ["Recovery"]


async def test_more_than_fit_into_the_status_drop_the_oldest_and_say_so(world: World) -> None:
    world.post.answers = [UNREACHABLE] * 1000
    world.task(schedule="* * * * * *", notify=[HOOK | {"when": ["Success"]}])
    world.start()
    await until(world, "12:00:40")
    pending = world.status()["notifications"]
    assert len(pending) == 20
    assert pending[-1]["execution"] > "t-20260301120035"
    assert "NotificationDropped" in {reason for reason, _ in world.events()}


async def test_a_secret_that_is_missing_is_told_of_and_found_when_it_is_there(world: World) -> None:
    world.receiver.answers = [BAD]
    hook = {"slack": {"urlFrom": {"name": "slack", "key": "url"}}, "when": ["Failure"]}
    world.task(notify=[hook])
    world.start()
    await until(world, "12:00:04")
    assert world.post.received == []
    [note] = [note for reason, note in world.events() if reason == "NotificationFailed"]
    assert "slack/url" in note
    assert "spec.notify[0].slack.urlFrom" in note
    put_secret(world, "slack", url="https://hooks.slack.test/services/T0/B0/secret-token")
    await until(world, "12:00:59")
    [(_, request)] = world.post.received
    assert request.url == "https://hooks.slack.test/services/T0/B0/secret-token"
    assert not request.follow_redirects
    assert "secret-token" not in str(world.events()) + str(world.status())


async def test_what_a_secret_holds_is_in_no_event_status_or_log(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    world.receiver.answers = [BAD]
    url = "https://secret-host.test/secret-path"
    problem = f"secret-host.test may not be reached: {url} leads to 10.0.0.1"
    world.post.answers = [CallFacts(error=CallError(Reason.EGRESS_DENIED, problem))] * 20
    put_secret(world, "hook", url=url, token="secret-token")
    headers = [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "hook", "key": "token"}}}]
    way = {"webhook": {"urlFrom": {"name": "hook", "key": "url"}, "headers": headers}, "when": ["Failure"]}
    world.task(notify=[way])
    world.start()
    await until(world, "12:05:00")
    assert header(world.post.received[0][1], "Authorization") == "secret-token"
    seen = str(world.events()) + str(world.status()) + caplog.text + "".join(capsys.readouterr())
    assert "EgressDenied" in seen
    assert "secret-" not in seen


async def test_a_way_that_was_removed_is_not_used_any_more(world: World) -> None:
    world.post.answers = [UNREACHABLE] * 20
    world.task(schedule="@at 2026-03-01T12:00:00Z", notify=[HOOK | {"when": ["Success"]}])
    world.start()
    await until(world, "12:00:03")
    world.server.edit(TASKS, "t", {"spec": {"notify": None}})
    before = len(world.post.received)
    await until(world, "12:10:00")
    assert len(world.post.received) == before
    assert world.status()["notifications"] == []


async def test_a_spec_that_has_become_wrong_still_tells_of_what_ran(world: World) -> None:
    world.receiver.seconds = 5
    world.task(notify=[HOOK | {"when": ["Success"]}, HOOK | {"when": ["Keyword"], "keyword": "x"}])
    world.start()
    await until(world, "12:00:02")
    broken = [HOOK | {"when": ["Success"]}, HOOK | {"when": ["Keyword"], "keyword": "("}]
    world.server.edit(TASKS, "t", {"spec": {"schedule": "nonsense", "notify": broken}})
    await until(world, "12:00:30")
    assert told(world) == [("Success", FIRST)]


async def test_a_pause_after_failures_is_told_of_once(world: World) -> None:
    world.receiver.answers = [BAD, BAD]
    world.task(schedule="*/10 * * * * *", disableAfterFailures=2, notify=[HOOK | {"when": ["Disabled"]}])
    world.start()
    await until(world, "12:00:35")
    [body] = bodies(world)
    assert (body["when"], body["execution"], body["consecutiveFailures"]) == ("Disabled", "t-20260301120010", 2)


async def test_an_execution_that_is_gone_is_told_of_with_what_is_known(world: World) -> None:
    world.receiver.answers = [BAD]
    world.task(notify=[HOOK | {"when": ["Failure"]}], schedule="@at 2026-03-01T12:00:00Z")
    world.post.answers = [UNREACHABLE]
    world.start()
    await until(world, "12:00:03")
    world.server.remove(EXECUTIONS, FIRST)
    await until(world, "12:01:00")
    body = bodies(world)[-1]
    assert (body["execution"], body["phase"], body["reason"]) == (FIRST, "Failed", None)


async def test_a_keyword_that_takes_long_to_look_for_is_decided_when_it_is_told(world: World) -> None:
    slow = "(a?){200}b"
    world.receiver.answers = [replace(GOOD, body=b"a" * 9000), replace(GOOD, body=b"a" * 9000 + b"b")]
    world.task(schedule="*/10 * * * * *", notify=[HOOK | {"when": ["Keyword"], "keyword": slow}])
    world.start()
    await until(world, "12:00:19")
    assert told(world) == [("Keyword", "t-20260301120010")]
    assert world.status()["notifications"] == []


async def test_an_email_is_a_matter_of_its_channel(world: World) -> None:
    class Post:
        def __init__(self) -> None:
            self.sent: list[Facts] = []

        async def send(self, facts: Facts) -> Delivery:
            self.sent.append(facts)
            return Delivery(True, "Delivered", "The server refused b@example.com (550).")

    world.task(notify=[{"email": {"secretName": "smtp", "to": ["a@example.com"]}, "when": ["Success"]}])
    operator = world.start()
    operator.shards[0].notifier.channels["email"] = post = Post()
    await until(world, "12:00:30")
    [facts] = post.sent
    assert facts.notify.email is not None
    assert facts.scheduled_at == at("12:00:00")
    [condition] = [c for c in world.status()["conditions"] if c["type"] == "Notified"]
    assert (condition["status"], condition["message"]) == (
        "True",
        "notify[0] (Success): The server refused b@example.com (550).",
    )


async def test_a_bug_in_a_channel_hurts_nothing_else(world: World) -> None:
    class Broken:
        async def send(self, facts: Facts) -> Delivery:
            raise ZeroDivisionError

    world.task(
        notify=[HOOK | {"when": ["Success"]}, {"slack": {"urlFrom": {"name": "s", "key": "u"}}, "when": ["Success"]}]
    )
    operator = world.start()
    operator.shards[0].notifier.channels["slack"] = Broken()
    await until(world, "12:01:10")
    assert len(told(world)) == 2
    assert world.status()["counts"]["succeeded"] == 2
    assert {each["way"] for each in world.status()["notifications"]} == {1}
