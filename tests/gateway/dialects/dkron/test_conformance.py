"""What upstream's own tests assert, and what its documents add, over HTTP.

The names of rows (A1, B4 …) are those of the list in `docs/dialects/dkron.md`: A are
the assertions of upstream's tests of its API, B those of its neighbouring tests
that a client can see.
"""

import asyncio
import json
from typing import Any

import pytest
from fakes.dkron import NEVER, SHELL, Dkron, job

from crontask_gateway.dialects.dkron.extras import MAX_RESTORED
from crontask_gateway.store import Member

ALL_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_ßñëäïüøüáéíóýćàèìòùâêîôûæšłç"
MEMBERS = (
    "id", "name", "displayname", "timezone", "schedule", "owner", "owner_email", "success_count", "error_count",
    "last_success", "last_error", "disabled", "tags", "metadata", "retries", "dependent_jobs", "parent_job",
    "processors", "concurrency", "executor", "executor_config", "status", "next", "ephemeral", "starts_at",
    "expires_at",
)  # fmt: skip


@pytest.fixture
def dkron() -> Dkron:
    return Dkron()


# A1 to A17: upstream's tests of its API.


async def test_a1_a_job_is_created_and_replaced(dkron: Dkron) -> None:
    first = await dkron.stored("test_job", disabled=True, owner="john", owner_email="john@example.com")
    config = {"command": "date -u"}
    second = await dkron.stored("test_job", disabled=False, executor_config=config)
    assert (first["name"], first["disabled"], first["owner"]) == ("test_job", True, "john")
    assert (second["name"], second["disabled"], second["owner"]) == ("test_job", False, "")
    assert second["executor_config"] == config != first["executor_config"]


async def test_a2_a_job_cannot_be_its_own_parent(dkron: Dkron) -> None:
    body = {"name": "test_job", "schedule": "@every 1m", "command": "date", "parent_job": "test_job"}
    answer = await dkron.post("/jobs", body, content_type="encoding/json")
    assert answer.status == 400
    assert "the job can not have itself as parent" in answer.text


async def test_a3_a13_a_missing_parent_is_told_and_nothing_is_stored(dkron: Dkron) -> None:
    answer = await dkron.put("test_job", parent_job="parent_test_job")
    assert (answer.status, answer.text) == (404, "specified parent job not found")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await dkron.get("/jobs/test_job")).status == 404


async def test_a4_a_parent_that_is_sent_again_keeps_its_dependents(dkron: Dkron) -> None:
    await dkron.stored("parentjobkeep")
    await dkron.stored("childjobkeep", parent_job="parentjobkeep")
    assert (await dkron.stored("parentjobkeep"))["dependent_jobs"] == ["childjobkeep"]
    assert await dkron.dependents("parentjobkeep") == ["childjobkeep"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(job("BAD JOB NAME!"), "name contains illegal character 'B'", id="A5"),
        pytest.param(job("", parent_job="testjob1"), "name cannot be empty", id="A7"),
        pytest.param(job("a", schedule="@at badtime"), "can't parse job schedule: failed to parse date", id="A8"),
        pytest.param(job("a", concurrency="badvalue"), "invalid concurrency policy value", id="A9"),
        pytest.param(job("a", timezone="notatimezone"), "unknown time zone notatimezone", id="A10"),
        pytest.param(
            job("a", executor_config={"command": "date", "timeout": "foreverandever"}),
            "Error parsing job timeout value",
            id="A11",
        ),
        pytest.param(
            job("a", executor_config={"command": "date", "mem_limit": "100PB"}),
            "unsupported memory unit: PB",
            id="B23",
        ),
    ],
)
async def test_what_is_refused(dkron: Dkron, body: dict[str, Any], text: str) -> None:
    await dkron.stored("testjob1")
    answer = await dkron.post("/jobs", body, content_type="encoding/json")
    assert answer.status == 400
    assert answer.text.startswith("Job validation failed: ")
    assert text in answer.text
    assert [each["name"] for each in (await dkron.get("/jobs")).json] == ["testjob1"]


async def test_a6_every_lower_case_letter_may_be_in_a_name(dkron: Dkron) -> None:
    made = await dkron.stored(ALL_LETTERS)
    assert (made["id"], made["name"]) == (ALL_LETTERS, ALL_LETTERS)
    found = await dkron.ask("GET", made_at := (await dkron.put(ALL_LETTERS)).headers["location"])
    assert (found.json["name"], made_at.isascii()) == (ALL_LETTERS, True)


