"""Records: an execution is written once, however often it is touched, on the loop that the operator runs on."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import uvloop

from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.errors import Unavailable
from crontask_operator.index import Run
from crontask_operator.records import Records
from crontask_operator.workers import Crew, Workers

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Api:
    """Counts what is created. With `cut`, answers end once that is set: the connection is gone."""

    def __init__(self, cut: asyncio.Event | None = None) -> None:
        self.created: list[str] = []
        self.asked = asyncio.Event()
        self._cut = cut

    async def create(self, _resource: object, _namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.created.append(body["metadata"]["name"])
        self.asked.set()
        if self._cut is not None:
            await self._cut.wait()
            raise Unavailable("no answer")
        return body | {"metadata": body["metadata"] | {"resourceVersion": "1"}}


def ended() -> Run:
    """An execution that has ended and is not recorded."""
    key, task = Key("default", "t-1"), Key("default", "t")
    return Run(key, task, "uid", b"", "Schedule", AT, phase="Succeeded", finished_at=AT)


def test_an_execution_that_is_touched_again_before_it_is_written_is_written_once() -> None:
    """uvloop's handle of a delay of nothing does not tell its time, as asyncio's does."""

    async def script() -> list[str]:
        api, crew = Api(), Crew("writer", 1)
        records = Records(cast(ApiClient, api), Workers(crew), lambda: True, lambda: False)
        saved = asyncio.Event()
        records.on_stored.append(lambda _run: saved.set())
        crew.start()
        run = ended()
        records.touch(run, 0.5)
        records.touch(run, 0)
        records.touch(run, 0)
        async with asyncio.timeout(5):
            await saved.wait()
        await crew.close()
        return api.created

    assert uvloop.run(script()) == ["t-1"]


def test_a_write_that_fails_after_the_shard_was_lost_is_not_repeated() -> None:
    """Or it would be, once this replica leads again: over what the leader in between has written."""

    async def script() -> tuple[bool, list[str]]:
        cut, crew = asyncio.Event(), Crew("writer", 1)
        api, workers = Api(cut), Workers(crew)
        records = Records(cast(ApiClient, api), workers, lambda: True, lambda: False)
        crew.start()
        records.touch(ended(), 0)
        async with asyncio.timeout(5):
            await api.asked.wait()
        records.forget_all()
        cut.set()
        assert await workers.idle(5)
        await crew.close()
        return records.idle, api.created

    assert uvloop.run(script()) == (True, ["t-1"])


def test_a_write_that_waits_for_the_crew_when_the_shard_is_lost_is_left_out() -> None:
    async def script() -> tuple[bool, list[str]]:
        api, crew = Api(), Crew("writer", 1)
        workers = Workers(crew)
        records = Records(cast(ApiClient, api), workers, lambda: True, lambda: False)
        records.touch(ended(), 0)
        records.hurry()
        records.forget_all()
        crew.start()
        assert await workers.idle(5)
        await crew.close()
        return records.idle, api.created

    assert uvloop.run(script()) == (True, [])
