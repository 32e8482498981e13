"""Puts many objects on the API server and takes them away again, a bounded number at once."""

import asyncio
from collections.abc import Iterable
from typing import Any

from bench.objects import CRONJOBS, JOBS, NAMESPACES
from crontask_kube.client import ApiClient
from crontask_kube.errors import AlreadyExists, NotFound
from crontask_kube.resources import EXECUTIONS, PODS, TASKS, Resource

AT_ONCE = 24
CLEAR_SECONDS = 180
"""How long the removal of one kind may take: executions may be tens of thousands."""
PREFIX = "bench-"
"""Of all namespaces that rows use."""


async def namespace(api: ApiClient, name: str) -> None:
    """Makes an empty namespace, and waits until pods are admitted to it."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    try:
        await api.create(NAMESPACES, None, body)
    except AlreadyExists:
        await clear(api, name)
        return
    async with asyncio.timeout(30):
        while True:
            try:
                await api.get(Resource("", "v1", "serviceaccounts"), name, "default")
                return
            except NotFound:
                await asyncio.sleep(0.1)


async def create(api: ApiClient, resource: Resource, space: str, bodies: Iterable[dict[str, Any]]) -> None:
    """Creates all, `AT_ONCE` at a time."""
    waiting = iter(bodies)

    async def work() -> None:
        for body in waiting:
            await api.create(resource, space, body)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())


async def clear(api: ApiClient, space: str) -> None:
    """Removes everything that a row has left in a namespace; to be called while nobody works on it."""
    for resource in (TASKS, CRONJOBS, JOBS, EXECUTIONS):
        await api.delete_collection(resource, space, label_selector="", within=CLEAR_SECONDS)
    await _free(api, space)
    for resource in (PODS, EXECUTIONS):
        await api.delete_collection(resource, space, label_selector="", within=CLEAR_SECONDS)
    async with asyncio.timeout(60):
        while (await api.list(PODS, space, metadata_only=True)).items:  # noqa: ASYNC110 - awaits the cluster
            await asyncio.sleep(0.2)


async def clear_all(api: ApiClient) -> None:
    """Clears every namespace of the benchmark, as a row may have left them that failed."""
    for body in (await api.list(NAMESPACES, metadata_only=True)).items:
        if body["metadata"]["name"].startswith(PREFIX):
            await clear(api, body["metadata"]["name"])


async def _free(api: ApiClient, space: str) -> None:
    """Takes the finalizers off pods whose Job controller has been stopped."""
    pods = (await api.list(PODS, space, metadata_only=True)).items
    bound = iter([pod["metadata"]["name"] for pod in pods if pod["metadata"].get("finalizers")])

    async def work() -> None:
        for name in bound:
            await api.patch(PODS, space, name, {"metadata": {"finalizers": None}})

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
