"""A client that others have written, on a real connection: `django-dkron`, in a Django project of its own."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.dkron import Dkron
from foreign.programs import DjangoSite

from crontask_gateway.principal import Access, Credential, Principal

pytestmark = pytest.mark.timeout(90)

NIGHTLY = {"name": "nightly", "schedule": "@every 1h", "command": "echo $HOME", "use_shell": True, "retries": 2}
REPORT = {"name": "report", "schedule": "@parent nightly", "command": "./report", "enabled": False}


async def at(dkron: Dkron, folder: Path, story: Callable[[DjangoSite], Awaitable[None]], **settings: str) -> None:
    """Tells a story of a project whose Dkron is the gateway."""
    async with dkron.listening() as address:
        await story(DjangoSite(f"http://{address}", folder, settings))


async def jobs(dkron: Dkron) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in (await dkron.get("/jobs")).json}


def caught(call: str) -> str:
    """Python that prints what a call is refused with."""
    return f"\ntry: {call}\nexcept utils.DkronException as error: print(error.code, error)"


async def test_the_jobs_of_a_project_are_synchronised(tmp_path: Path) -> None:
    dkron = Dkron()

    async def story(site: DjangoSite) -> None:
        await dkron.stored("of-others", metadata={"cron": "hand"})
        await asyncio.to_thread(site.jobs, REPORT, NIGHTLY)
        told = await asyncio.to_thread(site.manage, "resync_dkron")
        assert told == "Job nightly updated\nJob report updated\n"
        found = await jobs(dkron)
        assert list(found) == ["nightly", "of-others", "report"]
        nightly, report = found["nightly"], found["report"]
        assert nightly["executor_config"] == {"shell": "true", "command": "echo $HOME"}
        assert (nightly["schedule"], nightly["retries"], nightly["tags"]) == ("@every 1h", 2, None)
        assert nightly["dependent_jobs"] == ["report"]
        assert (report["schedule"], report["parent_job"], report["disabled"]) == ("@manually", "nightly", True)

        await dkron.ask("PUT", "/v1/jobs/nightly", nightly | {"owner": "me"})
        await asyncio.to_thread(site.jobs, NIGHTLY | {"command": "date"})
        told = await asyncio.to_thread(site.manage, "resync_dkron")
        assert told == "Job nightly updated\nJob report delete\n"
        found = await jobs(dkron)
        assert list(found) == ["nightly", "of-others"]
        assert (found["nightly"]["owner"], found["nightly"]["executor_config"]["command"]) == ("me", "date")

    await at(dkron, tmp_path, story)


LATER_SAVES = """
for saved in (None, False):
    utils.sync_job('nightly', job_update=saved)
    print(repr(utils._get('jobs/nightly').json()['displayname']))