async def test_a12_an_unknown_job_is_not_found(dkron: Dkron) -> None:
    answer = await dkron.get("/jobs/notajob")
    assert (answer.status, answer.body, "content-type" in answer.headers) == (404, b"", False)


EXPORTED: list[dict[str, Any]] = [
    {
        **job(name, parent_job=parent),
        "id": name,
        "success_count": 20,
        "error_count": 1,
        "last_success": "2020-04-15T02:01:02.5Z",
        "last_error": None,
        "status": "success",
        "next": "2020-04-15T02:02:02Z",
        "dependent_jobs": dependents,
    }
    for name, parent, dependents in [
        ("a", "", ["a1"]),
        ("a1", "a", ["a2"]),
        ("a2", "a1", ["a3"]),
        ("a3", "a2", None),
        ("b1", "b", None),
        ("b", "", ["b1"]),
        ("c", "", ["c1"]),
        ("c1", "c", None),
    ]
]


async def test_a14_b24_jobs_are_restored_with_their_trees_and_counters(dkron: Dkron) -> None:
    answer = await dkron.restore(json.dumps(EXPORTED).encode())
    assert answer.status == 200
    assert isinstance(answer.json, str)
    assert sorted(json.loads(answer.json)) == sorted(f"success create {each['name']}" for each in EXPORTED)
    jobs = {each["name"]: each for each in (await dkron.get("/jobs")).json}
    assert [name for name, each in jobs.items() if not each["parent_job"]] == ["a", "b", "c"]
    assert jobs["a2"]["dependent_jobs"] == ["a3"]
    assert (jobs["a"]["success_count"], jobs["a"]["error_count"], jobs["a"]["status"]) == (20, 1, "success")
    assert (jobs["a"]["last_success"], jobs["a"]["last_error"]) == ("2020-04-15T02:01:02.5Z", None)
    assert jobs["a"]["next"] > "2026"
    again = await dkron.restore((await dkron.get("/jobs")).body)
    assert "fail" not in again.text
    assert await dkron.dependents("a") == ["a1"]


async def test_a15_executions_newest_first_and_their_output_cut(dkron: Dkron) -> None:
    await dkron.stored("job", disabled=True)
    empty = await dkron.get("/jobs/job/executions")
    assert (empty.status, empty.body, empty.headers["x-total-count"]) == (200, b"[]", "0")
    times = {"startedAt": "2026-03-01T11:00:00Z", "finishedAt": "2026-03-01T11:00:01Z"}
    await dkron.ran("job", "old", phase="Succeeded", output="test", **times)
    later = {"startedAt": "2026-03-01T11:30:00Z", "finishedAt": "2026-03-01T11:30:01Z"}
    await dkron.ran("job", "new", phase="Succeeded", output="x" * 1705, **later)
    whole = await dkron.get("/jobs/job/executions")
    assert whole.headers["x-total-count"] == "2"
    assert [(len(each["output"]), each["output_truncated"]) for each in whole.json] == [(1705, False), (4, False)]
    cut = (await dkron.get("/jobs/job/executions?output_size_limit=200")).json
    assert [(len(each["output"]), each["output_truncated"]) for each in cut] == [(200, True), (4, False)]
    one = await dkron.get(f"/jobs/job/executions/{cut[0]['id']}")
    assert len(one.json["output"]) == 1705
    assert "output_truncated" not in one.json


async def test_a16_leader_while_nobody_leads(dkron: Dkron) -> None:
    leads, leader = await dkron.get("/isleader"), await dkron.get("/leader")
    assert (leads.status, leads.json) == (200, "I am a leader")
    assert (leader.status, leader.body) == (500, b"null")
    await dkron.stage.lead(Member("operator-1", None, 1))
    assert (await dkron.get("/leader")).json["Name"] == "crontask"


