"""Switches that all replicas of the gateway share and that outlive them: annotations on one Lease."""

import asyncio

from crontask_gateway.errors import Unavailable
from crontask_gateway.leases import FLAG, FLAGS_LEASE, annotations_of, lease_body
from crontask_gateway.peers import Peers
from crontask_kube.client import ApiClient
from crontask_kube.errors import AlreadyExists, KubeError, NotFound
from crontask_kube.resources import LEASES


class Switches:
    """See the module. Reading is the same list that tells of the other replicas; it takes `seconds` at most."""

    def __init__(self, api: ApiClient, peers: Peers, namespace: str, seconds: float) -> None:
        self._api, self._peers, self._namespace, self._seconds = api, peers, namespace, seconds

    async def on(self) -> set[str]:
        """The switches that are on, read from the API server. Raises Unavailable."""
        try:
            async with asyncio.timeout(self._seconds):
                leases = await self._peers.list()
        except (TimeoutError, KubeError) as error:
            raise Unavailable(f"the switches cannot be read: {error}", 1.0) from None
        marks = [annotations_of(body) for body in leases if body["metadata"]["name"] == FLAGS_LEASE]
        return {name.removeprefix(FLAG) for each in marks for name in each if name.startswith(FLAG)}

    async def turn(self, name: str, on: bool) -> None:
        """Turns a switch. Raises KubeError."""
        patch = {"metadata": {"annotations": {f"{FLAG}{name}": "true" if on else None}}}
        try:
            await self._api.patch(LEASES, self._namespace, FLAGS_LEASE, patch)
        except NotFound:
            marks = {f"{FLAG}{name}": "true"} if on else {}
            try:
                await self._api.create(LEASES, self._namespace, lease_body(FLAGS_LEASE, marks, {}))
            except AlreadyExists:
                await self._api.patch(LEASES, self._namespace, FLAGS_LEASE, patch)
