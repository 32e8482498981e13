"""The way of a request: the order of checks, what an unknown path is answered, how errors leave."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fakes.clock import ManualClock
from fakes.dialect import dialect
from fakes.store import MemoryStore

from crontask_gateway.deps import Deps
from crontask_gateway.dialects.shape import Check, Dialect, Slash
from crontask_gateway.errors import TooLarge
from crontask_gateway.http import Facts, Query, Reply
from crontask_gateway.limits import Gate, Rate
from crontask_gateway.pipeline import Mounted, answer
from crontask_gateway.principal import Access, Credential, Principal

READER = Credential(Principal("reader", "", "default", frozenset({"read"})), b"reader-token")
WRITER = Credential(Principal("writer", "t", "team"), b"writer-token")
ACCESS = Access("default", (READER, WRITER))


def mounted(of: Dialect | None = None, *, access: Access = ACCESS, rate: Rate | None = None) -> Mounted:
    clock = ManualClock()
    deps = Deps(store=MemoryStore(clock), clock=clock, access=access, options=None, node="gw")
    return Mounted(of or dialect(), deps, Gate(rate))


class Client:
    """Asks a mounted dialect; `read` tells whether the body was read."""

    def __init__(self, to: Mounted) -> None:
        self._to = to
        self.read = False

    async def __call__(self, method: str, target: str, body: bytes = b"", **headers: str) -> Reply:
        path, _, query = target.partition("?")
        told = {name.replace("_", "-"): value for name, value in headers.items()}

        async def read(limit: int) -> bytes:
            self.read = True
            if len(body) > limit:
                raise TooLarge("too large")
            return body

        facts = Facts(method, path, path, Query(query), told, peer="10.0.0.1")
        reply, _ = await answer(self._to, facts, read)
        return reply


def told(reply: Reply) -> Any:
    assert reply.status == 200, reply
    return json.loads(reply.body)


async def test_an_endpoint_is_given_params_body_and_principal() -> None:
    ask = Client(mounted())
    found = told(await ask("POST", "/jobs", b"{}", x_token="writer-token"))
    assert (found["body"], found["who"], found["scope"]) == ("{}", "writer", ["team", "toy", "t"])
    assert told(await ask("GET", "/jobs/a%2Fb%C3%A4", x_token="reader-token"))["params"] == {"job": "a/bä"}
    assert told(await ask("GET", "/tree/a/b/", x_token="reader-token"))["params"] == {"rest": "a/b/"}


async def test_a_token_and_a_right_are_asked_for() -> None:
    ask = Client(mounted())
    assert (await ask("GET", "/jobs")).body == b"Unauthorised: who are you?"
    assert (await ask("POST", "/jobs", x_token="reader-token")).body.startswith(b"Forbidden: ")
    assert not ask.read  # nothing of the body is read for them
    assert (await ask("GET", "/open")).status == 200


@pytest.mark.parametrize(
    ("checks", "unknown_path", "too_large"),
    [
        (("route", "auth", "body"), b"nothing", b"Unauthorised"),
        (("auth", "route", "body"), b"Unauthorised", b"Unauthorised"),
        (("route", "body", "auth"), b"nothing", b"TooLarge"),
        (("body", "auth", "route"), b"TooLarge", b"TooLarge"),
    ],
)
async def test_the_order_of_checks_is_the_dialects(
    checks: tuple[Check, ...], unknown_path: bytes, too_large: bytes
) -> None:
    ask = Client(mounted(dialect(*checks, body_bytes=10)))
    body = b"x" * 11
    assert (await ask("GET", "/unknown", body)).body.startswith(unknown_path)
    assert (await ask("POST", "/jobs", body)).body.startswith(too_large)


@pytest.mark.parametrize(
    ("method", "target", "slash", "status", "location"),
    [
        ("GET", "/jobs/", "redirect", 301, "/jobs"),
        ("GET", "/folder?a=%20b", "redirect", 301, "/folder/?a=%20b"),
        ("PUT", "/folder", "redirect", 307, "/folder/"),
        ("DELETE", "/folder", "redirect", 404, None),
        ("GET", "/jobs/", "exact", 404, None),
        ("GET", "//evil.example/", "redirect", 404, None),
        ("GET", "/", "redirect", 404, None),
        ("GET", "", "redirect", 404, None),
        ("GET", "/jobs/a/b", "redirect", 404, None),
        ("GET", "/JOBS", "redirect", 404, None),
        ("GET", "/jobs/../open", "redirect", 404, None),
        ("HEAD", "/jobs", "redirect", 404, None),
    ],
)
async def test_what_is_not_there(method: str, target: str, slash: Slash, status: int, location: str | None) -> None:
    reply = await Client(mounted(dialect(slash=slash)))(method, target)
    assert (reply.status, reply.header("Location")) == (status, location)


async def test_a_redirection_keeps_the_mounts_prefix() -> None:
    async def read(limit: int) -> bytes:
        return b""

    reply, route = await answer(mounted(), Facts("GET", "/jobs/", "/jobs/", prefix="/toy"), read)
    assert (reply.header("Location"), route) == ("/toy/jobs", None)


async def test_a_wrong_method_may_be_refused_with_those_that_are_right() -> None:
    ask = Client(mounted(dialect(wrong_method=Reply(405, b"no"))))
    reply = await ask("DELETE", "/jobs")
    assert (reply.status, reply.header("Allow")) == (405, "GET, POST")
    assert (await ask("DELETE", "/unknown")).status == 404


async def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    to = mounted(access=Access("default", open=True), rate=Rate(1.0, 2))
    ask = Client(to)
    assert [(await ask("GET", "/jobs")).status for _ in range(3)] == [200, 200, 499]
    clock = to.deps.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1.0)
    assert [(await ask("GET", "/jobs")).status for _ in range(2)] == [200, 499]


async def test_a_fault_travels_on() -> None:
    with pytest.raises(RuntimeError):
        await Client(mounted())("GET", "/fail", x_token="reader-token")


async def test_first_and_finish_see_every_request() -> None:
    of = replace(
        dialect(),
        first=lambda facts: Reply(204) if facts.method == "OPTIONS" else None,
        finish=lambda facts, reply, deps, routed: reply.having(("X-Whom", f"{deps.node} {routed}")),
    )
    ask = Client(mounted(of))
    found = [(await ask(*line)).header("X-Whom") for line in (("OPTIONS", "/x"), ("GET", "/x"), ("GET", "/jobs"))]
    assert found == ["gw False", "gw False", "gw True"]
