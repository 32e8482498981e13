"""cron-job.org's API over HTTP, with the gateway, the operator and kubectl at work on one cluster."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from foreign.programs import pycronorg
from live.cronjob_org import EVERY_MINUTE, CronJobOrg
from live.stories import Stage, execution, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]
EXAMPLES = Path(__file__).parents[2] / "examples"
WITHIN = 75.0
"""Seconds until a job that is due each minute has run: the next minute, and its record."""


def told(name: str) -> str:
    value = os.environ.get(name, "")  # noqa: TID251 - what `make up` has told
    assert value, f"{name} is not set; run `make up` and `set -a; . .cluster/env`"
    return value


@pytest.fixture
def api() -> Iterator[CronJobOrg]:
    """The API of `make up`, with titles of the test's own."""
    made = CronJobOrg(told("CRONJOB_ORG_URL"), told("CRONJOB_ORG_API_KEY"))
    yield made
    made.clear()


@pytest.fixture
def jobs(stage: Stage) -> Stage:
    """The namespace of the gateway's jobs."""
    return replace(stage, kubectl=stage.kubectl.within(told("GATEWAY_NAMESPACE")))


def test_a_job_lives_in_both_worlds(api: CronJobOrg, jobs: Stage) -> None:
    path = f"/{api.prefix}"
    ident = api.made("life", f"{jobs.receiver}{path}?at=%cjo:unixtime%&id=%cjo:uuid4%")
    task = jobs.get("ct", f"cronjob-org-{ident}")
    assert task is not None
    assert (task["spec"]["suspend"], task["spec"]["calendar"]["minutes"]) == (True, [])
    assert api.details(ident)["nextExecution"] is None

    headers = {"X-Shard": "b7", "Authorization": "Bearer of-the-test", "User-Agent": "not-sent"}
    shown = api.changed(
        ident,
        enabled=True,
        saveResponses=True,
        requestMethod=1,
        schedule=EVERY_MINUTE | {"timezone": "Asia/Tokyo"},
        extendedData={"headers": headers, "body": "depth=2"},
    )
    assert shown["extendedData"] == {"headers": headers, "body": "depth=2"}
    assert shown["nextExecution"] % 60 == 0
    task = jobs.get("ct", f"cronjob-org-{ident}")
    assert "of-the-test" not in str(task)

    items = until(lambda: api.history(ident), "the job is called on time", WITHIN)
    item = api.item(ident, items[-1]["identifier"])
    assert (item["status"], item["statusText"], item["httpStatus"]) == (1, "OK", 200)
    assert item["datePlanned"] % 60 == 0
    assert 0 <= item["date"] - item["datePlanned"] <= 5
    assert item["headers"].lower().startswith("content-type: application/json")
    assert item["headers"].endswith("\r\n\r\n")
    assert path in item["body"]
    stats = item["stats"]
    assert 0 < stats["connect"] <= stats["preTransfer"] <= stats["startTransfer"] <= stats["total"]
    (received, *_) = jobs.received(path)
    assert (received["method"], received["body"]) == ("POST", "depth=2")
    assert received["headers"]["Authorization"] == "Bearer of-the-test"
    assert received["headers"]["User-Agent"] == "Mozilla/4.0 (compatible)"
    assert received["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert item["url"] == f"{jobs.receiver}{received['path']}"
    assert f"at={item['date']}" in item["url"] or f"at={item['date'] + 1}" in item["url"]
    assert "%cjo" not in item["url"]
    last = until(lambda: found if (found := api.details(ident))["lastStatus"] else None, "the last call is told")
    assert (last["lastStatus"], last["lastExecution"]) == (1, item["date"])

    jobs.patch("ct", f"cronjob-org-{ident}", suspend=True, timeZone="Europe/Berlin")
    edited = until(lambda: job if not (job := api.details(ident))["enabled"] else None, "the API shows the edit")
    assert (edited["schedule"]["timezone"], edited["extendedData"]) == ("Europe/Berlin", shown["extendedData"])

    assert api.ok("DELETE", f"/jobs/{ident}") == {}
    assert api.ask("GET", f"/jobs/{ident}") == (404, None)
    until(lambda: jobs.get("ct", f"cronjob-org-{ident}") is None, "the task is gone")
    until(lambda: jobs.get("secret", f"cronjob-org-{ident}") is None, "its credentials are gone")


@pytest.mark.parametrize(
    ("url", "status", "text"),
    [
        ("{receiver}/status/404", 4, "Not Found"),
        ("{receiver}/redirect?to=/elsewhere", 4, "Found"),
        ("http://nobody.invalid/", 2, "Could not resolve host: nobody.invalid"),
        ("http://127.0.0.1:9/", 3, "Could not connect: "),
        ("{receiver}/delay/20", 5, ""),
        ("{receiver}/big/70000", 6, "OK"),
        ("http://no host/", 7, "Malformed URL"),
        ("ftp://127.0.0.1/", 7, "Unsupported protocol"),
    ],
)
def test_each_end_has_its_status(api: CronJobOrg, jobs: Stage, url: str, status: int, text: str) -> None:
    ident = api.made("end", url.format(receiver=jobs.receiver), requestTimeout=2)
    name = f"cronjob-org-{ident}"
    jobs.create(execution(f"{name}-by-hand", name))  # cron-job.org has no word for it; one need not wait for a minute
    (item,) = until(lambda: api.history(ident), "it has run")
    assert (item["status"], item["statusText"][: len(text)]) == (status, text)
    assert until(lambda: api.details(ident)["lastStatus"], "the job tells of it") == status


def test_folders_and_numbers_outlive_requests(api: CronJobOrg) -> None:
    title = f"{api.prefix}-folder"
    folder = api.ok("PUT", "/folders", {"folder": {"title": title}})["folderId"]
    assert api.ask("PUT", "/folders", {"folder": {"title": title.upper()}})[0] == 409
    ident = api.made("inside", "http://127.0.0.1:9/", folderId=folder)
    assert api.ok("DELETE", f"/folders/{folder}") == {}
    assert api.details(ident)["folderId"] == 0
    api.ok("DELETE", f"/jobs/{ident}")
    assert api.made("after", "http://127.0.0.1:9/") == ident + 1


@pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")
def test_pycronorg_works_with_the_gateway(api: CronJobOrg, jobs: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = pycronorg(monkeypatch, api.url, api.key)
    made = theirs.create(theirs.Schema(url=f"{jobs.receiver}/{api.prefix}", title=f"{api.prefix}-theirs"))
    name = f"cronjob-org-{made.jobId}"
    jobs.create(execution(f"{name}-by-hand", name))
    history = until(lambda: theirs.retrive_history(made.jobId).history, "its run is told")
    assert theirs.retrive_history_item(made.jobId, history[0].identifier).jobHistoryDetails.status == 1
    theirs.delete(made.jobId)
    assert all(job.jobId != made.jobId for job in theirs.all().jobs)


@dataclass
class ApiKeys:
    """API keys by `kubectl crontask apikey`; `left` are those that have not been revoked."""

    left: list[str] = field(default_factory=list)

    def ask(self, verb: str, *arguments: str) -> str:
        """What the command prints."""
        program = Path(sys.executable).parent / "kubectl-crontask"
        command = [program, "apikey", verb, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def make(self, *options: str) -> str:
        """Another key of the owner `shop`."""
        self.left.append(f"test-{secrets.token_hex(4)}")
        return self.ask("create", self.left[-1], "--dialect", "cronjob-org", "--owner", "shop", "--quiet", *options)

    def revoke(self, name: str) -> None:
        self.left.remove(name)
        self.ask("revoke", name)


@pytest.fixture
def keys() -> Iterator[ApiKeys]:
    made = ApiKeys()
    yield made
    for name in list(made.left):
        made.revoke(name)


def test_keys_come_and_go_and_open_their_owners_jobs_alone(api: CronJobOrg, keys: ApiKeys) -> None:
    shop = replace(api, key=keys.make("--address", "127.0.0.0/8"))
    far = replace(api, key=keys.make("--address", "192.0.2.7"))
    few = replace(api, key=keys.make("--per-day", "2"))
    looker = replace(api, key=keys.make("--right", "read"))
    until(lambda: all(each.ask("GET", "/jobs")[0] != 401 for each in (shop, far, looker)), "the gateway knows the keys")
    api.made("own", "http://127.0.0.1:9/")
    theirs = shop.made("theirs", "http://127.0.0.1:9/")
    assert [job["title"] for job in shop.ok("GET", "/jobs")["jobs"]] == [f"{api.prefix}-theirs"]
    assert f"{api.prefix}-theirs" not in {job["title"] for job in api.ok("GET", "/jobs")["jobs"]}
    assert far.ask("GET", "/jobs") == (403, None)
    assert looker.ask("GET", f"/jobs/{theirs}")[0] == 200
    assert looker.ask("PATCH", f"/jobs/{theirs}", {"job": {"enabled": True}}) == (403, None)
    assert until(lambda: few.ask("GET", "/jobs")[0] == 429, "the quota is used up")
    assert shop.ask("GET", "/jobs")[0] == 200, "another key has its own"
    shop.clear()

    name = keys.left[0]
    keys.ask("disable", name)
    until(lambda: shop.ask("GET", "/jobs") == (401, None), "the key opens nothing")
    keys.ask("enable", name)
    until(lambda: shop.ask("GET", "/jobs")[0] == 200, "it opens again")
    keys.revoke(name)
    until(lambda: shop.ask("GET", "/jobs") == (401, None), "it is revoked")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are lines for curl, which is not there")
@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.sh")), ids=lambda script: script.stem)
def test_each_example_for_curl_goes_through(script: Path) -> None:
    done = subprocess.run(["sh", "-e", str(script)], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.count("\n") >= 6
