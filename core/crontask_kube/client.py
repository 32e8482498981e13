"""The API client: the verbs of the Kubernetes API on plain dicts, shared by operator, gateway, tools and tests.

A thin layer over aiohttp and orjson, because a burst of pods is bounded by what
one request costs here (`docs/decisions/0003-kubernetes-client.md`). Objects are
dicts as the server sent them; whoever wants types builds them. Errors are those
of `errors.py`; slots, time limits and retries those of `transport.py`. Every
call takes `within`, the seconds that it may take in all, retries included.
"""

import asyncio
import random  # noqa: TID251 - the default of an argument; tests pass their own
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from crontask_kube.clock import Clock
from crontask_kube.connection import Connection
from crontask_kube.errors import Gone, NotFound, Unavailable
from crontask_kube.logtail import read_tail, tail_query
from crontask_kube.resources import PODS, SERVICE_ACCOUNTS, Resource
from crontask_kube.transport import WITHIN_SECONDS, Ask, Call, Observe, Sleep, Transport
from crontask_kube.watching import Event, read_events

__all__ = ["ApiClient", "Body", "Call", "Event", "Listing", "Object"]

Body = dict[str, Any] | bytes
Object = dict[str, Any]

FIELD_MANAGER = "crontask-operator"
_JSON = {"Content-Type": "application/json"}
_MERGE = {"Content-Type": "application/merge-patch+json"}
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_METADATA = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects as of one moment; a watch from `resource_version` tells what happened since."""

    items: list[Object]
    resource_version: str


class ApiClient:
    """One API server. Make it inside a running loop, `close` it at the end."""

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock,
        limit: int = 32,
        observe: Observe | None = None,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`limit` requests are in flight at most; Leases, logs and watches do not count, they have their own room."""
        self.namespace = connection.namespace
        self._transport = Transport(connection, clock=clock, limit=limit, observe=observe, sleep=sleep, jitter=jitter)

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.close()

    async def get(
        self, resource: Resource, namespace: str | None, name: str, *, within: float = WITHIN_SECONDS
    ) -> Object:
        """The object. Raises NotFound."""
        return await self._object(Ask("get", "GET", resource, namespace, name, within=within))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        page: int = 500,
        within: float = WITHIN_SECONDS,
    ) -> Listing:
        """All objects of a namespace, or of all; read in pages. `within` is for each page.

        Where the server forgets its place between two pages, the list is read once more in one piece.
        """
        pages = partial(
            self.pages,
            resource,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            metadata_only=metadata_only,
            within=within,
        )
        try:
            return await _joined(pages(page=page))
        except Gone:
            return await _joined(pages(page=0))

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        page: int = 500,
        within: float = WITHIN_SECONDS,
    ) -> AsyncIterator[Listing]:
        """The same page by page, of at most `page` objects each (0: all in one piece).

        All pages are of one moment. Raises Gone where the server forgets its place between two of them.
        """
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        headers = _METADATA if metadata_only else None
        token: str | None = None
        while True:
            query = _query(selectors | {"limit": page or None, "continue": token})
            ask = Ask("list", "GET", resource, namespace, query=query, headers=headers, within=within)
            answer = await self._object(ask)
            # The server writes null for an empty list of metadata.
            yield Listing(answer["items"] or [], answer["metadata"]["resourceVersion"])
            token = answer["metadata"].get("continue")
            if not token:
                return

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: Body,
        *,
        dry_run: bool = False,
        within: float = WITHIN_SECONDS,
    ) -> Object:
        """The object as created. Raises AlreadyExists, Invalid.

        Where an answer was lost and the retry finds the name taken, that is AlreadyExists too: names are locks, the
        caller looks whose it is. A body with `generateName` is sent once only.
        """
        data = _data(body)
        ask = Ask(
            "create",
            "POST",
            resource,
            namespace,
            query="dryRun=All" if dry_run else "",
            body=data,
            headers=_JSON,
            repeatable=b'"generateName"' not in data,
            within=within,
        )
        return await self._object(ask)

    async def token(
        self, namespace: str, account: str, *, audience: str, seconds: int, within: float = WITHIN_SECONDS
    ) -> str:
        """A token of a ServiceAccount for one audience (TokenRequest). Raises NotFound, Forbidden."""
        data = _data({"spec": {"audiences": [audience], "expirationSeconds": seconds}})
        found = await self._write("create", "POST", SERVICE_ACCOUNTS, namespace, account, data, _JSON, "token", within)
        made: str = found["status"]["token"]
        return made

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        *,
        subresource: str | None = None,
        within: float = WITHIN_SECONDS,
    ) -> Object:
        """Merge patch (RFC 7396). A `metadata.resourceVersion` in the body is a precondition: raises Conflict.

        Where an answer was lost and the patch had happened, the retry of a patch with precondition is a Conflict.
        """
        return await self._write("patch", "PATCH", resource, namespace, name, body, _MERGE, subresource, within)

    async def replace(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        *,
        subresource: str | None = None,
        within: float = WITHIN_SECONDS,
    ) -> Object:
        """Writes the whole object (PUT), with the same precondition as `patch`."""
        return await self._write("update", "PUT", resource, namespace, name, body, _JSON, subresource, within)

    async def apply(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        *,
        subresource: str | None = None,
        within: float = WITHIN_SECONDS,
    ) -> Object:
        """Server-side apply under our field manager, taking over fields that others hold; creates what is missing."""
        query = _query({"fieldManager": FIELD_MANAGER, "force": "true"})
        return await self._write("apply", "PATCH", resource, namespace, name, body, _APPLY, subresource, within, query)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str = "Background",
        within: float = WITHIN_SECONDS,
    ) -> None:
        """Deletes the object; gone already is success.

        With `uid` only that very one, with `resource_version` only as it was then: raises Conflict for another.
        """
        options: Object = {"propagationPolicy": propagation}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        wanted = {"uid": uid, "resourceVersion": resource_version}
        if preconditions := {name: value for name, value in wanted.items() if value is not None}:
            options["preconditions"] = preconditions
        data = orjson.dumps(options)
        ask = Ask("delete", "DELETE", resource, namespace, name, body=data, headers=_JSON, within=within)
        try:
            await self._transport.send(ask, _whole)
        except NotFound:
            return

    async def delete_collection(
        self, resource: Resource, namespace: str, *, label_selector: str, within: float = WITHIN_SECONDS
    ) -> None:
        """Deletes the objects of a namespace that the selector matches, in the background."""
        query = _query({"labelSelector": label_selector, "propagationPolicy": "Background"})
        ask = Ask("deletecollection", "DELETE", resource, namespace, query=query, within=within)
        await self._transport.send(ask, _whole)

    async def log_tail(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        limit_bytes: int,
        lines: int,
        within: float = WITHIN_SECONDS,
    ) -> tuple[str, bool]:
        """The end of a container's log, at most so many bytes and lines, and whether there was more before it.

        Bytes that are no UTF-8 are replaced. Raises NotFound, and BadRequest for a container that has not started.
        """
        query = _query({"container": container} | tail_query(lines))
        ask = Ask("get", "GET", PODS, namespace, pod, "log", query, within=within)

        async def read(content: aiohttp.StreamReader) -> tuple[str, bool]:
            return await read_tail(content, limit_bytes=limit_bytes, lines=lines)

        return await self._transport.send(ask, read)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
        field_selector: str | None = None,
        seconds: int = 300,
    ) -> AsyncGenerator[Event, None]:
        """What happens after a listing, bookmarks included, until the server ends the stream (after `seconds`).

        One connection, no retries: on Gone list again, on Unavailable go on from the last event's version. Who leaves
        early closes it (`contextlib.aclosing`).
        """
        query = _query(
            {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": resource_version,
                "timeoutSeconds": seconds,
                "labelSelector": label_selector,
                "fieldSelector": field_selector,
            }
        )
        ask = Ask("watch", "GET", resource, namespace, query=query)
        async with self._transport.stream(ask) as content:
            async for event in read_events(str(ask), content):
                yield event

    async def _write(
        self,
        verb: str,
        method: str,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        headers: dict[str, str],
        subresource: str | None,
        within: float,
        query: str = "",
    ) -> Object:
        data = _data(body)
        return await self._object(
            Ask(verb, method, resource, namespace, name, subresource, query, data, headers, within=within)
        )

    async def _object(self, ask: Ask) -> Object:
        data = await self._transport.send(ask, _whole)
        try:
            found: Object = orjson.loads(data)
        except orjson.JSONDecodeError as error:  # something between us and the server has answered
            raise Unavailable(f"{ask}: the answer is no JSON") from error
        return found


async def _joined(pages: AsyncIterator[Listing]) -> Listing:
    items: list[Object] = []
    version = ""
    async for part in pages:
        items += part.items
        version = part.resource_version
    return Listing(items, version)


async def _whole(content: aiohttp.StreamReader) -> bytes:
    return await content.read()


def _data(body: Body) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def _query(parameters: Mapping[str, str | int | None]) -> str:
    given: Iterable[tuple[str, str | int]] = ((key, value) for key, value in parameters.items() if value is not None)
    return urlencode(list(given))
