"""A client that others have written, on a real connection: `dkron` (0.0.5), a library and `dkron-cli` on top of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.dkron import Dkron, job
from foreign.programs import DkronCli

from crontask_gateway.store import Member

pytestmark = pytest.mark.timeout(90)

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
async def cli() -> AsyncIterator[DkronCli]:
    dkron = Dkron()
    await dkron.stage.lead(Member("operator-1", None, 1))
    async with dkron.listening() as address:
        yield DkronCli(f"{NOBODY},http://{address}")


def written(folder: Path, *jobs: dict[str, object]) -> list[str]:
    for each in jobs:
        (folder / f"{each['name']}.json").write_text(json.dumps(each))
    return [str(folder / f"{each['name']}.json") for each in jobs]


async def test_the_life_of_a_job(cli: DkronCli, tmp_path: Path) -> None:
    def life() -> None:
        assert cli.get("jobs") == []
        files = written(tmp_path, job("parent", owner="me"), job("child", schedule="", parent_job="parent"))
        assert cli.ok("apply", "job", *files) == "".join(f"Processed: {file}\n" for file in files)
        assert [each["name"] for each in cli.get("jobs")] == ["child", "parent"]
        parent = cli.get("job", "parent")
        assert (parent["owner"], parent["dependent_jobs"]) == ("me", ["child"])
        cli.ok("run", "parent")
        for name in ("child", "parent"):
            cli.ok("delete", "job", name)
        assert cli.get("jobs") == []

    await asyncio.to_thread(life)


async def test_the_cluster(cli: DkronCli) -> None:
    def ask() -> None:
        assert cli.get("status")["agent"]["name"] == "crontask"
        (member,) = cli.get("members")
        assert member["statusText"] == "alive"
        assert cli.get("leader")["Name"] == member["Name"]

    await asyncio.to_thread(ask)


async def test_an_export_is_applied_again(cli: DkronCli, tmp_path: Path) -> None:
    def export() -> None:
        cli.ok("apply", "job", *written(tmp_path, job("a", tags={"x": "y"}), job("b", disabled=True, retries=2)))
        before = cli.get("jobs")
        backup = tmp_path / "backup"
        backup.mkdir()
        cli.ok("export", str(backup))
        assert [json.loads((backup / f"{name}.json").read_text()) for name in ("a", "b")] == before
        cli.ok("delete", "job", "a")
        cli.ok("apply", "job", str(backup / "a.json"), str(backup / "b.json"))
        for was, now in zip(before, cli.get("jobs"), strict=True):
            assert now == was | {"next": now["next"]}

    await asyncio.to_thread(export)


async def test_what_is_refused(cli: DkronCli, tmp_path: Path) -> None:
    def ask() -> None:
        (bad,) = written(tmp_path, job("BAD"))
        refused = cli("apply", "job", bad)
        assert refused.returncode == 1
        assert "failed with code 400, Job validation failed: name contains illegal character 'B'." in refused.stdout
        for command in (["get", "job"], ["run"], ["delete", "job"]):
            missing = cli(*command, "none")
            assert (missing.returncode, missing.stdout.endswith("failed with code 404, \n")) == (1, True)

    await asyncio.to_thread(ask)


async def test_executions_are_asked_for_where_dkron_itself_no_longer_has_them(cli: DkronCli, tmp_path: Path) -> None:
    def ask() -> None:
        cli.ok("apply", "job", *written(tmp_path, job("job")))
        refused = cli("get", "executions", "job")
        assert refused.returncode == 1
        assert "failed with code 404, 404 page not found" in refused.stdout

    await asyncio.to_thread(ask)
