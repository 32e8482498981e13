"""Jobs as Go would read them from a body, and jobs and executions as it would write them."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_gateway import gojson, gotime
from crontask_gateway.dialects.dkron.wire import NEVER, ExecutionOut, JobIn, JobOut, text_of
from crontask_gateway.errors import Invalid

AT = "2030-01-02T03:04:05.123456789Z"
OUT = JobOut(
    name="nightly-report",
    displayname="Nightly report",
    timezone="Europe/Madrid",
    schedule="0 30 2 * * *",
    owner="data",
    owner_email="",
    success_count=41,
    error_count=2,
    last_success=gotime.instant("2025-03-04T01:30:09.120441Z"),
    last_error=gotime.instant("2025-01-11T01:30:31.5Z"),
    disabled=False,
    tags=None,
    metadata={"team": "bi"},
    retries=1,
    dependent_jobs=["mail-report"],
    parent_job="",
    processors={},
    concurrency="forbid",
    executor="http",
    executor_config={"method": "GET", "url": "http://reports/build"},
    status="success",
    next=gotime.instant("2025-03-05T01:30:00Z"),
    ephemeral=False,
    starts_at=None,
    expires_at=None,
)
SHOWN = (
    '{"id":"nightly-report","name":"nightly-report","displayname":"Nightly report","timezone":"Europe/Madrid",'
    '"schedule":"0 30 2 * * *","owner":"data","owner_email":"","success_count":41,"error_count":2,'
    '"last_success":"2025-03-04T01:30:09.120441Z","last_error":"2025-01-11T01:30:31.5Z","disabled":false,"tags":null,'
    '"metadata":{"team":"bi"},"retries":1,"dependent_jobs":["mail-report"],"parent_job":"","processors":{},'
    '"concurrency":"forbid","executor":"http","executor_config":{"method":"GET","url":"http://reports/build"},'
    '"status":"success","next":"2025-03-05T01:30:00Z","ephemeral":false,"starts_at":null,"expires_at":null}'
)
RUNNING = ExecutionOut(
    id="1741051809120441003-crontask",
    job_name="nightly-report",
    started_at=1741051809120441003,
    finished_at=NEVER,
    success=False,
    output="",
    node_name="crontask",
    group=1741051809120441003,
    attempt=1,
)


def refusal(body: bytes) -> str | None:
    """What is said of a body that is no job."""
    try:
        JobIn.from_json(body)
    except Invalid as error:
        return error.message
    return None


def read(body: str | bytes) -> JobIn:
    return JobIn.from_json(body.encode() if isinstance(body, str) else body)


def test_a_job_is_written_in_full_and_in_order() -> None:
    assert gojson.write(OUT.to_json()).decode() == SHOWN
    assert len(json.loads(SHOWN)) == 26


def test_pretty_indents_by_four_and_html_is_escaped() -> None:
    assert gojson.write({"a": [1], "b": "<&>\u2028é"}, pretty=True).decode() == (
        '{\n    "a": [\n        1\n    ],\n    "b": "\\u003c\\u0026\\u003e\\u2028é"\n}'
    )
    assert gojson.write([]) == b"[]"


def test_never_is_null_or_the_zero_time() -> None:
    shown = replace(OUT, last_success=None, next=NEVER).to_json()
    assert (shown["last_success"], shown["next"]) == (None, "0001-01-01T00:00:00Z")


def test_what_was_shown_can_be_sent_back() -> None:
    job = read(SHOWN)
    same = {each.name for each in fields(JobIn)}
    assert {name: getattr(job, name) for name in same} == {name: getattr(OUT, name) for name in same}
    assert job.fresh().success_count == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{}", JobIn()),
        ("null", JobIn()),
        (' \n{"name":"a"} trailing {', JobIn(name="a")),
        ('{"NAME":"a"}', JobIn(name="a")),
        ('{"Executor_Config":{"a":"b"}}', JobIn(executor_config={"a": "b"})),
        ('{"\u017fchedule":"x"}', JobIn(schedule="x")),
        ('{"name":"a","name":"b"}', JobIn(name="b")),
        ('{"name":"a","Name":"b"}', JobIn(name="b")),
        ('{"name":"a","name":null}', JobIn(name="a")),
        ('{"tags":{"a":"1"},"tags":{"b":"2"}}', JobIn(tags={"a": "1", "b": "2"})),
        ('{"tags":{"a":"1"},"tags":null}', JobIn()),
        ('{"tags":{},"metadata":{},"executor_config":{},"processors":null}', JobIn()),
        ('{"tags":{"a":null}}', JobIn(tags={"a": ""})),
        ('{"parent_job":null,"dependent_jobs":null,"last_success":null,"next":"0001-01-01T00:00:00Z"}', JobIn()),
        ('{"concurrency":""}', JobIn(concurrency="")),
        ('{"unknown":{"deep":[1,2,{}]}}', JobIn()),
        (
            '{"processors":{"files":{"forward":true},"log":null}}',
            JobIn(processors={"files": {"forward": True}, "log": {}}),
        ),
        (
            '{"executor_config":{"timeout":30,"x":1.5,"y":1e2}}',
            JobIn(executor_config={"timeout": 30, "x": 1.5, "y": "1e2"}),
        ),
        ('{"retries":18446744073709551615}', JobIn(retries=2**64 - 1)),
        ('{"starts_at":"2030-01-02T03:04"}', JobIn(starts_at=gotime.instant("2030-01-02T03:04:00Z"))),
        (f'{{"starts_at":"{AT}","expires_at":null}}', JobIn(starts_at=gotime.instant(AT))),
        ('{"owner":"\\ud800x"}', JobIn(owner="\ufffdx")),
        (b'{"owner":"\xff"}', JobIn(owner="\ufffd")),
    ],
    ids=str,
)
def test_bodies(body: str | bytes, expected: JobIn) -> None:
    assert read(body) == expected


TIME = 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'
FIELD = "json: cannot unmarshal {} into Go struct field Job.{} of type {}"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "EOF"),
        (" \n", "EOF"),
        ("xyz", "invalid character 'x' looking for beginning of value"),
        ("\ufeff{}", "invalid character 'ï' looking for beginning of value"),
        ("{", "unexpected EOF"),
        ('{"name":"a"', "unexpected EOF"),
        ('{"name":"a', "unexpected EOF"),
        ('{"name":"\\', "unexpected EOF"),
        ('{"name":tru', "unexpected EOF"),
        ("{]", "invalid character ']' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ('{"a":[1 2]}', "invalid character '2' after array element"),
        ("{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
        ('{"a":"\n"}', "invalid character '\\n' in string literal"),
        ('{"a":"\\x"}', "invalid character 'x' in string escape code"),
        ('{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"),
        ('{"a":-x}', "invalid character 'x' in numeric literal"),
        ('{"a":01}', "invalid character '1' after object key:value pair"),
        ('{"a":1.x}', "invalid character 'x' after decimal point in numeric literal"),
        ('{"a":1ex}', "invalid character 'x' in exponent of numeric literal"),
        ('{"a":nul}', "invalid character '}' in literal null (expecting 'l')"),
        ('{"a":NaN}', "invalid character 'N' looking for beginning of value"),
        ('{"a":-Infinity}', "invalid character 'I' in numeric literal"),
        ("[" * 200_000, "exceeded max depth"),
        ("[]", "json: cannot unmarshal array into Go value of type dkron.Job"),
        ('"x"', "json: cannot unmarshal string into Go value of type dkron.Job"),
        ("12x", "json: cannot unmarshal number into Go value of type dkron.Job"),
        ("true", "json: cannot unmarshal bool into Go value of type dkron.Job"),
        ('{"name":1}', FIELD.format("number", "name", "string")),
        ('{"name":{}}', FIELD.format("object", "name", "string")),
        ('{"retries":-1}', FIELD.format("number -1", "retries", "uint")),
        ('{"retries":1.5}', FIELD.format("number 1.5", "retries", "uint")),
        ('{"retries":18446744073709551616}', FIELD.format("number 18446744073709551616", "retries", "uint")),
        ('{"retries":"1"}', FIELD.format("string", "retries", "uint")),
        ('{"success_count":1e3}', FIELD.format("number 1e3", "success_count", "int")),
        ('{"disabled":"true"}', FIELD.format("string", "disabled", "bool")),
        ('{"dependent_jobs":"a"}', FIELD.format("string", "dependent_jobs", "[]string")),
        ('{"dependent_jobs":[1]}', FIELD.format("number", "dependent_jobs", "string")),
        ('{"tags":[]}', FIELD.format("array", "tags", "map[string]string")),
        ('{"tags":{"a":[]}}', FIELD.format("array", "tags", "string")),
        ('{"processors":{"log":1}}', FIELD.format("number", "processors", "plugin.Config")),
        ('{"executor_config":"x"}', FIELD.format("string", "executor_config", "plugin.ExecutorPluginConfig")),
        ('{"name":1,"retries":-1}', FIELD.format("number", "name", "string")),
        ('{"last_success":""}', TIME),
        ('{"name":1,"last_success":""}', TIME),
        ('{"next":3}', "Time.UnmarshalJSON: input is not a JSON string"),
        (
            '{"expires_at":"2030-01-02"}',
            'parsing time "2030-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"',
        ),
    ],
)
def test_what_cannot_be_read(body: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(body)
    assert caught.value.message == f"Unable to parse payload: {problem}."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(list(OUT.to_json())), inner)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_a_job_or_a_sentence(body: bytes) -> None:
    problem = refusal(body)
    assert problem is None or problem.startswith("Unable to parse payload: ")
    assert problem != "Unable to parse payload: exceeded max depth."


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (30, "30"), (1.5, "1.5"), ("x", "x")])
def test_the_text_of_a_scalar(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_running_execution_has_the_literal_zero_time_in_every_zone() -> None:
    shown = RUNNING.to_json(zone="Europe/Madrid", listed=True)
    assert list(shown) == [
        "id", "job_name", "started_at", "finished_at", "success", "node_name", "group", "attempt", "output_truncated",
    ]  # fmt: skip
    assert shown["started_at"] == "2025-03-04T02:30:09.120441003+01:00"
    assert shown["finished_at"] == "0001-01-01T00:00:00Z"
    assert shown["output_truncated"] is False


def test_one_execution_has_the_whole_output_in_utc() -> None:
    shown = replace(RUNNING, finished_at=RUNNING.started_at, success=True, output="done").to_json(limit=1)
    assert shown["output"] == "done"
    assert shown["started_at"] == shown["finished_at"] == "2025-03-04T01:30:09.120441003Z"
    assert "output_truncated" not in shown


@pytest.mark.parametrize(
    ("output", "limit", "shown", "truncated"),
    [
        ("abcdef", None, "abcdef", False),
        ("abcdef", 6, "abcdef", False),
        ("abcdef", 2, "ef", True),
        ("abcdef", 0, None, True),
        ("aéb", 2, "b", True),
        ("aéb", 3, "éb", True),
    ],
)
def test_a_list_shows_the_end_of_the_output(output: str, limit: int | None, shown: str | None, truncated: bool) -> None:
    found = replace(RUNNING, output=output).to_json(limit=limit, listed=True)
    assert (found.get("output"), found["output_truncated"]) == (shown, truncated)
