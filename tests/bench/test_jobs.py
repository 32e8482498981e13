"""The jobs of the rows that speak Dkron's API, and the client that makes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from bench.jobs import begun, client, every, job

from crontask_gateway.dialects.dkron.actions.calls import http
from crontask_gateway.dialects.dkron.wire import JobIn

URL = "http://127.0.0.1:1/bench"


def test_our_gateway_reads_a_job_as_a_call_that_must_answer_200() -> None:
    made = JobIn.from_json(orjson.dumps(job("job-00001", every(10, 1), URL, owner="bench")))
    action = http(made, "none", "none").fields["http"]
    assert (action["url"], action["method"], action["success"]) == (URL, "GET", {"codes": ["200"]})
    assert (made.schedule, made.owner, made.concurrency) == ("1-59/10 * * * * *", "bench", "allow")


@pytest.mark.parametrize(("period", "offset"), [(7, 0), (10, 10), (10, -1)])
def test_a_rhythm_that_a_minute_does_not_hold_is_refused(period: int, offset: int) -> None:
    with pytest.raises(ValueError, match="no such rhythm"):
        every(period, offset)


def test_executions_that_have_not_ended_are_not_yet_recorded() -> None:
    ended = {"started_at": "2026-11-22T12:00:00.250000123Z", "finished_at": "2026-11-22T12:00:00.3Z"}
    never = ("0001-01-01T00:00:00Z", "0001-01-01T00:53:28+00:53", "0000-12-31T19:03:58-04:56")
    running = [{"started_at": "2026-11-22T12:00:10Z", "finished_at": each} for each in never]
    assert begun(orjson.dumps([*running, ended])) == [1795348800.25]


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    """A server that takes every second job, and knows an execution of each but one."""
    seen: list[object] = []

    async def post(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.Response(status=201 if len(seen) % 2 else 500)

    async def get(request: web.Request) -> web.Response:
        known = {"started_at": "1970-01-01T00:00:07Z", "finished_at": "1970-01-01T00:00:08Z"}
        return web.json_response([known], status=404 if request.match_info["job"] == "job-00003" else 200)

    app = web.Application()
    app.router.add_post("/v1/jobs", post)
    app.router.add_get("/v1/jobs/{job}/executions", get)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_jobs_that_are_taken_are_counted() -> None:
    async with answering() as url, client(url) as api:
        assert await api.put([job(f"job-{n:05}", every(5, 0), URL) for n in range(40)], within=10) == 20
        assert await api.put([job("late", every(5, 0), URL)], within=-1) == 0
        names = [f"job-{n:05}" for n in range(5)]
        found = await api.ran(names, within=10)
        assert found == {name: [7.0] for name in names if name != "job-00003"}


async def test_nobody_there_is_no_answer() -> None:
    async with client(URL) as api:
        assert await api.put([job("a", every(5, 0), URL)], within=10) == 0
        assert await api.ran(["a"], within=10) == {}
