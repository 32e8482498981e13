"""Jobs in Dkron's words, and a small client of its API: the same ones for our gateway and for Dkron itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import orjson

AT_ONCE = 8
"""Requests that are under way at once when many jobs are made or asked for."""
SECONDS = 10.0
"""How long a request may take."""
YEAR_TWO = "0002"
"""What ends before has not ended: Go's zero time is in year 1, or the last hours before it."""


def job(name: str, schedule: str, url: str, **further: Any) -> dict[str, Any]:
    """A job that calls a URL and takes 200 alone for success."""
    config = {"method": "GET", "url": url, "expectCode": "200", "timeout": "10"}
    return {"name": name, "schedule": schedule, "executor": "http", "executor_config": config, **further}


def every(period: int, offset: int) -> str:
    """The schedule that is due every so many seconds of a minute (a divisor of 60), first at second `offset`."""
    if 60 % period or not 0 <= offset < period:
        raise ValueError(f"a minute has no such rhythm: every {period} s from second {offset} on")
    return f"{offset}-59/{period} * * * * *"


class Api:
    """A client of Dkron's API at `url`, for as long as its session lasts."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self.url = session, url

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes, str]:
        """Status, body and X-Total-Count of the answer; status 0 where there is none."""
        data = None if body is None else orjson.dumps(body)
        try:
            async with self._session.request(method, f"{self.url}{path}", data=data) as answer:
                return answer.status, await answer.read(), answer.headers.get("X-Total-Count", "")
        except (aiohttp.ClientError, TimeoutError):
            return 0, b"", ""

    async def put(self, bodies: Iterable[Mapping[str, Any]], *, within: float) -> int:
        """Makes jobs, each asked for once, for so many seconds; returns how many were taken."""
        asked = [("POST", "/v1/jobs", body) for body in bodies]
        return sum(status == 201 for status, _ in await self._all(asked, within))

    async def ran(self, names: Iterable[str], *, within: float) -> dict[str, list[float]]:
        """When each execution of these jobs began that has ended (Unix times); nothing where there is no answer."""
        wanted = list(names)
        answers = await self._all([("GET", f"/v1/jobs/{name}/executions", None) for name in wanted], within)
        return {name: begun(body) for name, (status, body) in zip(wanted, answers, strict=True) if status == 200}

    async def _all(self, asked: list[tuple[str, str, Any]], within: float) -> list[tuple[int, bytes]]:
        """The answers in the order of the requests, `AT_ONCE` of which are under way at once; 0 for one not made."""
        end = time.monotonic() + within
        found: list[tuple[int, bytes]] = [(0, b"")] * len(asked)
        places = iter(range(len(asked)))

        async def work() -> None:
            for place in places:
                if time.monotonic() > end:
                    return
                status, body, _ = await self.ask(*asked[place])
                found[place] = (status, body)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        return found


def begun(body: bytes) -> list[float]:
    """When the executions of a list began that have ended."""
    ended = (each for each in orjson.loads(body) if each["finished_at"] >= YEAR_TWO)
    return [datetime.fromisoformat(each["started_at"]).timestamp() for each in ended]


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Api]:
    """A client while the block runs."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Content-Type": "application/json"}) as session:
        yield Api(session, url)
