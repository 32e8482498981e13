"""Clients on a real connection: pycronorg, as PyPI holds it, and a typed one that takes what is documented alone."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
import requests
from fakes.cronjob_org import HOURLY, URL, CronJobOrg
from foreign.programs import pycronorg
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from crontask_gateway.principal import Access, Credential, Principal

KEY = "a-key-of-a-test"
ACCESS = Access("default", (Credential(Principal("test", "", "default", key="test"), KEY.encode()),))
AT, LATER = "2026-03-01T12:00:01Z", "2026-03-01T12:00:02Z"
RUN: dict[str, Any] = {
    "phase": "Succeeded",
    "startedAt": AT,
    "finishedAt": LATER,
    "output": "warm",
    "responseHeaders": "x-id: 7",
    "attempts": [{"number": 1, "url": URL, "httpStatus": 200, "timings": {"totalMicroseconds": 9}}],
}


async def with_client(gateway: CronJobOrg, life: Callable[[str], None]) -> None:
    async with gateway.listening() as address:
        await asyncio.to_thread(life, f"http://{address}")


@pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")
async def test_pycronorg_goes_through_the_life_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = CronJobOrg(access=ACCESS)

    def make(url: str) -> None:
        jobs = pycronorg(monkeypatch, url, KEY)
        assert jobs.all().jobs == []
        made = jobs.create(jobs.Schema(url=URL, title="theirs"))
        assert made.jobId == 1
        assert [job.title for job in jobs.all().jobs] == ["theirs"]
        assert jobs.get(1).jobDetails.enabled is True, "this client enables what it makes"
        jobs.update(jobs.SchemaUpdate(jobId=1, title="changed", saveResponses=True))
        changed = jobs.get(1).jobDetails
        assert (changed.title, changed.saveResponses, changed.url) == ("changed", True, URL)
        assert jobs.retrive_history(1).history == []

    def look(url: str) -> None:
        jobs = pycronorg(monkeypatch, url, KEY)
        (item,) = jobs.retrive_history(1).history
        assert (item.status, item.httpStatus, item.stats.total) == (1, 200, 9)
        found = jobs.retrive_history_item(1, item.identifier).jobHistoryDetails
        assert found.identifier == item.identifier
        jobs.delete(1)
        assert jobs.all().jobs == []
        with pytest.raises(Exception, match="404"):
            jobs.get(1)

    await with_client(gateway, make)
    # Headers that were saved are a text; this client has them as an object, so its items have none.
    await gateway.ran(1, "run", **{name: value for name, value in RUN.items() if name != "responseHeaders"})
    await with_client(gateway, look)


async def test_pycronorg_is_told_that_a_key_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(url: str) -> None:
        with pytest.raises(Exception, match="401"):
            pycronorg(monkeypatch, url, "wrong").all()

    await with_client(CronJobOrg(access=ACCESS), ask)


class Strict(BaseModel):
    """Members are all there, of these types, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Schedule(Strict):
    timezone: str
    expires_at: int
    hours: list[int]
    mdays: list[int]
    minutes: list[int]
    months: list[int]
    wdays: list[int]


class Job(Strict):
    job_id: int
    enabled: bool
    title: str
    save_responses: bool
    url: str
    last_status: Annotated[int, Field(ge=0, le=9)]
    last_duration: int
    last_execution: int
    next_execution: int | None
    type: Literal[0, 1]
    request_timeout: int
    redirect_success: bool
    folder_id: int
    schedule: Schedule
    request_method: Annotated[int, Field(ge=0, le=8)]


class Auth(Strict):
    enable: bool
    user: str
    password: str


class Notification(Strict):
    on_failure: bool
    on_failure_count: Annotated[int, Field(ge=1)]
    on_success: bool
    on_disable: bool


class ExtendedData(Strict):
    headers: dict[str, str]
    body: str


class DetailedJob(Job):
    auth: Auth
    notification: Notification
    extended_data: ExtendedData


class Stats(Strict):
    name_lookup: int
    connect: int
    app_connect: int
    pre_transfer: int
    start_transfer: int
    total: int


class HistoryItem(Strict):
    job_log_id: int
    job_id: int
    identifier: Annotated[str, Field(pattern=r"^[0-9]+(-[0-9]+){3}$")]
    date: int
    date_planned: int
    jitter: int
    url: str
    duration: int
    status: Annotated[int, Field(ge=0, le=9)]
    status_text: str
    http_status: int
    headers: str | None
    body: str | None
    stats: Stats


class Jobs(Strict):
    jobs: list[Job]
    some_failed: bool


class Details(Strict):
    job_details: DetailedJob


class History(Strict):
    history: list[HistoryItem]
    predictions: list[int]


class ItemDetails(Strict):
    job_history_details: HistoryItem


async def test_every_object_is_what_a_typed_client_expects() -> None:
    gateway = CronJobOrg()
    plain = await gateway.made()
    whole = await gateway.made(
        enabled=True,
        saveResponses=True,
        schedule=HOURLY,
        auth={"enable": True, "user": "u", "password": "p"},
        extendedData={"headers": {"X-Token": "t"}, "body": "b"},
    )
    await gateway.ran(whole, "run", **RUN)
    last = {"name": "run", "phase": "Succeeded", "trigger": "Schedule", "startedAt": AT, "finishedAt": LATER}
    await gateway.stage.tell(gateway.naming(str(whole)).key, lastExecution=last)

    def read(url: str) -> None:
        def get(path: str) -> str:
            answer = requests.get(f"{url}{path}", timeout=5)
            assert answer.status_code == 200
            return answer.text

        assert {job.job_id for job in Jobs.model_validate_json(get("/jobs")).jobs} == {plain, whole}
        for ident in (plain, whole):
            Details.model_validate_json(get(f"/jobs/{ident}"))
        found = History.model_validate_json(get(f"/jobs/{whole}/history"))
        (item,) = found.history
        assert (item.headers, item.body, len(found.predictions)) == (None, None, 3)
        details = ItemDetails.model_validate_json(get(f"/jobs/{whole}/history/{item.identifier}")).job_history_details
        assert (details.headers, details.body) == ("x-id: 7\r\n\r\n", "warm")

    await with_client(gateway, read)
