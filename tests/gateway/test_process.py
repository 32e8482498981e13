"""The program itself, as processes: settings, two replicas that read each other's writes, signals, exit codes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from fakes.apiserver import FakeApiServer
from fakes.dkron import job

from crontask_gateway.__main__ import main

PROGRAM = [sys.executable, "-P", "-m", "crontask_gateway"]


def environment(folder: Path, server: FakeApiServer) -> dict[str, str]:
    """What a process needs: a kubeconfig for the fake API server, and Dkron under a prefix."""
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "fake",
                "clusters": [{"name": "fake", "cluster": {"server": server.url}}],
                "users": [{"name": "fake", "user": {}}],
                "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            }
        )
    )
    return {
        "PATH": os.environ["PATH"],  # noqa: TID251 - for a child process
        "KUBECONFIG": str(path),
        "CRONTASK_GATEWAY_COMMON_ADDRESS": "127.0.0.1:0",
        "CRONTASK_GATEWAY_METRICS_ADDRESS": "127.0.0.1:0",
        "CRONTASK_GATEWAY_DKRON_OPEN": "true",
        "CRONTASK_GATEWAY_DKRON_PORT": "0",
        "CRONTASK_GATEWAY_DKRON_PREFIX": "/dkron",
    }


class Process:
    """One replica; `said` is what it has logged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    async def until(self, event: str) -> dict[str, Any]:
        """Reads its log up to an event."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(json.loads(line))
            if self.said[-1]["event"] == event:
                return self.said[-1]
        raise AssertionError(f"it ended before it said {event}: {self.said}")

    async def ready(self, web: aiohttp.ClientSession) -> str:
        """Waits until it serves; where Dkron's API is."""
        ports = await self.until("serving")
        while True:
            async with web.get(f"http://127.0.0.1:{ports['metrics']}/readyz") as reply:
                if reply.status == 200:
                    return f"http://127.0.0.1:{ports['common']}/dkron/v1"
            await asyncio.sleep(0.05)

    async def end(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        await self.until("stopped")
        return await self.process.wait()


@asynccontextmanager
async def running(env: dict[str, str]) -> AsyncIterator[Process]:
    made = Process(await asyncio.create_subprocess_exec(*PROGRAM, env=env, stderr=asyncio.subprocess.PIPE))
    try:
        yield made
    finally:
        if made.process.returncode is None:
            made.process.kill()
            await made.process.communicate()


async def test_two_replicas_read_each_others_writes(server: FakeApiServer, tmp_path: Path) -> None:
    env = environment(tmp_path, server)
    async with aiohttp.ClientSession() as web, running(env) as one, running(env) as two, asyncio.timeout(25):
        here, there = await asyncio.gather(one.ready(web), two.ready(web))
        for number in range(10):
            name = f"job{number}"
            async with web.post(f"{here}/jobs", json=job(name)) as reply:
                assert reply.status == 201
            async with web.post(f"{there}/jobs/{name}/toggle") as reply:
                assert (reply.status, (await reply.json())["disabled"]) == (200, True)
            async with web.get(f"{here}/jobs/{name}") as reply:
                assert (await reply.json())["disabled"] is True
            async with web.delete(f"{here}/jobs/{name}") as reply:
                assert reply.status == 200
            async with web.get(f"{there}/jobs/{name}") as reply:
                assert reply.status == 404
            here, there = there, here
        async with web.post(f"{here}/pause") as reply:
            assert reply.status == 200
        async with web.get(f"{there}/pause") as reply:
            assert await reply.json() == {"paused": True}
        assert await asyncio.gather(one.end(), two.end()) == [0, 0]
    answered = [line for line in one.said if line["event"] == "answered"]
    assert {line["route"] for line in answered} > {"/v1/jobs", "/v1/jobs/{job}"}
    assert all(line["request"] and line["dialect"] == "dkron" for line in answered)


def assert_told(said: str, told: str) -> None:
    assert said.startswith("crontask-gateway: ")
    assert told in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CRONTASK_GATEWAY_METRICS_ADDRESS", "nowhere", "write host:port"),
        ("CRONTASK_GATEWAY_COLOUR", "red", "is no setting"),
        ("CRONTASK_GATEWAY_CONFIG", "/nowhere/gateway.yaml", "name a file that the gateway may read"),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program's own `main`, which ends before anything of the process is changed."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert_told(capsys.readouterr().err, told)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("OPEN", "false", "lets nobody in"), ("OPTIONS", "{image: ''}", "dialects.dkron.options.image")],
)
async def test_a_wrong_setting_of_a_dialect_is_told_too(
    field: str, value: str, told: str, server: FakeApiServer, tmp_path: Path
) -> None:
    env = environment(tmp_path, server) | {f"CRONTASK_GATEWAY_DKRON_{field}": value}
    process = await asyncio.create_subprocess_exec(*PROGRAM, env=env, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode == 2
    assert_told(said.decode(), told)
