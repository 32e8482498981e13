"""API keys while the gateway runs: they come, change, are disabled and go; by a watch of the real client."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock
from fakes.stages import LEASES_IN, until

from crontask_core.api_keys import digest_of, made, secret_body
from crontask_core.errors import FieldError
from crontask_gateway.keyring import KeyRing
from crontask_gateway.mounts import MountedKeys, access
from crontask_gateway.principal import Principal
from crontask_gateway.replica import Replica
from crontask_gateway.settings import MountSettings
from crontask_kube.client import ApiClient
from crontask_kube.resources import SECRETS

KEY, OTHER = "k" * 44, "o" * 44


def secret(name: str = "ci", key: str = KEY, dialect: str = "cronjob-org", **more: Any) -> dict[str, Any]:
    return secret_body(made(name, dialect, digest_of(key), **more), LEASES_IN)


def test_a_key_opens_its_dialect_alone_and_only_while_it_is_there_and_enabled() -> None:
    ring = KeyRing()
    assert ring.find("cronjob-org", KEY.encode()) is None
    ring.receive("secrets", "ADDED", secret())
    assert ring.find("cronjob-org", KEY.encode()) is not None
    assert ring.find("dkron", KEY.encode()) is None
    for wrong in (b"", b"k", OTHER.encode(), digest_of(KEY).encode(), KEY.lower().encode() + b" "):
        assert ring.find("cronjob-org", wrong) is None
    ring.receive("secrets", "MODIFIED", secret(enabled="false"))
    assert ring.find("cronjob-org", KEY.encode()) is None
    ring.receive("secrets", "MODIFIED", secret(key=OTHER))
    assert (ring.find("cronjob-org", KEY.encode()), len(ring)) == (None, 1)
    assert ring.find("cronjob-org", OTHER.encode()) is not None
    ring.receive("secrets", "DELETED", secret(key=OTHER))
    assert (ring.find("cronjob-org", OTHER.encode()), len(ring)) == (None, 0)


def test_one_that_cannot_be_read_opens_nothing_and_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    ring = KeyRing()
    ring.receive("secrets", None, secret("good"))
    broken = secret("bad", OTHER)
    broken["data"]["perDay"] = "eHg="
    ring.receive("secrets", None, broken)
    assert ring.find("cronjob-org", OTHER.encode()) is None
    assert ring.find("cronjob-org", KEY.encode()) is not None
    out = capsys.readouterr().out
    assert "perDay" in out
    assert digest_of(OTHER) not in out
    # One that was good and is broken now opens nothing, either.
    spoilt = secret("good")
    spoilt["type"] = "Opaque"
    ring.receive("secrets", "MODIFIED", spoilt)
    assert ring.find("cronjob-org", KEY.encode()) is None


def test_a_list_without_it_takes_a_key_away() -> None:
    ring = KeyRing()
    ring.receive("secrets", None, secret())
    ring.missing("secrets", ring.known("secrets"))
    assert ring.find("cronjob-org", KEY.encode()) is None


def test_a_key_is_a_principal_with_its_owners_namespace_rights_addresses_and_quota() -> None:
    ring = KeyRing()
    ring.receive("secrets", None, secret("a", owner="shop", rights=("read",), addresses=("192.0.2.0/24",), per_day="7"))
    ring.receive("secrets", None, secret("b", OTHER, owner="else"))
    keys = MountedKeys("cronjob-org", "jobs", {"shop": "shop-jobs"}, ring)
    networks = (ip_network("192.0.2.0/24"),)
    assert keys.find(KEY.encode()) == Principal("a", "shop", "shop-jobs", frozenset({"read"}), "a", networks, 7)
    found = keys.find(OTHER.encode())
    assert found is not None
    assert (found.tenant, found.namespace, found.per_day) == ("else", "jobs", None)
    assert keys.find(b"neither") is None


def test_a_mount_with_api_keys_needs_no_tokens() -> None:
    ring = KeyRing()
    ring.receive("secrets", None, secret())
    found = access("cronjob-org", MountSettings(api_keys=True), ring)
    assert found.find(KEY) is not None
    assert access("cronjob-org", MountSettings(open=True), ring).find(KEY) is None, "only where it is asked for"
    with pytest.raises(FieldError, match="lets nobody in"):
        access("cronjob-org", MountSettings(), ring)


ADMITTED = [
    ((), "anything", True),
    (("192.0.2.7",), "192.0.2.7", True),
    (("192.0.2.7",), "192.0.2.8", False),
    (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::1", True),
    (("192.0.2.0/24",), "::ffff:192.0.2.9", True),
    (("192.0.2.0/24",), "2001:db8::1", False),
    (("192.0.2.0/24",), "", False),
    (("0.0.0.0/0",), "unix", False),
]


@pytest.mark.parametrize(("addresses", "peer", "admitted"), ADMITTED)
def test_where_a_key_may_be_used_from(addresses: tuple[str, ...], peer: str, admitted: bool) -> None:
    networks = tuple(ip_network(each) for each in addresses)
    assert Principal("a", "", "default", addresses=networks).admits(peer) is admitted


@pytest.mark.timeout(20)
async def test_a_replica_is_told_of_keys_by_a_watch_and_is_not_ready_before(
    server: FakeApiServer, client: ApiClient
) -> None:
    server.put(SECRETS, secret(), LEASES_IN)
    server.put(SECRETS, {"metadata": {"name": "no-key", "namespace": LEASES_IN}, "data": {}}, LEASES_IN)
    replica = _replica(client, api_keys=True)
    assert replica.problem()
    running = asyncio.create_task(replica.run())

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            await until(condition)

    def opens(key: str) -> bool:
        return replica.ring.find("cronjob-org", key.encode()) is not None

    try:
        await wait(lambda: not replica.problem())
        assert (opens(KEY), len(replica.ring)) == (True, 1)
        server.put(SECRETS, secret("later", OTHER), LEASES_IN)
        await wait(lambda: opens(OTHER))
        await client.delete(SECRETS, LEASES_IN, "ci")
        await wait(lambda: not opens(KEY))
        assert opens(OTHER)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.timeout(20)
async def test_without_api_keys_no_secret_is_listed(server: FakeApiServer, client: ApiClient) -> None:
    replica = _replica(client, api_keys=False)
    running = asyncio.create_task(replica.run())
    try:
        async with asyncio.timeout(5):
            await until(lambda: not replica.problem())
        assert not [call for call in server.requests if "secrets" in str(call)]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _replica(api: ApiClient, *, api_keys: bool) -> Replica:
    return Replica(
        api,
        ManualClock(),
        namespaces=["default"],
        dialects=["cronjob-org"],
        lease_namespace=LEASES_IN,
        identity="gw",
        cache_bytes=1_000,
        api_keys=api_keys,
    )