async def test_a17_paused_submissions(dkron: Dkron) -> None:
    assert (await dkron.get("/pause")).body == b'{"paused":false}'
    assert (await dkron.post("/pause", content_type="application/json")).body == b'{"paused":true}'
    assert (await dkron.get("/pause")).body == b'{"paused":true}'
    refused = await dkron.put("test_job")
    assert (refused.status, refused.text) == (503, "New job submissions are currently paused")
    assert (await dkron.post("/jobs", b"not json")).status == 503
    assert (await dkron.restore(json.dumps([job("restored")]).encode())).status == 200
    assert (await dkron.post("/jobs/restored")).status == 202
    assert (await dkron.post("/jobs/restored/toggle")).status == 200
    assert (await dkron.post("/unpause")).body == b'{"paused":false}'
    assert (await dkron.get("/pause")).body == b'{"paused":false}'
    await dkron.stored("test_job")


# B1 to B24: what upstream's other tests assert of what a client can see.


async def test_b1_no_jobs_are_an_empty_list(dkron: Dkron) -> None:
    answer = await dkron.get("/jobs")
    assert (answer.status, answer.body, answer.headers["x-total-count"]) == (200, b"[]", "0")


async def test_b2_jobs_are_listed_by_name(dkron: Dkron) -> None:
    for name in ("test2", "test", "ä", "_"):
        await dkron.stored(name)
    assert [each["id"] for each in (await dkron.get("/jobs")).json] == ["_", "test", "test2", "ä"]


async def test_b3_unknown_executions_and_executions_of_unknown_jobs(dkron: Dkron) -> None:
    await dkron.stored("job")
    for path in ("/jobs/job/executions/1-crontask", "/jobs/none/executions/1-crontask", "/jobs/none/executions"):
        answer = await dkron.get(path)
        assert (answer.status, answer.body) == (404, b"")


async def test_b4_a_job_is_deleted_once(dkron: Dkron) -> None:
    made = await dkron.stored("job", owner="x")
    first = await dkron.delete("/jobs/job")
    assert (first.status, first.json) == (200, made)
    again = await dkron.delete("/jobs/job")
    assert (again.status, again.body) == (404, b"")


async def test_b5_b6_b7_dependents_follow_the_parent_of_each_job(dkron: Dkron) -> None:
    for name in ("one", "two"):
        await dkron.stored(name)
    await dkron.stored("child", parent_job="one")
    assert await dkron.dependents("one") == ["child"]
    await dkron.stored("child", parent_job="two")
    assert (await dkron.dependents("one"), await dkron.dependents("two")) == (None, ["child"])
    await dkron.stored("child")
    assert await dkron.dependents("two") is None
    await dkron.stored("child", parent_job="one")
    assert await dkron.dependents("one") == ["child"]
    assert (await dkron.delete("/jobs/child")).status == 200
    assert await dkron.dependents("one") is None


async def test_dependents_are_told_the_oldest_first(dkron: Dkron) -> None:
    await dkron.stored("parent")
    for name in ("z", "a", "m"):
        dkron.stage.clock.advance(1)
        await dkron.stored(name, parent_job="parent", disabled=name == "a")
    assert await dkron.dependents("parent") == ["z", "a", "m"]


async def test_b8_a_parent_is_deleted_after_its_children(dkron: Dkron) -> None:
    await dkron.stored("parent")
    await dkron.stored("child", parent_job="parent")
    refused = await dkron.delete("/jobs/parent")
    assert refused.status == 404
    assert "delete children first" in refused.text
    assert [(await dkron.delete(f"/jobs/{name}")).status for name in ("child", "parent")] == [200, 200]


async def test_b9_a_child_needs_no_schedule(dkron: Dkron) -> None:
    await dkron.stored("parent")
    answer = await dkron.post("/jobs", {"name": "child", "parent_job": "parent", **SHELL})
    assert (answer.status, answer.json["schedule"], answer.json["next"]) == (201, "", NEVER)
    refused = await dkron.post("/jobs", {"name": "orphan", **SHELL})
    assert (refused.status, refused.text) == (
        400,
        "Job validation failed: can't parse job schedule: empty spec string.",
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("metadata[t1]=v1", ["job1", "job2"]),
        ("metadata[t1]=v1&metadata[t2]=v2", ["job2"]),
        ("metadata%5Bt1%5D=v1&metadata[t2]=v2&metadata[t3]=v3", []),
        ("metadata[t1]=v", []),
        ("metadata[n]=7", ["job2"]),
        ("metadata=t1&metadata[]=v1", ["job1", "job2", "job3"]),
    ],
)
async def test_b10_jobs_by_their_metadata(dkron: Dkron, query: str, names: list[str]) -> None:
    await dkron.stored("job1", metadata={"t1": "v1"})
    await dkron.stored("job2", metadata={"t1": "v1", "t2": "v2", "n": 7})
    await dkron.stored("job3")
    answer = await dkron.get(f"/jobs?{query}")
    assert [each["name"] for each in answer.json] == names
    assert answer.headers["x-total-count"] == str(len(names))


