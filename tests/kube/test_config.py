"""Finding credentials: service account, kubeconfig in its many forms, and what is said where there are none."""

import asyncio
import base64
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from aiohttp import web
from fakes.apiserver import FakeApiServer
from fakes.clock import ManualClock

from crontask_kube.client import ApiClient
from crontask_kube.config import ConfigError, from_kubeconfig, load
from crontask_kube.connection import Connection, Login
from crontask_kube.errors import Unauthorized
from crontask_kube.resources import PODS

Kubeconfig = Callable[..., str]


@pytest.fixture
def kubeconfig(tmp_path: Path, server: FakeApiServer) -> Kubeconfig:
    """Writes a kubeconfig of one context, "c", with the given user and cluster fields; answers its path."""

    def write(user: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **cluster: Any) -> str:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [
                {"name": "c", "context": {"cluster": "k", "user": "u"} | (context or {})},
                {"name": "other", "context": {"cluster": "k", "user": "u", "namespace": "elsewhere"}},
            ],
            "clusters": [{"name": "k", "cluster": {"server": server.url} | cluster}],
            "users": [{"name": "u", "user": user or {"token": "t0ken"}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return str(path)

    return write


async def sent_header(connection: Connection, server: FakeApiServer, clock: ManualClock) -> str | None:
    """The Authorization header that a request over the connection carries."""
    client = ApiClient(connection, clock=clock)
    await client.list(PODS)
    await client.close()
    return server.requests[-1].headers.get("Authorization")


async def test_a_token_is_sent(kubeconfig: Kubeconfig, server: FakeApiServer, clock: ManualClock) -> None:
    connection = await from_kubeconfig(kubeconfig(), clock=clock)
    assert (connection.server, connection.namespace) == (server.url, "default")
    assert await sent_header(connection, server, clock) == "Bearer t0ken"
    assert "t0ken" not in repr(connection)


async def test_a_context_can_be_named(kubeconfig: Kubeconfig, clock: ManualClock) -> None:
    assert (await from_kubeconfig(kubeconfig(), clock=clock, context="other")).namespace == "elsewhere"


async def test_a_user_without_credentials_is_anonymous(
    kubeconfig: Kubeconfig, server: FakeApiServer, clock: ManualClock
) -> None:
    connection = await from_kubeconfig(kubeconfig(user={"as-nobody": True}), clock=clock)
    assert await sent_header(connection, server, clock) is None


async def test_name_and_password_are_sent(kubeconfig: Kubeconfig, server: FakeApiServer, clock: ManualClock) -> None:
    connection = await from_kubeconfig(kubeconfig(user={"username": "a", "password": "b"}), clock=clock)
    assert await sent_header(connection, server, clock) == "Basic " + base64.b64encode(b"a:b").decode()


async def test_a_token_file_is_read_again_each_minute(
    kubeconfig: Kubeconfig, tmp_path: Path, server: FakeApiServer, clock: ManualClock
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    connection = await from_kubeconfig(kubeconfig(user={"tokenFile": str(token)}), clock=clock)
    token.write_text("second\n")
    assert await sent_header(connection, server, clock) == "Bearer first"
    clock.advance(60)
    assert await sent_header(connection, server, clock) == "Bearer second"
    token.unlink()
    clock.advance(60)
    assert await sent_header(connection, server, clock) == "Bearer second"


async def test_a_refused_token_is_read_again_at_once(
    kubeconfig: Kubeconfig, tmp_path: Path, server: FakeApiServer, clock: ManualClock
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    connection = await from_kubeconfig(kubeconfig(user={"tokenFile": str(token)}), clock=clock)
    token.write_text("second")
    server.fail("list", PODS, status=401, reason="Unauthorized")
    assert await sent_header(connection, server, clock) == "Bearer second"
    assert len(server.requests) == 2


async def test_a_token_that_stays_refused_is_an_error(
    kubeconfig: Kubeconfig, server: FakeApiServer, clock: ManualClock
) -> None:
    client = ApiClient(await from_kubeconfig(kubeconfig(), clock=clock), clock=clock)
    server.fail("list", PODS, status=401, reason="Unauthorized", times=10)
    with pytest.raises(Unauthorized) as caught:
        await client.list(PODS)
    await client.close()
    assert "t0ken" not in str(caught.value)
    assert len(server.requests) == 1


async def test_many_requests_read_a_token_once(clock: ManualClock) -> None:
    reads = 0

    async def read() -> str:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return f"Bearer {reads}"

    login = Login(read, clock, "Bearer 0")
    assert await login.header() == "Bearer 0"
    clock.advance(60)
    assert await asyncio.gather(*(login.header() for _ in range(5))) == ["Bearer 1"] * 5


def plugin(tmp_path: Path, script: str) -> dict[str, Any]:
    """A user that logs in through a program."""
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"command": str(path), "apiVersion": "client.authentication.k8s.io/v1"}}


async def test_an_exec_plugin_is_run(
    kubeconfig: Kubeconfig, tmp_path: Path, server: FakeApiServer, clock: ManualClock
) -> None:
    answer = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"made"}}'
    connection = await from_kubeconfig(kubeconfig(user=plugin(tmp_path, f"echo '{answer}'")), clock=clock)
    assert await sent_header(connection, server, clock) == "Bearer made"


