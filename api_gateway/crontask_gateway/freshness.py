"""A read sees every write that was answered before it began, also one of another replica of the gateway.

Each replica has a Lease. After a write, and before its client is answered, the
replica notes the written version there; a read lists these Leases and waits until
its own watch has come as far. Many writes share one note, and many reads one list.

A replica that knows itself alone leaves out both. It knows that while its watch
of the Leases tells it of its own renewals quickly: another one, once its Lease is
there, waits for longer than that before it reads the caches that it serves from
(`join`), so what was written without a note is in them. Being alone means that no
other Lease exists that has not been given back; whether its holder still lives does not
matter, because a holder that was only slow would go on serving. Who finds its own
Lease gone has lapsed: it serves nothing until it has joined again.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from crontask_core.lease import written
from crontask_core.names import GROUP, LABEL_LEASE, MAX_OBJECT_NAME, digest, shortened
from crontask_gateway.errors import Unavailable
from crontask_gateway.progress import Place, Progress
from crontask_gateway.together import Together
from crontask_kube.client import ApiClient, Object
from crontask_kube.clock import Clock
from crontask_kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from crontask_kube.leasewatch import LeaseWatch
from crontask_kube.resources import LEASES

GATEWAY_LEASE = "crontask-gateway-"
FLAGS_LEASE = "crontask-flags"
"""Bears the switches that all replicas share; nobody holds it."""
KIND = "gateway"
SELECTOR = f"{LABEL_LEASE}={KIND}"
ANNOTATION_WRITTEN = f"{GROUP}/written"
FLAG = f"{GROUP}/flag."
MOST_PLACES = 500
"""Of so many namespaces and kinds the latest versions are noted; of more, those that were written to last."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `join` must exceed `echo` by more than clocks and the loop are ever late."""

    renew: float = 1.0
    """Between two signs of life."""
    echo: float = 2.5
    """How old a renewal may be that the watch has told of, for its silence about others to mean anything."""
    join: float = 4.0
    """How long a Lease is there before its replica reads what it serves."""
    deadline: float = 2.0
    """How long a read waits for the watch, and a write for its note."""
    sweep: float = 60.0
    """How long a Lease shows no sign of life before others delete it."""


class _Other(NamedTuple):
    """Another replica's Lease."""

    version: str
    renewed: str
    since: float
    """The monotonic moment at which this sign of life was first seen."""
    released: bool


