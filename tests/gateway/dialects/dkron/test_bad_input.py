"""Whatever a client sends: upstream's answer or a clear refusal, never a fault of ours. What is taken reads back."""

import asyncio
import json
from typing import Any

import pytest
from fakes.dkron import Dkron, job
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crontask_gateway.dialects.dkron import DIALECT

FAULT = 500
"""What a fault of ours is answered; nothing here has another reason for it, save a leader that there is none of."""

PARTS = st.sampled_from(
    [
        "v1", "jobs", "job", "job", "executions", "1-crontask", "run", "toggle", "busy", "members", "leader", "pause",
        "restore", "ui", "health", "metrics", "", ".", "..", "%2e%2e", "%2f", "%00", "%ff", "%zz", "%", "ä", "日本",
        "x" * 300, "*", "~", ";a=b", "a b", "\\", "{job}",
    ]
)  # fmt: skip
PATHS = st.one_of(
    st.lists(PARTS, max_size=6).map(lambda parts: "/" + "/".join(parts)),
    st.lists(PARTS, max_size=3).map(lambda parts: "/v1/jobs/" + "/".join(parts)),
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            ["_sort", "_order", "_start", "_end", "q", "status", "disabled", "metadata[a]", "metadata[", "pretty",
             "runoncreate", "output_size_limit", "&&", "="]
        ),
        st.one_of(st.sampled_from(["", "next", "DESC", "-1", "99999999999999999999", "%", "%ff", "true"]), st.text()),
    ),
    max_size=4,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))  # fmt: skip
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "X"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
MEMBERS = st.sampled_from([*DIALECT.schemas["Job"]["properties"], "NAME", "unknown"])
SCHEDULES = st.sampled_from(
    [
        "@every 1s", "@every 90m", "@every 2540400h", "@daily", "@minutely", "@manually", "0 0 3 * * *", "~ ~ ~ * * *",
        "TZ=Europe/Madrid 0 ~/7 1-5 1,15 jan-jun ?", "CRON_TZ=UTC @hourly", "@at 2030-01-02T03:04:05.5+01:00",
        "@at 9999-12-31T23:59:59-23:59", "@at 0000-01-01T00:00:00+23:59", "TZ=UTC @at 9999-12-31T23:59:59Z",
        "* * * * *",
    ]
)  # fmt: skip
TIMES = st.sampled_from(
    [
        None, "2030-01-02T03:04", "2030-01-02T03:04:05.123456789+05:45", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999-23:59", "0000-01-01T00:00:00+23:59",
    ]
)  # fmt: skip
EXECUTORS = st.one_of(st.sampled_from(["shell", "http", "docker", "kafka", ""]), st.text(max_size=20))
KEYS = st.sampled_from(
    [
        "command", "shell", "env", "cwd", "timeout", "mem_limit", "payload", "su", "method", "url", "headers", "body",
        "expectCode", "expectBody", "debug", "image", "volumes", "password",
    ]
)  # fmt: skip
SETTINGS = st.sampled_from(["true", "1s", "GET", "http://a:b@c/d", '["Authorization: x"]', "200,x", "(", "5", "***"])
CONFIGS = st.dictionaries(KEYS, st.one_of(SETTINGS, st.text(max_size=20)), max_size=6)
JOBS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["job", "ß_", "-", "a" * 60, "x-0123456789abcdef0123"]),
        "schedule": SCHEDULES,
        "executor": EXECUTORS,
        "executor_config": CONFIGS,
    },
    optional={
        "timezone": st.sampled_from(["", "UTC", "Local", "Europe/Madrid", "Pacific/Apia", "Nowhere"]),
        "displayname": st.text(),
        "owner": st.text(),
        "disabled": st.booleans(),
        "retries": st.integers(0, 2**64 - 1),
        "concurrency": st.sampled_from(["allow", "forbid", "", "replace"]),
        "metadata": st.dictionaries(st.text(), st.one_of(st.text(), st.booleans(), st.integers()), max_size=3),
        "tags": st.dictionaries(st.text(), st.text(), max_size=3),
        "starts_at": TIMES,
        "expires_at": TIMES,
        "processors": st.dictionaries(st.text(), st.dictionaries(st.text(), st.text(), max_size=2), max_size=2),
        "ephemeral": st.booleans(),
        "parent_job": st.sampled_from(["", "parent", "none"]),
    },
)


async def prepared() -> Dkron:
    dkron = Dkron()
    for name in ("job", "parent"):
        await dkron.stored(name)
    return dkron


def at_most(examples: int) -> Any:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@at_most(150)
@given(METHODS, PATHS, QUERIES, st.one_of(st.binary(max_size=40), VALUES))
def test_no_request_makes_a_fault(method: str, path: str, query: str, body: Any) -> None:
    async def ask() -> None:
        target = f"{path.replace('?', '')}?{query}"
        answer = await (await prepared()).ask(method, target, body)
        assert answer.status < FAULT or (answer.status, answer.body) == (FAULT, b"null"), target

    asyncio.run(ask())


