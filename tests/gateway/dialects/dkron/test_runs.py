"""What Dkron's clients see of runs: the gateway and a whole operator on one fake API server, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.dkron import NEVER
from fakes.whole import Whole
from fakes.world import World, until

from crontask_core.httpcall import CallError, CallFacts, Reason
from crontask_kube.resources import PODS, TASKS

pytestmark = pytest.mark.looptime

CALL: dict[str, Any] = {"executor": "http", "executor_config": {"method": "GET", "url": "http://receiver.test/"}}
EVERY_TEN = "*/10 * * * * *"


@pytest.fixture
async def dkron() -> AsyncIterator[Whole]:
    made = Whole(World())
    yield made
    await made.close()


async def test_b14_b15_a_tick_during_an_execution_is_skipped_without_a_trace(dkron: Whole) -> None:
    dkron.world.kubelet(seconds=15)
    await dkron.stored("job", schedule=EVERY_TEN, concurrency="forbid")
    await until(dkron.world, "12:00:18")
    assert [began for began, *_ in await dkron.told()] == ["12:00:00"]
    (running,) = (await dkron.get("/busy")).json or [None]
    assert running is None or running["job_name"] == "job"
    await until(dkron.world, "12:00:29")
    assert [began for began, *_ in await dkron.told()] == ["12:00:00", "12:00:20"]
    assert (await dkron.job())["error_count"] == 0


async def test_b14_ticks_of_disabled_and_expired_jobs_are_skipped(dkron: Whole) -> None:
    await dkron.stored("off", schedule=EVERY_TEN, disabled=True, **CALL)
    await dkron.stored("over", schedule=EVERY_TEN, expires_at="2026-03-01T12:00:15Z", **CALL)
    await dkron.stored("later", schedule=EVERY_TEN, starts_at="2026-03-01T12:00:15Z", **CALL)
    await until(dkron.world, "12:00:35")
    assert await dkron.told("off") == []
    assert [began for began, *_ in await dkron.told("over")] == ["12:00:00", "12:00:10"]
    assert [began for began, *_ in await dkron.told("later")] == ["12:00:20", "12:00:30"]
    assert (await dkron.job("over"))["next"] == NEVER
    assert (await dkron.job("off"))["status"] == ""


async def test_b16_b17_schedules_fire_when_they_say(dkron: Whole) -> None:
    await dkron.stored("test_job", schedule="~ 0 12 * * *", **CALL)
    await dkron.stored("minutely", schedule="@minutely", **CALL)
    await dkron.stored("once", schedule="@at 2026-03-01T12:00:30.5Z", **CALL)
    await dkron.stored("never", schedule="@manually", **CALL)
    await until(dkron.world, "12:02:30")
    assert [began for began, *_ in await dkron.told("minutely")] == ["12:00:00", "12:01:00", "12:02:00"]
    assert [began for began, *_ in await dkron.told("test_job")] == ["12:00:18"]
    assert [began for began, *_ in await dkron.told("once")] == ["12:00:30"]
    assert ((await dkron.job("once"))["next"], await dkron.told("never")) == (NEVER, [])


@pytest.mark.parametrize(
    ("config", "facts", "success", "text"),
    [
        pytest.param({}, {"http_status": 200}, True, "body", id="any status, 200"),
        pytest.param({}, {"http_status": 500}, True, "body", id="any status, 500"),
        pytest.param({"expectCode": "200,206"}, {"http_status": 206}, True, "body", id="B19 equal"),
        pytest.param(
            {"expectCode": "200"},
            {"http_status": 404},
            False,
            "received response code does not match the expected code\nbody",
            id="B19 unequal",
        ),
        pytest.param({"expectBody": "/b.dy/"}, {"http_status": 200, "matched": True}, True, "body", id="B20 match"),
        pytest.param(
            {"expectBody": "none"},
            {"http_status": 200, "matched": False},
            False,
            "received response body did not match the expected body\nbody",
            id="B20 no match",
        ),
    ],
)
async def test_b19_b20_calls_are_judged_as_their_config_says(
    dkron: Whole, config: dict[str, str], facts: dict[str, Any], success: bool, text: str
) -> None:
    dkron.world.receiver.answers = [CallFacts(body=b"body", sent=True, **facts)]
    config = CALL["executor_config"] | {"method": "POST", "body": "x"} | config
    await dkron.stored("job", schedule="@manually", executor="http", executor_config=config)
    await dkron.post("/jobs/job")
    await asyncio.sleep(2)
    assert [told[1:] for told in await dkron.told()] == [(success, text)]
    assert (await dkron.job())["status"] == ("success" if success else "failed")
    [(_, request)] = dkron.world.receiver.received
    assert (request.method, request.body) == ("POST", b"x")


async def test_a_call_that_reaches_nobody_says_why(dkron: Whole) -> None:
    dkron.world.receiver.answers = [CallFacts(error=CallError(Reason.REFUSED, "connection refused"))]
    await dkron.stored("job", schedule="@manually", **CALL)
    await dkron.post("/jobs/job")
    await asyncio.sleep(2)
    ((_, success, text),) = await dkron.told()
    assert (success, "connection refused" in text) == (False, True)


@pytest.mark.parametrize("missing", ["url", "method"])
async def test_b19_a_call_without_url_or_method_fails_in_a_pod_that_says_so(dkron: Whole, missing: str) -> None:
    config = {name: value for name, value in CALL["executor_config"].items() if name != missing}
    await dkron.stored("job", schedule="@manually", executor="http", executor_config=config)
    await dkron.post("/jobs/job")
    await asyncio.sleep(1)
    (pod,) = dkron.world.server.all(PODS)
    assert f"{missing} is empty" in str(pod["spec"]["containers"][0])
    dkron.says(f"{missing} is empty")
    dkron.world.end_pod(pod["metadata"]["name"], 1)
    await asyncio.sleep(2)
    assert [told[1:] for told in await dkron.told()] == [(False, f"{missing} is empty")]


async def test_b21_a_command_that_fails_tells_its_status_before_its_output(dkron: Whole) -> None:
    await dkron.stored("job", schedule="@manually", executor_config={"command": "exit 1", "shell": "true"})
    await dkron.post("/jobs/job")
    await asyncio.sleep(1)
    (busy,) = (await dkron.get("/busy")).json
    assert (busy["job_name"], busy["finished_at"]) == ("job", NEVER)
    dkron.says("said")
    dkron.world.end_pod(dkron.world.pods_made()[0], 1)
    await asyncio.sleep(2)
    (ended,) = await dkron.executions()
    assert (ended["id"], ended["output"]) == (busy["id"], "exit status 1\nsaid")
    assert (await dkron.get("/busy")).body == b"[]"


async def test_b11_retries_are_executions_of_a_group_and_the_last_one_counts(dkron: Whole) -> None:
    fails = CallFacts(http_status=500, body=b"no", sent=True)
    dkron.world.receiver.answers = [fails, fails]
    config = CALL["executor_config"] | {"expectCode": "200"}
    await dkron.stored("job", schedule="@manually", retries=2, executor="http", executor_config=config)
    await dkron.stored("child", parent_job="job", **CALL)
    await dkron.post("/jobs/job")
    await asyncio.sleep(20)
    found = await dkron.executions()
    assert [(each["attempt"], each["success"]) for each in found] == [(1, False), (2, False), (3, True)]
    assert len({each["group"] for each in found}) == 1
    assert len({each["id"] for each in found}) == 3
    job = await dkron.job()
    assert (job["status"], job["success_count"], job["error_count"]) == ("success", 1, 2)
    assert len(await dkron.executions("child")) == 1


async def test_b11_a_run_whose_attempts_all_fail_has_failed_and_runs_no_child(dkron: Whole) -> None:
    fails = CallFacts(http_status=500, body=b"no", sent=True)
    dkron.world.receiver.answers = [fails, fails]
    config = CALL["executor_config"] | {"expectCode": "200"}
    await dkron.stored("job", schedule="@manually", retries=1, executor="http", executor_config=config)
    await dkron.stored("child", parent_job="job", **CALL)
    await dkron.post("/jobs/job/run")
    await asyncio.sleep(20)
    job = await dkron.job()
    assert (job["status"], job["last_success"], job["last_error"] is not None) == ("failed", None, True)
    assert (len(await dkron.executions()), await dkron.executions("child")) == (2, [])
    assert (job["success_count"], job["error_count"]) == (0, 2)


async def test_children_run_one_level_after_the_other(dkron: Whole) -> None:
    await dkron.stored("root", schedule="0 0 12 * * *", **CALL)
    for name, parent in (("b", "root"), ("a", "root"), ("leaf", "a")):
        await dkron.stored(name, parent_job=parent, schedule="", **CALL)
    await dkron.stored("off", parent_job="root", schedule="", disabled=True, **CALL)
    await until(dkron.world, "12:00:10")
    for name in ("root", "a", "b", "leaf"):
        assert [success for _, success, _ in await dkron.told(name)] == [True], name
    # A skipped start leaves no trace, but for the run that was asked for.
    assert await dkron.told("off") == []
    assert ((await dkron.job("off"))["status"], (await dkron.job("off"))["error_count"]) == ("", 0)
    await dkron.post("/jobs/off")
    await asyncio.sleep(2)
    assert [success for _, success, _ in await dkron.told("off")] == [True]


async def test_a_run_by_hand_disregards_forbid(dkron: Whole) -> None:
    await dkron.stored("job", schedule="@manually", concurrency="forbid")
    assert [(await dkron.post("/jobs/job")).status for _ in range(2)] == [202, 202]
    await asyncio.sleep(1)
    assert len((await dkron.get("/busy")).json) == len(dkron.world.pods_made()) == 2


async def test_a_run_by_hand_that_kubectl_has_forbidden_is_told_to_have_failed(dkron: Whole) -> None:
    await dkron.stored("job", schedule="@manually", concurrency="forbid")
    dkron.world.server.edit(TASKS, "dkron-job", {"spec": {"overridable": []}})
    await asyncio.sleep(1)
    assert [(await dkron.post("/jobs/job")).status for _ in range(2)] == [202, 202]
    await asyncio.sleep(1)
    ended = [each for each in await dkron.executions() if each["finished_at"] != NEVER]
    assert [(each["success"], bool(each["output"])) for each in ended] == [(False, True)]
    job = await dkron.job()
    assert (job["error_count"], job["status"], len((await dkron.get("/busy")).json)) == (0, "", 1)


async def test_an_ephemeral_job_goes_after_its_first_success(dkron: Whole) -> None:
    config = CALL["executor_config"] | {"expectCode": "200"}
    dkron.world.receiver.answers = [CallFacts(http_status=500, sent=True)]
    await dkron.stored("job", schedule=EVERY_TEN, ephemeral=True, executor="http", executor_config=config)
    await until(dkron.world, "12:00:05")
    assert (await dkron.job())["status"] == "failed"
    await until(dkron.world, "12:00:25")
    assert (await dkron.get("/jobs/job")).status == 404
    assert len(dkron.world.receiver.received) == 2


async def test_an_ephemeral_job_stays_while_others_depend_on_it(dkron: Whole) -> None:
    await dkron.stored("job", schedule=EVERY_TEN, ephemeral=True, **CALL)
    await dkron.stored("child", parent_job="job", **CALL)
    await until(dkron.world, "12:00:25")
    assert ((await dkron.job())["success_count"], len(await dkron.executions("child"))) == (3, 3)
    await dkron.delete("/jobs/child")
    await until(dkron.world, "12:00:29")
    assert (await dkron.get("/jobs/job")).status == 404


async def test_a_job_sent_again_keeps_the_period_of_every(dkron: Whole) -> None:
    await dkron.stored("job", schedule="@every 10s", **CALL)
    for second in range(1, 40, 3):
        await asyncio.sleep(3)
        await dkron.stored("job", schedule="@every 10s", owner=str(second), **CALL)
    assert len(await dkron.executions()) in (3, 4)


async def test_counters_come_with_the_runs_and_go_with_them(dkron: Whole) -> None:
    config = CALL["executor_config"] | {"expectCode": "200"}
    dkron.world.receiver.answers = [CallFacts(http_status=500, sent=True)]
    await dkron.stored("job", schedule=EVERY_TEN, executor="http", executor_config=config)
    await until(dkron.world, "12:00:25")
    job = await dkron.job()
    assert (job["success_count"], job["error_count"], job["status"]) == (2, 1, "success")
    assert (job["last_error"] < job["last_success"], job["next"]) == (True, "2026-03-01T12:00:30Z")
    cleared = (await dkron.delete("/jobs/job/executions")).json
    assert (cleared["success_count"], cleared["error_count"], cleared["last_success"]) == (0, 0, None)
    assert await dkron.executions() == []
    await until(dkron.world, "12:00:35")
    assert ((await dkron.job())["success_count"], len(await dkron.executions())) == (1, 1)


async def test_a_deleted_job_runs_no_more_and_its_name_is_free(dkron: Whole) -> None:
    await dkron.stored("job", schedule=EVERY_TEN, **CALL)
    await until(dkron.world, "12:00:05")
    await dkron.delete("/jobs/job")
    await until(dkron.world, "12:00:25")
    assert len(dkron.world.receiver.received) == 1
    made = await dkron.stored("job", schedule=EVERY_TEN, **CALL)
    assert (made["success_count"], await dkron.executions()) == (0, [])


async def test_a_pause_stops_no_schedule(dkron: Whole) -> None:
    await dkron.stored("job", schedule=EVERY_TEN, **CALL)
    await dkron.post("/pause")
    await until(dkron.world, "12:00:15")
    assert len(await dkron.executions()) == 2
    assert (await dkron.put("job")).status == 503
