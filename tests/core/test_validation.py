"""Objections to a task that no schema sees: each names the field, shows the value and tells the remedy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crontask_core.errors import FieldError, ScheduleError, ZoneError
from crontask_core.names import Key
from crontask_core.validation import (
    FURTHER_TIMING_FIELDS,
    TIMING_FIELDS,
    Setting,
    begins_anew,
    check_task,
    read_schedule,
    read_spec,
    timing,
)

KEY = Key("shop", "report")
CREATED = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SETTING = Setting(operator_account=Key("crontask-system", "crontask-operator"))
GOOD: dict[str, Any] = {"schedule": "*/5 * * * *", "pod": {"image": "shop/report:1"}}
CONTAINER = [{"name": "main", "image": "shop/report:1"}]


def check(body: dict[str, Any], key: Key = KEY, setting: Setting = SETTING) -> None:
    """All that is asked of a task before it may run."""
    spec = read_spec(body)
    check_task(spec, key, setting)
    read_schedule(spec, key, CREATED, setting)


def pod(**spec: Any) -> dict[str, Any]:
    return {"pod": {"template": {"spec": {"containers": CONTAINER} | spec}}}


def http(**rest: Any) -> dict[str, Any]:
    return {"pod": None, "http": {"url": "http://shop.example/tick"} | rest}


# What is changed in a good task; the path, what is shown of the value, and a word of the remedy.
WRONG: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("no schedule", {"schedule": None}, "spec.schedule", "", "set schedule, schedules"),
    ("an empty schedule", {"schedule": ""}, "spec.schedule", "", "kubectl explain"),
    ("a schedule that is no text", {"schedule": 5}, "spec.schedule", "5", "kubectl explain"),
    ("a minute too many", {"schedule": "61 * * * *"}, "spec.schedule", "61", ""),
    ("an unknown word", {"schedule": "@sometimes"}, "spec.schedule", "@sometimes", "@hourly"),
    ("a broken interval", {"schedule": "@every 1.5s"}, "spec.schedule", "@every 1.5s", "@every 90s"),
    ("a zone in the text", {"schedule": "TZ=UTC 0 0 * * *"}, "spec.schedule", "TZ=UTC", "spec.timeZone"),
    ("a zone that vanished", {"timeZone": "Mars/Olympus"}, "spec.timeZone", "Mars/Olympus", "Europe/Berlin"),
    ("a path for a zone", {"timeZone": "../etc/passwd"}, "spec.timeZone", "../etc/passwd", ""),
    ("an unknown grammar", {"grammar": "quartz"}, "spec.grammar", "quartz", "kubectl explain"),
    ("an unknown policy", {"concurrencyPolicy": "Wait"}, "spec.concurrencyPolicy", "Wait", "kubectl explain"),
    ("a negative limit", {"retry": {"limit": -1}}, "spec.retry.limit", "-1", "crontask.spec.retry.limit"),
    ("a deadline of a century", {"startingDeadlineSeconds": 10**10}, "spec.startingDeadlineSeconds", "10", "explain"),
    ("no action", {"pod": None}, "spec", "", "exactly one of pod and http"),
    ("two actions", {"http": {"url": "http://shop.example/"}}, "spec", "pod, http", "exactly one of pod and http"),
    ("a pod without image", {"pod": {}}, "spec.pod.image", "", "exactly one of image and template"),
    ("image and template", {"pod": pod()["pod"] | {"image": "i"}}, "spec.pod.image", "i", "image and template"),
    (
        "a variable without name",
        {"pod": {"image": "i", "env": [{}]}},
        "spec.pod.env.0.name",
        "",
        "crontask.spec.pod.env.name",
    ),
    ("a template without spec", {"pod": {"template": {}}}, "spec.pod.template.spec.containers", "", "add one"),
    ("a template of text", {"pod": {"template": {"spec": "x"}}}, "spec.pod.template.spec.containers", "", "add one"),
    ("no containers", pod(containers=[]), "spec.pod.template.spec.containers", "", "add one"),
    ("containers that are null", pod(containers=None), "spec.pod.template.spec.containers", "", "add one"),
    ("a pod that never ends", pod(restartPolicy="Always"), "spec.pod.template.spec.restartPolicy", "Always", "Never"),
    ("a URL with credentials", http(url="http://me:hunter2@shop.example/"), "spec.http.url", "", "auth"),
    ("a URL without host", http(url="http:///tick"), "spec.http.url", "http:///tick", ""),
    ("another scheme", http(url="file:///etc/passwd"), "spec.http.url", "file:///etc/passwd", ""),
    ("a header of two lines", http(headers=[{"name": "X", "value": "a\r\nB: c"}]), "spec.http.headers", "", ""),
    ("a broken expression", http(success={"bodyRegex": "("}), "spec.http.success.bodyRegex", "(", ""),
]


@pytest.mark.parametrize(("says", "change", "path", "shown", "remedy"), WRONG, ids=[row[0] for row in WRONG])
def test_objection(says: str, change: dict[str, Any], path: str, shown: str, remedy: str) -> None:
    with pytest.raises(FieldError) as raised:
        check(GOOD | change)
    error = raised.value
    assert error.path == path or (path == "spec.http.headers" and error.path.startswith(path))
    assert shown in str(error.value)
    assert error.problem
    assert error.remedy
    assert remedy in error.remedy
    assert str(error).startswith(f"{error.path}: ")
    assert "hunter2" not in str(error), "a credential is never shown"


RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("the short form", {}),
    ("a template", pod()),
    ("a template that restarts on failure", pod(restartPolicy="OnFailure")),
    ("a template with a null restartPolicy", pod(restartPolicy=None)),
    ("a template with an account of its own", pod(serviceAccountName="reporter")),
    ("the operator's account name in another namespace", pod(serviceAccountName="crontask-operator")),
    ("a call", http()),
    ("a zone", {"timeZone": "Europe/Berlin"}),
    ("fields of a newer version", {"splaySeconds": 5, "calendar": {"hours": [1]}}),
    ("an expression that would explode elsewhere", http(success={"bodyRegex": "(a+)+$"})),
    ("a body with a NUL", http(method="POST", body="a\x00b")),
    ("a thousand variables", {"pod": {"image": "i", "env": [{"name": f"V{n}", "value": "1"} for n in range(1000)]}}),
]


@pytest.mark.parametrize(("says", "change"), RIGHT, ids=[row[0] for row in RIGHT])
def test_no_objection(says: str, change: dict[str, Any]) -> None:
    check(GOOD | change)


@pytest.mark.parametrize("field", ["serviceAccountName", "serviceAccount"])
def test_no_pod_gets_the_operator_s_identity(field: str) -> None:
    body = GOOD | pod(**{field: "crontask-operator"})
    with pytest.raises(FieldError, match=r"spec\.pod\.template\.spec\.serviceAccountName: \"crontask-operator\""):
        check(body, Key("crontask-system", "report"))
    check(body, Key("crontask-system", "report"), Setting())


def test_a_missing_field_does_not_show_its_neighbours() -> None:
    with pytest.raises(FieldError) as raised:
        read_spec({"http": {"body": "a private text"}, "schedule": "@hourly"})
    assert raised.value.path == "spec.http.url"
    assert "private" not in str(raised.value)


def test_kinds_of_objections() -> None:
    with pytest.raises(ScheduleError):
        check(GOOD | {"schedule": "x"})
    with pytest.raises(ZoneError):
        check(GOOD | {"timeZone": "x"})


def test_the_default_zone_serves_a_task_that_names_none() -> None:
    spec = read_spec(GOOD | {"schedule": "0 12 * * *"})
    assert read_schedule(spec, KEY, CREATED, Setting(default_zone="Europe/Berlin")).next(CREATED) == CREATED.replace(
        hour=11
    )
    own = spec.model_copy(update={"time_zone": "UTC"})
    assert read_schedule(own, KEY, CREATED, Setting(default_zone="Europe/Berlin")).next(CREATED) == CREATED.replace(
        hour=12
    )


CHANGES = {
    "schedule": {"schedule": "*/6 * * * *"},
    "grammar": {"grammar": "robfig-v3"},
    "time_zone": {"timeZone": "Europe/Berlin"},
    "schedules": {"schedules": ["@hourly"]},
    "calendar": {"calendar": {}},
    "dst": {"dst": {"gap": "Skip"}},
    "first_run_at": {"firstRunAt": "2027-01-01T00:00:00Z"},
    "start_at": {"startAt": "2027-01-01T00:00:00Z"},
    "end_at": {"endAt": "2027-01-01T00:00:00Z"},
    "splay_seconds": {"splaySeconds": 60},
}


@pytest.mark.parametrize("field", [*TIMING_FIELDS, *FURTHER_TIMING_FIELDS])
def test_a_change_of_when_a_task_is_due_changes_its_timing(field: str) -> None:
    assert timing(read_spec(GOOD)) != timing(read_spec(GOOD | CHANGES[field]))


def test_each_field_gives_a_timing_of_its_own() -> None:
    assert len({timing(read_spec(GOOD | change)) for change in CHANGES.values()}) == len(CHANGES)


def test_the_timing_of_an_old_task_stays_for_ever() -> None:
    """A change of it would count as an edit of every task at an upgrade."""
    assert timing(read_spec(GOOD)) == "2e7d1b2b8d"


def test_a_time_that_utc_does_not_have_makes_a_timing_too() -> None:
    assert timing(read_spec(GOOD | {"startAt": "9999-12-31T23:59:59-23:59"})) != timing(read_spec(GOOD))


def test_the_same_written_otherwise_is_the_same_timing() -> None:
    def told(**fields: Any) -> str:
        return timing(read_spec(GOOD | fields))

    assert told(endAt="2027-01-01T00:00:00Z") == told(endAt="2027-01-01T01:00:00+01:00")
    assert told(splaySeconds=0, schedules=None) == told()


# Fields beside a good schedule that do not go together with it, or cannot be read; the path that is named.
WRONG_TIMES: list[tuple[dict[str, Any], str, str]] = [
    ({"schedules": ["@hourly", "61 * * * *"]}, "spec.schedules[1]", "out of range"),
    ({"startAt": "2027-01-02T00:00:00Z", "endAt": "2027-01-01T00:00:00Z"}, "spec.endAt", "before startAt"),
    ({"startAt": "2027-01-02T00:00:00Z", "firstRunAt": "2027-01-01T00:00:00Z"}, "spec.firstRunAt", "before startAt"),
    ({"endAt": "2027-01-02T00:00:00Z", "firstRunAt": "2027-01-03T00:00:00Z"}, "spec.firstRunAt", "after endAt"),
    ({"firstRunAt": "2027-01-02T00:00:00.5Z"}, "spec.firstRunAt", "whole second"),
    ({"firstRunAt": "2027-01-02T00:00:00"}, "spec.firstRunAt", "no offset"),
    ({"startAt": "2027-01-02T00:00:00"}, "spec.startAt", "no offset"),
    ({"endAt": "2027-01-02T00:00:00"}, "spec.endAt", "no offset"),
    ({"schedule": None, "calendar": {"minutes": [60]}}, "spec.calendar.minutes.0", "less than or equal to 59"),
    ({"schedule": None, "calendar": {}, "timeZone": "Mars/Base"}, "spec.timeZone", "not a time zone"),
    ({"splaySeconds": 86_401}, "spec.splaySeconds", "less than or equal to 86400"),
    ({"dst": {"gap": "First"}}, "spec.dst.gap", "is refused"),
]


@pytest.mark.parametrize(("change", "path", "problem"), WRONG_TIMES)
def test_refused_times(change: dict[str, Any], path: str, problem: str) -> None:
    with pytest.raises(FieldError, match=problem) as caught:
        check(GOOD | change)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "10:00:00 10:05:00"),
        ({"schedules": ["7 10 * * *", "*/10 * * * *"]}, "10:00:00 10:05:00 10:07:00 10:10:00"),
        ({"schedule": None, "schedules": ["@every 7m"]}, "10:07:00 10:14:00"),
        ({"calendar": {"minutes": [1, 5]}}, "10:00:00 10:01:00 10:05:00 10:10:00"),
        ({"schedule": "@every 7m", "firstRunAt": "2026-11-22T10:00:30Z"}, "10:00:30 10:07:30"),
        ({"schedule": None, "firstRunAt": "2026-11-22T10:00:30Z"}, "10:00:30"),
        ({"startAt": "2026-11-22T11:00:00+01:00", "endAt": "2026-11-22T10:05:00Z"}, "10:00:00 10:05:00"),
        ({"schedule": "0 11 * * *", "timeZone": "Europe/Berlin", "dst": {"gap": "Skip"}}, "10:00:00"),
        ({"splaySeconds": 3600, "schedule": "0 10 * * *"}, "10:57:04"),
        ({"schedule": None, "after": [{"task": "other"}]}, ""),
    ],
)
def test_what_a_spec_says_of_its_times(change: dict[str, Any], expected: str) -> None:
    at, found = CREATED - timedelta(microseconds=1), []
    schedule = read_schedule(read_spec(GOOD | change), KEY, CREATED, SETTING)
    while (at := schedule.next(at)) and len(found) < max(len(expected.split()), 1):
        found.append(f"{at:%H:%M:%S}")
    assert found == expected.split()


EVERY_5 = timing(read_spec(GOOD))
EVERY_6 = timing(read_spec(GOOD | CHANGES["schedule"]))
PAUSED_5 = timing(read_spec(GOOD | {"suspend": True}))
PAUSED_6 = timing(read_spec(GOOD | CHANGES["schedule"] | {"suspend": True}))


@pytest.mark.parametrize(
    ("old", "new", "anew"),
    [
        pytest.param(EVERY_5, EVERY_5, False, id="nothing changed"),
        pytest.param(EVERY_5, EVERY_6, True, id="an edit of the schedule"),
        pytest.param(EVERY_5, PAUSED_5, False, id="a pause"),
        pytest.param(PAUSED_5, PAUSED_5, False, id="still paused"),
        pytest.param(PAUSED_5, EVERY_5, True, id="a resume"),
        pytest.param(EVERY_5, PAUSED_6, True, id="an edit with a pause"),
        pytest.param(PAUSED_5, EVERY_6, True, id="an edit with a resume"),
    ],
)
def test_what_leaves_earlier_instants_unstarted(old: str, new: str, anew: bool) -> None:
    assert begins_anew(old, new) is anew


@pytest.mark.parametrize(
    "change", [{"pod": {"image": "other"}}, {"retry": {"limit": 3}}, {"history": {"failed": 0}}, {"timeoutSeconds": 9}]
)
def test_any_other_change_leaves_the_timing_alone(change: dict[str, Any]) -> None:
    assert timing(read_spec(GOOD)) == timing(read_spec(GOOD | change))


@pytest.mark.parametrize(
    ("namespace", "account", "refused"),
    [
        ("crontask-system", "crontask-operator", True),
        ("crontask-system", "other", False),
        ("shop", "crontask-operator", False),
    ],
)
def test_no_call_bears_a_token_of_the_operator(namespace: str, account: str, refused: bool) -> None:
    body = GOOD | http(auth={"serviceAccountToken": {"audience": "a", "serviceAccountName": account}})
    key = Key(namespace, "report")
    if not refused:
        check(body, key)
        return
    with pytest.raises(FieldError, match="the operator's own identity") as caught:
        check(body, key)
    assert caught.value.path == "spec.http.auth.serviceAccountToken.serviceAccountName"
