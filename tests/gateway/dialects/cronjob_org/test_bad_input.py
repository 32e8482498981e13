"""Whatever a client sends: a documented answer, never a fault of ours, and nothing half written."""

import json
from typing import Any

import pytest
from fakes.cronjob_org import HOURLY, CronJobOrg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crontask_core.model import TaskSpec

TAKEN = {200, 204, 400, 401, 403, 404, 408, 409, 413, 429}
PARTS = st.sampled_from(
    [
        "jobs", "jobs", "1", "1", "history", "folders", "1-1-2-3", "0", "01", "99999999999999999999", "", ".", "..",
        "%2e%2e", "%2f", "%00", "%ff", "%zz", "%", "ä", "日本", "١", "x" * 300, "*", ";a=b", "\\", "{job}", "-1", "1e3",
    ]
)  # fmt: skip
PATHS = st.lists(PARTS, max_size=5).map(lambda parts: "/" + "/".join(parts))
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "get", "X"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "url", "enabled", "title", "saveResponses", "requestTimeout", "redirectSuccess", "folderId", "requestMethod",
        "schedule", "auth", "notification", "extendedData", "jobId", "unknown",
    ]
)  # fmt: skip
INNER = st.sampled_from(
    [
        "timezone", "expiresAt", "hours", "mdays", "minutes", "months", "wdays", "enable", "user", "password",
        "onFailure", "onFailureCount", "headers", "body", "x",
    ]
)  # fmt: skip
OBJECTS = st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(INNER, VALUES, max_size=4)), max_size=5)


@given(METHODS, PATHS, st.one_of(st.binary(max_size=40), VALUES.map(lambda value: json.dumps(value).encode())))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_path_with_any_body(method: str, path: str, body: bytes) -> None:
    gateway = CronJobOrg()
    await gateway.made()
    answer = await gateway.ask(method, path, body, content_type="application/json")
    assert answer.status in TAKEN, answer
    assert answer.status == 200 or answer.body == b"", "clients parse whatever is in an error's body"


@given(OBJECTS)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_job_is_taken_or_refused_and_what_is_taken_reads_back(job: dict[str, Any]) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(schedule=HOURLY)
    before = await gateway.details(ident)
    answer = await gateway.patch(f"/jobs/{ident}", {"job": job})
    assert answer.status in (200, 400), answer
    after = await gateway.details(ident)
    assert answer.status == 200 or after == before
    TaskSpec.model_validate(await gateway.spec(ident))
    if answer.status == 200:
        assert await gateway.changed(ident, **after) == after
        assert json.dumps(after).encode()


CORPUS: list[tuple[str, bytes, int]] = [
    ("a duplicate key: the last counts", b'{"job":{"url":"http://a","url":"http://b"}}', 200),
    ("an integer of 400 digits", b'{"job":{"url":"http://a","requestTimeout":' + b"9" * 400 + b"}}", 400),
    ("a float beyond all", b'{"job":{"url":"http://a","folderId":1e999}}', 400),
    ("not a number", b'{"job":{"url":"http://a","folderId":NaN}}', 400),
    ("half a surrogate pair", b'{"job":{"url":"http://a","title":"\\ud800"}}', 400),
    ("no UTF-8", b'{"job":{"url":"http://a","title":"\xff"}}', 400),
    ("a byte order mark", b'\xef\xbb\xbf{"job":{"url":"http://a"}}', 400),
    ("very deep", b'{"job":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    ("a zero in a text", b'{"job":{"url":"http://a","title":"a\\u0000b"}}', 200),
    ("a zero in a URL", b'{"job":{"url":"http://a/\\u0000"}}', 200),
    ("a zero in a header", b'{"job":{"url":"http://a","extendedData":{"headers":{"X":"a\\u0000b"}}}}', 200),
    ("a zero in a credential", b'{"job":{"url":"http://a","auth":{"enable":true,"user":"a\\u0000b"}}}', 200),
    ("names in other scripts", '{"job":{"url":"http://пример.example/путь","title":"计划"}}'.encode(), 200),
    ("a million minutes", b'{"job":{"url":"http://a","schedule":{"minutes":[' + b"1," * 400_000 + b"1]}}}", 200),
    ("a megabyte", b'{"job":{"url":"http://a","x":"' + b"y" * 1_100_000 + b'"}}', 413),
]


@pytest.mark.parametrize(("body", "status"), [row[1:] for row in CORPUS], ids=[row[0] for row in CORPUS])
async def test_a_corpus_of_bodies(body: bytes, status: int) -> None:
    gateway = CronJobOrg()
    answer = await gateway.put("/jobs", body)
    assert answer.status == status, answer
    if status == 200:
        (job,) = (await gateway.get("/jobs")).json["jobs"]
        assert await gateway.changed(job["jobId"], title="x")
    else:
        assert (await gateway.get("/jobs")).json["jobs"] == []
