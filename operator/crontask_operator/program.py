"""The operator as one object: a replica with its shards, and what these have in common.

Order matters in two places. Crews and loops are created before Kopf runs,
because Kopf cancels what was created while it ran. And an orderly stop first
hands the shards over, then lets calls end and records be written, and only then
ends Kopf.
"""

import asyncio
from typing import Any

import structlog

from crontask_core.names import Key
from crontask_core.sharding import Place, shard_of
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.leasewatch import LeaseWatch
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.isolation import each
from crontask_operator.membership import Membership
from crontask_operator.metrics import Metrics
from crontask_operator.notifier import COURIERS
from crontask_operator.settings import Settings
from crontask_operator.shard import Shard
from crontask_operator.takeover import CaughtUp
from crontask_operator.wiring import Shared
from crontask_operator.workers import Crew, keep

WRITERS = 8
"""Fewer than the API client has slots, so that records never keep a start waiting."""
log = structlog.get_logger(__name__)


class Operator:
    """Everything that runs besides Kopf."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        identity: str,
        metrics: Metrics,
        api: ApiClient,
        http: HttpExecutor,
        post: HttpExecutor,
    ) -> None:
        """`http` makes the calls of tasks, `post` those of notifications, so that neither waits for the other."""
        self._shared = Shared(
            settings,
            clock,
            identity,
            metrics,
            api,
            http,
            post,
            starters=Crew("starter", settings.api_limit),
            callers=Crew("caller", settings.http_limit),
            writers=Crew("writer", WRITERS),
            couriers=Crew("courier", COURIERS),
            lease_watch=LeaseWatch(api, settings.lease_namespace),
        )
        self._crews = (self._shared.starters, self._shared.callers, self._shared.writers, self._shared.couriers)
        self.membership = Membership(settings, clock=clock, api=api, identity=identity, watch=self._shared.lease_watch)
        places = (Place(number, settings.shards) for number in range(settings.shards))
        self.shards = [Shard(self._shared, place, self.membership) for place in places]
        self.membership.own = lambda: sum(shard.leadership.holding for shard in self.shards)
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Creates crews and loops; to be called once, before Kopf runs."""
        for crew in self._crews:
            crew.start()
        for shard in self.shards:
            shard.start()
        for name, loop in (
            ("lease watch", self._shared.lease_watch.run),
            ("membership", self.membership.run),
            ("balance", self._balance),
        ):
            self._loops.append(asyncio.create_task(keep(name, loop), name=name))

    def follow(self, caught_up: CaughtUp) -> None:
        """Tells how a take-over asks the watches to catch up; to be called before the shards start."""
        for shard in self.shards:
            shard.take_over.caught_up = caught_up

    def shard_of(self, namespace: str) -> Shard:
        """The shard of a namespace: everything in it belongs to one."""
        return self.shards[shard_of(namespace, len(self.shards))]

    def receive(self, plural: str, event: str | None, body: dict[str, Any]) -> None:
        """An event of a watch, Kopf's or ours. Never raises: one bad object stops nothing but itself (law 4)."""
        each([body], lambda _: self._receive(plural, event == "DELETED", body))

    def _receive(self, plural: str, deleted: bool, body: dict[str, Any]) -> None:
        self.shard_of(body["metadata"]["namespace"]).receive(plural, deleted, body)

    def known(self, plural: str) -> set[Key]:
        """See `reflector.Follower`; of executions and pods."""
        return set[Key]().union(*(shard.known(plural) for shard in self.shards))

    def missing(self, plural: str, keys: set[Key]) -> None:
        """See `reflector.Follower`."""
        for shard in self.shards:
            try:
                shard.missing(plural, keys)
            except Exception:
                log.exception("what is missing cannot be dropped", kind=plural)

    def review(self, plural: str, body: dict[str, Any]) -> list[str]:
        """What the webhook says: warnings; raises `FieldError` where the object cannot be used."""
        return self.shard_of(body["metadata"]["namespace"]).reviewer.review(plural, body)

    def problem(self) -> str:
        """Why this replica is not ready; empty where it is."""
        if not self.membership.known.is_set():
            return "the Leases have not been read yet"
        return next((problem for shard in self.shards if (problem := shard.problem())), "")

    def exposition(self) -> bytes:
        """The metrics as text."""
        return self._shared.metrics.text(
            tasks=sum(len(shard.index.tasks) for shard in self.shards),
            active=sum(len(shard.index.runs) for shard in self.shards),
            shards=len(self.shards),
            held=sum(shard.leadership.holding for shard in self.shards),
        )

    def idle_seconds(self) -> float:
        """How long ago the loop of the scheduler that is most behind last came round."""
        return max(shard.idle_seconds() for shard in self.shards)

    async def drain(self) -> None:
        """An orderly stop: hands every shard over."""
        await self.membership.leave()
        await asyncio.gather(*(shard.hand_over() for shard in self.shards))
        await asyncio.gather(*(shard.finish() for shard in self.shards))

    async def _balance(self) -> None:
        """Hands shards over, one after the other, where others hold too few, or where the layout is another."""
        while True:
            await self.membership.changed()
            held = [shard for shard in self.shards if shard.leadership.holding]
            given = held[len(held) - min(self.membership.gives(), len(held)) :]
            if given:
                log.info("handing over", shards=[shard.place.lease for shard in given])
                await asyncio.gather(*(shard.hand_over() for shard in given))
            for shard in self.shards:
                if not shard.leadership.holding:
                    shard.leadership.look()

    async def close(self) -> None:
        """Ends loops, crews and connections."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for shard in self.shards:
            await shard.close()
        for crew in self._crews:
            await crew.close()
        await self._shared.http.close()
        await self._shared.post.close()
        await self._shared.api.close()
