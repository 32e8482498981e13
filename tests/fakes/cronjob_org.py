"""cron-job.org's API as its clients see it, with the few things that its tests do again and again."""

from typing import Any

from fakes.served import Answer, Served

from crontask_gateway.dialects.cronjob_org import DIALECT

JSON = "application/json"
URL = "https://shop.example.net/tasks/warm"
EVERY_MINUTE = {"minutes": [-1], "hours": [-1], "mdays": [-1], "months": [-1], "wdays": [-1]}
HOURLY = EVERY_MINUTE | {"minutes": [0]}
DAILY = EVERY_MINUTE | {"minutes": [0], "hours": [3]}
UNLIMITED = {"limits": False, "perDay": 0}


class CronJobOrg(Served):
    """See the module. Limits are off unless `limits` or `perDay` say otherwise."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(DIALECT, *args, **(UNLIMITED | more))

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def put(self, path: str, body: Any, content_type: str = JSON, **headers: str) -> Answer:
        return await self.ask("PUT", path, body, content_type=content_type, **headers)

    async def patch(self, path: str, body: Any, content_type: str = JSON, **headers: str) -> Answer:
        return await self.ask("PATCH", path, body, content_type=content_type, **headers)

    async def delete(self, path: str) -> Answer:
        return await self.ask("DELETE", path)

    async def made(self, url: str = URL, **job: Any) -> int:
        """Makes a job, which must succeed; its number."""
        answer = await self.put("/jobs", {"job": {"url": url} | job})
        assert answer.status == 200, answer
        found: int = answer.json["jobId"]
        return found

    async def changed(self, ident: int, **job: Any) -> dict[str, Any]:
        """Changes a job, which must succeed; the job afterwards."""
        answer = await self.patch(f"/jobs/{ident}", {"job": job})
        assert (answer.status, answer.json) == (200, {}), answer
        return await self.details(ident)

    async def details(self, ident: int) -> dict[str, Any]:
        answer = await self.get(f"/jobs/{ident}")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json["jobDetails"]
        return found

    async def history(self, ident: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/jobs/{ident}/history")).json["history"]
        return found

    async def spec(self, ident: int) -> dict[str, Any]:
        """What kubectl sees."""
        return (await self.stage.store.describe(self.naming(str(ident)).key)).spec

    async def ran(self, ident: int, run: str, **status: Any) -> None:
        """The operator has run a job."""
        await self.stage.ran(self.naming(str(ident)).key, run, **status)
