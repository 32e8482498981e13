"""Follows all objects of one kind for as long as the program lives: a list, then a watch from there, and again.

What Kubernetes' own reflectors do, on our client: the list is read in pages, the
watch asks for bookmarks, a place in history that the server has forgotten (410)
means a new list. After a list the follower is told which of what it knew before
exist no more. Whatever goes wrong is tried again with growing pauses, so that
neither a broken server nor a broken watch is asked in a hot loop. Why this and
not Kopf for executions and pods: `docs/decisions/0014-own-watches.md`.
"""

import asyncio
import random  # noqa: TID251 - the default of an argument; tests pass their own
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from secrets import token_hex
from typing import Any, Protocol

import structlog

from crontask_core.names import ANNOTATION_CAUGHT_UP, Key
from crontask_kube.client import ApiClient, Object
from crontask_kube.clock import Clock
from crontask_kube.errors import Gone, KubeError, NotFound, Unavailable
from crontask_kube.resources import Resource

PAGE = 500
SLICE = 50
"""Listed objects that are told of between two looks at the rest of the loop: a Lease must be renewed meanwhile."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 15.0
STEADY_SECONDS = 10.0
"""A round (list and watch) that lasted so long was healthy: the next failure begins with the shortest pause again."""
MARK_TRIES = 3
DOUBTFUL_AFTER = 5
"""After so many failures in a row the place in history is doubted too (an etcd restored from a backup)."""
log = structlog.get_logger(__name__)


class Follower(Protocol):
    """Who is told of objects; `plural` names their kind. None of the methods may raise."""

    def known(self, plural: str) -> set[Key]:
        """What it believes to exist at the API server, because it was told so or has created it."""
        ...

    def receive(self, plural: str, event: str | None, body: Object) -> None:
        """An object was listed (None), ADDED, MODIFIED or DELETED; the same may be told more than once."""
        ...

    def missing(self, plural: str, keys: set[Key]) -> None:
        """These were known before a list was asked for, and are not in it."""
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
        reached: Callable[[str], None] = lambda version: None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`reached` is told up to which version the follower has been told of everything."""
        self._api, self._resource, self._follower, self._clock = api, resource, follower, clock
        self._namespace, self._selector, self._reached = namespace, label_selector, reached
        self._sleep, self._jitter = sleep, jitter
        self._version = ""
        """Where the next watch begins; empty where a list is needed."""
        self._failures = 0
        self._marks: dict[str, asyncio.Future[None]] = {}
        """Written on an object each, and not yet heard of."""

    async def caught_up(self, known: Collection[Key], seconds: float) -> bool:
        """Whether, within so many seconds, the follower was told of all that was so when this was called.

        A watch tells everything in order, but not how far it is (a bookmark comes once a minute). So a mark is
        written on one of the objects that are `known` to exist, and awaited. Any of them may be gone meanwhile.
        """
        mark, places = token_hex(8), [key for key in known if self._namespace in (None, key.namespace)]
        heard = self._marks[mark] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                if await self._write(mark, places[:MARK_TRIES], seconds):
                    await heard
                    return True
        except (TimeoutError, KubeError) as error:
            log.warning("a watch does not catch up", kind=self._resource.plural, problem=str(error) or "no news of it")
        finally:
            del self._marks[mark]
        return False

    async def _write(self, mark: str, places: Collection[Key], within: float) -> bool:
        body = {"metadata": {"annotations": {ANNOTATION_CAUGHT_UP: mark}}}
        for key in places:
            try:
                await self._api.patch(self._resource, key.namespace, key.name, body, within=within)
            except NotFound:
                continue
            return True
        return False

    def _hear(self, body: Object) -> None:
        mark = (body["metadata"].get("annotations") or {}).get(ANNOTATION_CAUGHT_UP, "")
        if (heard := self._marks.get(mark)) is not None and not heard.done():
            heard.set_result(None)

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
        """A list where one is needed, and a watch until it ends; returns what has ended it, None for its time."""
        try:
            if not self._version or self._failures >= DOUBTFUL_AFTER:
                self._version = ""
                self._version = await self._list()
                self._reached(self._version)
            await self._watch()
        except Unavailable as error:
            return error
        except Exception as error:
            if not isinstance(error, KubeError):
                log.exception("a watch has failed", kind=self._resource.plural)
            self._version = ""
            return error
        return None

    async def _pause(self, problem: Exception | None) -> None:
        pause = min(FIRST_PAUSE * 2.0 ** min(self._failures, 10), LONGEST_PAUSE) * (0.5 + self._jitter() / 2)
        if isinstance(problem, Unavailable):
            pause = max(pause, problem.retry_after or 0.0)
        self._failures += 1
        tell = log.info if self._failures == 1 else log.warning
        reason = str(problem or "it has ended early")
        tell("a watch begins anew", kind=self._resource.plural, problem=reason, wait_seconds=round(pause, 2))
        await self._sleep(pause)

    async def _list(self) -> str:
        """Tells of all that exists, then of what does not any more; returns the moment that the list is of."""
        try:
            return await self._read(PAGE)
        except Gone:  # between two pages
            return await self._read(0)

    async def _read(self, page: int) -> str:
        known = self._follower.known(self._resource.plural)
        missing = {key for key in known if self._namespace in (None, key.namespace)}
        version, marked = "", list[Object]()
        pages = self._api.pages(self._resource, self._namespace, label_selector=self._selector, page=page)
        async for listing in pages:
            version = listing.resource_version
            for start in range(0, len(listing.items), SLICE):
                for body in listing.items[start : start + SLICE]:
                    missing.discard(Key(body["metadata"]["namespace"], body["metadata"]["name"]))
                    self._follower.receive(self._resource.plural, None, body)
                    if self._marks:
                        marked.append(body)
                await asyncio.sleep(0)
        if missing:
            self._follower.missing(self._resource.plural, missing)
        for body in marked:
            self._hear(body)
        return version

    async def _watch(self) -> None:
        events = self._api.watch(
            self._resource, self._namespace, resource_version=self._version, label_selector=self._selector
        )
        async with aclosing(events) as stream:
            async for event in stream:
                if event.type != "BOOKMARK":
                    self._follower.receive(self._resource.plural, event.type, event.object)
                    if self._marks:
                        self._hear(event.object)
                self._version = event.resource_version
                self._reached(self._version)
