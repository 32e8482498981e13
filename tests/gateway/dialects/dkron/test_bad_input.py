"""Whatever a client sends: upstream's answer or a clear refusal, never a fault of ours. What is taken reads back."""

import asyncio
import json
from time import process_time
from typing import Any
from urllib.parse import quote

import pytest
from fakes.dkron import Dkron, job
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crontask_gateway.dialects.dkron import DIALECT

LENGTH = 1_000_000
"""Of a huge body; four times as much is read."""
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
        b'{"name":"a","schedule":"@every 1s","retries":' + b"9" * 10_000 + b"}",
        b'{"name":"a","schedule":"@every 1s","retries":5.0}',
        b'{"name":"a","schedule":"@every 1s","metadata":{"a":-0,"b":1e999,"c":0.1e-999,"d":' + b"7" * 300 + b"}}",
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


@pytest.mark.parametrize(
    "name",
    [
        "straße", "ελληνικά", "русский", "հայերեն", "ⰳⰾⰰⰳⱁⰾⰻⱌⰰ", "ⲁⲃⲅ", "ꭰꮿ", "𐐨𐐩", "𐓘𐓙", "𑣀𑣁", "𖹠", "𞤢𞤣", "ａｂｃ",
        "𝒶", "ﬁ", "ſ", "é",
    ],
)  # fmt: skip
async def test_names_in_scripts_that_have_lower_case(name: str) -> None:
    dkron = await prepared()
    assert (await dkron.stored(name))["id"] == name
    path = f"/jobs/{quote(name)}"
    assert (await dkron.get(path)).json["name"] == name
    assert (await dkron.post(f"{path}/toggle")).json["disabled"] is True
    assert (await dkron.get(f"{path}/executions")).json == []
    assert name in {each["name"] for each in (await dkron.get("/jobs")).json}
    assert (await dkron.delete(path)).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "日本", "한국어", "עברית", "عربي", "हिन्दी", "ไทย", "ትግርኛ", "Straße", "ǅ", "ʰ", "ª", "e\u0301", "٣", "½", "😀",
        "a\u200bb", "a\u202eb", "a\u00adb", "\ufeffa", "a\u0000", "a\x7f", "a\u2028", "a.b", "a/b", "a b", " a", "%61",
        "<b>", "a'b", "../a", "\ufffd",
    ],
)  # fmt: skip
async def test_names_that_hold_anything_else(name: str) -> None:
    dkron = await prepared()
    refused = await dkron.put(name)
    assert refused.status == 400
    assert refused.text.startswith("Job validation failed: name contains illegal character '")
    asked = await dkron.get(f"/jobs/{quote(name, safe='')}")
    assert (asked.status, asked.body) == (404, b"")
    assert len((await dkron.get("/jobs")).json) == 2


async def test_names_that_look_alike_are_different_jobs() -> None:
    dkron = Dkron()
    names = sorted(["a", "\u0430", "ａ", "𝒶", "s", "ſ", "ss", "ß", "ς", "σ", "fi", "ﬁ", "-", "_", "a-b", "a_b"])
    for name in names:
        await dkron.stored(name, owner=name)
    assert [(each["id"], each["owner"]) for each in (await dkron.get("/jobs")).json] == [(name, name) for name in names]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/./job",
        "/v1/jobs/../jobs/job",
        "/v1/jobs/job/.",
        "/v1/jobs/job/..",
        "/v1/jobs/x/../job",
        "/v1/jobs/x%2f..%2fjob",
        "/v1/jobs%2fjob",
        "/v1%2fjobs/job",
        "/v1/jobs/job%2f",
        "/v1/jobs/job%00",
        "/v1/jobs/job%20",
        "/v1/jobs/job+",
        "/v1/jobs/job;a=b",
        "/v1/jobs/JOB",
        "/v1/jobs/%256aob",
        "/v1/jobs/job%e2%80%8b",
        "/v1/jobs//job",
        "//v1/jobs/job",
        "/v1/jobs\\job",
        "/v1/jobs/job\\..\\job",
        "/ui/../v1/jobs/job",
    ],
)
async def test_no_trick_leads_to_a_job(path: str) -> None:
    dkron = await prepared()
    for method in ("DELETE", "POST"):
        answer = await dkron.ask(method, path)
        assert answer.status == 404, method
    assert len((await dkron.get("/jobs")).json) == 2
    assert (await dkron.get("/busy")).json == []


async def test_an_escaped_letter_is_that_letter() -> None:
    assert (await (await prepared()).get("/jobs/%6Aob")).json["name"] == "job"


@pytest.mark.parametrize("path", sorted({route.path for route in DIALECT.routes}))
async def test_a_method_that_a_path_does_not_have_is_an_unknown_path(path: str) -> None:
    dkron = await prepared()
    known = {route.method for route in DIALECT.routes if route.path == path}
    target = path.replace("{job}", "job").replace("{execution}", "1").replace("{rest...}", "")
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} - known:
        answer = await dkron.ask(method, target, job("other"))
        assert (answer.status, answer.body) == (404, b"404 page not found"), method
    assert [each["id"] for each in (await dkron.get("/jobs")).json] == ["job", "parent"]


@pytest.mark.parametrize(
    ("before", "repeated", "after"),
    [
        pytest.param(b'{"name":"a","x":[', b"1,", b"1]", id="never closed"),
        pytest.param(b'{"name":"a","x":[', b"1,", b"x]}", id="broken at the end"),
        pytest.param(b'{"name":"a",', b'"b":[{}],', b"x}", id="broken after many members"),
        pytest.param(b'{"name":"', b"\\u00e4", b"\\", id="a text that never ends"),
        pytest.param(b'{"name":"', "é".encode(), b'"}', id="a long name"),
        pytest.param(b'{"name":"a","x":', b"9", b"}", id="a long number nobody reads"),
        pytest.param(b'{"name":"a","retries":', b"9", b"}", id="a long number"),
        pytest.param(b'{"name":"a","metadata":{"a":', b"9", b"}}", id="a long number among metadata"),
        pytest.param(b'{"name":"a","starts_at":"', "é".encode(), b'"}', id="a long time"),
        pytest.param(b'{"name":"a","schedule":"@at ', "é".encode(), b'"}', id="a long instant"),
        pytest.param(b'{"name":"a","schedule":"@every ', b"1h", b'"}', id="a long duration"),
        pytest.param(b'{"name":"a","schedule":"', b"* ", b'"}', id="a long schedule"),
        pytest.param(b'{"name":"a","schedule":"', b"~", b'"}', id="a schedule of tildes"),
        pytest.param(b'{"name":"a","schedule":"@daily","timezone":"', b"x", b'"}', id="a long zone"),
        pytest.param(b'{"name":"a","schedule":"@daily","owner":"', b"x", b'"}', id="a long owner"),
        pytest.param(b"", b" ", b"", id="blanks"),
        pytest.param(b"", b"[", b"", id="deep"),
        pytest.param(b"", b"\xff", b"", id="no text"),
    ],
)
async def test_a_huge_body_is_refused_soon_and_in_few_words(before: bytes, repeated: bytes, after: bytes) -> None:
    dkron = await prepared()
    body = before + repeated * ((LENGTH - len(before)) // len(repeated)) + after
    began = process_time()
    answer = await dkron.post("/jobs", body)
    restored = await dkron.restore(b"[" + body + b"]")
    assert process_time() - began < 3
    assert (answer.status, restored.status) in {(400, 400), (400, 200), (413, 200)}
    assert len(answer.body) < 10_000
    assert len((await dkron.get("/jobs")).json) == 2