class Freshness:
    """One replica's part in it. `identity` must be unique to the process."""

    def __init__(
        self,
        api: ApiClient,
        clock: Clock,
        *,
        namespace: str,
        identity: str,
        watch: LeaseWatch,
        places: tuple[Place, ...],
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        """`namespace` is where the Leases are, `places` is what is served."""
        self._api, self._clock, self._namespace, self._identity = api, clock, namespace, identity
        self._pace, self._sleep = pace or Pace(), sleep
        self.lease = lease_name(identity)
        self.progress = {place: Progress() for place in places}
        self.joined = False
        """Whether what the caches were filled with is fresh enough to be served."""
        self._lapsed = asyncio.Event()
        self._written: dict[str, int] = {}
        self._heard: dict[str, int] = {}
        """The greatest versions that any replica has noted."""
        self._others: dict[str, _Other] = {}
        self._sent: dict[str, float] = {}
        self._echo = float("-inf")
        """When the latest renewal was sent that the watch has told of."""
        self._watch = watch
        watch.listeners.append(self._told)
        self._list, self._renew = Together(self._leases), Together(self._sign)

    # Before and beside the requests.

    async def join(self) -> None:
        """Makes this replica known to the others, and returns when caches may be filled; tries until it can."""
        self.joined = False
        for progress in self.progress.values():
            progress.reset()
        while True:
            try:
                self._lapsed.clear()
                await self._renew()
                others = self._others_in(await self._list())
                if others:
                    await self._keep(self._pace.join)
                if not self._lapsed.is_set():
                    return
            except (KubeError, Unavailable) as error:
                log.warning("the other replicas cannot be asked", error=str(error))
                await self._sleep(self._pace.renew)

    async def keep(self) -> None:
        """Shows signs of life, and sweeps Leases that show none; returns when ours is gone: join again."""
        self.joined = True
        try:
            await self._keep(float("inf"))
        finally:
            self.joined = False

    async def leave(self) -> None:
        """Gives the Lease back, after the last request. What was noted stays there until it is swept."""
        self.joined = False
        body = {"spec": {"holderIdentity": ""}}
        try:
            await self._api.patch(LEASES, self._namespace, self.lease, body, within=self._pace.deadline)
        except KubeError as error:
            log.warning("the Lease cannot be given back", error=str(error))

    async def _keep(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while not self._lapsed.is_set() and (left := until - self._clock.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(left, self._pace.renew)):
                    await self._lapsed.wait()
            except TimeoutError:
                await self._step()

    async def _step(self) -> None:
        try:
            await self._renew()
            await self._sweep()
        except KubeError as error:
            log.warning("no sign of life can be shown", error=str(error))

    async def _sweep(self) -> None:
        limit = self._clock.monotonic() - self._pace.sweep
        for name, other in list(self._others.items()):
            if other.since < limit:
                try:
                    await self._api.delete(LEASES, self._namespace, name, resource_version=other.version)
                except Conflict:
                    continue

    # For the requests.

    async def fresh(self, *places: Place) -> None:
        """Waits until the caches hold all that was answered before this call. Raises Unavailable."""
        if not self.joined:
            raise Unavailable("this replica of the gateway is not ready; ask again", self._pace.renew)
        try:
            async with asyncio.timeout(self._pace.deadline):
                if not self.alone():
                    for body in await self._list():
                        self._hear(body)
                for place in places:
                    await self.progress[place].reach(max(1, self._heard.get(str(place), 0)))
        except TimeoutError:
            raise Unavailable("this replica of the gateway has not caught up with the others; ask again", 1.0) from None
        except KubeError as error:
            raise Unavailable(f"the API server does not tell of the other replicas: {error}", 1.0) from None

    async def note(self, place: Place, version: int) -> None:
        """Makes others see a write, before it is answered. Raises Unavailable: it has happened all the same."""
        name = str(place)
        self._written[name] = max(version, self._written.pop(name, 0))
        if len(self._written) > MOST_PLACES:
            del self._written[next(iter(self._written))]
        if self.alone():
            return
        try:
            async with asyncio.timeout(self._pace.deadline):
                await self._renew()
        except (TimeoutError, KubeError) as error:
            raise Unavailable(f"it is written, but other replicas may not know yet: {error}", 1.0) from None

    def alone(self) -> bool:
        """Whether it is certain that no other replica serves."""
        heard = self._clock.monotonic() - self._echo <= self._pace.echo
        return heard and all(other.released for other in self._others.values())

    async def flags(self) -> set[str]:
        """The switches that are on, read from the API server. Raises Unavailable."""
        try:
            async with asyncio.timeout(self._pace.deadline):
                leases = await self._list()
        except (TimeoutError, KubeError) as error:
            raise Unavailable(f"the switches cannot be read: {error}", 1.0) from None
        marks = [_annotations(body) for body in leases if body["metadata"]["name"] == FLAGS_LEASE]
        return {name.removeprefix(FLAG) for each in marks for name in each if name.startswith(FLAG)}

    async def set_flag(self, name: str, on: bool) -> None:
        """Turns a switch. Raises KubeError."""
        patch = {"metadata": {"annotations": {f"{FLAG}{name}": "true" if on else None}}}
        try:
            await self._api.patch(LEASES, self._namespace, FLAGS_LEASE, patch)
        except NotFound:
            marks = {f"{FLAG}{name}": "true"} if on else {}
            try:
                await self._api.create(LEASES, self._namespace, _lease(FLAGS_LEASE, marks, {}))
            except AlreadyExists:
                await self._api.patch(LEASES, self._namespace, FLAGS_LEASE, patch)

    # The Leases.

    async def _leases(self) -> list[Object]:
        listing = await self._api.list(LEASES, self._namespace, label_selector=SELECTOR, within=self._pace.deadline)
        if all(body["metadata"]["name"] != self.lease for body in listing.items):
            self._lapsed.set()
            raise Unavailable("this replica was given up by the others, and joins them anew; ask again", 1.0)
        return listing.items

    async def _sign(self) -> None:
        """Renews our Lease, with all that we have written; makes it where we join."""
        renewed, now = written(self._clock.now()), self._clock.monotonic()
        self._sent[renewed] = now
        self._sent = {text: sent for text, sent in self._sent.items() if now - sent <= self._pace.echo}
        marks = {ANNOTATION_WRITTEN: json.dumps(self._written)}
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": 15, "renewTime": renewed}
        body = _lease(self.lease, marks, spec)
        try:
            await self._api.patch(LEASES, self._namespace, self.lease, body, within=self._pace.deadline)
        except NotFound:
            if self.joined:
                self._lapsed.set()
                raise
            await self._api.create(LEASES, self._namespace, body, within=self._pace.deadline)

    def _told(self, name: str, body: Object | None) -> None:
        """The watch tells of a Lease, or that it is gone."""
        if name == self.lease:
            if body is None:
                if self.joined:
                    self._lapsed.set()
                return
            renewed = (body.get("spec") or {}).get("renewTime") or ""
            self._echo = max(self._echo, self._sent.get(renewed, self._echo))
        elif name.startswith(GATEWAY_LEASE):
            if body is None:
                self._others.pop(name, None)
            else:
                self._hear(body)

    def _hear(self, body: Object) -> None:
        meta, spec = body["metadata"], body.get("spec") or {}
        name = meta["name"]
        if name == self.lease or not name.startswith(GATEWAY_LEASE):
            return
        renewed, before = spec.get("renewTime") or "", self._others.get(name)
        since = before.since if before and before.renewed == renewed else self._clock.monotonic()
        self._others[name] = _Other(meta["resourceVersion"], renewed, since, not spec.get("holderIdentity"))
        for place, version in _noted(body).items():
            self._heard[place] = max(version, self._heard.get(place, 0))

    def _others_in(self, leases: list[Object]) -> list[str]:
        for body in leases:
            self._hear(body)
        return [name for name, other in self._others.items() if not other.released]


def lease_name(identity: str) -> str:
    """The name of a replica's Lease; with a digest where the identity could not be an object's name."""
    fit = re.sub(r"[^a-z0-9-]", "-", identity.lower()).strip("-")
    whole = fit if fit == identity else f"{fit}-{digest(identity)}"
    return GATEWAY_LEASE + shortened(whole, MAX_OBJECT_NAME - len(GATEWAY_LEASE))


def _lease(name: str, marks: dict[str, str], spec: dict[str, Any]) -> Object:
    return {
        "apiVersion": LEASES.api_version,
        "kind": "Lease",
        "metadata": {"name": name, "labels": {LABEL_LEASE: KIND}, "annotations": marks},
        "spec": spec,
    }


def _annotations(body: Object) -> dict[str, str]:
    return body["metadata"].get("annotations") or {}


def _noted(body: Object) -> dict[str, int]:
    """The versions that a replica has noted; what cannot be read is none."""
    try:
        told = json.loads(_annotations(body).get(ANNOTATION_WRITTEN) or "{}")
    except ValueError:
        return {}
    return {place: version for place, version in told.items() if type(version) is int} if isinstance(told, dict) else {}
