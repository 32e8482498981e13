"""Dkron's API as its clients see it, with the few things that its tests do again and again."""

from typing import Any

from fakes.served import Answer, Served

from crontask_gateway.dialects.dkron import DIALECT

NEVER = "0001-01-01T00:00:00Z"
SHELL = {"executor": "shell", "executor_config": {"command": "date"}}


def job(name: str, **more: Any) -> dict[str, Any]:
    """A job's body, with at least what upstream's tests send."""
    return {"name": name, "schedule": "@every 1m", **SHELL} | more


class Dkron(Served):
    """See the module."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(DIALECT, *args, **more)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", f"/v1{path}", **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.ask("POST", f"/v1{path}", body, **headers)

    async def delete(self, path: str) -> Answer:
        return await self.ask("DELETE", f"/v1{path}")

    async def put(self, name: str, **more: Any) -> Answer:
        """Creates or replaces a job, with the Content-Type of upstream's tests."""
        return await self.post("/jobs", job(name, **more), content_type="encoding/json")

    async def stored(self, name: str, **more: Any) -> dict[str, Any]:
        """The same, which must succeed; the job as it is answered."""
        answer = await self.put(name, **more)
        assert answer.status == 201, answer
        found: dict[str, Any] = answer.json
        return found

    async def dependents(self, name: str) -> list[str] | None:
        found: list[str] | None = (await self.get(f"/jobs/{name}")).json["dependent_jobs"]
        return found

    async def ran(self, name: str, run: str, **status: Any) -> None:
        """The operator has run a job."""
        await self.stage.ran(self.naming(name).key, run, **status)

    async def restore(self, content: bytes, field: str = "file") -> Answer:
        head = f'--XX\r\nContent-Disposition: form-data; name="{field}"; filename="jobs.json"\r\n\r\n'
        body = head.encode() + content + b"\r\n--XX--\r\n"
        return await self.post("/restore", body, content_type="multipart/form-data; boundary=XX")
