"""The samples of Dkron's OpenAPI document (1-oas3), sent as its page shows them, and its answers held against ours.

The page shows a value of each member's own, or of its type: `true`, `0`, `string`, `2019-08-24T14:15:22Z`. Editions
differ in whether `owner_email` has one.
"""

import json
from typing import Any

import pytest
from fakes.dkron import Dkron

from crontask_gateway.store import Member

JOB = """{
    "name": "job1",
    "displayname": "string",
    "schedule": "@every 10s",
    "timezone": "Europe/Berlin",
    "owner": "Platform Team",
    "owner_email": "platform@example.com",
    "success_count": 0,
    "error_count": 0,
    "last_success": "2019-08-24T14:15:22Z",
    "last_error": "2019-08-24T14:15:22Z",
    "disabled": true,
    "tags": {
        "server": "true"
    },
    "metadata": {
        "office": "Barcelona"
    },
    "retries": 2,
    "parent_job": "parent_job",
    "dependent_jobs": [
        "dependent_job"
    ],
    "processors": {
        "files": {
            "forward": true
        }
    },
    "concurrency": "allow",
    "executor": "shell",
    "executor_config": {
        "command": "echo 'Hello from Dkron'"
    },
    "status": "success",
    "next": "2019-08-24T14:15:22Z",
    "starts_at": "2019-08-24T14:15:22Z",
    "expires_at": "2019-08-24T14:15:22Z"
}"""
"""What every verb of jobs is shown to answer."""
READ_ONLY = {"success_count", "error_count", "last_success", "last_error", "dependent_jobs", "status", "next"}
EXECUTION = {
    "job_name": "job_1",
    "started_at": "2019-08-24T14:15:22Z",
    "finished_at": "2019-08-24T14:15:22Z",
    "success": True,
    "output": "Hello from Dkron",
    "node_name": "dkron1",
}
MEMBER: dict[str, Any] = {
    "Name": "dkron1",
    "Addr": "192.168.1.137",
    "Port": 8946,
    "Tags": {
        "rpc_addr": "192.168.1.137:6868",
        "server": "true",
        "version": "1.0.0",
    },  # the document has a quotation mark too many
    "Status": 1,
    "ProtocolMin": 5,
    "ProtocolMax": 2,
    "ProtocolCur": 2,
    "DelegateMin": 0,
    "DelegateMax": 5,
    "DelegateCur": 4,
}


def without(*members: str) -> bytes:
    """The sample less some members."""
    told: dict[str, Any] = json.loads(JOB)
    return json.dumps({name: value for name, value in told.items() if name not in members}, indent=4).encode()


REQUESTS = [
    pytest.param(without(*READ_ONLY), id="of a request"),
    pytest.param(without(*READ_ONLY, "starts_at", "expires_at"), id="before 4.0"),
    pytest.param(without(*READ_ONLY, "starts_at", "expires_at", "owner_email"), id="without an address"),
    pytest.param(without("starts_at", "expires_at", "owner_email"), id="of an answer before 4.0"),
    pytest.param(JOB.encode(), id="of an answer, sent back"),
]


@pytest.fixture
def dkron() -> Dkron:
    return Dkron()


def assert_alike(answer: Any, sample: Any) -> None:
    """An answer has what the sample has, in values of the same types; it may have more."""
    assert type(answer) is type(sample)
    if isinstance(sample, dict):
        for name, value in sample.items():
            assert_alike(answer[name], value)


@pytest.mark.parametrize("sample", REQUESTS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_is_sent(dkron: Dkron, method: str, sample: bytes) -> None:
    refused = await dkron.ask(method, "/v1/jobs", sample, content_type="application/json")
    assert (refused.status, refused.text) == (404, "specified parent job not found")
    await dkron.stored("parent_job")
    stored = await dkron.ask(method, "/v1/jobs", sample, content_type="application/json")
    sent = {name: value for name, value in json.loads(sample).items() if name not in READ_ONLY}
    assert (stored.status, stored.headers["location"]) == (201, "/v1/jobs/job1")
    assert stored.json == stored.json | sent | {"success_count": 0, "last_success": None, "dependent_jobs": None}
    assert (await dkron.get("/jobs/job1")).json == stored.json
    assert await dkron.dependents("parent_job") == ["job1"]


async def test_what_each_verb_of_jobs_answers(dkron: Dkron) -> None:
    await dkron.stored("parent_job")
    await dkron.post("/jobs", without(*READ_ONLY))
    await dkron.stored("dependent_job", parent_job="job1")
    times = {"lastSuccessfulTime": "2026-03-01T11:00:01Z", "lastFailedTime": "2026-03-01T11:00:01Z"}
    await dkron.stage.tell(dkron.naming("job1").key, **times)
    for method, path, status in (
        ("GET", "/jobs/job1?pretty=true", 200),
        ("POST", "/jobs/job1", 202),
        ("POST", "/jobs/job1/toggle", 200),
    ):
        answer = await dkron.ask(method, f"/v1{path}")
        assert answer.status == status
        assert_alike(answer.json, json.loads(JOB))
    query = "metadata=string&_sort=name&_order=ASC&q=job1&_start=0&_end=10"
    (listed,) = (await dkron.get(f"/jobs?{query}")).json
    assert_alike(listed, json.loads(JOB))
    again = await dkron.post("/jobs?runoncreate=true", without(*READ_ONLY))
    assert again.status == 201
    assert_alike(again.json, json.loads(JOB))
    await dkron.delete("/jobs/dependent_job")
    deleted = await dkron.delete("/jobs/job1")
    assert deleted.status == 200
    assert_alike(deleted.json | {"dependent_jobs": []}, json.loads(JOB))


async def test_what_executions_look_like(dkron: Dkron) -> None:
    await dkron.stored("job_1")
    times = {"startedAt": "2026-03-01T11:00:00Z", "finishedAt": "2026-03-01T11:00:01Z"}
    await dkron.ran("job_1", "one", phase="Succeeded", output="Hello from Dkron", **times)
    (listed,) = (await dkron.get("/jobs/job_1/executions")).json
    shown = await dkron.get(f"/jobs/job_1/executions/{listed['id']}")
    for answer in (listed, shown.json):
        assert_alike(answer, EXECUTION)
        same = {name: answer[name] for name in ("job_name", "success", "output")}
        assert same == {name: EXECUTION[name] for name in same}


async def test_what_members_look_like(dkron: Dkron) -> None:
    await dkron.stage.lead(Member("operator-1", None, 1))
    (listed,) = (await dkron.get("/members")).json
    leader, (left,) = (await dkron.get("/leader")).json, (await dkron.post("/leave")).json
    for answer in (listed, leader, left):
        assert_alike(answer, MEMBER)
        assert answer["Tags"]["server"] == MEMBER["Tags"]["server"]


async def test_what_a_restore_and_a_status_look_like(dkron: Dkron) -> None:
    job: dict[str, Any] = json.loads(without(*READ_ONLY, "parent_job"))
    restored = await dkron.restore(json.dumps([job | {"name": "job_1"}]).encode())
    assert json.loads(restored.json) == ["success create job_1"]
    status = (await dkron.get("/")).json
    assert {name: type(value) for name, value in status.items()} == {"agent": dict, "serf": dict, "tags": dict}