ONE, TWO = {"number": 1, "startedAt": "2026-03-01T11:00:00Z", "finishedAt": "2026-03-01T11:00:01Z"}, {
    "number": 2, "startedAt": "2026-03-01T11:00:02Z", "finishedAt": "2026-03-01T11:00:03Z",
}  # fmt: skip


async def test_b12_deleted_executions_take_the_counters_with_them(dkron: Dkron) -> None:
    await dkron.stored("job")
    await dkron.ran("job", "good", phase="Succeeded", attempts=[ONE | {"reason": "Completed"}])
    await dkron.ran("job", "bad", phase="Failed", attempts=[TWO | {"reason": "NonZeroExit", "exitCode": 1}])
    await dkron.stage.tell(
        dkron.naming("job").key,
        counts={"succeeded": 1, "failed": 1},
        lastSuccessfulTime="2026-03-01T11:00:01Z",
        lastFailedTime="2026-03-01T11:00:03Z",
        lastExecution={"name": "bad", "phase": "Failed", "trigger": "Schedule"},
    )
    before = (await dkron.get("/jobs/job")).json
    assert (before["success_count"], before["error_count"], before["status"]) == (1, 1, "failed")
    assert (before["last_success"], before["last_error"]) == ("2026-03-01T11:00:01Z", "2026-03-01T11:00:03Z")
    assert len((await dkron.get("/jobs/job/executions")).json) == 2
    after = await dkron.delete("/jobs/job/executions")
    counted = ("success_count", "error_count", "last_success", "last_error", "status")
    assert [after.json[member] for member in counted] == [0, 0, None, None, "failed"]
    assert (await dkron.get("/jobs/job")).json == after.json
    assert (await dkron.get("/jobs/job/executions")).body == b"[]"


async def test_history_is_not_deleted_by_the_beginning_of_a_name(dkron: Dkron) -> None:
    for name in ("db", "db-backup"):
        await dkron.stored(name)
        await dkron.ran(name, f"{name}-1", phase="Succeeded", attempts=[ONE])
    await dkron.delete("/jobs/db/executions")
    assert len((await dkron.get("/jobs/db-backup/executions")).json) == 1
    await dkron.delete("/jobs/db")
    assert len((await dkron.get("/jobs/db-backup/executions")).json) == 1


async def test_b13_executions_of_an_unknown_job_cannot_be_deleted(dkron: Dkron) -> None:
    answer = await dkron.delete("/jobs/none/executions")
    assert (answer.status, answer.body) == (404, b"")


async def test_b14_what_keeps_a_job_from_its_schedule_is_in_the_task(dkron: Dkron) -> None:
    window = {"starts_at": "2026-04-01T00:00:00Z", "expires_at": "2026-05-01T00:00"}
    made = await dkron.stored("job", concurrency="forbid", disabled=True, **window)
    assert (made["starts_at"], made["expires_at"]) == ("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z")
    spec = (await dkron.stage.store.describe(dkron.naming("job").key)).spec
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Forbid", True)
    assert (spec["startAt"], spec["endAt"]) == ("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z")
    assert "2026-04-01T00:00:00Z" <= made["next"] <= "2026-04-01T00:01:00Z"
    assert spec["missed"] == {"policy": "Skip"}


