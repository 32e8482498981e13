"""A read sees every write that was answered before it began, also one of another replica of the gateway.

After a write, and before its client is answered, the replica notes the written
version on its Lease; a read lists the Leases and waits until its own watch has come
as far. Many writes share one note, and many reads one list. A replica that knows
itself alone leaves out both (`peers.py`).
"""

import asyncio

from crontask_gateway.errors import Unavailable
from crontask_gateway.peers import Pace, Peers
from crontask_gateway.progress import Place, Progress
from crontask_kube.errors import KubeError

MOST_PLACES = 500
"""Of so many namespaces and kinds the latest versions are noted; of more, those that were written to last."""


class Freshness:
    """See the module. `places` is what is served."""

    def __init__(self, peers: Peers, places: tuple[Place, ...], pace: Pace) -> None:
        self.peers, self._pace = peers, pace
        self.progress = {place: Progress() for place in places}

    def problem(self) -> str:
        """Why nothing can be served yet; empty when it can."""
        if not self.peers.joined:
            return "it joins the other replicas"
        behind = sorted(str(place) for place, progress in self.progress.items() if not progress.version)
        return f"it has not read yet: {', '.join(behind)}" if behind else ""

    def reset(self) -> None:
        """All watches begin anew."""
        for progress in self.progress.values():
            progress.reset()

    async def fresh(self, *places: Place) -> None:
        """Waits until the caches hold all that was answered before this call. Raises Unavailable."""
        if not self.peers.joined:
            raise Unavailable("this replica of the gateway is not ready; ask again", self._pace.renew)
        try:
            async with asyncio.timeout(self._pace.deadline):
                if not self.peers.alone():
                    for body in await self.peers.list():
                        self.peers.hear(body)
                for place in places:
                    await self.progress[place].reach(max(1, self.peers.heard.get(str(place), 0)))
        except TimeoutError:
            raise Unavailable("this replica of the gateway has not caught up with the others; ask again", 1.0) from None
        except KubeError as error:
            raise Unavailable(f"the API server does not tell of the other replicas: {error}", 1.0) from None

    async def note(self, place: Place, version: int) -> None:
        """Makes others see a write, before it is answered. Raises Unavailable: it has happened all the same."""
        name, written = str(place), self.peers.written
        written[name] = max(version, written.pop(name, 0))
        if len(written) > MOST_PLACES:
            del written[next(iter(written))]
        if self.peers.alone():
            return
        try:
            async with asyncio.timeout(self._pace.deadline):
                await self.peers.renew()
        except (TimeoutError, KubeError) as error:
            raise Unavailable(f"it is written, but other replicas may not know yet: {error}", 1.0) from None
