"""Tasks that were not made by this API: hidden, unless the mount shows them, and then read-only."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock
from fakes.cronjob_org import HOURLY, CronJobOrg
from fakes.dkron import Dkron
from fakes.stages import LEASES_IN, MemoryStage, Stage, until

from crontask_core.bonds import owner
from crontask_core.errors import FieldError
from crontask_core.manifests import execution_labels
from crontask_core.names import Key
from crontask_gateway.dialects import DIALECTS
from crontask_gateway.mounts import enabled
from crontask_gateway.replica import Replica
from crontask_gateway.settings import Settings
from crontask_kube.client import ApiClient
from crontask_kube.resources import EXECUTIONS, TASKS

TOKEN = {"valueFrom": {"secretKeyRef": {"name": "own", "key": "token"}}}
TASK: dict[str, Any] = {
    "metadata": {"name": "report"},
    "spec": {
        "schedule": "*/5 * * * *",
        "timeZone": "Europe/Berlin",
        "http": {"url": "https://a.example/$(CRONTASK_TASK)", "method": "PUT", "headers": [{"name": "X-T", **TOKEN}]},
    },
}
ENDED = {"startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:01Z"}


async def mixed(*, others: bool) -> CronJobOrg:
    """A gateway with a job of its own and one of Dkron's."""
    stage = MemoryStage()
    gateway = CronJobOrg(stage, others=others)
    await gateway.made(schedule=HOURLY)
    await Dkron(stage).stored("theirs", schedule="0 0 * * * *", timezone="Asia/Tokyo", owner="me")
    return gateway


async def test_they_are_hidden() -> None:
    gateway = await mixed(others=False)
    assert [job["jobId"] for job in (await gateway.get("/jobs")).json["jobs"]] == [1]
    assert (await gateway.get("/jobs/1000000000")).status == 404


async def test_where_they_are_shown_they_are_read_only() -> None:
    gateway = await mixed(others=True)
    jobs = (await gateway.get("/jobs")).json["jobs"]
    (other,) = (job for job in jobs if job["jobId"] != 1)
    assert 1_000_000_000 <= other["jobId"] < 2**31
    assert (other["title"], other["url"], other["enabled"]) == ("dkron-theirs", "", True)
    assert (other["schedule"]["timezone"], other["schedule"]["minutes"]) == ("Asia/Tokyo", [])
    assert other["nextExecution"] % 3600 == 0
    path = f"/jobs/{other['jobId']}"
    shown = (await gateway.get(path)).json["jobDetails"]
    assert shown["auth"] == {"enable": False, "user": "", "password": ""}
    for answer in (await gateway.patch(path, {"job": {"enabled": False}}), await gateway.delete(path)):
        assert (answer.status, answer.body) == (403, b"")
        assert "change it with kubectl" in answer.headers["x-crontask-error"]
    assert (await gateway.patch(path, {})).status == 400
    assert len((await gateway.get("/jobs")).json["jobs"]) == 2
    for answer in (await gateway.get("/jobs/1999999999"), await gateway.delete("/jobs/1999999999")):
        assert answer.status == 404


async def test_jobs_of_another_account_are_not_among_them() -> None:
    stage: Stage = MemoryStage()
    gateway = CronJobOrg(stage, others=True)
    ident = await gateway.made()
    job = await stage.store.describe(gateway.naming(str(ident)).key)
    acme = job.naming.scope.__class__("default", "cronjob-org", "acme")
    assert list(await stage.store.others(acme)) == []


@pytest.mark.timeout(20)
async def test_tasks_of_kubectl_and_their_runs_are_shown(server: FakeApiServer, client: ApiClient) -> None:
    uid = server.put(TASKS, TASK)["metadata"]["uid"]
    meta = {
        "name": "report-1",
        "labels": execution_labels("report", "report-1", "Schedule"),
        "ownerReferences": [owner(Key("default", "report"), uid)],
    }
    spec = {"taskRef": {"name": "report"}, "trigger": "Schedule", "scheduledAt": "2026-03-01T12:00:00Z"}
    attempt = {"number": 1, "url": "https://a.example/report", "httpStatus": 404, "httpStatusText": "Not Found"}
    status = ENDED | {"phase": "Failed", "reason": "BadStatus", "attempts": [attempt]}
    server.put(EXECUTIONS, {"metadata": meta, "spec": spec, "status": status})
    for others, count in ((True, 1), (False, 0)):
        replica = Replica(
            client,
            ManualClock(),
            namespaces=["default"],
            dialects=["cronjob-org"],
            lease_namespace=LEASES_IN,
            identity=f"gw-{others}",
            cache_bytes=100_000,
            others=["default"] if others else [],
        )
        running = asyncio.create_task(replica.run())
        try:
            async with asyncio.timeout(8):
                await until(lambda: not replica.problem())  # noqa: B023 - it is waited for right here
            stage = cast(Stage, SimpleNamespace(store=replica.store, clock=ManualClock()))
            gateway = CronJobOrg(stage, others=True)
            jobs = (await gateway.get("/jobs")).json["jobs"]
            assert len(jobs) == count
            for job in jobs:
                assert (job["title"], job["url"], job["requestMethod"]) == (
                    "report", "https://a.example/$(CRONTASK_TASK)", 4,
                )  # fmt: skip
                shown = await gateway.details(job["jobId"])
                assert shown["extendedData"]["headers"] == {"X-T": "***"}
                (item,) = await gateway.history(job["jobId"])
                assert (item["status"], item["statusText"], item["jobId"]) == (4, "Not Found", job["jobId"])
                assert (await gateway.delete(f"/jobs/{job['jobId']}")).status == 403
            assert server.object(TASKS, "report")["spec"]["schedule"] == "*/5 * * * *"
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await replica.leave()


def test_only_a_dialect_that_can_is_asked_to() -> None:
    told = Settings.model_validate({"dialects": {"dkron": {"open": True, "others": True}}})
    with pytest.raises(FieldError, match=r"dialects.dkron.others: .* is nothing that this dialect can do"):
        enabled(told, DIALECTS)
    told = Settings.model_validate({"dialects": {"cronjob-org": {"open": True, "others": True}}})
    ((_, mount),) = enabled(told, DIALECTS)
    assert mount.others
