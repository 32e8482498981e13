"""The fake API server is real enough for Kopf: discovery, list, watch and patch of a running operator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import kopf
from fakes.apiserver import FakeApiServer

from crontask_kube.resources import PODS, TASKS


@asynccontextmanager
async def running(server: FakeApiServer, registry: kopf.OperatorRegistry) -> AsyncIterator[None]:
    """A Kopf operator on its way through our connection's session, as the real one logs in."""

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server.url, aiohttp_session=server.connection.open_session())

    stop = asyncio.Event()
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.queueing.idle_timeout = 0.05  # how long the workers of objects linger at the end
    task = asyncio.create_task(
        kopf.operator(registry=registry, settings=settings, clusterwide=True, standalone=True, stop_flag=stop)
    )
    try:
        yield
    finally:
        stop.set()
        await task


async def test_kopf_sees_what_is_there_and_what_happens(server: FakeApiServer) -> None:
    registry = kopf.OperatorRegistry()
    seen: list[tuple[str | None, str, Any]] = []
    news = asyncio.Event()

    @kopf.on.event(TASKS.group, TASKS.version, TASKS.plural, registry=registry)
    async def note(name: str, spec: Any, **event: Any) -> None:
        seen.append((event["type"], name, dict(spec)))
        news.set()

    async def until(count: int) -> None:
        async with asyncio.timeout(10):
            while len(seen) < count:
                await news.wait()
                news.clear()

    server.put(TASKS, {"metadata": {"name": "early"}, "spec": {"x": 1}})
    async with running(server, registry):
        await until(1)
        await server.until(lambda: bool(server.seen("watch", TASKS)))
        server.put(TASKS, {"metadata": {"name": "late"}, "spec": {"x": 2}})
        await until(2)
        server.edit(TASKS, "late", {"spec": {"x": 3}})
        await until(3)
        server.remove(TASKS, "early")
        await until(4)
    assert seen == [
        (None, "early", {"x": 1}),
        ("ADDED", "late", {"x": 2}),
        ("MODIFIED", "late", {"x": 3}),
        ("DELETED", "early", {"x": 1}),
    ]
    assert server.seen("patch", TASKS) == []


async def test_kopf_patches_and_lists_again_after_410(server: FakeApiServer) -> None:
    registry = kopf.OperatorRegistry()

    @kopf.on.event(PODS.version, PODS.plural, registry=registry)
    async def mark(patch: kopf.Patch, labels: Any, **_: Any) -> None:
        if not labels:
            patch.metadata.labels["seen"] = "yes"

    async with running(server, registry):
        await server.until(lambda: bool(server.seen("watch", PODS)), 10)
        server.put(PODS, {"metadata": {"name": "p"}})
        await server.until(lambda: server.object(PODS, "p")["metadata"].get("labels") == {"seen": "yes"}, 10)
        server.forget_history()
        server.end_watches()
        await server.until(lambda: len(server.seen("list", PODS)) == 2, 10)
