"""A small dialect for tests of what all dialects share: its replies say what its endpoints were given."""

import asyncio
import json
from datetime import datetime

from crontask_gateway.dialects.shape import Check, Dialect, Misses, Request, Route, Slash
from crontask_gateway.errors import GatewayError, Unauthorised
from crontask_gateway.http import Facts, Reply
from crontask_gateway.principal import Access, Principal

TEXT = ("Content-Type", "text/plain")


async def echo(request: Request) -> Reply:
    told = {
        "params": dict(request.params),
        "body": request.facts.body.decode("utf-8", "replace"),
        "peer": request.facts.peer,
        "scheme": request.facts.scheme,
        "target": request.facts.target,
        "who": request.principal.name,
        "scope": [request.scope.namespace, request.scope.dialect, request.scope.tenant],
    }
    return Reply(200, json.dumps(told).encode(), (("Content-Type", "application/json"),))


async def fail(request: Request) -> Reply:
    raise RuntimeError("secret-of-the-fault")


async def sleep(request: Request) -> Reply:
    await asyncio.sleep(float(request.facts.query.get("seconds", "0") or 0))
    return Reply(200, b"slept")


async def inject(request: Request) -> Reply:
    return Reply(200, b"x", (("X-Told", request.params["name"]),))


def check(facts: Facts, access: Access, now: datetime) -> Principal:
    if access.open:
        return access.everybody()
    found = access.find(facts.headers.get("x-token", ""))
    if found is None:
        raise Unauthorised("who are you?")
    return found


def render(error: GatewayError) -> Reply:
    return Reply(499, f"{type(error).__name__}: {error.message}".encode(), (TEXT,))


def dialect(
    *checks: Check, slash: Slash = "redirect", wrong_method: Reply | None = None, body_bytes: int = 1000
) -> Dialect:
    return Dialect(
        name="toy",
        title="Toy",
        document="none",
        port=1,
        routes=(
            Route("GET", "/jobs", echo, "1"),
            Route("POST", "/jobs", echo, "1", right="write"),
            Route("GET", "/jobs/{job}", echo, "1"),
            Route("GET", "/open", echo, "1", right=None),
            Route("GET", "/tree/{rest...}", echo, "1"),
            Route("GET", "/folder/", echo, "1"),
            Route("PUT", "/folder/", echo, "1", right="write"),
            Route("GET", "/fail", fail, "1"),
            Route("GET", "/sleep", sleep, "1"),
            Route("GET", "/inject/{name}", inject, "1"),
        ),
        checks=checks or ("route", "rate", "auth", "body"),
        authenticate=check,
        render=render,
        misses=Misses(Reply(404, b"nothing"), wrong_method, slash),
        body_bytes=body_bytes,
    )
