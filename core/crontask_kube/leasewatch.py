"""One watch over the Leases of a namespace, so that who waits for one sees each sign of life as it comes.

Lists, tells everybody what there is, and then what happens. Where the watch
breaks it begins again; while it cannot, `live` is False and whoever waits looks
for himself.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import structlog

from crontask_kube.client import ApiClient, Object
from crontask_kube.errors import Gone, KubeError
from crontask_kube.resources import LEASES

AGAIN_SECONDS = 0.25
"""After a watch that has ended; each pause after none, or a short one, is twice as long as the one before."""
STEADY_SECONDS = 5.0
LONGEST_SECONDS = 30.0
LIST_SECONDS = 2.0

log = structlog.get_logger(__name__)

Listener = Callable[[str, Object | None], None]
"""Is told the name of a Lease, and its body; None where it is gone."""


class LeaseWatch:
    """See the module. `run` ends only by cancellation."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client, self._namespace = client, namespace
        self._known: set[str] = set()
        self.listeners: list[Listener] = []
        self.live = False
        """Whether what happens is told as it happens."""

    async def run(self) -> None:
        """Tells `listeners` of every Lease, again and again."""
        pause, loop = AGAIN_SECONDS, asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._follow()
            except Gone:
                log.debug("the watch of Leases begins anew")
            except KubeError as error:
                log.warning("the Leases cannot be watched", error=str(error))
            is_steady = self.live and loop.time() - began >= STEADY_SECONDS
            pause = AGAIN_SECONDS if is_steady else min(pause * 2, LONGEST_SECONDS)
            self.live = False
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        listing = await self._client.list(LEASES, self._namespace, within=LIST_SECONDS)
        names = {body["metadata"]["name"] for body in listing.items}
        for name in self._known - names:
            self._tell(name, None)
        for body in listing.items:
            self._tell(body["metadata"]["name"], body)
        self.live = True
        events = self._client.watch(LEASES, self._namespace, resource_version=listing.resource_version)
        async with aclosing(events):
            async for event in events:
                if event.type != "BOOKMARK":
                    self._tell(event.object["metadata"]["name"], event.object if event.type != "DELETED" else None)

    def _tell(self, name: str, body: Object | None) -> None:
        if body is None:
            self._known.discard(name)
        else:
            self._known.add(name)
        for listener in self.listeners:
            listener(name, body)
