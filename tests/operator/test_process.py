"""The program itself, as a process: settings, signals, exit codes, probes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web
from fakes.apiserver import FakeApiServer

from crontask_kube.resources import EXECUTIONS, LEASES, TASKS
from crontask_operator.__main__ import main

PROGRAM = [sys.executable, "-P", "-m", "crontask_operator"]


def kubeconfig(folder: Path, server: FakeApiServer) -> Path:
    """A kubeconfig for the fake API server."""
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
    return path


async def spawn(**environment: str) -> asyncio.subprocess.Process:
    """The program with these variables only."""
    env = {"PATH": os.environ["PATH"], **environment}  # noqa: TID251 - for a child process
    return await asyncio.create_subprocess_exec(*PROGRAM, env=env, stderr=asyncio.subprocess.PIPE)


@asynccontextmanager
async def slow_receiver(seconds: float) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A loopback server that takes its time; its URL, and an event that a call has come."""
    called = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        called.set()
        await asyncio.sleep(seconds)
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", called
    finally:
        await runner.cleanup()


WRONG = [
    ("CRONTASK_METRICS_ADDRESS", "nowhere", "write host:port"),
    ("CRONTASK_EGRESS_ALLOW", "10.0.0.0/40", "write networks such as"),
    ("CRONTASK_HTTP_LIMIT", "many", "write a number from 1 to 2000"),
    ("CRONTASK_LOG_FORMAT", "xml", "write one of json, console"),
]


def assert_told(said: str, variable: str, value: str, told: str) -> None:
    assert said.startswith("crontask-operator: ")
    assert variable in said or value in said
    assert told in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(("variable", "value", "told"), WRONG)
def test_a_wrong_setting_is_told_in_one_sentence(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program's own `main`, which ends before anything of the process is changed."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert_told(capsys.readouterr().err, variable, value, told)


@pytest.mark.parametrize(
    ("variable", "value", "told"), [WRONG[0], ("KUBECONFIG", "/does/not/exist", "/does/not/exist")]
)
async def test_the_process_says_so_and_ends(variable: str, value: str, told: str) -> None:
    process = await spawn(**{variable: value})
    _, said = await process.communicate()
    assert process.returncode == 2
    assert_told(said.decode(), variable, value, told)


async def test_sigterm_in_the_middle_of_a_call(server: FakeApiServer, tmp_path: Path, unused_tcp_port: int) -> None:
    async with slow_receiver(1.5) as (url, called):
        server.put(TASKS, {"metadata": {"name": "slow"}, "spec": {"schedule": "* * * * * *", "http": {"url": url}}})
        address = f"127.0.0.1:{unused_tcp_port}"
        process = await spawn(
            KUBECONFIG=str(kubeconfig(tmp_path, server)),
            CRONTASK_METRICS_ADDRESS=address,
            CRONTASK_EGRESS_ALLOW="127.0.0.0/8",
        )
        async with asyncio.timeout(20):
            await called.wait()
        async with aiohttp.ClientSession() as session:
            for path, expected in (("healthz", "ok"), ("readyz", "ok"), ("metrics", "crontask_leading 1.0")):
                async with session.get(f"http://{address}/{path}") as answer:
                    assert answer.status == 200
                    assert expected in await answer.text()
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, said.decode()
    phases = {body["metadata"]["name"]: body["status"]["phase"] for body in server.all(EXECUTIONS)}
    assert phases, "the call under way was recorded"
    assert set(phases.values()) == {"Succeeded"}
    [lease] = server.all(LEASES)
    assert lease["spec"]["holderIdentity"] == "", f"the Lease was given back: {said.decode()}"
    assert "Traceback" not in said.decode()
