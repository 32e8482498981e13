"""Records: an execution is written once, however often it is touched, on the loop that the operator runs on."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import uvloop

from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_operator.index import Run
from crontask_operator.records import Records
from crontask_operator.workers import Crew, Workers

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Api:
    """Counts what is created."""

    def __init__(self) -> None:
        self.created: list[str] = []

    async def create(self, _resource: object, _namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.created.append(body["metadata"]["name"])
        return body | {"metadata": body["metadata"] | {"resourceVersion": "1"}}


def test_an_execution_that_is_touched_again_before_it_is_written_is_written_once() -> None:
    """uvloop's handle of a delay of nothing does not tell its time, as asyncio's does."""

    async def script() -> list[str]:
        api, crew = Api(), Crew("writer", 1)
        records = Records(cast(ApiClient, api), Workers(crew), lambda: True, lambda: False)
        saved = asyncio.Event()
        records.on_stored.append(lambda _run: saved.set())
        crew.start()
        key, task = Key("default", "t-1"), Key("default", "t")
        run = Run(key, task, "uid", b"", "Schedule", AT, phase="Succeeded", finished_at=AT)
        records.touch(run, 0.5)
        records.touch(run, 0)
        records.touch(run, 0)
        async with asyncio.timeout(5):
            await saved.wait()
        await crew.close()
        return api.created

    assert uvloop.run(script()) == ["t-1"]
