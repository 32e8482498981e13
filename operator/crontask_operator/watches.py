"""Our own watches, beside Kopf's: executions and pods of ours.

Each run yields four to six events of these, and handling one in Kopf costs ten times
as much as what is learned from it (`docs/decisions/0014-own-watches.md`).
"""

import asyncio
from collections.abc import Collection

from crontask_core.names import LABEL_MANAGED, Key
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.reflector import Follower, Reflector
from crontask_kube.resources import EXECUTIONS, PODS
from crontask_operator.workers import keep

WATCHED = ((EXECUTIONS, None), (PODS, f"{LABEL_MANAGED}=true"))
"""Each kind with the labels of those that matter."""

CATCH_UP_SECONDS = 1.0
"""Far longer than a watch that works takes, and not long beside reading all executions, which is done instead."""


class Watches:
    """One watch for each kind and namespace served."""

    def __init__(self, api: ApiClient, follower: Follower, clock: Clock, namespaces: tuple[str, ...]) -> None:
        self._reflectors = {
            kind: [
                Reflector(api, kind, follower, clock=clock, namespace=namespace, label_selector=selector)
                for namespace in namespaces or (None,)
            ]
            for kind, selector in WATCHED
        }
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Creates the loops; to be called once, before Kopf runs."""
        self._loops = [
            asyncio.create_task(keep("watch", reflector.run))
            for each in self._reflectors.values()
            for reflector in each
        ]

    async def caught_up(self, known: Collection[Key]) -> bool:
        """Whether all was told of executions that was so when this was called; `known` are some that exist.

        False where that cannot be said soon, or where nothing is known of a namespace that is served.
        """
        watches = self._reflectors[EXECUTIONS]
        return all(await asyncio.gather(*(each.caught_up(known, CATCH_UP_SECONDS) for each in watches)))

    async def close(self) -> None:
        """Ends the loops."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
