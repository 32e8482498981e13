"""TLS: whom is trusted, by which name, and how each failure is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
import trustme
from fakes.webserver import WebServer, answers, listening, redirects

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import CallFacts, HttpRequest, PhaseSeconds, TlsSettings
from crontask_operator.executors.http import HttpExecutor

LOOPBACK = EgressPolicy.standard(allow=[ip_network("127.0.0.0/8")])
Served = Callable[[trustme.LeafCert], AbstractAsyncContextManager[WebServer]]


async def anywhere(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def executor() -> HttpExecutor:
    return HttpExecutor(policy=LOOPBACK, resolve=anywhere)


@asynccontextmanager
async def served(leaf: trustme.LeafCert) -> AsyncIterator[WebServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    async with WebServer({"/": answers()}, tls=context) as web:
        yield web


def trusting(authority: trustme.CA, server_name: str | None = None) -> TlsSettings:
    return TlsSettings(authority.cert_pem.bytes(), server_name)


def told(facts: CallFacts) -> tuple[str | None, str]:
    return (None, "") if facts.error is None else (facts.error.reason.value, facts.error.message)


@pytest.mark.parametrize(
    ("host", "name", "server_name"),
    [
        ("shop.test", "shop.test", None),
        ("shop.test", "inner.test", "inner.test"),
        ("127.0.0.1", "127.0.0.1", None),
        ("127.0.0.1", "inner.test", "inner.test"),
    ],
)
async def test_a_known_authority_and_the_right_name(
    authority: trustme.CA, executor: HttpExecutor, host: str, name: str, server_name: str | None
) -> None:
    async with served(authority.issue_cert(name)) as web:
        facts = await executor.call(HttpRequest("GET", web.url(host=host), tls=trusting(authority, server_name)))
        assert (facts.error, facts.http_status, facts.body) == (None, 200, b"ok")
        assert web.seen[0].headers["host"] == f"{host}:{web.port}"
    assert facts.timings is not None
    assert facts.timings.tls_microseconds
    assert facts.timings.total_microseconds
    assert facts.timings.total_microseconds > facts.timings.tls_microseconds


@pytest.mark.parametrize(
    ("name", "server_name", "own_authority", "message"),
    [
        ("other.test", None, True, "Hostname mismatch, certificate is not valid for 'shop.test'"),
        ("shop.test", "other.test", True, "Hostname mismatch, certificate is not valid for 'other.test'"),
        ("shop.test", None, False, "unable to get local issuer certificate"),
    ],
)
async def test_certificates_that_are_not_trusted(
    authority: trustme.CA,
    executor: HttpExecutor,
    name: str,
    server_name: str | None,
    own_authority: bool,
    message: str,
) -> None:
    tls = trusting(authority, server_name) if own_authority else TlsSettings()
    async with served(authority.issue_cert(name)) as web:
        facts = await executor.call(HttpRequest("GET", web.url(host="shop.test"), tls=tls))
        assert (told(facts)[0], facts.sent, web.seen) == ("TlsError", False, [])
        assert message in told(facts)[1]


async def test_an_expired_certificate(authority: trustme.CA, executor: HttpExecutor) -> None:
    leaf = authority.issue_cert("shop.test", not_after=datetime(2021, 1, 1, tzinfo=UTC))
    async with served(leaf) as web:
        facts = await executor.call(HttpRequest("GET", web.url(host="shop.test"), tls=trusting(authority)))
    assert told(facts) == ("TlsError", "no TLS connection as shop.test: certificate has expired")


async def test_a_self_signed_certificate(executor: HttpExecutor) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.cert_pem.tempfile() as cert, authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(cert, key)
    async with WebServer({"/": answers()}, tls=context) as web:
        facts = await executor.call(HttpRequest("GET", web.url(host="shop.test")))
    assert told(facts) == ("TlsError", "no TLS connection as shop.test: self-signed certificate")


async def test_plain_http_on_the_port_of_tls(authority: trustme.CA, executor: HttpExecutor) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with listening(plain) as port:
        facts = await executor.call(HttpRequest("GET", f"https://127.0.0.1:{port}/", tls=trusting(authority)))
    assert told(facts) == ("TlsError", "no TLS connection as 127.0.0.1: wrong version number")


async def test_tls_on_the_port_of_plain_http(authority: trustme.CA, executor: HttpExecutor) -> None:
    async with served(authority.issue_cert("shop.test")) as web:
        facts = await executor.call(HttpRequest("GET", f"http://127.0.0.1:{web.port}/"))
    assert told(facts)[0] in ("ProtocolError", "Reset")


async def test_a_connection_that_ends_in_the_handshake(authority: trustme.CA, executor: HttpExecutor) -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async with listening(hangs_up) as port:
        facts = await executor.call(HttpRequest("GET", f"https://127.0.0.1:{port}/", tls=trusting(authority)))
    assert told(facts)[0] == "TlsError"


async def test_a_handshake_that_stalls(authority: trustme.CA, executor: HttpExecutor) -> None:
    closed = asyncio.Event()

    async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        closed.set()

    async with listening(stalls) as port:
        request = HttpRequest("GET", f"https://127.0.0.1:{port}/", phases=PhaseSeconds(tls=0.1))
        facts = await executor.call(request)
        await asyncio.wait_for(closed.wait(), 5)
    assert told(facts) == ("Timeout", "the TLS handshake took longer than 0.1 s")


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nzz\n-----END CERTIFICATE-----\n", b"\xff"])
async def test_an_unreadable_authority_is_a_bad_secret(executor: HttpExecutor, pem: bytes) -> None:
    facts = await executor.call(HttpRequest("GET", "https://shop.test/", tls=TlsSettings(ca_pem=pem)))
    assert (told(facts)[0], facts.sent) == ("InvalidSecret", False)


async def test_the_server_name_is_for_the_first_host_alone(authority: trustme.CA, executor: HttpExecutor) -> None:
    async with served(authority.issue_cert("inner.test")) as web:
        web.routes["/"] = redirects(web.url("/end", host="other.test"))
        facts = await executor.call(
            HttpRequest("GET", web.url(host="shop.test"), tls=trusting(authority, "inner.test"))
        )
    assert (told(facts)[0], facts.http_status, facts.redirects) == ("TlsError", 302, 1)
    assert "not valid for 'other.test'" in told(facts)[1]


async def test_credentials_do_not_go_from_https_to_http(authority: trustme.CA, executor: HttpExecutor) -> None:
    async with WebServer({"/end": answers()}) as plain, served(authority.issue_cert("shop.test")) as web:
        web.routes["/"] = redirects(plain.url("/end", host="shop.test"))
        request = HttpRequest(
            "GET",
            web.url(host="shop.test"),
            headers=(("Authorization", "Bearer tok-123456"),),
            secret_headers=frozenset({"authorization"}),
            tls=trusting(authority),
        )
        facts = await executor.call(request)
    assert (facts.http_status, "authorization" in plain.seen[0].headers) == (200, False)