@pytest.mark.parametrize(
    ("schedule", "next_run"),
    [
        pytest.param("0 0 ~ * * *", "2026-03-01T18:00:00Z", id="B16"),
        pytest.param("TZ=Europe/Madrid 0 0 1 * ~ *", "2026-06-30T23:00:00Z", id="B16 with a zone"),
        pytest.param("@at 2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", id="B17 at Z"),
        pytest.param("@at 2026-03-02T00:00:00+06:00", "2026-03-01T18:00:00Z", id="B17 at +06:00"),
        pytest.param("@at 2020-03-02T00:00:00Z", NEVER, id="B17 in the past"),
        pytest.param("@manually", NEVER, id="B17 manually"),
        pytest.param("@minutely", "2026-03-01T12:01:00Z", id="B17 minutely"),
        pytest.param("0 0 0 30 2 *", NEVER, id="a day that never comes"),
    ],
)
async def test_b16_b17_the_next_run(dkron: Dkron, schedule: str, next_run: str) -> None:
    made = await dkron.stored("test_job", schedule=schedule)
    assert (made["schedule"], made["next"]) == (schedule, next_run)
    assert (await dkron.stored("test_job", schedule=schedule, disabled=True))["next"] == next_run


async def test_b18_tags_are_kept_as_they_were_written(dkron: Dkron) -> None:
    tags = {"value1": "x:2", "value2": "y:5", "value3": "y:cardinality", "server": True}
    assert (await dkron.stored("job", tags=tags))["tags"] == tags


@pytest.mark.parametrize("limit", ["", "1024", "1KB", "512mb", "1.5GB"])
async def test_b23_memory_limits(dkron: Dkron, limit: str) -> None:
    await dkron.stored("job", executor_config={"command": "date", "mem_limit": limit})


# What the reference suggests besides: the conventions of all endpoints.


async def test_json_is_compact_or_indented_by_four(dkron: Dkron) -> None:
    await dkron.stored("job", owner="<a&b>")
    plain = await dkron.get("/jobs/job")
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    assert tuple(plain.json) == MEMBERS
    assert '"owner":"\\u003ca\\u0026b\\u003e"' in plain.text
    assert not plain.text.endswith("\n")
    for query in ("pretty", "pretty=false", "pretty="):
        pretty = await dkron.get(f"/jobs/job?{query}")
        assert pretty.json == plain.json
        assert pretty.text.startswith('{\n    "id": "job",\n')


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "encoding/json"])
async def test_any_content_type(dkron: Dkron, content_type: str) -> None:
    headers = {"content_type": content_type} if content_type else {}
    assert (await dkron.post("/jobs", job("job"), **headers)).status == 201


async def test_the_total_is_counted_before_the_slice(dkron: Dkron) -> None:
    for number in range(5):
        await dkron.stored(f"job{number}", disabled=number == 4)
    answer = await dkron.get("/jobs?_start=1&_end=3&disabled=false")
    assert ([each["id"] for each in answer.json], answer.headers["x-total-count"]) == (["job1", "job2"], "4")


async def test_a_job_that_is_sent_back_as_it_was_read_stays_as_it_was(dkron: Dkron) -> None:
    await dkron.stored("parent")
    await dkron.stored("job", metadata={"a": "b"}, retries=3, processors={"files": {"forward": True}})
    await dkron.stored("child", parent_job="job")
    await dkron.stage.tell(
        dkron.naming("job").key,
        counts={"succeeded": 3, "failed": 1},
        lastSuccessfulTime="2026-03-01T11:00:01Z",
        lastExecution={"name": "x", "phase": "Succeeded", "trigger": "Schedule"},
    )
    read = (await dkron.get("/jobs/job")).json
    assert (read["success_count"], read["status"], read["dependent_jobs"]) == (3, "success", ["child"])
    for changed in ({}, {"parent_job": None, "next": NEVER, "last_success": None, "dependent_jobs": None}):
        answer = await dkron.ask("PUT", "/v1/jobs/job", read | changed)
        assert (answer.status, answer.json) == (201, read)
    renamed = await dkron.ask("PUT", "/v1/jobs/other-name", read | {"owner": "new"})
    assert (renamed.json["name"], renamed.json["owner"]) == ("job", "new")
    assert (await dkron.get("/jobs/other-name")).status == 404


async def test_patch_replaces_as_post_does(dkron: Dkron) -> None:
    await dkron.stored("job", owner="x", tags={"a": "b"})
    answer = await dkron.ask("PATCH", "/v1/jobs", job("job"))
    assert (answer.status, answer.json["owner"], answer.json["tags"]) == (201, "", None)


