"""What every test gets: no network but loopback, a clock turned by hand, a fake API server."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # so that tests say `from fakes.clock import ManualClock`

from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock

from crontask_kube.client import ApiClient

# looptime asks for the current loop around every test, which below Python 3.14 makes one that nobody closes; the
# warning then fails whichever test the garbage collector runs in. Said to be none, none is made.
asyncio.set_event_loop(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Virtual time moves as soon as nothing is left to run.

    By default looptime goes round the loop 42 times more before each step, in case that something outside of the
    loop has to be heard of. Our worlds have no outside, and those rounds were half of what they cost.
    """
    for item in items:
        if item.get_closest_marker("looptime"):
            item.add_marker(pytest.mark.looptime(noop_cycles=0))


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses connections that would leave the machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(address: Any) -> None:
        if isinstance(address, tuple) and address[0] != "localhost" and not ip_address(address[0]).is_loopback:
            raise AssertionError(f"a test tried to connect to {address[0]}; only loopback is allowed")

    def checked_connect(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", checked_connect_ex)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer() as running:
        yield running


@pytest.fixture
async def client(server: FakeApiServer, clock: ManualClock) -> AsyncIterator[ApiClient]:
    """A client of `server` whose back-off pauses take no time (see `clock.slept`) and have no jitter."""
    made = ApiClient(server.connection, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0)
    yield made
    await made.close()
