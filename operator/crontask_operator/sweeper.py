"""Deletes what is no longer needed, many objects with one request.

Ended executions beyond a task's history limits go once the task's stored
watermark covers them; pods go once their execution is stored. One request for
each namespace and kind every few seconds keeps the API writes per execution low.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable

import structlog

from crontask_core import names
from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.errors import KubeError
from crontask_kube.resources import EXECUTIONS, PODS, Resource

EVERY_SECONDS = 5.0
CHUNK = 50
"""Names in one selector; keeps the URL below 4 KB."""
log = structlog.get_logger(__name__)


class Sweeper:
    """Collects names of executions, and deletes them or their pods in bulk."""

    def __init__(self, api: ApiClient, may_write: Callable[[], bool]) -> None:
        self._api, self._may_write = api, may_write
        self.before_sweep: Callable[[], None] = lambda: None
        """Called before each sweep, to collect what has become too old."""
        self._doomed: dict[Resource, dict[str, set[str]]] = {PODS: defaultdict(set), EXECUTIONS: defaultdict(set)}

    def pods_of(self, execution: Key) -> None:
        """The pods of a stored execution may go."""
        self._doomed[PODS][execution.namespace].add(names.label_value(execution.name))

    def execution(self, execution: Key) -> None:
        """An ended execution may go."""
        self._doomed[EXECUTIONS][execution.namespace].add(names.label_value(execution.name))

    def forget_all(self) -> None:
        """Deletes nothing more: the shard is somebody else's."""
        for collected in self._doomed.values():
            collected.clear()

    async def run(self) -> None:
        """The loop; ends only by cancellation."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                if self._may_write():
                    self.before_sweep()
                await self.sweep()
            except Exception:
                log.exception("a sweep failed")

    async def sweep(self) -> None:
        """Deletes what has been collected; what cannot be deleted now stays collected."""
        if not self._may_write():
            return
        for resource, collected in self._doomed.items():
            for namespace in list(collected):
                await self._sweep(resource, namespace, collected)

    async def _sweep(self, resource: Resource, namespace: str, collected: dict[str, set[str]]) -> None:
        labels = sorted(collected.pop(namespace, ()))
        for start in range(0, len(labels), CHUNK):
            chunk = labels[start : start + CHUNK]
            selector = f"{names.LABEL_EXECUTION} in ({','.join(chunk)})"
            try:
                await self._api.delete_collection(resource, namespace, label_selector=selector)
            except KubeError as error:
                log.warning("cannot delete yet", kind=resource.plural, namespace=namespace, error=str(error))
                collected[namespace].update(labels[start:])
                return
