"""This replica among the others: its Lease, theirs, and whether it is alone.

Being alone means that no other Lease exists that has not been given back; whether
its holder still lives does not matter, because a holder that was only slow would
go on serving. A replica knows it while the watch of the Leases tells it of its own
renewals quickly: another one, once its Lease is there, waits for longer than that
before it reads what it serves (`join`). Who finds its own Lease gone has lapsed: it
serves nothing until it has joined again. Leases without a sign of life are swept.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from crontask_core.lease import written
from crontask_gateway.errors import Unavailable
from crontask_gateway.leases import (
    ANNOTATION_WRITTEN,
    GATEWAY_LEASE,
    LEASE_SECONDS,
    SELECTOR,
    lease_body,
    lease_name,
    noted,
)
from crontask_gateway.together import Together
from crontask_kube.client import ApiClient, Object
from crontask_kube.clock import Clock
from crontask_kube.errors import Conflict, KubeError, NotFound
from crontask_kube.leasewatch import LeaseWatch
from crontask_kube.resources import LEASES

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


class Peers:
    """See the module. `identity` must be unique to the process."""

    def __init__(
        self,
        api: ApiClient,
        clock: Clock,
        *,
        namespace: str,
        identity: str,
        watch: LeaseWatch,
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        """`namespace` is where the Leases are."""
        self._api, self._clock, self._namespace, self._identity = api, clock, namespace, identity
        self._pace, self._sleep = pace or Pace(), sleep
        self.lease = lease_name(identity)
        self.joined = False
        """Whether what the caches were filled with is fresh enough to be served."""
        self._lapsed = asyncio.Event()
        self._made = 0
        """How often our Lease was created."""
        self.written: dict[str, int] = {}
        """What each renewal notes: the latest versions of ours, by place."""
        self.heard: dict[str, int] = {}
        """The greatest versions that any replica has noted."""
        self._others: dict[str, _Other] = {}
        self._sent: dict[str, float] = {}
        self._echo = float("-inf")
        """When the latest renewal was sent that the watch has told of."""
        watch.listeners.append(self._told)
        # One for all that ask at once (`together.py`).
        self.list, self.renew = Together(self._leases), Together(self._sign)

    async def join(self) -> None:
        """Makes this replica known to the others, and returns when caches may be filled; tries until it can."""
        self.joined = False
        while True:
            try:
                self._lapsed.clear()
                await self.renew()
                made = self._made
                if self._others_in(await self.list()):
                    await self._keep(self._pace.join)
                if made == self._made and not self._lapsed.is_set():
                    return  # the others have had one and the same Lease before them for long enough
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
            await self.renew()
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

    def alone(self) -> bool:
        """Whether it is certain that no other replica serves."""
        heard = self._clock.monotonic() - self._echo <= self._pace.echo
        return heard and all(other.released for other in self._others.values())

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
        marks = {ANNOTATION_WRITTEN: json.dumps(self.written)}
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": renewed}
        body = lease_body(self.lease, marks, spec)
        try:
            await self._api.patch(LEASES, self._namespace, self.lease, body, within=self._pace.deadline)
        except NotFound:
            if self.joined:
                self._lapsed.set()
                raise
            self._made += 1
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
                self.hear(body)

    def hear(self, body: Object) -> None:
        """What a Lease tells of another replica."""
        meta, spec = body["metadata"], body.get("spec") or {}
        name = meta["name"]
        if name == self.lease or not name.startswith(GATEWAY_LEASE):
            return
        renewed, before = spec.get("renewTime") or "", self._others.get(name)
        since = before.since if before and before.renewed == renewed else self._clock.monotonic()
        self._others[name] = _Other(meta["resourceVersion"], renewed, since, not spec.get("holderIdentity"))
        for place, version in noted(body).items():
            self.heard[place] = max(version, self.heard.get(place, 0))

    def _others_in(self, leases: list[Object]) -> list[str]:
        for body in leases:
            self.hear(body)
        return [name for name, other in self._others.items() if not other.released]
