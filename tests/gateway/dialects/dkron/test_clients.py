"""A client that others have written, on a real connection: pydkron, as PyPI holds it."""

import asyncio
from collections.abc import AsyncIterator

import pydkron.client
import pytest
from fakes.dkron import SHELL, Dkron


@pytest.fixture
async def client() -> AsyncIterator[pydkron.client.DkronClient]:
    async with Dkron().listening() as address:
        yield pydkron.client.DkronClient([address])


async def test_pydkron_goes_through_the_life_of_a_job(client: pydkron.client.DkronClient) -> None:
    def life() -> None:
        assert client.status()["agent"]["name"] == "crontask"
        assert client.jobs() == []
        client.create_job({"name": "job", "schedule": "@every 1m", **SHELL})
        job = client.get_job("job")
        assert (job.name, job.disabled, job.success_count) == ("job", False, 0)
        job.owner, job.parent_job = "me", None
        assert job.save()["owner"] == "me"
        assert [each.name for each in client.jobs()] == ["job"]
        assert client.toggle("job").disabled
        assert not client.toggle("job").disabled
        assert job.executions() == []
        assert job.run()["name"] == "job"
        (execution,) = client.get_executions("job")
        assert (execution["job_name"], execution["success"]) == ("job", False)
        assert job.delete()["owner"] == "me"
        with pytest.raises(pydkron.client.DkronJobNotFound):
            client.get_job("job")

    await asyncio.to_thread(life)


async def test_pydkron_is_told_what_is_refused(client: pydkron.client.DkronClient) -> None:
    def ask() -> None:
        with pytest.raises(pydkron.client.DkronClientException, match="status=400"):
            client.create_job({"name": "BAD", "schedule": "@every 1m"})
        for verb in (client.get_job, client.run_job, client.delete_job, client.get_executions, client.toggle):
            with pytest.raises(pydkron.client.DkronJobNotFound):
                verb("none")

    await asyncio.to_thread(ask)
