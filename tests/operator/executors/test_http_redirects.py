"""Following redirects: how often, with which method, and what is not carried to another origin."""

from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network

import pytest
from fakes.webserver import WebServer, answers, redirects

from crontask_core.egress import EgressPolicy
from crontask_core.httpcall import HttpRequest
from crontask_operator.executors.http import HttpExecutor

LOOPBACK = EgressPolicy.standard(allow=[ip_network("127.0.0.0/8")])
SECRET_HEADERS = (
    ("Authorization", "Bearer tok-123456"),
    ("X-Key", "key-123456"),
    ("Host", "front.test"),
    ("X-Plain", "1"),
)


async def anywhere(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer() as running:
        running.routes["/end"] = answers(200, b"end")
        yield running


@pytest.fixture
def executor() -> HttpExecutor:
    return HttpExecutor(policy=LOOPBACK, resolve=anywhere)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "GET", "GET"),
        (301, "POST", "GET"),
        (301, "PUT", "PUT"),
        (302, "POST", "GET"),
        (302, "PATCH", "PATCH"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ],
)
async def test_methods(web: WebServer, executor: HttpExecutor, status: int, method: str, then: str) -> None:
    web.routes["/"] = redirects("/end", status)
    body = b"data" if method in ("POST", "PUT", "PATCH") else None
    headers = (("Content-Type", "text/plain"), ("Idempotency-Key", "k"))
    facts = await executor.call(HttpRequest(method, web.url(), headers=headers, body=body))
    assert (facts.error, facts.http_status, facts.redirects) == (None, 200, 1)
    first, second = web.seen
    assert (first.method, first.body) == (method, body or b"")
    assert second.method == then
    carries = then == method
    assert second.body == ((body or b"") if carries else b"")
    assert ("content-type" in second.headers, "content-length" in second.headers) == (
        carries,
        carries and body is not None,
    )
    assert second.headers["idempotency-key"] == "k"


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 399])
async def test_other_answers_with_a_location_are_not_followed(
    web: WebServer, executor: HttpExecutor, status: int
) -> None:
    web.routes["/"] = answers(status, b"", "Location: /end")
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert (facts.http_status, facts.redirects, facts.error) == (status, 0, None)


async def test_a_redirect_without_location_is_an_answer(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/"] = answers(302, b"where?")
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert (facts.http_status, facts.body, facts.error) == (302, b"where?", None)


async def test_redirects_are_left_alone_on_demand(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/"] = redirects("/end")
    facts = await executor.call(HttpRequest("GET", web.url(), follow_redirects=False))
    assert (facts.http_status, facts.redirects, len(web.seen)) == (302, 0, 1)


@pytest.mark.parametrize(("hops", "followed"), [(9, True), (10, True), (11, False)])
async def test_ten_are_followed(web: WebServer, executor: HttpExecutor, hops: int, followed: bool) -> None:
    for hop in range(hops):
        web.routes[f"/{hop}"] = redirects(f"/{hop + 1}")
    web.routes[f"/{hops}"] = answers()
    facts = await executor.call(HttpRequest("GET", web.url("/0")))
    if followed:
        assert (facts.error, facts.http_status, facts.redirects) == (None, 200, hops)
    else:
        assert facts.error is not None
        assert (facts.error.reason.value, facts.redirects) == ("TooManyRedirects", 10)
        assert len(web.seen) == 11


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("end", "/a/end"),
        ("../end", "/end"),
        ("?x=1", "/a/b?x=1"),
        ("/end#part", "/end"),
        ("//other.test:{port}/end", "/end"),
    ],
)
async def test_relative_targets(web: WebServer, executor: HttpExecutor, target: str, path: str) -> None:
    async def route(seen: object, writer: object) -> None:
        first = len(web.seen) == 1
        await (redirects(target.format(port=web.port)) if first else answers())(seen, writer)  # type: ignore[arg-type]

    web.routes |= dict.fromkeys(["/a/b", "/a/end", "/end"], route)
    facts = await executor.call(HttpRequest("GET", web.url("/a/b")))
    assert (facts.http_status, web.seen[1].target) == (200, path)


@pytest.mark.parametrize(("host", "kept"), [("127.0.0.1", True), ("other.test", False)])
async def test_credentials_stay_at_their_origin(web: WebServer, executor: HttpExecutor, host: str, kept: bool) -> None:
    web.routes["/"] = redirects(web.url("/end", host=host))
    request = HttpRequest(
        "GET", web.url(), headers=SECRET_HEADERS, secret_headers=frozenset({"authorization", "x-key"})
    )
    assert (await executor.call(request)).http_status == 200
    first, second = web.seen
    assert (first.headers["host"], first.headers["authorization"]) == ("front.test", "Bearer tok-123456")
    assert ("authorization" in second.headers, "x-key" in second.headers) == (kept, kept)
    assert second.headers["x-plain"] == "1"
    assert second.headers["host"] == ("front.test" if kept else f"{host}:{web.port}")


async def test_another_port_is_another_origin(web: WebServer, executor: HttpExecutor) -> None:
    async with WebServer() as other:
        other.routes["/end"] = answers()
        web.routes["/"] = redirects(other.url("/end"))
        headers = SECRET_HEADERS[:2]
        request = HttpRequest("GET", web.url(), headers=headers, secret_headers=frozenset({"authorization", "x-key"}))
        facts = await executor.call(request)
    assert facts.http_status == 200
    assert not {"authorization", "x-key"} & set(other.seen[0].headers)


async def test_user_names_in_a_target_are_not_used(web: WebServer, executor: HttpExecutor) -> None:
    web.routes["/"] = redirects(f"http://ann:secret@127.0.0.1:{web.port}/end")
    facts = await executor.call(HttpRequest("GET", web.url()))
    assert facts.http_status == 200
    assert "authorization" not in web.seen[1].headers
    assert web.seen[1].headers["host"] == f"127.0.0.1:{web.port}"
