"""Which addresses HTTP actions and notifications may reach in this installation."""

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import structlog

from crontask_core.egress import EgressPolicy
from crontask_kube.client import ApiClient
from crontask_kube.connection import Connection
from crontask_kube.errors import KubeError
from crontask_kube.resources import ENDPOINT_SLICES
from crontask_operator.settings import Settings

log = structlog.get_logger(__name__)


async def egress_policy(settings: Settings, connection: Connection, api: ApiClient) -> EgressPolicy:
    """The installation's policy; the API server's addresses, by name and behind its Service, are looked up once.

    A loopback address is not counted among them: loopback has a denial of its own, and who allows it
    (a cluster on the same machine) means the whole of it.
    """
    host = urlsplit(connection.server).hostname or ""
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    addresses = {ip_address(info[4][0]) for info in found} | await _endpoints(api)
    servers = [address for address in addresses if not address.is_loopback]
    return EgressPolicy.standard(allow=settings.egress_allow, deny=settings.egress_deny, api_servers=servers)


async def _endpoints(api: ApiClient) -> set[IPv4Address | IPv6Address]:
    """The addresses at which the API server itself listens."""
    try:
        found = await api.get(ENDPOINT_SLICES, "default", "kubernetes", within=10)
    except KubeError as error:
        log.warning("the API server's own addresses are not known, so HTTP actions may reach them", error=str(error))
        return set()
    return {ip_address(text) for each in found.get("endpoints") or () for text in each["addresses"]}
