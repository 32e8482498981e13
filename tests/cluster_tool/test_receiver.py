"""The witness of HTTP calls, over real loopback connections."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from receiver import Receiver


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient]:
    with (tmp_path / "record.jsonl").open("a", buffering=1) as record:
        async with TestClient(TestServer(Receiver(record).application())) as made:
            yield made


def lines(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "record.jsonl").read_text().splitlines()]


async def test_an_answer_repeats_the_request(client: TestClient) -> None:
    answer = await client.put("/any/where?a=1", headers={"X-Task": "one"})
    body = await answer.json()
    assert answer.status == 200
    assert (body["method"], body["path"], body["headers"]["X-Task"]) == ("PUT", "/any/where?a=1", "one")


async def test_each_request_is_written_down_with_its_arrival(client: TestClient, tmp_path: Path) -> None:
    before = time.time_ns() // 1000
    await client.post("/status/503", data="hello")
    (line,) = lines(tmp_path)
    assert (line["method"], line["path"], line["body"]) == ("POST", "/status/503", "hello")
    assert before <= line["time_us"] <= time.time_ns() // 1000


@pytest.mark.parametrize("code", [200, 204, 304, 404, 429, 599])
async def test_a_status_is_given_as_asked(client: TestClient, code: int) -> None:
    assert (await client.get(f"/status/{code}")).status == code


async def test_a_redirect_goes_where_it_was_told(client: TestClient) -> None:
    answer = await client.get("/redirect?to=/status/204", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (302, "/status/204")


async def test_a_big_answer_has_the_size_asked_for(client: TestClient) -> None:
    assert len(await (await client.get("/big/100000")).read()) == 100_000


async def test_a_delay_is_kept(client: TestClient) -> None:
    began = time.monotonic()
    assert (await client.get("/delay/0.2")).status == 200
    assert time.monotonic() - began >= 0.2


async def test_a_flaky_path_fails_as_often_as_told_for_each_key(client: TestClient) -> None:
    codes = [(await client.get("/flaky/a?fail=2")).status for _ in range(4)]
    assert codes == [503, 503, 200, 200]
    assert (await client.get("/flaky/b?fail=0")).status == 200
    assert (await client.get("/flaky/b?fail=x")).status == 400


async def test_a_thousand_at_once_are_answered_and_recorded(client: TestClient, tmp_path: Path) -> None:
    client.session.connector._limit = 0  # the client's own limit of 100 connections is not what is tested
    answers = await asyncio.gather(*(client.get(f"/task/{number}") for number in range(1000)))
    assert {answer.status for answer in answers} == {200}
    assert {line["path"] for line in lines(tmp_path)} == {f"/task/{number}" for number in range(1000)}
