"""The watch of Leases: who waits for one is told of each change, also across breaks of the watch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from fakes.apiserver import FakeApiServer

from crontask_kube.client import ApiClient, Object
from crontask_kube.leasewatch import LeaseWatch
from crontask_kube.resources import LEASES

SPACE = "crontask-system"


class Told:
    """What a listener has heard: name and holder, None where the Lease is gone."""

    def __init__(self, watch: LeaseWatch) -> None:
        self.watch = watch
        self.heard: list[tuple[str, str | None]] = []
        self._news = asyncio.Event()
        watch.listeners.append(self._told)

    def _told(self, name: str, body: Object | None) -> None:
        self.heard.append((name, body["spec"]["holderIdentity"] if body is not None else None))
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self._news.clear()
                await self._news.wait()


def lease(server: FakeApiServer, name: str, holder: str) -> None:
    server.put(LEASES, {"metadata": {"name": name}, "spec": {"holderIdentity": holder}}, SPACE)


@pytest.fixture
async def told(client: ApiClient, server: FakeApiServer) -> AsyncIterator[Told]:
    lease(server, "shard", "a")
    watch = LeaseWatch(client, SPACE)
    made = Told(watch)
    task = asyncio.create_task(watch.run())
    await made.until(lambda: made.heard == [("shard", "a")])
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_changes_are_told_as_they_come(told: Told, server: FakeApiServer) -> None:
    await server.until(lambda: bool(server.seen("watch", LEASES)))
    server.edit(LEASES, "shard", {"spec": {"holderIdentity": "b"}}, SPACE)
    lease(server, "other", "c")
    server.bookmark()
    server.remove(LEASES, "shard", SPACE)
    await told.until(lambda: told.heard[1:] == [("shard", "b"), ("other", "c"), ("shard", None)])
    assert told.watch.live


@pytest.mark.parametrize("forgotten", [False, True], ids=["ended", "410"])
async def test_what_happened_during_a_break_is_told_afterwards(
    told: Told, server: FakeApiServer, forgotten: bool
) -> None:
    await server.until(lambda: bool(server.seen("watch", LEASES)))
    server.fail("watch", LEASES, status=410, reason="Expired", times=int(forgotten))
    server.end_watches()
    lease(server, "other", "c")
    server.remove(LEASES, "shard", SPACE)
    await told.until(lambda: ("shard", None) in told.heard and ("other", "c") in told.heard)


async def test_a_watch_that_cannot_be_is_not_live_and_is_tried_again(
    client: ApiClient, server: FakeApiServer, told: Told
) -> None:
    await server.until(lambda: bool(server.seen("watch", LEASES)))
    server.fail("list", LEASES, status=403, reason="Forbidden", times=2)
    server.end_watches()
    await server.until(lambda: len(server.seen("list", LEASES)) == 2)
    assert not told.watch.live
    await told.until(lambda: told.heard.count(("shard", "a")) == 2)
    assert told.watch.live
