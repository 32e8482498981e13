"""The fake API server without a network, for tests under virtual time.

`DirectApi` has the verbs of `crontask_kube.client.ApiClient` and performs them on a
`FakeApiServer` that was never started, faults included. A crashed process sends
nothing more: after `die()` every call waits for ever.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, cast

import orjson
from fakes.apiserver import FakeApiServer, Request
from fakes.objects import Object, RefusedError

from crontask_kube.client import ApiClient, Event, Listing
from crontask_kube.errors import NotFound, Unavailable, error_of
from crontask_kube.resources import SERVICE_ACCOUNTS, Resource

LATENCY = 0.002
"""Seconds that a request takes in virtual time."""


class DirectApi:
    """See the module."""

    def __init__(self, server: FakeApiServer) -> None:
        self._server = server
        self._dead = False
        self._awake = asyncio.Event()
        self._awake.set()

    def pause(self) -> Callable[[], None]:
        """The process is stopped, as by SIGSTOP, as far as its requests show; call what is returned to wake it."""
        self._awake.clear()
        return self._awake.set

    def die(self) -> None:
        """The process that uses this is gone."""
        self._dead = True

    def client(self) -> ApiClient:
        """Itself, as the type that the operator asks for."""
        return cast(ApiClient, self)

    async def close(self) -> None:
        return

    async def get(self, resource: Resource, namespace: str | None, name: str, **_: Any) -> Object:
        return await self._send("get", resource, namespace, name)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        **_: Any,
    ) -> Listing:
        headers = {"Accept": "as=PartialObjectMetadataList"} if metadata_only else {}
        query = {"labelSelector": label_selector or "", "fieldSelector": field_selector or ""}
        answer = await self._send("list", resource, namespace, query=query, headers=headers)
        return Listing(answer["items"] or [], answer["metadata"]["resourceVersion"])

    async def pages(self, resource: Resource, namespace: str | None = None, **options: Any) -> AsyncIterator[Listing]:
        yield await self.list(resource, namespace, **options)

    async def create(self, resource: Resource, namespace: str | None, body: Object | bytes, **_: Any) -> Object:
        return await self._send("create", resource, namespace, body=_parsed(body))

    async def token(self, namespace: str, account: str, *, audience: str, seconds: int, **_: Any) -> str:
        body: Object = {"spec": {"audiences": [audience], "expirationSeconds": seconds}}
        found = await self._send("create", SERVICE_ACCOUNTS, namespace, account, "token", body=body)
        return cast(str, found["status"]["token"])

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Object | bytes,
        *,
        subresource: str | None = None,
        **_: Any,
    ) -> Object:
        return await self._send("patch", resource, namespace, name, subresource or "", body=_parsed(body))

    async def replace(
        self, resource: Resource, namespace: str | None, name: str, body: Object | bytes, **_: Any
    ) -> Object:
        return await self._send("update", resource, namespace, name, body=_parsed(body))

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        **_: Any,
    ) -> None:
        wanted = {"uid": uid, "resourceVersion": resource_version}
        body: Object = {"preconditions": {name: value for name, value in wanted.items() if value}}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            await self._send("delete", resource, namespace, name, body=body)
        except NotFound:
            return

    async def delete_collection(self, resource: Resource, namespace: str, *, label_selector: str, **_: Any) -> None:
        await self._send("deletecollection", resource, namespace, query={"labelSelector": label_selector})

    async def log_tail(
        self, namespace: str, pod: str, container: str, *, limit_bytes: int, **_: Any
    ) -> tuple[str, bool]:
        log = self._server.logs.get((namespace, pod, container), b"")
        await asyncio.sleep(LATENCY)
        return log[-limit_bytes:].decode(), len(log) > limit_bytes

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
        **_: Any,
    ) -> AsyncGenerator[Event, None]:
        await self._arrive()
        query = {"resourceVersion": resource_version, "labelSelector": label_selector or ""}
        request = Request("watch", resource.plural, namespace or "", "", "", query, None, {})
        self._server.requests.append(request)
        async for type_, found in self._server._events(self._server._kind(resource), request):
            await self._arrive()
            if type_ == "ERROR":
                raise error_of("watch", found["code"], orjson.dumps(found), {})
            yield Event(type_, found)

    async def _send(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None,
        name: str = "",
        subresource: str = "",
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        headers: dict[str, str] | None = None,
    ) -> Object:
        await self._arrive()
        request = Request(verb, resource.plural, namespace or "", name, subresource, query or {}, body, headers or {})
        server, call = self._server, f"{verb} {resource.plural} {name}"
        server.requests.append(request)
        kind = server._kind(resource)
        fault = next((fault for fault in server._faults if fault.takes(request)), None)
        try:
            if fault is None:
                return server._perform(kind, request)
            fault.times -= 1
            answer = server._perform(kind, request) if fault.after else None
        except RefusedError as refused:
            raise error_of(call, refused.status, orjson.dumps(refused.body), {}) from refused
        if fault.go is not None:
            await fault.go.wait()
            await self._arrive()
            return (
                answer
                if answer is not None
                else await self._send(
                    verb, resource, namespace, name, subresource, query=query, body=body, headers=headers
                )
            )
        if fault.status:
            refusal = RefusedError(fault.status, fault.reason, "made to fail by the test")
            raise error_of(call, fault.status, orjson.dumps(refusal.body), fault.headers)
        raise Unavailable(f"{call}: the connection was cut")

    async def _arrive(self) -> None:
        if self._dead:
            await asyncio.Event().wait()
        await self._awake.wait()
        await asyncio.sleep(LATENCY)
        if self._dead:
            await asyncio.Event().wait()


def _parsed(body: Object | bytes) -> Object:
    return cast(Object, orjson.loads(body)) if isinstance(body, bytes) else body