utils.delete_job('nightly')
try: utils.delete_job('nightly')
except utils.DkronException as error: print(error.code, error)
"""


async def test_what_the_admin_pages_do_with_one_job(tmp_path: Path) -> None:
    dkron = Dkron()

    async def story(site: DjangoSite) -> None:
        await asyncio.to_thread(site.jobs, NIGHTLY)
        await asyncio.to_thread(site.shell, "utils.sync_job('nightly', job_update=None)")
        await dkron.ask("PUT", "/v1/jobs/nightly", (await jobs(dkron))["nightly"] | {"displayname": "At night"})
        assert await asyncio.to_thread(site.shell, LATER_SAVES) == "'At night'\n''\n404 \n"
        assert await jobs(dkron) == {}

    await at(dkron, tmp_path, story)


async def test_a_job_that_is_refused_is_told(tmp_path: Path) -> None:
    async def story(site: DjangoSite) -> None:
        await asyncio.to_thread(site.jobs, NIGHTLY | {"schedule": "at night"})
        told = await asyncio.to_thread(site.manage, "resync_dkron")
        assert told.startswith("Job nightly failed\nJob validation failed: can't parse job schedule: ")

    await at(Dkron(), tmp_path, story)


async def test_commands_run_in_the_background_and_are_cleared_away(tmp_path: Path) -> None:
    dkron = Dkron()

    async def story(site: DjangoSite) -> None:
        told = await asyncio.to_thread(site.shell, "print(*utils.run_async('check', tag='models'))")
        name, page = told.split()
        assert page == f"/dkron/_/#/jobs/{name}/show/executions"
        made = (await jobs(dkron))[name]
        assert (made["schedule"], made["metadata"]) == ("@manually", {"temp": "true"})
        assert made["executor_config"]["command"].startswith("python ./manage.py run_dkron_async_command check ")
        (execution,) = (await dkron.get(f"/jobs/{name}/executions")).json
        assert execution["success"] is False
        await asyncio.to_thread(site.manage, "cleanup_dkron", "--days=1")
        assert list(await jobs(dkron)) == [name]
        await asyncio.to_thread(site.manage, "cleanup_dkron", "--days=-1")
        assert await jobs(dkron) == {}

    await at(dkron, tmp_path, story)


async def test_projects_share_a_gateway_by_namespaces_labels_and_basic(tmp_path: Path) -> None:
    dkron = Dkron(access=Access("default", (Credential(Principal("site", "", "default"), b"site-token"),)))

    async def story(site: DjangoSite) -> None:
        await asyncio.to_thread(site.jobs, NIGHTLY, REPORT)
        told = await asyncio.to_thread(site.manage, "resync_dkron")
        assert told == "Job nightly updated\nJob report updated\n"
        listed = (await dkron.get("/jobs", x_dkron_token="site-token")).json
        assert [each["name"] for each in listed] == ["app_nightly", "app_report"]
        assert [each["tags"] for each in listed] == [{"label": "web:1"}] * 2
        assert listed[1]["parent_job"] == "app_nightly"
        # Two defects of its own, which it has with Dkron too.
        told = await asyncio.to_thread(site.manage, "resync_dkron")
        assert "job nightly (app_nightly) matches metadata but it is missing the label" in told
        cleanup = "from django.core import management; utils.run_async('check')"
        failing = caught("management.call_command('cleanup_dkron', days=-1, verbosity=0)")
        assert (await asyncio.to_thread(site.shell, cleanup + failing)).endswith("404 \n")
        stranger = DjangoSite(site.url, tmp_path, site.settings | {"DKRON_API_AUTH": b64encode(b"a:wrong").decode()})
        assert await asyncio.to_thread(stranger.shell, caught("utils.delete_job('nightly')")) == "401 \n"

    auth = b64encode(b"anybody:site-token").decode()
    await at(dkron, tmp_path, story, DKRON_NAMESPACE="app", DKRON_JOB_LABEL="web", DKRON_API_AUTH=auth)


PAGES = """
from django.contrib.auth.models import User
from django.test import RequestFactory
user = User(username='me', is_superuser=True)
for method, path in [('GET', ''), ('GET', 'v1/jobs?_start=0&_end=10'), ('POST', 'v1/jobs/a'), ('GET', 'v1/jobs/b')]:
    request = RequestFactory().generic(method, f'/dkron/_/{path}', headers={'accept': 'text/html,*/*'})
    request.user = user
    answer = views.proxy(request, path.partition('?')[0])
    print(answer.status_code, answer.get('x-total-count'), answer.get('location'))
"""


async def test_its_dashboard_is_a_proxy(tmp_path: Path) -> None:
    dkron = Dkron()

    async def story(site: DjangoSite) -> None:
        await dkron.stored("a")
        told = await asyncio.to_thread(site.shell, PAGES)
        assert told.splitlines() == [
            "303 None /dkron/_/ui/",
            "200 1 None",
            "202 None /dkron/_/v1/jobs/a",
            "404 None None",
        ]

    await at(dkron, tmp_path, story)
