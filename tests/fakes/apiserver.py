"""A Kubernetes API server in memory, on a loopback port: enough of the real one for our client and for Kopf.

It speaks discovery, LIST in pages, WATCH with bookmarks and 410, create, merge/JSON/apply patch with version
preconditions, `/status`, delete with preconditions and owner references, pod logs; no schemas, defaults, RBAC or
controllers. Tests read and write objects directly (`put`, `edit`, `remove`, `object`, `all`), see what was asked
(`requests`, `seen`) and make requests fail (`fail`, `drop`, `hold`), the next `times` of them that match.
"""

import asyncio
import json
import re
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import jsonpatch
from aiohttp import web
from fakes.discovery import KINDS, discovery
from fakes.objects import Change, Key, Kind, Object, Objects, RefusedError, matches, merged

from crontask_kube.clock import Clock, SystemClock
from crontask_kube.connection import Connection
from crontask_kube.resources import Resource


@dataclass(frozen=True)
class Request:
    """What was asked. `resource` is the plural; `body` is parsed JSON, or None."""

    verb: str
    resource: str
    namespace: str
    name: str
    subresource: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Fault:
    """What happens to the next `times` requests of a verb on a resource (None: any). `after`: they take effect."""

    verb: str | None
    resource: str | None
    times: int
    after: bool = False
    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    go: asyncio.Event | None = None

    def takes(self, request: Request) -> bool:
        return self.times > 0 and self.verb in (None, request.verb) and self.resource in (None, request.resource)


class DroppedError(Exception):
    """The connection is to be cut instead of an answer."""


