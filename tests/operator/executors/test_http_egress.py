"""Nothing reaches where it should not: lookups, verdicts, redirects. Refusals are proved without a packet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from fakes.webserver import WebServer, answers, redirects

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import CallFacts, HttpRequest, PhaseSeconds, judge
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.executors.stream import WireStream

LOOPBACK = EgressPolicy.standard(allow=[ip_network("127.0.0.1/32")])


class Names:
    """A resolver of a test: answers each lookup of a name with the next of its answers, the last for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        known = self.answers[host.partition(".")[0]]
        return known.pop(0) if len(known) > 1 else known[0]


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer() as running:
        running.routes["/"] = answers()
        yield running


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that is connected to."""
    import crontask_operator.executors.transport as module

    found: list[str] = []
    real = module.connect

    async def noted(address: str, *rest: Any) -> WireStream:
        found.append(address)
        return await real(address, *rest)

    monkeypatch.setattr(module, "connect", noted)
    return found


def told(facts: CallFacts) -> tuple[str | None, str]:
    return (None, "") if facts.error is None else (facts.error.reason.value, facts.error.message)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "10.96.0.1",
        "[::1]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "0.0.0.0",
        "127.0.0.2",
        # Written otherwise, these reach the resolver, which reads them as the system does.
        "127.2",
        "2130706434",
        "0x7f.2",
    ],
)
async def test_denied_addresses_are_never_connected_to(host: str, connected: list[str]) -> None:
    policy = EgressPolicy.standard(allow=[ip_network("127.0.0.1/32")], deny=[ip_network("10.96.0.0/16")])
    executor = HttpExecutor(policy=policy)
    facts = await executor.call(HttpRequest("GET", f"http://{host}:9/"))
    await executor.close()
    reason, message = told(facts)
    assert (reason, facts.sent, connected) == ("EgressDenied", False, [])
    assert "CRONTASK_EGRESS_" in message


@pytest.mark.parametrize("answer", [["127.0.0.1", "10.0.0.1", "169.254.169.254"], ["fe80::1"], ["::ffff:127.0.0.2"]])
async def test_one_denied_address_denies_the_name(answer: list[str], connected: list[str]) -> None:
    executor = HttpExecutor(policy=LOOPBACK, resolve=Names(mixed=[answer]))
    facts = await executor.call(HttpRequest("GET", "http://mixed.test/"))
    reason, message = told(facts)
    assert (reason, connected) == ("EgressDenied", [])
    assert message.startswith("mixed.test may not be reached: ")


async def test_the_judged_address_is_the_one_connected_to(web: WebServer, connected: list[str]) -> None:
    """DNS rebinding: what a second lookup would answer does not matter, for there is none."""
    names = Names(rebind=[["127.0.0.1"], ["169.254.169.254"]])
    executor = HttpExecutor(policy=LOOPBACK, resolve=names)
    facts = await executor.call(HttpRequest("GET", web.url(host="rebind.test")))
    assert (facts.http_status, connected, names.asked) == (200, ["127.0.0.1"], ["rebind.test"])
    again = await executor.call(HttpRequest("GET", web.url(host="rebind.test")))
    assert (told(again)[0], connected) == ("EgressDenied", ["127.0.0.1"])


async def test_rebinding_between_hops_is_refused(web: WebServer, connected: list[str]) -> None:
    web.routes["/"] = redirects("/again")
    executor = HttpExecutor(policy=LOOPBACK, resolve=Names(rebind=[["127.0.0.1"], ["10.0.0.1", "169.254.169.254"]]))
    facts = await executor.call(HttpRequest("GET", web.url(host="rebind.test")))
    assert (told(facts)[0], facts.http_status, facts.redirects, facts.sent) == ("EgressDenied", 302, 1, True)
    assert (connected, len(web.seen)) == (["127.0.0.1"], 1)


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.2/",
        "//[::1]/",
        "http://inner.test/",
        "http://2130706434/",
    ],
)
async def test_redirects_to_denied_addresses_are_refused(web: WebServer, connected: list[str], target: str) -> None:
    web.routes["/"] = redirects(target)
    executor = HttpExecutor(policy=LOOPBACK, resolve=Names(**{"inner": [["127.0.0.9"]], "2130706434": [["127.0.0.2"]]}))
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert (told(facts)[0], connected) == ("EgressDenied", ["127.0.0.1"])


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "unix:/run/x", "gopher://127.0.0.1/", "//:80", "http://127.0.0.1:99999/", "http://h:0"],
)
async def test_redirects_to_anything_but_http_are_errors(web: WebServer, target: str) -> None:
    web.routes["/"] = redirects(target)
    facts = await HttpExecutor(policy=LOOPBACK).call(HttpRequest("GET", web.url()))
    reason, message = told(facts)
    assert reason == "ProtocolError"
    assert target not in message


async def test_environment_proxies_are_ignored(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    executor = HttpExecutor(policy=LOOPBACK)
    assert (await executor.call(HttpRequest("GET", web.url()))).http_status == 200
    await executor.close()


async def test_the_first_address_that_answers_is_used(web: WebServer, connected: list[str]) -> None:
    policy = EgressPolicy.standard(allow=[ip_network("127.0.0.0/8")])
    executor = HttpExecutor(policy=policy, resolve=Names(two=[["127.0.0.2", "127.0.0.1"]]))
    facts = await executor.call(HttpRequest("GET", web.url(host="two.test")))
    assert (facts.http_status, connected) == (200, ["127.0.0.2", "127.0.0.1"])


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(-2, "Name or service not known"), "DnsError"), (UnicodeError("label too long"), "DnsError")],
)
async def test_failed_lookups(error: Exception, reason: str) -> None:
    async def fails(host: str, port: int) -> Sequence[str]:
        raise error

    facts = await HttpExecutor(policy=LOOPBACK, resolve=fails).call(HttpRequest("GET", "http://gone.test/"))
    assert (told(facts)[0], facts.sent) == (reason, False)
    assert told(facts)[1].startswith("gone.test cannot be looked up: ")


async def test_a_name_without_addresses() -> None:
    facts = await HttpExecutor(policy=LOOPBACK, resolve=Names(empty=[[]])).call(
        HttpRequest("GET", "http://empty.test/")
    )
    assert told(facts) == ("DnsError", "empty.test has no address")


async def test_the_systems_resolver_answers_in_its_own_threads(web: WebServer) -> None:
    executor = HttpExecutor(policy=EgressPolicy.standard(allow=[ip_network("127.0.0.0/8"), ip_network("::1/128")]))
    request = HttpRequest("GET", web.url(host="localhost"))
    found = await asyncio.gather(*[executor.call(request) for _ in range(20)])
    assert [facts.http_status for facts in found] == [200] * 20
    gone = await executor.call(HttpRequest("GET", "http://does-not-exist.invalid/", phases=PhaseSeconds(lookup=20)))
    assert told(gone)[0] == "DnsError"
    await executor.close()


@pytest.mark.parametrize(
    ("seconds", "total", "message"),
    [(0.05, 5.0, "looking up slow.test took longer than 0.05 s"), (5.0, 0.05, "still looking up the host")],
)
async def test_a_slow_lookup_times_out(seconds: float, total: float, message: str) -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    request = HttpRequest("GET", "http://slow.test/", phases=PhaseSeconds(lookup=seconds), total_seconds=total)
    facts = await HttpExecutor(policy=LOOPBACK, resolve=never).call(request)
    assert told(facts)[0] == "Timeout"
    assert message in told(facts)[1]
    assert judge(request, facts, output_bytes=10).reason == "Timeout"


async def test_a_slow_connect_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import crontask_operator.executors.transport as module

    async def never(*rest: Any) -> WireStream:
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    monkeypatch.setattr(module, "connect", never)
    request = HttpRequest("GET", "http://127.0.0.1/", phases=PhaseSeconds(connect=0.05))
    facts = await HttpExecutor(policy=LOOPBACK).call(request)
    assert told(facts) == ("Timeout", "connecting to 127.0.0.1 port 80 took longer than 0.05 s")


async def test_an_unreachable_network_is_a_connect_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import crontask_operator.executors.transport as module

    async def unreachable(*rest: Any) -> WireStream:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(module, "connect", unreachable)
    facts = await HttpExecutor(policy=LOOPBACK).call(HttpRequest("GET", "http://127.0.0.1:81/"))
    assert told(facts) == ("ConnectError", "127.0.0.1 port 81 cannot be reached: No route to host")
