"""Switches that all replicas of the gateway share and that outlive them: annotations on one Lease.

A replica that knows itself alone (`peers.py`) goes by what it has written and what its watch of the Leases tells;
a list of Leases takes the API server as long as a write. Others read that list, which is the one that tells them of
each other, too.
"""

import asyncio

from crontask_gateway.errors import Unavailable
from crontask_gateway.leases import FLAG, FLAGS_LEASE, annotations_of, lease_body
from crontask_gateway.peers import Peers
from crontask_kube.client import ApiClient, Object
from crontask_kube.errors import AlreadyExists, KubeError, NotFound
from crontask_kube.leasewatch import LeaseWatch
from crontask_kube.resources import LEASES


class Switches:
    """See the module. Reading takes `seconds` at most."""

    def __init__(self, api: ApiClient, peers: Peers, watch: LeaseWatch, namespace: str, seconds: float) -> None:
        self._api, self._peers, self._namespace, self._seconds = api, peers, namespace, seconds
        self._known: set[str] = set()
        self._version = 0
        """Of the Lease that says so."""
        watch.listeners.append(self._told)

    async def on(self) -> set[str]:
        """The switches that are on. Raises Unavailable."""
        if self._peers.alone():
            return self._known
        try:
            async with asyncio.timeout(self._seconds):
                leases = await self._peers.list()
        except (TimeoutError, KubeError) as error:
            raise Unavailable(f"the switches cannot be read: {error}", 1.0) from None
        return {name for body in leases if body["metadata"]["name"] == FLAGS_LEASE for name in _on(body)}

    async def turn(self, name: str, on: bool) -> None:
        """Turns a switch. Raises KubeError."""
        patch = {"metadata": {"annotations": {f"{FLAG}{name}": "true" if on else None}}}
        try:
            made = await self._api.patch(LEASES, self._namespace, FLAGS_LEASE, patch)
        except NotFound:
            marks = {f"{FLAG}{name}": "true"} if on else {}
            try:
                made = await self._api.create(LEASES, self._namespace, lease_body(FLAGS_LEASE, marks, {}))
            except AlreadyExists:
                made = await self._api.patch(LEASES, self._namespace, FLAGS_LEASE, patch)
        self._told(FLAGS_LEASE, made)

    def _told(self, name: str, body: Object | None) -> None:
        """The watch tells of a Lease, or our own write is answered."""
        if name != FLAGS_LEASE:
            return
        if body is None:
            self._known = set()
        elif (version := int(body["metadata"]["resourceVersion"])) > self._version:
            self._known, self._version = _on(body), version


def _on(body: Object) -> set[str]:
    return {name.removeprefix(FLAG) for name in annotations_of(body) if name.startswith(FLAG)}
