"""Follows all objects of one kind for as long as the program lives: a list, then a watch from there, and again.

What Kubernetes' own reflectors do, on our client: the list is read in pages, the
watch asks for bookmarks, a place in history that the server has forgotten (410)
means a new list. After a list the follower is told what it had known before and
what exists no more. Whatever goes wrong is tried again with growing pauses, so
that neither a broken server nor a broken watch is asked in a hot loop. Why this
and not Kopf for pods and executions: `docs/decisions/0014-own-watches.md`.
"""

import asyncio
import random  # noqa: TID251 - the default of an argument; tests pass their own
from collections.abc import AsyncGenerator, Awaitable, Callable, Set
from contextlib import aclosing
from typing import Any, Protocol, cast

import structlog

from crontask_core.names import Key
from crontask_kube.client import ApiClient, Event, Object
from crontask_kube.clock import Clock
from crontask_kube.errors import Gone, KubeError, Unavailable
from crontask_kube.resources import Resource

PAGE = 500
SLICE = 50
"""Listed objects that are told of between two looks at the rest of the loop: a Lease must be renewed meanwhile."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 15.0
STEADY_SECONDS = 10.0
"""A round (list and watch) that lasted so long was healthy: the next failure begins with the shortest pause again."""
log = structlog.get_logger(__name__)


class Follower(Protocol):
    """Who is told of the objects of one kind. None of the methods may raise."""

    def known(self) -> Set[Key]:
        """What it believes to exist at the API server, because it was told so or has created it."""
        ...

    def seen(self, event: str | None, body: Object) -> None:
        """An object was listed (None), ADDED, MODIFIED or DELETED."""
        ...

    def missing(self, key: Key) -> None:
        """Something that was known before a list was asked for is not in it."""
        ...


class Reflector:
    """Follows one kind in one namespace, or in all (None)."""

    def __init__(
        self,
        api: ApiClient,
        resource: Resource,
        follower: Follower,
        *,
        clock: Clock,
        namespace: str | None = None,
        label_selector: str | None = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._api, self._resource, self._follower, self._clock = api, resource, follower, clock
        self._namespace, self._selector = namespace, label_selector
        self._sleep, self._jitter = sleep, jitter
        self._version = ""
        """Where the next watch begins; empty where a list is needed."""
        self._failures = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            began = self._clock.monotonic()
            problem = await self._round()
            if self._clock.monotonic() - began >= STEADY_SECONDS:
                self._failures = 0
                if problem is None:
                    continue
            # A watch that ends at once and without an error is a failure too.
            await self._pause(problem)

    async def _round(self) -> Exception | None:
        """A list where one is needed, and a watch until it ends; what has ended it, unless that was its time."""
        try:
            if not self._version:
                self._version = await self._list()
            await self._watch()
        except Gone as error:
            self._version = ""
            return error
        except Exception as error:
            if not isinstance(error, KubeError):
                log.exception("a watch has failed", kind=self._resource.plural)
                self._version = ""
            return error
        return None

    async def _pause(self, problem: Exception | None) -> None:
        pause = min(FIRST_PAUSE * 2.0 ** min(self._failures, 20), LONGEST_PAUSE) * (0.5 + self._jitter() / 2)
        if isinstance(problem, Unavailable):
            pause = max(pause, problem.retry_after or 0.0)
        self._failures += 1
        told = log.warning if self._failures > 1 else log.info
        told(
            "the watch begins anew",
            kind=self._resource.plural,
            problem=str(problem or "it ended early"),
            wait_seconds=round(pause, 2),
        )
        await self._sleep(pause)

    async def _list(self) -> str:
        """Tells of all that exists, then of what does not any more; returns the moment that the list is of."""
        before = {key for key in self._follower.known() if self._namespace in (None, key.namespace)}
        try:
            version = await self._read(before, PAGE)
        except Gone:
            version = await self._read(before, 0)
        for key in before:
            self._follower.missing(key)
        return version

    async def _read(self, unseen: set[Key], page: int) -> str:
        """Reads the pages, tells of each object, and takes it out of `unseen`."""
        version = ""
        pages = self._api.pages(self._resource, self._namespace, label_selector=self._selector, page=page)
        async for listing in pages:
            version = listing.resource_version
            for start in range(0, len(listing.items), SLICE):
                for body in listing.items[start : start + SLICE]:
                    unseen.discard(Key(body["metadata"]["namespace"], body["metadata"]["name"]))
                    self._follower.seen(None, body)
                await asyncio.sleep(0)
        return version

    async def _watch(self) -> None:
        events = self._api.watch(
            self._resource, self._namespace, resource_version=self._version, label_selector=self._selector
        )
        async with aclosing(cast(AsyncGenerator[Event], events)) as stream:
            async for event in stream:
                if event.type != "BOOKMARK":
                    self._follower.seen(event.type, event.object)
                self._version = event.resource_version