class FakeApiServer:
    """See the module. Use `async with FakeApiServer() as server`, then `server.connection` or `server.url`."""

    def __init__(self, clock: Clock | None = None, *, bookmark_seconds: float = 60.0) -> None:
        self.clock = clock or SystemClock()
        self.bookmark_seconds = bookmark_seconds
        self.requests: list[Request] = []
        self.logs: dict[tuple[str, str, str], bytes] = {}
        self.kinds = {(kind[0], kind[1], kind[2]): Kind(*kind) for kind in KINDS}
        self.url = ""
        self._objects = Objects(lambda: self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._faults: list[Fault] = []
        self._epoch = 0
        self._bookmarks = 0

    async def __aenter__(self) -> "FakeApiServer":
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Watches must end with their connection: Kopf waits 5 s at its end for tasks of this loop.
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for fault in self._faults:
            if fault.go:
                fault.go.set()
        self.end_watches()
        await self._runner.cleanup()

    @property
    def connection(self) -> Connection:
        return Connection(server=self.url)

    # What tests do to it.

    def put(self, resource: Resource, body: Object, namespace: str = "default") -> Object:
        """Creates an object; unlike a request it may hold a status."""
        kind = self._kind(resource)
        made = self._objects.create(kind, namespace if kind.namespaced else "", body)
        if "status" not in body or "status" in made:
            return made
        key = (namespace if kind.namespaced else "", made["metadata"]["name"])
        return self._objects.change(kind, key, {"status": body["status"]}, status=True)

    def object(self, resource: Resource, name: str, namespace: str = "default") -> Object:
        """The object as it is. Raises RefusedError (404)."""
        return self._objects.find(self._kind(resource), (namespace if resource.namespaced else "", name))

    def all(self, resource: Resource) -> list[Object]:
        return list(self._kind(resource).objects.values())

    def edit(self, resource: Resource, name: str, patch: Object, namespace: str = "default") -> Object:
        """A merge patch by somebody else; with a `status` in it that is written too (the rest then is ignored)."""
        kind, key = self._kind(resource), (namespace if resource.namespaced else "", name)
        wanted = merged(self._objects.find(kind, key), patch)
        return self._objects.change(kind, key, wanted, status=kind.status and "status" in patch)

    def remove(self, resource: Resource, name: str, namespace: str = "default") -> None:
        self._delete(self._kind(resource), (namespace if resource.namespaced else "", name), {})

    def seen(self, verb: str, resource: Resource, subresource: str = "") -> list[Request]:
        """The requests so far of this verb, oldest first."""
        wanted = (verb, resource.plural, subresource)
        return [request for request in self.requests if (request.verb, request.resource, request.subresource) == wanted]

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Waits until something holds, looking again after each request and each change. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._objects.changed.wait()

    def fail(
        self,
        verb: str | None,
        resource: Resource | None,
        *,
        times: int = 1,
        status: int = 503,
        reason: str = "ServiceUnavailable",
        headers: dict[str, str] | None = None,
        after: bool = False,
    ) -> None:
        """The next requests are answered with a status, without (or `after`) having had their effect."""
        plural = resource.plural if resource else None
        self._faults.append(Fault(verb, plural, times, after, status=status, reason=reason, headers=headers or {}))

    def drop(self, verb: str | None, resource: Resource | None, *, times: int = 1, after: bool = False) -> None:
        """The next requests get no answer: the connection is cut, before or `after` they have had their effect."""
        self._faults.append(Fault(verb, resource.plural if resource else None, times, after))

    def hold(
        self, verb: str | None, resource: Resource | None, *, times: int = 1, after: bool = False
    ) -> asyncio.Event:
        """The next requests wait until the returned event is set, before or `after` they have their effect."""
        go = asyncio.Event()
        self._faults.append(Fault(verb, resource.plural if resource else None, times, after, go=go))
        return go

    def heal(self) -> None:
        """Takes all faults back; held requests go on."""
        for fault in self._faults:
            fault.times = 0
            if fault.go:
                fault.go.set()

    def forget_history(self) -> None:
        """As etcd's compaction: older watches and continue tokens are answered 410 from now on."""
        self._objects.forget_history()

    def end_watches(self) -> None:
        """Ends all streams, as a restart of the server does."""
        self._epoch += 1
        self._objects.wake()

    def remove_unseen(self, resource: Resource, name: str) -> asyncio.Event:
        """Deletes an object of which no watch will tell: all of them end, and the list that follows waits for the
        returned event."""
        held = self.hold("list", resource)
        self.forget_history()
        self.end_watches()
        self.remove(resource, name)
        self.forget_history()
        return held

    def bookmark(self) -> None:
        """Sends a bookmark to each watch now."""
        self._bookmarks += 1
        self._objects.wake()

    # What it answers.

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        document = discovery(http.path, list(self.kinds.values()))
        if document is not None:
            return web.json_response(document)
        try:
            kind, request = await self._parse(http)
            self.requests.append(request)
            self._objects.wake()
            fault = next((fault for fault in self._faults if fault.takes(request)), None)
            return await self._faulty(fault, kind, request, http) if fault else await self._answer(kind, request, http)
        except RefusedError as refused:
            return web.json_response(refused.body, status=refused.status)
        except DroppedError:
            assert http.transport is not None
            http.transport.abort()
            return web.Response()

    async def _faulty(self, fault: Fault, kind: Kind, request: Request, http: web.Request) -> web.StreamResponse:
        fault.times -= 1
        answer = await self._answer(kind, request, http) if fault.after else None
        if fault.go:
            # Shielded, because a request may take effect after its sender has given up.
            return await asyncio.shield(asyncio.ensure_future(self._released(fault.go, answer, kind, request, http)))
        if fault.status:
            body = RefusedError(fault.status, fault.reason, "made to fail by the test").body
            return web.json_response(body, status=fault.status, headers=fault.headers)
        raise DroppedError

    async def _released(
        self, go: asyncio.Event, answer: web.StreamResponse | None, kind: Kind, request: Request, http: web.Request
    ) -> web.StreamResponse:
        await go.wait()
        return answer or await self._answer(kind, request, http)

    async def _parse(self, http: web.Request) -> tuple[Kind, Request]:
        parts = [unquote(part) for part in http.rel_url.raw_path.strip("/").split("/")]
        group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        kind = self.kinds.get((group, version, rest[0]))
        if kind is None:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        name, subresource = [*rest[1:], "", ""][:2]
        query = dict(http.query)
        body = json.loads(data) if (data := await http.read()) else None
        headers = dict(http.headers)
        verb = _verb(http.method, name, query, headers.get("Content-Type", ""))
        return kind, Request(verb, kind.plural, namespace, name, subresource, query, body, headers)

    async def _answer(self, kind: Kind, request: Request, http: web.Request) -> web.StreamResponse:
        if request.verb == "watch":
            return await self._watch(kind, request, http)
        if request.subresource == "log":
            return web.Response(body=self._log(request))
        status = 201 if request.verb == "create" else 200
        return web.json_response(self._perform(kind, request), status=status)

    def _perform(self, kind: Kind, request: Request) -> Object:
        key = (request.namespace, request.name)
        options = request.query | (request.body if isinstance(request.body, dict) else {})
        match request.verb:
            case "get":
                return self._objects.find(kind, key)
            case "list":
                return self._list(kind, request)
            case "create" if request.subresource == "token":
                return self._token(self._objects.find(kind, key), request)
            case "create":
                dry_run = request.query.get("dryRun") == "All"
                return self._objects.create(kind, request.namespace, request.body, dry_run=dry_run)
            case "delete":
                return self._delete(kind, key, options)
            case "deletecollection":
                for found in self._selected(kind, request):
                    self._delete(kind, found, options)
                return {"kind": "Status", "apiVersion": "v1", "status": "Success"}
            case _:
                return self._change(kind, key, request)

    def _token(self, account: Object, request: Request) -> Object:
        """A token that tells whose it is, for whom, and how many were made before."""
        meta, spec = account["metadata"], request.body["spec"]
        made = sum(asked.subresource == "token" for asked in self.requests)
        token = f"{meta['namespace']}.{meta['name']}.{'+'.join(spec['audiences'])}.{made}"
        return {"kind": "TokenRequest", "status": {"token": token}}

    def _change(self, kind: Kind, key: Key, request: Request) -> Object:
        status = request.subresource == "status"
        if request.verb == "apply" and key not in kind.objects:
            return self._objects.create(kind, key[0], merged(request.body, {"metadata": {"name": key[1]}}))
        if request.verb == "update":
            return self._objects.change(kind, key, request.body, status=status)
        old = self._objects.find(kind, key)
        if "json-patch" not in request.headers.get("Content-Type", ""):
            return self._objects.change(kind, key, merged(old, request.body), status=status)
        try:
            wanted = jsonpatch.apply_patch(old, request.body)
        except jsonpatch.JsonPatchException as error:
            raise RefusedError(422, "Invalid", str(error)) from error
        return self._objects.change(kind, key, wanted, status=status)

    def _delete(self, kind: Kind, key: Key, options: Object) -> Object:
        gone = self._objects.delete(kind, key, options.get("preconditions"))
        if key not in kind.objects and options.get("propagationPolicy") != "Orphan":
            self._collect(gone["metadata"]["uid"])
        return gone

    def _collect(self, uid: str) -> None:
        """The garbage collector's part: what the deleted object owned goes too."""
        for kind in self.kinds.values():
            for key, found in list(kind.objects.items()):
                if key in kind.objects and any(o["uid"] == uid for o in found["metadata"].get("ownerReferences", [])):
                    self._delete(kind, key, {})

    def _list(self, kind: Kind, request: Request) -> Object:
        keys = self._selected(kind, request)
        after = request.query.get("continue")
        if after:
            version, _, place = after.partition(":")
            if int(version) < self._objects.oldest:
                raise RefusedError(410, "Expired", "the provided continue parameter is too old")
            keys = [key for key in keys if "/".join(key) > place]
        limit = int(request.query.get("limit") or 0) or len(keys)
        metadata: Object = {"resourceVersion": str(self._objects.version)}
        if len(keys) > limit:
            metadata["continue"] = f"{self._objects.version}:{'/'.join(keys[limit - 1])}"
        items = [kind.objects[key] for key in keys[:limit]]
        if "as=PartialObjectMetadataList" in request.headers.get("Accept", ""):
            # As the real one: an empty list of metadata is null.
            items = [{"metadata": item["metadata"]} for item in items] or None
        return {"apiVersion": kind.api_version, "kind": f"{kind.kind}List", "metadata": metadata, "items": items}

    def _selected(self, kind: Kind, request: Request) -> list[Key]:
        return sorted((key for key, item in kind.objects.items() if _wanted(item, request)), key="/".join)

    def _log(self, request: Request) -> bytes:
        whole = self.logs.get((request.namespace, request.name, request.query.get("container", "")))
        if whole is None:
            raise RefusedError(400, "BadRequest", "container is waiting to start: ContainerCreating")
        lines = re.findall(rb"[^\n]*\n|[^\n]+", whole)[-int(request.query.get("tailLines", 10**9)) :]
        return b"".join(lines)[: int(request.query.get("limitBytes", 10**9))]

    async def _watch(self, kind: Kind, request: Request, http: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(http)
        try:
            async with asyncio.timeout(float(request.query.get("timeoutSeconds", 3600))):
                async for type_, found in self._events(kind, request):
                    await response.write(json.dumps({"type": type_, "object": found}).encode() + b"\n")
        except (TimeoutError, ConnectionResetError):
            pass
        return response

    async def _events(self, kind: Kind, request: Request) -> AsyncIterator[tuple[str, Object]]:
        epoch, bookmarks = self._epoch, self._bookmarks
        version = int(request.query.get("resourceVersion") or 0)
        if version and version < self._objects.oldest:
            yield "ERROR", RefusedError(410, "Expired", f"too old resource version: {version}").body
            return
        if not version:
            version = self._objects.version
            for key in self._selected(kind, request):
                yield "ADDED", kind.objects[key]
        place = bisect_right(kind.history, version, key=lambda change: change.version)
        while self._epoch == epoch:
            changed = self._objects.changed
            for change in kind.history[place:]:
                place += 1
                if event := _event(change, request):
                    yield event
            if bookmarks != self._bookmarks and request.query.get("allowWatchBookmarks") == "true":
                bookmarks = self._bookmarks
                yield "BOOKMARK", _bookmark(kind, self._objects.version)
            try:
                async with asyncio.timeout(self.bookmark_seconds):
                    await changed.wait()
            except TimeoutError:
                bookmarks = -1

    def _kind(self, resource: Resource) -> Kind:
        return self.kinds[resource.group, resource.version, resource.plural]


def _verb(method: str, name: str, query: dict[str, str], content_type: str) -> str:
    if method == "GET":
        return "watch" if query.get("watch") in ("true", "1") else "get" if name else "list"
    if method == "PATCH":
        return "apply" if "apply-patch" in content_type else "patch"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return {"POST": "create", "PUT": "update"}[method]


def _wanted(item: Object, request: Request) -> bool:
    if request.namespace and item["metadata"].get("namespace") != request.namespace:
        return False
    return matches(item, request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))


def _event(change: Change, request: Request) -> tuple[str, Object] | None:
    """What a watch with these selectors is told of a change: an object may come into or leave its sight."""
    now = change.type != "DELETED" and _wanted(change.object, request)
    before = change.before is not None and _wanted(change.before, request)
    if not now and not before:
        return None
    return ("MODIFIED" if before else "ADDED") if now else "DELETED", change.object


def _bookmark(kind: Kind, version: int) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"resourceVersion": str(version)}}
