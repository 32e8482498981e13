"""One replica of the gateway towards Kubernetes: its caches, the watches that feed them, and the store on top.

`run` joins the other replicas, follows tasks and executions of the namespaces
that are served, and joins anew should it ever lapse (`peers.py`).
"""

import asyncio
from collections.abc import Collection, Sequence

import structlog

from crontask_core.api_keys import LABEL_API_KEY
from crontask_gateway.cache import Jobs
from crontask_gateway.freshness import Freshness
from crontask_gateway.keyring import KeyRing
from crontask_gateway.kube_store import KubeStore
from crontask_gateway.naming import LABEL_DIALECT
from crontask_gateway.notes import Notes
from crontask_gateway.operators import Operators
from crontask_gateway.peers import Pace, Peers
from crontask_gateway.progress import Place
from crontask_gateway.runs import Bodies, Runs
from crontask_gateway.switches import Switches
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.leasewatch import LeaseWatch
from crontask_kube.reflector import Reflector
from crontask_kube.resources import EXECUTIONS, SECRETS, TASKS

log = structlog.get_logger(__name__)


class Replica:
    """See the module. `identity` must be unique to the process."""

    def __init__(
        self,
        api: ApiClient,
        clock: Clock,
        *,
        namespaces: Sequence[str],
        dialects: Sequence[str],
        lease_namespace: str,
        identity: str,
        cache_bytes: int,
        api_keys: bool = False,
        others: Collection[str] = (),
        pace: Pace | None = None,
    ) -> None:
        """`api_keys`: whether the Secrets with API keys beside the Leases are watched. `others`: the
        namespaces of which all tasks are followed, whoever has made them.
        """
        self._api, self._clock = api, clock
        self.ring, self._api_keys, self._lease_namespace = KeyRing(), api_keys, lease_namespace
        self._ring_told = not api_keys
        """Whether the keys have been listed."""
        self._prefixes = tuple(f"{dialect}-" for dialect in dialects)
        bodies = Bodies(cache_bytes)
        self._others = frozenset(others)
        self._jobs = {name: Jobs(others=name in self._others) for name in namespaces}
        self._runs = {
            name: Runs(bodies) if name in self._others else Runs(bodies, self._may_be_ours) for name in namespaces
        }
        self._leases = LeaseWatch(api, lease_namespace)
        places = tuple(Place(each.plural, name) for name in namespaces for each in (TASKS, EXECUTIONS))
        pace = pace or Pace()
        self._peers = Peers(api, clock, namespace=lease_namespace, identity=identity, watch=self._leases, pace=pace)
        self.freshness = Freshness(self._peers, places, pace)
        self.operators = Operators(clock, self._leases)
        self.store = KubeStore(
            api,
            clock,
            jobs=self._jobs,
            runs=self._runs,
            freshness=self.freshness,
            switches=Switches(api, self._peers, self._leases, lease_namespace, pace.deadline),
            notes=Notes(api, lease_namespace),
            operators=self.operators,
        )

    @property
    def known(self) -> tuple[int, int]:
        """How many jobs and runs are known."""
        return sum(map(len, self._jobs.values())), sum(map(len, self._runs.values()))

    def problem(self) -> str:
        """Why this replica cannot serve yet; empty when it can."""
        return self.freshness.problem() or ("" if self._ring_told else "it has not read yet: API keys")

    async def run(self) -> None:
        """Until it is cancelled."""
        leases = asyncio.create_task(self._leases.run())
        try:
            while True:
                self.freshness.reset()
                await self._peers.join()
                await self._follow()
                log.warning("other replicas have given this one up; it joins them anew")
        finally:
            await _ended([leases])

    async def leave(self) -> None:
        """Tells the other replicas that this one serves no more; after `run` was cancelled."""
        await self._peers.leave()

    async def _follow(self) -> None:
        reflectors = [each for name in self._jobs for each in self._reflectors(name)]
        if self._api_keys:
            reflectors.append(self._keys_reflector())
        watches = [asyncio.create_task(each.run()) for each in reflectors]
        try:
            await self._peers.keep()
        finally:
            await _ended(watches)

    def _reflectors(self, namespace: str) -> tuple[Reflector, Reflector]:
        progress = self.freshness.progress
        tasks = Reflector(
            self._api,
            TASKS,
            self._jobs[namespace],
            clock=self._clock,
            namespace=namespace,
            label_selector=None if namespace in self._others else LABEL_DIALECT,
            reached=progress[Place(TASKS.plural, namespace)].advance,
        )
        executions = Reflector(
            self._api,
            EXECUTIONS,
            self._runs[namespace],
            clock=self._clock,
            namespace=namespace,
            reached=progress[Place(EXECUTIONS.plural, namespace)].advance,
        )
        return tasks, executions

    def _keys_reflector(self) -> Reflector:
        def told(version: str) -> None:
            self._ring_told = True

        return Reflector(
            self._api,
            SECRETS,
            self.ring,
            clock=self._clock,
            namespace=self._lease_namespace,
            label_selector=LABEL_API_KEY,
            reached=told,
        )

    def _may_be_ours(self, task: str) -> bool:
        return task.startswith(self._prefixes)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
