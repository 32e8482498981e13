"""What the dialect's options change of runs: nodes, notifications, logs. As in `test_runs.py`, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fakes.whole import Whole
from fakes.world import World, until

from crontask_core.httpcall import CallFacts
from crontask_gateway.dialects.dkron.templates import FIELDS
from crontask_kube.resources import EXECUTIONS

pytestmark = pytest.mark.looptime

CALL: dict[str, Any] = {"executor": "http", "executor_config": {"method": "GET", "url": "http://receiver.test/"}}
HOOK = {"url": "http://hook.test/", "payload": "{{.JobName}} {{.Success}}"}
Make = Callable[..., Whole]


@pytest.fixture
async def configured() -> AsyncIterator[Make]:
    """Makes Dkron's API with options."""
    made: list[Whole] = []

    def make(**options: Any) -> Whole:
        made.append(Whole(World(), **options))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def told(dkron: Whole) -> list[str]:
    """The bodies of what was told, in their order."""
    return [(request.body or b"").decode() for _, request in dkron.world.post.received]


async def run(dkron: Whole, *codes: int) -> None:
    """Runs the job at its nodes, whose pods end with these codes."""
    before = len(dkron.world.pods_made())
    await dkron.post("/jobs/job")
    await asyncio.sleep(2)
    for name, code in zip(dkron.world.pods_made()[before:], codes, strict=True):
        dkron.world.end_pod(name, code)
    await asyncio.sleep(4)


async def test_b11_a_run_that_fails_at_one_of_its_nodes_has_failed_in_part(configured: Make) -> None:
    dkron = configured(targets={"role=web": ["eu", "us"]})
    for name in ("eu", "us"):
        dkron.world.target(name, selector={"site": name})
    await dkron.stored("job", schedule="@manually", tags={"role": "web"})
    await dkron.stored("child", parent_job="job", schedule="", **CALL)
    await run(dkron, 1, 0)
    job = await dkron.job()
    assert (job["status"], job["success_count"], job["error_count"]) == ("partially_failed", 0, 1)
    found = await dkron.executions()
    assert sorted(each["success"] for each in found) == [False, True]
    assert len({each["group"] for each in found}) == 1
    assert await dkron.executions("child") == []
    listed = (await dkron.get("/jobs?status=partially_failed")).json
    assert [each["name"] for each in listed] == ["job"]
    await run(dkron, 0, 0)
    assert (await dkron.job())["status"] == "success"
    assert len(await dkron.executions("child")) == 1


async def test_b11_a_run_that_is_under_way_at_a_node_has_no_status_yet(configured: Make) -> None:
    dkron = configured(targets={"role=web": ["eu", "us"]})
    for name in ("eu", "us"):
        dkron.world.target(name, selector={"site": name})
    await dkron.stored("job", schedule="@manually", tags={"role": "web"})
    await dkron.post("/jobs/job")
    await asyncio.sleep(2)
    first, second = dkron.world.pods_made()
    dkron.world.end_pod(first, 0)
    await asyncio.sleep(4)
    assert [each["success"] for each in await dkron.executions()].count(True) == 1
    assert ((await dkron.job())["status"], len((await dkron.get("/busy")).json)) == ("", 1)
    dkron.world.end_pod(second, 0)
    await asyncio.sleep(4)
    assert (await dkron.job())["status"] == "success"


async def test_b18_so_many_nodes_run_the_job_as_its_tag_says(configured: Make) -> None:
    dkron = configured(targets={"role=web": ["eu", "us", "asia"]})
    for name in ("eu", "us", "asia"):
        dkron.world.target(name, selector={"site": name})
    await dkron.stored("job", schedule="@manually", tags={"role": "web:2"})
    await run(dkron, 0, 0)
    assert [each["success"] for each in await dkron.executions()] == [True, True]


async def test_b18_a_job_that_no_node_may_run_does_not_run(configured: Make) -> None:
    dkron = configured(targets={"role=web": "eu"})
    dkron.world.target("eu", selector={"site": "eu"})
    stored = await dkron.stored("job", schedule="*/10 * * * * *", tags={"role": "web:cardinality"})
    assert stored["tags"] == {"role": "web:cardinality"}
    refused = await dkron.post("/jobs/job")
    assert (refused.status, "no node" in refused.text) == (404, True)
    await until(dkron.world, "12:00:25")
    assert (await dkron.executions(), dkron.world.pods_made()) == ([], [])


async def test_b25_the_webhook_has_its_host_and_every_variable(configured: Make) -> None:
    payload = "|".join(f"{{{{ .{name} }}}}" for name in FIELDS)
    dkron = configured(notify={"webhook": HOOK | {"payload": payload, "headers": ["Host: x", "X-Url: http://y:1/"]}})
    dkron.world.receiver.answers = [CallFacts(http_status=200, body=b"said", sent=True)]
    await dkron.stored("job", schedule="@manually", **CALL)
    await dkron.post("/jobs/job")
    await asyncio.sleep(5)
    [(_, request)] = dkron.world.post.received
    headers = dict(request.headers)
    assert (request.url, request.method, headers["Host"], headers["X-Url"]) == (HOOK["url"], "POST", "x", "http://y:1/")
    values = dict(zip(FIELDS, told(dkron)[0].split("|"), strict=True))
    report, start, end = (values.pop(name) for name in ("Report", "StartTime", "FinishedAt"))
    node = {"ReportingNode": "crontask", "NodeName": "crontask"}
    assert values == {"JobName": "job", "Success": "true", "Output": "said"} | node
    assert start.startswith("2026-03-01T11:59:5")
    assert end >= start
    for line in ("Executed: job", f"Start time: {start}", f"End time: {end}", "Success: true", "Output: said"):
        assert line in report.split("\n")


async def test_each_end_is_told_and_each_beginning(configured: Make) -> None:
    before = HOOK | {"payload": "begins {{.JobName}}"}
    dkron = configured(notify={"webhook": HOOK, "preWebhook": before})
    bad = CallFacts(http_status=500, sent=True)
    dkron.world.receiver.answers = [bad, bad]
    dkron.world.receiver.seconds = 2
    config = CALL["executor_config"] | {"expectCode": "200"}
    await dkron.stored("job", schedule="*/10 * * * * *", executor="http", executor_config=config)
    await until(dkron.world, "12:00:28")
    begins, ends = "begins job", ["job false", "job false", "job true"]
    assert told(dkron).count(begins) == 3
    assert [each for each in told(dkron) if each != begins] == ends
    assert told(dkron)[0] == begins


async def test_what_the_cluster_collects_is_not_kept(configured: Make) -> None:
    dkron = configured(logsCollected=True)
    await dkron.stored("job", schedule="@manually", processors={"log": {}})
    await dkron.post("/jobs/job")
    await asyncio.sleep(1)
    dkron.says("a secret")
    dkron.world.end_pod(dkron.world.pods_made()[0], 1)
    await asyncio.sleep(2)
    (ended,) = await dkron.executions()
    assert (ended["success"], ended["output"]) == (False, "Output in dkron log")
    assert "a secret" not in str(dkron.world.server.all(EXECUTIONS))