async def test_an_exec_plugin_that_fails_is_told(kubeconfig: Kubeconfig, tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match="exec plugin gave no credentials; run its command by hand"):
        await from_kubeconfig(kubeconfig(user=plugin(tmp_path, "exit 3")), clock=clock)


@pytest.fixture
async def secure_url() -> Any:
    """An HTTPS server for "cluster.internal" that wants a client certificate; its URL, authority and issuer."""
    issuer = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issuer.issue_cert("cluster.internal").configure_cert(context)
    issuer.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})

    app = web.Application()
    app.router.add_get("/api/v1/pods", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", issuer
    await runner.cleanup()


@pytest.mark.parametrize("as_data", [True, False])
async def test_certificates_may_be_files_or_data(
    kubeconfig: Kubeconfig, tmp_path: Path, secure_url: Any, clock: ManualClock, as_data: bool
) -> None:
    url, issuer = secure_url
    own = issuer.issue_cert("operator@crontask")
    parts = {
        "certificate-authority": issuer.cert_pem.bytes(),
        "client-certificate": own.cert_chain_pems[0].bytes(),
        "client-key": own.private_key_pem.bytes(),
    }
    fields: dict[str, str] = {}
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
        fields |= {f"{name}-data": base64.b64encode(data).decode()} if as_data else {name: name}
    authority = {name: value for name, value in fields.items() if name.startswith("certificate")}
    user = {name: value for name, value in fields.items() if name.startswith("client")}
    path = kubeconfig(user=user, server=url, **authority, **{"tls-server-name": "cluster.internal"})
    client = ApiClient(await from_kubeconfig(path, clock=clock), clock=clock)
    assert (await client.list(PODS)).items == []
    await client.close()


async def test_verification_can_be_switched_off(kubeconfig: Kubeconfig, clock: ManualClock) -> None:
    path = kubeconfig(server="https://127.0.0.1:1", **{"insecure-skip-tls-verify": True})
    connection = await from_kubeconfig(path, clock=clock)
    assert connection.tls is not None
    assert connection.tls.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [s3cret", "is not YAML"),
        ("users: []", "Expected key current-context"),
        ("s3cret", "lacks a cluster, a user or a context"),
        ("current-context: c\ncontexts: []\nclusters: []\nusers: []", "Expected object with name c"),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nusers: [{name: u, tok: s3cret}]"
            "\nclusters: [{name: k, cluster: {server: 'http://k'}}]",
            "Expected key user",
        ),
    ],
)
async def test_a_broken_kubeconfig_is_told_without_its_secrets(
    tmp_path: Path, clock: ManualClock, text: str, told: str
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as caught:
        await from_kubeconfig(str(path), clock=clock)
    assert "s3cret" not in str(caught.value)


async def test_a_missing_file_and_a_missing_context_are_told(
    kubeconfig: Kubeconfig, tmp_path: Path, clock: ManualClock
) -> None:
    with pytest.raises(ConfigError, match='gone" does not exist; set KUBECONFIG'):
        await from_kubeconfig(str(tmp_path / "gone"), clock=clock)
    with pytest.raises(ConfigError, match="Expected object with name nowhere"):
        await from_kubeconfig(kubeconfig(), clock=clock, context="nowhere")


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A service account as the kubelet mounts it."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("mounted")
    (folder / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    (folder / "namespace").write_text("crontask-system")
    return folder


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/nonexistent"}


async def test_in_a_pod_its_service_account_is_used(account: Path, clock: ManualClock) -> None:
    connection = await load(IN_POD, clock=clock, service_account=account)
    assert (connection.server, connection.namespace) == ("https://10.0.0.1:443", "crontask-system")
    assert connection.login is not None
    assert await connection.login.header() == "Bearer mounted"
    (account / "token").write_text("rotated")
    clock.advance(60)
    assert await connection.login.header() == "Bearer rotated"


async def test_an_ipv6_service_host_is_bracketed(account: Path, clock: ManualClock) -> None:
    connection = await load(IN_POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, clock=clock, service_account=account)
    assert connection.server == "https://[fd00::1]:443"


async def test_a_given_kubeconfig_wins_over_the_pod(
    kubeconfig: Kubeconfig, account: Path, server: FakeApiServer, clock: ManualClock
) -> None:
    connection = await load(IN_POD, clock=clock, kubeconfig=kubeconfig(), service_account=account)
    assert connection.server == server.url


async def test_outside_a_pod_the_home_folder_is_looked_at(
    kubeconfig: Kubeconfig, tmp_path: Path, server: FakeApiServer, clock: ManualClock
) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").symlink_to(kubeconfig())
    assert (await load({"HOME": str(tmp_path)}, clock=clock)).server == server.url


async def test_nothing_at_all_is_told(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match=r"not in a pod, and .* does not exist; set KUBECONFIG"):
        await load({"HOME": str(tmp_path)}, clock=clock)
    with pytest.raises(ConfigError, match="automountServiceAccountToken: true"):
        await load(IN_POD, clock=clock, service_account=tmp_path)
