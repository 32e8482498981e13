"""Jobs as tasks and back: nothing of a client's document is lost, nothing of kubectl's edits is hidden."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.model import TaskSpec
from crontask_core.names import Key
from crontask_core.validation import Setting, check_task, read_schedule, read_spec
from crontask_gateway import documents, gojson, gotime
from crontask_gateway.dialects.dkron.checks import check
from crontask_gateway.dialects.dkron.tags import NO_NODE
from crontask_gateway.dialects.dkron.translate import Options, from_task, to_change, to_task
from crontask_gateway.dialects.dkron.wire import NEVER, JobIn, JobOut
from crontask_gateway.dialects.dkron.words import parent_of
from crontask_gateway.errors import Invalid
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.store import Change, Job

SCOPE = Scope("default", "dkron")
OPTIONS = Options()
CREATED = datetime(2030, 1, 1, tzinfo=UTC)
NOW = datetime(2030, 1, 2, 12, tzinfo=UTC)
SHELL = JobIn(name="job", schedule="@every 1m", executor="shell", executor_config={"command": "date -u"})
HTTP = replace(SHELL, executor="http", executor_config={"method": "GET", "url": "http://reports/build"})
MEMBERS = [each.name for each in fields(JobIn) if each.name in {each.name for each in fields(JobOut)}]
COUNTED = ("success_count", "error_count", "last_success", "last_error", "status")


def stored(change: Change, name: str = "job", was: Job | None = None, status: Any = None) -> Job:
    """The job as the API server gives it back: through JSON, with every default of the schema filled in."""
    spec = TaskSpec.model_validate_json(json.dumps(change.spec)).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    document = documents.read({"annotations": documents.write(change.document)})
    return Job(Naming(SCOPE, name), spec, status or {}, document, {}, CREATED, "uid", "1", 1)


def put(job: JobIn, was: Job | None = None, **more: Any) -> Job:
    return stored(
        to_task(job, was, Naming(SCOPE, job.name), OPTIONS, **more), job.name, status=was.status if was else {}
    )


def shown(job: Job, *children: str) -> JobOut:
    return from_task(job, NOW, children)


def edited(job: Job, **spec: Any) -> Job:
    """The job after an edit by kubectl; None takes a field away."""
    wanted = {name: value for name, value in (job.spec | spec).items() if value is not None}
    return replace(job, spec=wanted, generation=2)


def told(job: Job, **status: Any) -> Job:
    return replace(job, status=job.status | status)


# Round trips

SCALARS = (
    st.text(max_size=20)
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
)
CONFIGS = st.dictionaries(st.text(max_size=8) | st.just("url"), SCALARS | st.just("a://@b"), max_size=4)
NAMES = st.text("abcßñ019_-", min_size=1, max_size=60)
SCHEDULES = st.sampled_from(
    [
        "@manually",
        "@minutely",
        "@every 90s",
        "@every 1ms",
        "CRON_TZ=UTC @every 1h30m",
        "0 0 ~ * * *",
        "TZ=Asia/Tokyo ~ 0 1 * ~ ?",
        "*/5 * * * * *",
        "@daily",
        "0 0 0 30 2 *",
        "@at 2031-01-02T03:04:05+06:00",
        "@at 1999-01-01T00:00:00Z",
    ]
)
SHELLS = st.fixed_dictionaries(
    {},
    optional={
        "command": st.text(max_size=30),
        "shell": st.sampled_from(["true", "false", "1", "no"]) | st.booleans(),
        "env": st.text("AB=,$() x", max_size=20),
        "cwd": st.sampled_from(["/tmp", ""]),
        "timeout": st.sampled_from(["1s", "1h30m", "10ms", "", "-5s", "0"]),
        "mem_limit": st.sampled_from(["", "1024", "512mb", "1.5GB"]),
        "payload": st.sampled_from(["", "aGVsbG8=", "%%"]),
        "su": st.sampled_from(["", "nobody", "1000", "1000:1000"]),
        "image": st.sampled_from(["", "alpine:3"]),
    },
)
CALLS = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "post", "PURGE", ""]),
        "url": st.sampled_from(
            ["http://a/b?c=$(X)&d=$$", "https://a:9", "ftp://x", "not a url", "", "http://u:p@a/", "http:"]
        ),
        "headers": st.sampled_from(
            [
                '["Accept: a/b"]',
                '["X: http://y:1", "bad", 3]',
                '["Cookie: c=1"]',
                "no",
                "",
                '["Authorization:Bearer x"]',
            ]
        ),
        "body": st.text(max_size=20),
        "timeout": st.sampled_from(["0", "30", "600", "x", "-1"]) | st.integers(0, 1000),
        "expectCode": st.sampled_from(["200", "200, 206", "abc", "", "1200"]),
        "expectBody": st.sampled_from(["ok", "(", "", "a.*b"]),
        "debug": st.just("true"),
    },
)
TIMES = st.none() | st.integers(gotime.instant("0001-01-01T00:00:00Z"), gotime.instant("9999-12-31T23:59:59Z"))
EXECUTORS = st.one_of(
    st.tuples(st.just("shell"), SHELLS),
    st.tuples(st.just("docker"), SHELLS),
    st.tuples(st.just("http"), CALLS),
    st.tuples(st.sampled_from(["", "kafka", "nats"]), CONFIGS),
)


@st.composite
def jobs(draw: st.DrawFn) -> JobIn:
    name = draw(NAMES)
    executor, config = draw(EXECUTORS)
    parent = draw(st.just("") | NAMES.filter(lambda other: other != name))
    text = draw(st.just("") | SCHEDULES) if parent else draw(SCHEDULES)
    return JobIn(
        name=name,
        displayname=draw(st.text(max_size=9)),
        timezone=draw(st.sampled_from(["", "UTC", "Local", "Europe/Berlin"])),
        schedule=text,
        owner=draw(st.text(max_size=9)),
        owner_email=draw(st.text(max_size=9)),
        disabled=draw(st.booleans()),
        tags=draw(CONFIGS) or None,
        metadata=draw(CONFIGS) or None,
        retries=draw(st.integers(0, 200) | st.just(2**64 - 1)),
        parent_job=parent,
        processors=draw(st.dictionaries(st.text(max_size=5), CONFIGS, max_size=2)),
        concurrency=draw(st.sampled_from(["allow", "forbid", ""])),
        executor=executor,
        executor_config=config or None,
        ephemeral=draw(st.booleans()),
        starts_at=draw(TIMES),
        expires_at=draw(TIMES),
    )


def hidden(job: JobIn) -> dict[str, Any]:
    """What is to be read back: the document, but for credentials."""
    config = dict(job.executor_config or {})
    if job.executor == "http":
        config = {
            key: {
                '["Cookie: c=1"]': '["Cookie: ***"]',
                '["Authorization:Bearer x"]': '["Authorization: ***"]',
                "http://u:p@a/": "http://***@a/",
            }.get(value, value)
            for key, value in config.items()
        }
    return {name: getattr(job, name) for name in MEMBERS} | {"executor_config": config or None}


@settings(deadline=None, max_examples=300)
@given(jobs())
def test_what_a_client_wrote_it_reads_back(job: JobIn) -> None:
    check(job)
    task = put(job)
    found = shown(task)
    assert {name: getattr(found, name) for name in MEMBERS} == hidden(job)
    # What was read can be sent back, and changes nothing.
    again = JobIn.from_json(gojson.write(found.to_json(), pretty=True))
    change = to_task(again, task, Naming(SCOPE, job.name), OPTIONS)
    assert stored(change, job.name).spec == task.spec
    assert change.document == task.document
    # And what is stored is a task that the operator can work with.
    spec = read_spec(task.spec)
    check_task(spec, task.key, Setting())
    read_schedule(spec, task.key, CREATED, Setting())


@given(jobs())
@settings(deadline=None, max_examples=50)
def test_no_credential_is_in_the_spec_or_the_document(job: JobIn) -> None:
    change = to_task(job, None, Naming(SCOPE, job.name), OPTIONS)
    held = json.dumps([change.spec, change.document])
    assert "Bearer x" not in held
    assert "u:p@" not in held


# What is stored


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            {"schedule": "@every 1m", "grammar": "dkron", "timeZone": "UTC", "suspend": False, "deleteAfter": "Never"},
        ),
        ({"schedule": "0 0 ~ * * *", "name": "test_job"}, {"schedule": "0 0 18 * * *"}),
        ({"timezone": "Europe/Madrid"}, {"timeZone": "Europe/Madrid"}),
        ({"disabled": True, "ephemeral": True}, {"suspend": True, "deleteAfter": "Success"}),
        ({"concurrency": "forbid"}, {"concurrencyPolicy": "Forbid"}),
        ({"concurrency": ""}, {"concurrencyPolicy": "Allow"}),
        ({"parent_job": "mutter"}, {"after": [{"task": "dkron-mutter", "when": "Success"}], "schedule": None}),
        (
            {
                "starts_at": gotime.instant("2030-01-02T03:04:05.000000999Z"),
                "expires_at": gotime.instant("2031-01-01T00:00:00Z"),
            },
            {"startAt": "2030-01-02T03:04:05Z", "endAt": "2031-01-01T00:00:00Z"},
        ),
        (
            {"starts_at": gotime.instant("2031-01-01T00:00:00Z"), "expires_at": gotime.instant("2030-01-01T00:00:00Z")},
            {"startAt": None, "endAt": "1970-01-01T00:00:00Z"},
        ),
        ({}, {"overridable": ["Concurrency"], "notify": None, "targets": None}),
        ({}, {"missed": {"policy": "Skip"}, "history": {"successful": 100, "failed": 100, "outputBytes": 256_000}}),
        (
            {"retries": 500},
            {"retry": {"limit": 100, "backoff": {"kind": "Linear", "initialSeconds": 0.5, "maxSeconds": 10}}},
        ),
    ],
    ids=str,
)
def test_fields(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    job = replace(SHELL, **changes)
    spec = to_task(job, None, Naming(SCOPE, job.name), OPTIONS).spec
    assert {name: spec.get(name) for name in expected} == expected


ENV = [{"name": "ENV_JOB_NAME", "value": "job"}]


@pytest.mark.parametrize(
    ("config", "pod", "seconds"),
    [
        ({"command": "date -u"}, {"command": ["date", "-u"]}, None),
        ({"command": "date && echo x", "shell": "false"}, {"command": ["date"]}, None),
        ({"command": "echo 'a b'\"c;d\" e\\ f|g"}, {"command": ["echo", "a bc;d", "e f"]}, None),
        (
            {"command": "date && echo $(x) $$", "shell": "true"},
            {"command": ["/bin/sh", "-c", "date && echo $$(x) $$$"]},
            None,
        ),
        (
            {"command": "x", "env": "A=1,B,A=2,C=$(x)"},
            {"env": [{"name": "A", "value": "2"}, {"name": "C", "value": "$$(x)"}, *ENV]},
            None,
        ),
        ({"command": "x", "timeout": "1500ms"}, {}, 2),
        ({"command": "x", "timeout": "1h"}, {}, 3600),
        ({"command": "x", "timeout": "-1s"}, {}, 1),
        ({"command": "x", "mem_limit": "1.5KB"}, {"resources": {"limits": {"memory": "1536"}}}, None),
        ({}, {"args": ["shell: Command missing"]}, None),
        ({"command": "echo 'x"}, {"args": ["shell: invalid command line string"]}, None),
        ({"command": "x", "payload": "%%"}, {"args": ["shell: Error decoding payload: illegal base64 data"]}, None),
    ],
    ids=str,
)
def test_shells(config: dict[str, Any], pod: dict[str, Any], seconds: int | None) -> None:
    spec = to_task(replace(SHELL, executor_config=config), None, Naming(SCOPE, "job"), OPTIONS).spec
    assert {name: spec["pod"][name] for name in pod} == pod
    assert spec["pod"]["image"] == OPTIONS.image
    assert spec.get("timeoutSeconds") == seconds


def test_a_payload_is_fed_to_the_command() -> None:
    config = {"command": "cat", "payload": "aGVsbG8="}
    pod = to_task(replace(SHELL, executor_config=config), None, Naming(SCOPE, "job"), OPTIONS).spec["pod"]
    assert pod["command"] == ["/bin/sh", "-c", 'printf %s "$DKRON_PAYLOAD" | base64 -d | "$@"', "sh", "cat"]
    assert pod["env"] == [*ENV, {"name": "DKRON_PAYLOAD", "value": "aGVsbG8="}]


def test_a_working_directory_and_a_numeric_user_need_a_template() -> None:
    config = {"command": "pwd", "cwd": "/tmp", "su": "1000:100"}
    pod = to_task(replace(SHELL, executor_config=config), None, Naming(SCOPE, "job"), OPTIONS).spec["pod"]
    (container,) = pod["template"]["spec"]["containers"]
    assert (container["name"], container["workingDir"]) == ("main", "/tmp")
    assert container["securityContext"] == {"runAsUser": 1000, "runAsGroup": 100}


@pytest.mark.parametrize(
    ("executor", "config", "text"),
    [
        ("kafka", {"topic": "x"}, "grpc_agent: Specified executor is not present"),
        ("docker", {"command": "x"}, "grpc_agent: Specified executor is not present"),
        (
            "",
            {},
            "grpc: Error on execution streaming, agent connection was abruptly terminated: the job names no executor",
        ),
        ("http", {"method": "GET"}, "url is empty"),
        ("http", {"url": "http://a"}, "method is empty"),
        ("http", {"method": "GET", "url": "http://a", "expectBody": "("}, None),
        ("http", {"method": "GET", "url": "ftp://a"}, None),
    ],
)
def test_what_cannot_be_done_fails_when_it_runs(executor: str, config: dict[str, Any], text: str | None) -> None:
    job = replace(SHELL, executor=executor, executor_config=config)
    pod = to_task(job, None, Naming(SCOPE, "job"), OPTIONS).spec["pod"]
    assert pod["command"] == ["/bin/sh", "-c", 'echo "$0"; exit 1']
    assert text is None or pod["args"] == [text]


def test_other_executors_run_where_the_configuration_has_an_image() -> None:
    job = replace(SHELL, executor="kafka", executor_config={"topic": "x", "tlsEnable": True})
    spec = to_task(job, None, Naming(SCOPE, "job"), Options(images={"kafka": "kafka-cli:1"})).spec
    assert spec["pod"]["image"] == "kafka-cli:1"
    assert json.loads(spec["pod"]["env"][-1]["value"]) == {"topic": "x", "tlsEnable": "true"}
    assert (
        shown(stored(Change(spec, {"job": {"executor": "kafka", "executor_config": job.executor_config}}))).executor
        == "kafka"
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"success": {"codes": ["100-599"]}, "timeouts": {"firstByteSeconds": 30}}),
        ({"expectCode": "200, 206"}, {"success": {"codes": ["200", "206"]}}),
        ({"expectCode": "1200"}, {"success": {"codes": ["100"]}}),
        ({"expectBody": "^ok$"}, {"success": {"codes": ["100-599"], "bodyRegex": "^ok$"}}),
        ({"method": "post", "body": "$(x)"}, {"method": "POST", "body": "$$(x)"}),
        (
            {"headers": '["X: http://y:1", "bad", 3, "Content-Length: 9"]'},
            {"headers": [{"name": "X", "value": "http://y:1"}]},
        ),
        ({"headers": "{"}, {"headers": []}),
        ({"timeout": 600}, {"timeouts": {"firstByteSeconds": 600}}),
    ],
    ids=str,
)
def test_calls(config: dict[str, Any], expected: dict[str, Any]) -> None:
    job = replace(HTTP, executor_config={**(HTTP.executor_config or {}), **config})
    http = to_task(job, None, Naming(SCOPE, "job"), OPTIONS).spec["http"]
    assert {name: http[name] for name in expected} == expected


# Credentials

SECRET_CALL = {"method": "GET", "url": "http://a/b", "headers": '["Authorization: Bearer x", "Accept: a/b"]'}
SECRET_JOB = replace(HTTP, executor_config=SECRET_CALL)


def test_credentials_go_to_the_secret_and_come_back_masked() -> None:
    change = to_task(SECRET_JOB, None, Naming(SCOPE, "job"), OPTIONS)
    assert change.secrets == {"header-authorization": b"Bearer x"}
    seen = shown(stored(change))
    assert seen.executor_config == SECRET_CALL | {"headers": '["Authorization: ***", "Accept: a/b"]'}


def test_a_user_in_the_url_becomes_basic_authentication() -> None:
    job = replace(HTTP, executor_config={"method": "GET", "url": "http://ann:p%40ss@a:8/b"})
    change = to_task(job, None, Naming(SCOPE, "job"), OPTIONS)
    assert change.spec["http"]["url"] == "http://a:8/b"
    assert change.spec["http"]["auth"] == {"basic": {"secretName": "dkron-job"}}
    assert change.secrets == {"username": b"ann", "password": b"p@ss"}


def test_a_masked_credential_that_is_sent_back_leaves_the_secret_as_it_is() -> None:
    task = put(SECRET_JOB)
    masked = shown(task).executor_config or {}
    host = task.spec["http"]["url"].rstrip("/")
    for config in (masked, masked | {"url": f"{host}/other"}, masked | {"expectCode": "204"}):
        change = to_task(replace(HTTP, executor_config=config), task, Naming(SCOPE, "job"), OPTIONS)
        assert change.secrets is None
        assert change.spec["http"]["headers"][0] == task.spec["http"]["headers"][0]
    assert to_task(HTTP, task, Naming(SCOPE, "job"), OPTIONS).secrets == {}


@pytest.mark.parametrize("url", ["http://other/", "https://a:8/b", "http://a:9/b", "http://***@other/b"])
def test_a_masked_credential_goes_to_no_other_host(url: str) -> None:
    config = {"method": "GET", "url": "http://ann:pw@a:8/b", "headers": '["X-Api-Key: k"]'}
    task = put(replace(HTTP, executor_config=config))
    masked = shown(task).executor_config or {}
    with pytest.raises(Invalid, match="of another host; write the credential"):
        to_task(replace(HTTP, executor_config=masked | {"url": url}), task, Naming(SCOPE, "job"), OPTIONS)


@pytest.mark.parametrize("name", ["X-Api-Key", "X-Auth-Token", "Cookie", "Proxy-Authorization", "Client-Secret!"])
def test_headers_that_are_named_like_credentials_go_to_the_secret(name: str) -> None:
    config = {"method": "GET", "url": "http://a/", "headers": f'["{name}: very-hidden", "Accept: a/b"]'}
    change = to_task(replace(HTTP, executor_config=config), None, Naming(SCOPE, "job"), OPTIONS)
    assert list((change.secrets or {}).values()) == [b"very-hidden"]
    assert "very-hidden" not in str((change.spec, change.document))
    assert shown(stored(change)).executor_config == config | {"headers": f'["{name}: ***", "Accept: a/b"]'}


@pytest.mark.parametrize("executor", ["http", "grpc", "HTTP", "kafka"])
def test_credentials_in_headers_of_another_shape_are_not_told(executor: str) -> None:
    config = {"method": "GET", "url": "http://a/", "headers": '{"Authorization": "Bearer very-hidden"}'}
    change = to_task(replace(HTTP, executor=executor, executor_config=config), None, Naming(SCOPE, "job"), OPTIONS)
    assert "very-hidden" not in str((change.spec, change.document))
    task = stored(change)
    shown_job = replace(HTTP, executor=executor, executor_config=shown(task).executor_config)
    again = to_task(shown_job, task, task.naming, OPTIONS)
    assert (stored(again).spec, again.secrets or None) == (task.spec, None), "sent back as it was read it stays"


def test_a_mask_without_a_credential_behind_it_is_refused() -> None:
    masked = replace(HTTP, executor_config=SECRET_CALL | {"headers": '["Authorization: ***"]'})
    with pytest.raises(Invalid, match="write the credential"):
        to_task(masked, None, Naming(SCOPE, "job"), OPTIONS)
    both = replace(HTTP, executor_config=SECRET_CALL | {"headers": '["Authorization: ***", "Cookie: new"]'})
    with pytest.raises(Invalid, match="some credentials are masked"):
        to_task(both, put(SECRET_JOB), Naming(SCOPE, "job"), OPTIONS)


KAFKA = replace(
    SHELL,
    executor="kafka",
    executor_config={
        "saslPassword": "hush",
        "topic": "t",
        "url": "amqp://ann:p@rabbit/x",
        "api_key": "",
        "tlsEnable": True,
    },
)


@pytest.mark.parametrize("images", [{}, {"kafka": "kafka-cli:1"}], ids=["without image", "with image"])
def test_credentials_of_other_executors_are_withheld_too(images: dict[str, str]) -> None:
    options = Options(images=images)
    change = to_task(KAFKA, None, Naming(SCOPE, "job"), options)
    assert change.secrets == {"config-saslPassword": b"hush", "config-url": b"ann:p"}
    assert "hush" not in json.dumps([change.spec, change.document])
    assert "ann:p" not in json.dumps([change.spec, change.document])
    refs = {each["name"]: each["valueFrom"] for each in change.spec["pod"]["env"] if "valueFrom" in each}
    assert refs["DKRON_CONFIG_saslPassword"]["secretKeyRef"] == {
        "name": "dkron-job",
        "key": "config-saslPassword",
        "optional": True,
    }
    task = stored(change)
    seen = shown(task)
    masked = {"saslPassword": "***", "topic": "t", "url": "amqp://***@rabbit/x", "api_key": "", "tlsEnable": True}
    assert (seen.executor, seen.executor_config) == ("kafka", masked)
    again = replace(KAFKA, executor_config=masked | {"topic": "other"})
    assert to_task(again, task, Naming(SCOPE, "job"), options).secrets is None


# Edits by kubectl


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"schedule": "0 0 5 * * *"}, {"schedule": "0 0 5 * * *"}),
        ({"timeZone": "Asia/Tokyo"}, {"timezone": "Asia/Tokyo"}),
        ({"suspend": True}, {"disabled": True}),
        ({"suspend": None}, {"disabled": False}),
        ({"concurrencyPolicy": "Replace"}, {"concurrency": "forbid"}),
        ({"retry": {"limit": 7}}, {"retries": 7}),
        ({"retry": None}, {"retries": 0}),
        ({"deleteAfter": "Success"}, {"ephemeral": True}),
        ({"startAt": "2030-05-06T07:08:09Z"}, {"starts_at": gotime.instant("2030-05-06T07:08:09Z")}),
        ({"after": [{"task": "dkron-other"}]}, {"parent_job": "other"}),
        ({"timeoutSeconds": 9}, {"executor": "shell", "executor_config": {"command": "date -u", "timeout": "9s"}}),
        (
            {
                "pod": {
                    "image": "alpine:3",
                    "command": ["/bin/sh", "-c", "echo $$(x)"],
                    "env": [{"name": "A", "value": "1"}],
                }
            },
            {"executor": "shell", "executor_config": {"shell": "true", "command": "echo $(x)", "env": "A=1"}},
        ),
        ({"pod": {"image": "alpine:3"}}, {"executor": "docker", "executor_config": {"image": "alpine:3"}}),
        (
            {"pod": None, "http": {"url": "http://a/", "success": {"codes": ["200-202"]}}, "timeoutSeconds": 5},
            {
                "executor": "http",
                "executor_config": {"method": "GET", "url": "http://a/", "expectCode": "200,201,202", "timeout": "5"},
            },
        ),
    ],
    ids=str,
)
def test_an_edit_shows(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    before = put(replace(SHELL, owner="data", retries=3, schedule="0 0 ~ * * *"))
    after = shown(edited(before, **spec))
    assert {name: getattr(after, name) for name in expected} == expected
    same = {name for name in MEMBERS if name not in expected}
    assert {name: getattr(after, name) for name in same} == {name: getattr(shown(before), name) for name in same}


def test_what_dkron_cannot_say_stays_when_a_client_writes() -> None:
    notify = [{"when": ["Failure"], "slack": {"urlFrom": {"name": "s", "key": "url"}}}]
    edit = {"notify": notify, "disableAfterFailures": 5, "group": "g", "missed": {"policy": "Latest"}}
    resources = {"resources": {"limits": {"cpu": "1"}}}
    task = put(SHELL)
    task = edited(task, **edit, pod=task.spec["pod"] | resources, concurrencyPolicy="Queue", concurrencyLimit=3)
    sent = JobIn.from_json(gojson.write(shown(task).to_json()))
    after = put(replace(sent, owner="new"), task)
    kept = (*edit, "concurrencyPolicy", "concurrencyLimit", "pod")
    assert {name: after.spec[name] for name in kept} == {
        name: TaskSpec.model_validate(task.spec).to_body()[name] for name in kept
    }
    assert shown(after).owner == "new"


NEW_SHELL = replace(SHELL, executor_config={"command": "ls", "env": "B=2", "mem_limit": "2MB"})
OWN = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "of-kubectl", "key": "t"}}}


def test_what_kubectl_added_to_a_pod_stays_under_another_command() -> None:
    task = put(replace(SHELL, executor_config={"command": "date", "mem_limit": "1MB"}))
    pod = task.spec["pod"] | {"resources": {"limits": {"memory": "1048576", "cpu": "1"}, "requests": {"cpu": "1m"}}}
    task = edited(task, pod=pod | {"pendingTimeoutSeconds": 60, "env": [*pod["env"], OWN]})
    after = to_task(NEW_SHELL, task, Naming(SCOPE, "job"), OPTIONS).spec["pod"]
    assert after["command"] == ["ls"]
    assert after["env"] == [{"name": "B", "value": "2"}, *ENV, OWN]
    assert after["resources"] == {"limits": {"memory": "2097152", "cpu": "1"}, "requests": {"cpu": "1m"}}
    assert after["pendingTimeoutSeconds"] == 60
    bare = to_task(SHELL, task, Naming(SCOPE, "job"), OPTIONS).spec["pod"]
    assert bare["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1m"}}


def test_what_kubectl_added_to_a_template_stays_under_another_command() -> None:
    task = put(replace(SHELL, executor_config={"command": "pwd", "cwd": "/tmp", "su": "7"}))
    pod = json.loads(json.dumps(task.spec["pod"]))
    pod["template"]["metadata"] = {"labels": {"a": "b"}}
    pod["template"]["spec"]["serviceAccountName"] = "runner"
    container = pod["template"]["spec"]["containers"][0]
    container |= {
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "securityContext": {"runAsUser": 7, "privileged": False},
    }
    task = edited(task, pod=pod)
    after = to_task(NEW_SHELL, task, Naming(SCOPE, "job"), OPTIONS).spec["pod"]["template"]
    assert (after["metadata"], after["spec"]["serviceAccountName"]) == ({"labels": {"a": "b"}}, "runner")
    (made,) = after["spec"]["containers"]
    assert (made["name"], made["command"], made.get("workingDir")) == ("main", ["ls"], None)
    assert (made["volumeMounts"], made["securityContext"]) == (container["volumeMounts"], {"privileged": False})
    assert task.spec["pod"] == pod


def test_a_short_pod_with_additions_becomes_a_template_where_the_client_needs_one() -> None:
    task = edited(
        put(SHELL), pod=put(SHELL).spec["pod"] | {"resources": {"limits": {"cpu": "1"}}, "pendingTimeoutSeconds": 9}
    )
    wanted = replace(SHELL, executor_config={"command": "pwd", "cwd": "/tmp"})
    pod = to_task(wanted, task, Naming(SCOPE, "job"), OPTIONS).spec["pod"]
    (made,) = pod["template"]["spec"]["containers"]
    assert (made["workingDir"], made["resources"], pod["pendingTimeoutSeconds"]) == (
        "/tmp",
        {"limits": {"cpu": "1"}},
        9,
    )
    assert "image" not in pod


def test_what_kubectl_added_to_a_call_stays_under_another_url() -> None:
    task = put(HTTP)
    extra = {"auth": {"bearer": {"secretName": "of-kubectl"}}, "tls": {"serverName": "x"}, "followRedirects": False}
    task = edited(task, http=task.spec["http"] | extra | {"maxResponseBytes": 5, "timeouts": {"connectSeconds": 1}})
    wanted = replace(HTTP, executor_config={"method": "POST", "url": "http://other/", "timeout": "7"})
    http = to_task(wanted, task, Naming(SCOPE, "job"), OPTIONS).spec["http"]
    assert (http["method"], http["url"]) == ("POST", "http://other/")
    assert {name: http[name] for name in extra} == extra
    assert (http["maxResponseBytes"], http["timeouts"]) == (5, {"connectSeconds": 1, "firstByteSeconds": 7})
    for url, headers in (("http://u:p@other/", "[]"), ("http://other/", '["Authorization: x"]')):
        own = replace(HTTP, executor_config={"method": "GET", "url": url, "headers": headers})
        made = to_task(own, task, Naming(SCOPE, "job"), OPTIONS).spec["http"]
        assert made.get("auth") == ({"basic": {"secretName": "dkron-job"}} if "@" in url else None)


OPEN = ["Env", "Timeout", "Concurrency"]


def test_a_change_drops_what_would_contradict_it() -> None:
    task = edited(
        put(SHELL), concurrencyPolicy="Queue", queueLimit=3, concurrencyLimit=2, targets=["t"], overridable=OPEN
    )
    after = to_task(replace(HTTP, concurrency="allow"), task, Naming(SCOPE, "job"), OPTIONS).spec
    assert not {"queueLimit", "concurrencyLimit", "targets", "pod"} & after.keys()
    assert after["overridable"] == ["Timeout", "Concurrency"]


def test_a_task_without_a_document_is_a_job_too() -> None:
    made = shown(stored(Change({"schedule": "*/5 * * * *", "pod": {"image": "busybox", "command": ["date"]}})))
    assert (made.schedule, made.executor, made.executor_config) == (
        "*/5 * * * *",
        "docker",
        {"image": "busybox", "command": "date"},
    )


@pytest.mark.parametrize(
    "document",
    [{"job": 5}, {"job": {"tags": 3, "owner": None, "starts_at": "x"}, "counted": []}, {"counted": {"status": 1}}],
)
def test_a_broken_document_breaks_nothing(document: dict[str, Any]) -> None:
    task = replace(put(SHELL), document=document)
    assert shown(task).owner == ""
    assert (shown(task).schedule, shown(task).executor) == ("@every 1m", "docker")


# Counters

RUN = {"name": "job-1", "phase": "Succeeded", "trigger": "Schedule"}
LATER = {"name": "job-2", "phase": "Failed", "trigger": "Schedule"}
PAST = {
    "counts": {"succeeded": 41, "failed": 1, "cancelled": 1, "lost": 1},
    "lastSuccessfulTime": "2030-01-01T00:00:00.5Z",
    "lastFailedTime": "2029-12-31T00:00:00Z",
    "lastExecution": RUN,
}


def counters(job: Job) -> tuple[Any, ...]:
    seen = shown(job)
    return tuple(getattr(seen, name) for name in COUNTED)


def test_counters_come_from_the_status() -> None:
    assert counters(put(SHELL)) == (0, 0, None, None, "")
    at, failed = gotime.instant("2030-01-01T00:00:00.5Z"), gotime.instant("2029-12-31T00:00:00Z")
    task = told(put(SHELL), **PAST)
    assert counters(task) == (41, 2, at, failed, "success")
    assert counters(told(task, lastExecution=LATER))[4] == "failed"
    assert counters(told(task, lastExecution=LATER | {"partial": True}))[4] == "partially_failed"
    assert counters(told(task, lastExecution=RUN | {"partial": False}))[4] == "success"
    assert counters(told(task, counts=PAST["counts"] | {"retried": 3}))[:2] == (41, 5)  # type: ignore[operator]
    assert counters(put(replace(SHELL, success_count=7, status="failed"), task)) == counters(task)


def test_what_was_stopped_or_has_not_begun_leaves_the_status() -> None:
    stopped = {"lastExecution": LATER | {"phase": "Cancelled", "reason": "Overlap"}}
    assert counters(told(put(SHELL), **PAST | stopped))[4] == "success"
    assert counters(told(put(SHELL), **PAST | stopped | {"lastFailedTime": "2030-01-01T00:00:01Z"}))[4] == "failed"
    assert counters(told(put(SHELL), counts={"cancelled": 1}, **stopped)) == (0, 0, None, None, "")


def test_counters_begin_anew_when_executions_are_deleted() -> None:
    task = told(put(SHELL), **PAST)
    after = stored(to_change(task, forget=True), status=task.status)
    assert counters(after) == (0, 0, None, None, "success")
    new = {
        "counts": {"succeeded": 42, "failed": 1, "cancelled": 1, "lost": 1},
        "lastSuccessfulTime": "2030-01-01T00:01:00Z",
    }
    later = told(after, **new)
    assert counters(later) == (1, 0, gotime.instant("2030-01-01T00:01:00Z"), None, "success")
    assert counters(put(SHELL, later)) == counters(later)
    assert counters(stored(to_change(later, forget=True), status=later.status))[:2] == (0, 0)


def test_counters_of_a_restore_go_on_from_the_file() -> None:
    at = gotime.instant("2020-01-01T00:00:00Z")
    job = replace(SHELL, success_count=10, error_count=2, last_success=at, status="failed")
    assert counters(put(job, restore=True)) == (10, 2, at, None, "failed")
    over = put(job, told(put(SHELL), **PAST), restore=True)
    assert counters(over) == (10, 2, at, None, "failed")
    later = told(over, counts=PAST["counts"] | {"succeeded": 42}, lastExecution=LATER | {"phase": "Succeeded"})  # type: ignore[operator]
    assert counters(later) == (11, 2, at, None, "success")


# The rest


@pytest.mark.parametrize(
    ("changes", "upcoming"),
    [
        ({}, "2030-01-02T12:01:00Z"),
        ({"disabled": True}, "2030-01-02T12:01:00Z"),
        ({"schedule": "0 30 2 * * *", "timezone": "Europe/Madrid"}, "2030-01-03T01:30:00Z"),
        ({"schedule": "@daily", "timezone": "Europe/Madrid"}, "2030-01-03T00:00:00Z"),
        ({"schedule": "@at 2030-01-02T12:00:00.5Z"}, "2030-01-02T12:00:00.5Z"),
        ({"schedule": "@at 2030-01-01T00:00:00Z"}, None),
        ({"schedule": "@manually"}, None),
        ({"schedule": "0 0 0 30 2 *"}, None),
        ({"parent_job": "p"}, None),
        ({"expires_at": gotime.instant("2030-01-02T11:00:00Z")}, None),
        ({"starts_at": gotime.instant("2030-01-03T00:00:30Z")}, "2030-01-03T00:01:00Z"),
    ],
    ids=str,
)
def test_the_next_instant(changes: dict[str, Any], upcoming: str | None) -> None:
    expected = NEVER if upcoming is None else gotime.instant(upcoming)
    assert shown(put(replace(SHELL, **changes))).next == expected


def test_the_operator_s_next_instant_counts_while_it_knows_the_spec() -> None:
    task = told(put(SHELL), nextRuns=["2030-01-02T12:00:00Z", "2030-01-02T12:00:30Z"], observedGeneration=1)
    assert shown(task).next == gotime.instant("2030-01-02T12:00:30Z")
    assert shown(edited(task)).next == gotime.instant("2030-01-02T12:01:00Z")


def test_children_and_parents() -> None:
    child = put(replace(SHELL, name="kind", parent_job="Mütter".lower(), schedule=""))
    assert parent_of(child) == "mütter"
    assert shown(child).schedule == ""
    assert shown(put(SHELL), "b", "a").dependent_jobs == ["b", "a"]
    assert shown(put(SHELL)).dependent_jobs is None


def test_a_child_is_attached_and_detached() -> None:
    child = put(replace(SHELL, parent_job="p"))
    assert (child.spec.get("schedule"), shown(child).schedule) == (None, "@every 1m")
    alone = put(SHELL, child)
    assert "after" not in alone.spec
    assert (alone.spec["schedule"], shown(alone).parent_job) == ("@every 1m", "")
    assert [each["task"] for each in put(replace(SHELL, parent_job="q"), child).spec["after"]] == ["dkron-q"]


@pytest.mark.parametrize(
    "edit",
    [
        {"schedule": "*/5 * * * *", "grammar": "standard"},
        {"schedule": None, "grammar": None, "calendar": {"hours": [3], "minutes": [0]}},
        {"schedule": None, "grammar": None, "after": [{"task": "dkron-p", "when": "Failure"}, {"task": "other"}]},
        {"after": [{"task": "dkron-p"}]},
    ],
    ids=["standard grammar", "calendar", "two parents", "parent and schedule"],
)
def test_timing_that_dkron_cannot_say_can_be_sent_back(edit: dict[str, Any]) -> None:
    task = edited(put(SHELL), **edit)
    sent = JobIn.from_json(gojson.write(shown(task).to_json()))
    check(sent, task)
    after = to_task(sent, task, Naming(SCOPE, "job"), OPTIONS).spec
    timing = ("schedule", "grammar", "calendar", "after")
    assert {name: after.get(name) for name in timing} == {name: task.spec.get(name) for name in timing}


def test_a_toggle_changes_nothing_else() -> None:
    task = edited(put(SECRET_JOB), suspendUntil="2031-01-01T00:00:00Z")
    change = to_change(task, disabled=True)
    assert change.spec == {name: value for name, value in task.spec.items() if name != "suspendUntil"} | {
        "suspend": True
    }
    assert (change.document, change.secrets) == (task.document, None)


def test_tags_choose_targets_where_the_configuration_says_so() -> None:
    options = Options.model_validate({"targets": {"role=web": "web-nodes"}})
    job = replace(SHELL, tags={"role": "web:2", "server": "true:1"})
    assert to_task(job, None, Naming(SCOPE, "job"), options).spec["targets"] == ["web-nodes"]
    assert "targets" not in to_task(replace(job, tags={"role": "db"}), None, Naming(SCOPE, "job"), options).spec


def test_tags_that_mean_nothing_any_more_place_no_job() -> None:
    options = Options.model_validate({"targets": {"role=web": "web-nodes", "role=none": "web-nodes"}})
    for value in ("web", "none:0"):
        tagged = replace(SHELL, tags={"role": value})
        task = stored(to_task(tagged, None, Naming(SCOPE, "job"), options))
        for job in (tagged, SHELL):
            assert "targets" not in to_task(job, task, task.naming, OPTIONS).spec, "the configuration knows no tags now"


def test_b18_counts_choose_among_the_targets_of_a_tag() -> None:
    options = Options.model_validate({"targets": {"role=web": ["w1", "w2", "w3"], "zone=a": "w2"}})
    task = stored(to_task(replace(SHELL, tags={"role": "web:2"}), None, Naming(SCOPE, "job"), options))
    assert len(task.spec["targets"]) == 2
    assert shown(task).tags == {"role": "web:2"}
    for tags, targets in (
        ({"role": "web:9", "zone": "a"}, ["w2"]),
        ({"role": "web:many"}, [NO_NODE]),
        ({"role": "db"}, None),
        (None, None),
    ):
        change = to_task(replace(SHELL, tags=tags), task, Naming(SCOPE, "job"), options)
        assert change.spec.get("targets") == targets


def test_targets_of_kubectl_stay_where_tags_say_nothing() -> None:
    options = Options.model_validate({"targets": {"role=web": "w1"}})
    task = edited(put(SHELL), targets=["mine"])
    assert to_task(SHELL, task, Naming(SCOPE, "job"), options).spec["targets"] == ["mine"]
    chosen = to_task(replace(SHELL, tags={"role": "web"}), task, Naming(SCOPE, "job"), options)
    assert chosen.spec["targets"] == ["w1"]


def test_the_server_s_notifications_are_those_of_the_job_beside_kubectl_s() -> None:
    hook = {"url": "http://hook.test/", "payload": "{{.JobName}} {{.Success}}"}
    options = Options.model_validate({"notify": {"webhook": hook}})
    task = stored(to_task(SHELL, None, Naming(SCOPE, "job"), options))
    assert [each["body"] for each in task.spec["notify"]] == ["job true", "job false"]
    own = {"when": ["Late"], "slack": {"urlFrom": {"name": "s", "key": "url"}}}
    task = edited(task, notify=[*task.spec["notify"], own])
    again = to_task(SHELL, task, Naming(SCOPE, "job"), options)
    assert (again.spec["notify"], again.document) == (task.spec["notify"], task.document)
    assert to_change(task, disabled=True).spec["notify"] == task.spec["notify"]
    without = to_task(SHELL, task, Naming(SCOPE, "job"), OPTIONS)
    assert (without.spec["notify"], "told" in without.document) == ([own], False)


def test_keys_are_those_of_the_naming() -> None:
    assert put(SHELL).key == Key("default", "dkron-job")