@pytest.mark.parametrize("query", ["runoncreate", "runoncreate=false", "runoncreate=true&pretty"])
async def test_run_on_create_is_asked_for_by_its_name_alone(dkron: Dkron, query: str) -> None:
    answer = await dkron.post(f"/jobs?{query}", job("job"))
    assert (answer.status, answer.headers["location"]) == (201, "/v1/jobs/job")
    assert len((await dkron.get("/busy")).json) == 1
    assert (await dkron.post(f"/jobs?{query}", job("off", disabled=True))).status == 201
    assert len((await dkron.get("/busy")).json) == 1


async def test_run_is_accepted_and_seen_at_once(dkron: Dkron) -> None:
    made = await dkron.stored("job")
    for path in ("/jobs/job", "/jobs/job/run"):
        answer = await dkron.post(path, b"whatever", content_type="x/y")
        assert (answer.status, answer.headers["location"]) == (202, f"/v1{path}")
        assert answer.json == made
    listed, busy = await dkron.get("/jobs/job/executions"), await dkron.get("/busy")
    assert (len(listed.json), len(busy.json), busy.headers["x-total-count"]) == (2, 2, "2")
    one = busy.json[0]
    assert (one["job_name"], one["finished_at"], one["success"], one["attempt"]) == ("job", NEVER, False, 1)
    assert {"output", "output_truncated"}.isdisjoint(one)
    assert (await dkron.get(f"/jobs/job/executions/{one['id']}")).json == one


async def test_a_disabled_job_is_not_run_unless_it_has_a_parent(dkron: Dkron) -> None:
    await dkron.stored("job", disabled=True)
    refused = await dkron.post("/jobs/job")
    assert (refused.status, "disabled" in refused.text) == (404, True)
    await dkron.stored("child", parent_job="job", disabled=True)
    assert (await dkron.post("/jobs/child")).status == 202
    missing = await dkron.post("/jobs/none")
    assert (missing.status, missing.body) == (404, b"")


async def test_toggle_flips_and_keeps_the_rest(dkron: Dkron) -> None:
    made = await dkron.stored("job")
    off = await dkron.post("/jobs/job/toggle?x=1")
    assert (off.status, off.headers["location"]) == (200, "/v1/jobs/job/toggle?x=1")
    assert off.json == made | {"disabled": True}
    assert (await dkron.post("/jobs/job/toggle")).json == made
    missing = await dkron.post("/jobs/none/toggle")
    assert (missing.status, missing.body) == (404, b"")


async def test_rings_of_parents_are_refused(dkron: Dkron) -> None:
    await dkron.stored("a")
    await dkron.stored("b", parent_job="a")
    answer = await dkron.put("a", parent_job="b")
    assert (answer.status, answer.text.startswith("Job validation failed: ")) == (400, True)


async def test_writes_at_once_do_not_lose_each_other(dkron: Dkron) -> None:
    await asyncio.gather(*(dkron.put(f"job{n % 3}", owner=str(n)) for n in range(9)))
    assert [each["id"] for each in (await dkron.get("/jobs")).json] == ["job0", "job1", "job2"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(b"[]", 200, id="nothing"),
        pytest.param(b"{}", 400, id="no list"),
        pytest.param(b"[{]", 400, id="malformed"),
        pytest.param(json.dumps([job("a"), job("BAD")]).encode(), 400, id="one bad job"),
        pytest.param(json.dumps([job("a", parent_job="there")]).encode(), 400, id="a parent that is not in the file"),
        pytest.param(json.dumps([{"name": "a"}] * (MAX_RESTORED + 1)).encode(), 400, id="too many"),
    ],
)
async def test_files_that_cannot_be_restored_store_nothing(dkron: Dkron, content: bytes, status: int) -> None:
    await dkron.stored("there")
    answer = await dkron.restore(content)
    assert answer.status == status
    assert status == 200 or answer.body == b""
    assert [each["id"] for each in (await dkron.get("/jobs")).json] == ["there"]


async def test_a_restore_without_a_file(dkron: Dkron) -> None:
    answer = await dkron.restore(b"[]", field="other")
    assert (answer.status, answer.body) == (404, b"")
    assert (await dkron.post("/restore", [])).status == 404


async def test_what_could_not_be_restored_is_told_and_its_children_are_left(dkron: Dkron) -> None:
    child = job("child", parent_job="parent")
    too_long = job("parent", metadata={"a": "x" * 70_000})
    answer = await dkron.restore(json.dumps([child, too_long, job("other")]).encode())
    assert sorted(json.loads(answer.json)) == ["fail create parent", "success create other"]
