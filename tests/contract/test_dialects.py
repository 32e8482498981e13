"""One life story that every dialect tells: create, read back, list, change, pause, resume, run, history, delete.

A dialect takes part by a teller, which says in its system's words what the story
says in ours. The story is told on each store.
"""

from datetime import timedelta
from typing import Any, ClassVar, Protocol

import pytest
from fakes.cronjob_org import EVERY_MINUTE, CronJobOrg
from fakes.dkron import NEVER, Dkron
from fakes.stages import Stage

from crontask_core.names import Key
from crontask_gateway.dialects import DIALECTS
from crontask_gateway.errors import Unknown


class Teller(Protocol):
    """A client of one dialect. `schedule` is hourly at first, daily after a change."""

    def __init__(self, stage: Stage) -> None: ...

    async def create(self) -> Key:
        """Makes an hourly job; returns where its task is."""
        ...

    async def schedule(self) -> str:
        """Reads the job: "hourly", "daily" or "gone"."""
        ...

    async def listed(self) -> int:
        """How many jobs there are."""
        ...

    async def make_daily(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def paused(self) -> bool: ...

    async def run(self) -> None:
        """Has the job run now."""
        ...

    async def history(self) -> list[tuple[str, str]]:
        """Of each run, the newest first: "running", "succeeded" or "failed", and its output."""
        ...

    async def delete(self) -> None: ...


class DkronTeller:
    """Dkron's words."""

    _WORDS: ClassVar = {"0 0 * * * *": "hourly", "0 0 3 * * *": "daily"}

    def __init__(self, stage: Stage) -> None:
        self._dkron = Dkron(stage)

    async def create(self) -> Key:
        await self._dkron.stored("story", schedule="0 0 * * * *", owner="me")
        return self._dkron.naming("story").key

    async def _read(self) -> dict[str, Any]:
        answer = await self._dkron.get("/jobs/story")
        return answer.json if answer.status == 200 else {}

    async def schedule(self) -> str:
        return self._WORDS.get((await self._read()).get("schedule", ""), "gone")

    async def listed(self) -> int:
        return len((await self._dkron.get("/jobs")).json)

    async def make_daily(self) -> None:
        answer = await self._dkron.ask("PUT", "/v1/jobs/story", await self._read() | {"schedule": "0 0 3 * * *"})
        assert (answer.status, answer.json["owner"]) == (201, "me")

    async def pause(self) -> None:
        assert (await self._dkron.post("/jobs/story/toggle")).json["disabled"] is True

    async def resume(self) -> None:
        assert (await self._dkron.post("/jobs/story/toggle")).json["disabled"] is False

    async def paused(self) -> bool:
        return bool((await self._read())["disabled"])

    async def run(self) -> None:
        assert (await self._dkron.post("/jobs/story")).status == 202

    async def history(self) -> list[tuple[str, str]]:
        found = (await self._dkron.get("/jobs/story/executions")).json
        ended = {True: "succeeded", False: "failed"}
        return [
            ("running" if each["finished_at"] == NEVER else ended[each["success"]], each.get("output", ""))
            for each in found
        ]

    async def delete(self) -> None:
        assert (await self._dkron.delete("/jobs/story")).status == 200


class CronJobOrgTeller:
    """cron-job.org's words. It has none for running a job now, so kubectl's are taken."""

    def __init__(self, stage: Stage) -> None:
        self._gateway, self._ident = CronJobOrg(stage), 0

    async def create(self) -> Key:
        schedule = EVERY_MINUTE | {"minutes": [0], "timezone": "Europe/Berlin"}
        self._ident = await self._gateway.made(title="story", enabled=True, saveResponses=True, schedule=schedule)
        return self._gateway.naming(str(self._ident)).key

    async def schedule(self) -> str:
        answer = await self._gateway.get(f"/jobs/{self._ident}")
        if answer.status == 404:
            return "gone"
        return "hourly" if answer.json["jobDetails"]["schedule"]["hours"] == [-1] else "daily"

    async def listed(self) -> int:
        return len((await self._gateway.get("/jobs")).json["jobs"])

    async def make_daily(self) -> None:
        shown = await self._gateway.changed(self._ident, schedule={"hours": [3]})
        assert (shown["schedule"]["timezone"], shown["title"]) == ("Europe/Berlin", "story")

    async def pause(self) -> None:
        assert (await self._gateway.changed(self._ident, enabled=False))["enabled"] is False

    async def resume(self) -> None:
        assert (await self._gateway.changed(self._ident, enabled=True))["enabled"] is True

    async def paused(self) -> bool:
        return not (await self._gateway.details(self._ident))["enabled"]

    async def run(self) -> None:
        await self._gateway.stage.store.trigger(self._gateway.naming(str(self._ident)).key)

    async def history(self) -> list[tuple[str, str]]:
        key = self._gateway.naming(str(self._ident)).key
        running = [("running", "") for run in await self._gateway.stage.store.runs(key) if not run.ended]
        items = []
        for item in await self._gateway.history(self._ident):
            answer = await self._gateway.get(f"/jobs/{self._ident}/history/{item['identifier']}")
            items.append(answer.json["jobHistoryDetails"])
        return running + [("succeeded" if item["status"] == 1 else "failed", item["body"] or "") for item in items]

    async def delete(self) -> None:
        assert (await self._gateway.delete(f"/jobs/{self._ident}")).json == {}


TELLERS: dict[str, type[Teller]] = {"dkron": DkronTeller, "cronjob-org": CronJobOrgTeller}


def test_every_dialect_tells_the_story() -> None:
    assert set(TELLERS) == {dialect.name for dialect in DIALECTS}


@pytest.mark.parametrize("teller", TELLERS.values(), ids=TELLERS)
async def test_the_life_of_a_job(teller: type[Teller], stage: Stage) -> None:
    told = teller(stage)
    assert (await told.listed(), await told.schedule()) == (0, "gone")

    key = await told.create()
    assert (await told.listed(), await told.schedule(), await told.paused()) == (1, "hourly", False)
    await told.make_daily()
    assert (await told.listed(), await told.schedule()) == (1, "daily")

    await told.pause()
    assert (await told.paused(), (await stage.store.describe(key)).spec["suspend"]) == (True, True)
    await told.resume()
    assert not await told.paused()
    await stage.edit(key, suspend=True)
    assert await told.paused()  # what kubectl does shows
    await told.resume()

    await told.run()
    assert [state for state, _ in await told.history()] == ["running"]
    (run,) = await stage.store.runs(key)
    assert run.wanted.trigger == "Manual"
    for name, phase, reason in (("good", "Succeeded", "Completed"), ("bad", "Failed", "NonZeroExit")):
        stage.clock.advance(timedelta(hours=1).total_seconds())
        at = stage.clock.now().isoformat().replace("+00:00", "Z")
        attempt = {"number": 1, "startedAt": at, "finishedAt": at, "reason": reason, "exitCode": 3}
        await stage.ran(
            key, name, phase=phase, startedAt=at, finishedAt=at, reason=reason, attempts=[attempt], output="said"
        )
    history = await told.history()
    assert ("running", "") in history
    (newest, failure), older = (each for each in history if each[0] != "running")
    assert (newest, failure.endswith("said"), older) == ("failed", True, ("succeeded", "said"))

    await told.delete()
    assert (await told.listed(), await told.schedule()) == (0, "gone")
    with pytest.raises(Unknown):
        await stage.store.describe(key)