@at_most(100)
@given(st.dictionaries(MEMBERS, VALUES, max_size=5), st.booleans())
def test_no_body_makes_a_fault(more: dict[str, Any], restores: bool) -> None:
    async def ask() -> None:
        dkron, told = await prepared(), job("job") | more
        answer = await (dkron.restore(json.dumps([told]).encode()) if restores else dkron.post("/jobs", told))
        assert answer.status in {200, 201, 400, 404}
        if answer.status == 400 and not restores:
            assert answer.text.startswith(("Unable to parse payload: ", "Job validation failed: ", "the name "))

    asyncio.run(ask())


@at_most(150)
@given(JOBS)
def test_what_is_taken_reads_back_and_can_be_sent_again(told: dict[str, Any]) -> None:
    async def ask() -> None:
        dkron = await prepared()
        answer = await dkron.post("/jobs", told)
        if answer.status != 201:
            assert (answer.status, bool(answer.body)) in {(400, True), (404, True)}
            return
        made = answer.json
        secret = {"url", "headers", "executor_config"}
        for member in told.keys() - {"starts_at", "expires_at"} - secret:
            assert made[member] == (told[member] or made[member]), member
        assert (await dkron.get(made_at := f"/jobs/{answer.headers['location'].rpartition('/')[2]}")).json == made
        assert {each["id"]: each for each in (await dkron.get("/jobs")).json}[told["name"]] == made
        stored = await dkron.stage.store.describe(dkron.naming(told["name"]).key)
        # As the API server has it, with every default of the schema.
        await dkron.stage.edit(stored.key, **stored.task.to_body())
        assert (await dkron.get(made_at)).json == made
        again = await dkron.post("/jobs", made)
        assert (again.status, again.json) == (201, made)
        assert (await dkron.post(f"{made_at}/toggle")).json == made | {"disabled": not made["disabled"]}

    asyncio.run(ask())


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"a","name":"b","schedule":"@every 1s"}',
        b'\xef\xbb\xbf{"name":"a"}',
        b'{"name":"\\ud800","schedule":"@every 1s"}',
        b'{"name":"a","schedule":"@every 1s","metadata":{"\\udfff":"\\ud800"}}',
        b'{"name":"a","schedule":"@every 1s","retries":1e400}',
        b'{"name":"a","schedule":"@every 1s","retries":18446744073709551616}',
        b'{"name":"a","schedule":"@every 1s","retries":18446744073709551615}',
        b'{"name":"a","schedule":"@every 999999999999h"}',
        b'{"name":"a","schedule":"TZ="}',
        b'{"name":"a","schedule":"TZ=../../etc/passwd * * * * * *"}',
        b'{"name":"a","schedule":"' + b"*," * 50_000 + b'* * * * * *"}',
        b'{"name":"a","schedule":"@every 1s","timezone":"' + b"x" * 100_000 + b'"}',
        b'{"name":"a","schedule":"@every 1s","starts_at":"9999-12-31T23:59:59-23:59"}',
        b'{"name":"a","schedule":"@at 9999-12-31T23:59:59-23:59"}',
        b'{"name":"a","schedule":"@every 1s","starts_at":"0000-01-01T00:00:00Z"}',
        b'{"name":"a","schedule":"@every 1s","executor":"http","executor_config":{"url":"http://[","method":"GET"}}',
        b'{"name":"a","schedule":"@every 1s","executor":"shell","executor_config":{"command":"\\u0000"}}',
        b'{"name":"a","schedule":"@every 1s","metadata":{' + b'"a":"b",' * 20_000 + b'"c":"d"}}',
        b'{"a":' * 5_000,
        b"[" * 200_000,
        b'"' + b"\\" * 99_999,
        b"\x00",
        b"nul",
        b"-",
        b"1e999999999",
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
async def test_bodies_that_have_been_thought_of(body: bytes) -> None:
    dkron = await prepared()
    answer = await dkron.post("/jobs", body)
    assert answer.status in {201, 400, 413}
    assert (await dkron.restore(b"[" + body + b"]")).status in {200, 400}
    assert (await dkron.get("/jobs")).status == 200


@pytest.mark.parametrize(
    "spec",
    [
        {"startAt": "9999-12-31T23:59:59-23:59"},
        {"endAt": "0000-01-01T00:00:00+23:59"},
        {"startAt": "soon"},
        {"schedule": "what?"},
        {"schedule": None, "schedules": ["@daily", "@hourly"]},
        {"timeZone": "Nowhere"},
        {"after": [{"task": "other"}]},
        {"after": [{}]},
        {"retry": None},
        {"retry": {"limit": 5, "ofTomorrow": True}},
        {"pod": None, "function": "later"},
        {"pod": {"template": {}}},
        {"pod": {"template": {"spec": {"containers": []}}}},
    ],
    ids=str,
)
async def test_whatever_a_task_holds_it_and_the_others_are_listed(spec: dict[str, Any]) -> None:
    dkron = await prepared()
    await dkron.stage.edit(dkron.naming("job").key, **spec)
    for path in ("/jobs", "/jobs?_sort=next&q=j", "/jobs/job", "/jobs/job/executions", "/jobs/parent"):
        assert (await dkron.get(path)).status == 200, path
    assert [each["id"] for each in (await dkron.get("/jobs")).json] == ["job", "parent"]
    assert (await dkron.put("job")).status == 201
    assert (await dkron.delete("/jobs/job")).status == 200
