"""The program against a fake API server that runs beside it, in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.apiserver import FakeApiServer

from crontask_cli.__main__ import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cluster() -> Iterator[FakeApiServer]:
    """A running API server. The program has an event loop of its own, so this one lives in a thread."""
    made = FakeApiServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(made.__aenter__(), loop).result(10)
    yield made
    asyncio.run_coroutine_threadsafe(made.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def kubeconfig(cluster: FakeApiServer, tmp_path: Path) -> str:
    """A kubeconfig for it, with the namespace `team` in its context and another context `other`."""
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [
            {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "team"}},
            {"name": "other", "context": {"cluster": "k", "user": "u", "namespace": "elsewhere"}},
        ],
        "clusters": [{"name": "k", "cluster": {"server": cluster.url}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `kubectl crontask ARGUMENTS`: (exit code, output, complaint)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run
