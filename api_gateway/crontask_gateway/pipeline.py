"""The one way of a request: facts, the dialect's checks in its order, the endpoint, the reply.

What is checked first differs between systems and is data of the dialect; how
each check works is here, once. Errors leave as the dialect words them. What is
none of ours travels on: the shell (`app.py`) logs it and answers `Broken`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from crontask_core.errors import FieldError
from crontask_gateway.deps import Deps
from crontask_gateway.dialects.shape import Check, Dialect, Request, Route
from crontask_gateway.errors import Forbidden, GatewayError, Invalid, TooMany
from crontask_gateway.http import Facts, Reply
from crontask_gateway.limits import Gate
from crontask_gateway.principal import Principal

ReadBody = Callable[[int], Awaitable[bytes]]
"""Reads the body, of at most so many bytes. Raises TooLarge and TooSlow."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """A dialect and its surroundings."""

    dialect: Dialect
    deps: Deps
    gate: Gate


@dataclass(slots=True)
class Course:
    """How far a request has come."""

    facts: Facts
    read: ReadBody
    route: Route | None = None
    params: dict[str, str] = field(default_factory=dict)
    principal: Principal | None = None


async def answer(mounted: Mounted, facts: Facts, read: ReadBody) -> tuple[Reply, Route | None]:
    """The reply, and the route that it is of, where there is one."""
    dialect = mounted.dialect
    if (early := dialect.first(facts)) is not None:
        return dialect.finish(facts, early, mounted.deps, False), None
    course = Course(facts, read)
    course.route, course.params = find(dialect, facts)
    try:
        reply = await _checked(mounted, course) or await _called(mounted, course)
    except GatewayError as error:
        reply = dialect.render(error)
    except FieldError as error:
        reply = dialect.render(Invalid(str(error), error.path))
    except ValidationError as error:
        reply = dialect.render(invalid(error))
    return dialect.finish(facts, reply, mounted.deps, course.route is not None), course.route


def find(dialect: Dialect, facts: Facts) -> tuple[Route | None, dict[str, str]]:
    """The route of a request, and its path's variable parts."""
    for route in dialect.routes:
        if route.method == facts.method and (params := route.match(facts.raw_path)) is not None:
            return route, params
    return None, {}


def invalid(error: ValidationError) -> Invalid:
    """The first objection of a model; without the value, which may be a credential."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return Invalid(f"{path}: {first['msg']}" if path else first["msg"], path)


async def _checked(mounted: Mounted, course: Course) -> Reply | None:
    for check in mounted.dialect.checks:
        if (reply := await CHECKS[check](mounted, course)) is not None:
            return reply
    return None


async def _called(mounted: Mounted, course: Course) -> Reply:
    if course.route is None:  # a dialect that does not check routes by itself
        return missed(mounted.dialect, course.facts)
    return await course.route.endpoint(_request(mounted, course))


def _request(mounted: Mounted, course: Course) -> Request:
    principal = course.principal or mounted.deps.access.everybody()
    return Request(course.facts, course.params, principal, mounted.deps, mounted.dialect.name)


async def _route(mounted: Mounted, course: Course) -> Reply | None:
    return missed(mounted.dialect, course.facts) if course.route is None else None


async def _rate(mounted: Mounted, course: Course) -> Reply | None:
    who = course.principal.name if course.principal and course.principal.name else course.facts.peer
    if wait := mounted.gate.ask(who, mounted.deps.clock.monotonic()):
        raise TooMany(f"too many requests; ask again in {wait:.1f} s", wait)
    return None


async def _auth(mounted: Mounted, course: Course) -> Reply | None:
    route, deps = course.route, mounted.deps
    if route is not None and route.right is None:
        return None
    course.principal = mounted.dialect.authenticate(course.facts, deps.access, deps.clock.now())
    if not course.principal.admits(course.facts.peer):
        raise Forbidden("this key must not be used from this address; add it to the key's addresses")
    if route is not None and route.right is not None:
        course.principal.require(route.right)
    return None


async def _quota(mounted: Mounted, course: Course) -> Reply | None:
    if course.route is not None and course.route.right is not None:
        await mounted.dialect.quota(_request(mounted, course), course.route)
    return None


async def _body(mounted: Mounted, course: Course) -> Reply | None:
    limit = (course.route.body_bytes if course.route else 0) or mounted.dialect.body_bytes
    course.facts = replace(course.facts, body=await course.read(limit))
    return None


CHECKS: dict[Check, Callable[[Mounted, Course], Awaitable[Reply | None]]] = {
    "route": _route,
    "rate": _rate,
    "auth": _auth,
    "quota": _quota,
    "body": _body,
}


def missed(dialect: Dialect, facts: Facts) -> Reply:
    """What is answered where no route fits: a redirection, a refusal of the method, or that there is nothing."""
    misses = dialect.misses
    if misses.slash == "redirect" and (path := _other(dialect, facts)) is not None:
        query = f"?{facts.query.text}" if facts.query.text else ""
        status = 301 if facts.method == "GET" else 307
        return Reply(status, headers=(("Location", f"{facts.prefix}{path}{query}"),))
    if misses.wrong_method is not None:
        allowed = [method for method in dialect.methods if find(dialect, replace(facts, method=method))[0]]
        if allowed:
            return misses.wrong_method.having(("Allow", ", ".join(allowed)))
    return misses.unknown


def _other(dialect: Dialect, facts: Facts) -> str | None:
    """The path with (or without) a slash at its end, where a route of the same method has that one."""
    raw = facts.raw_path
    # Two slashes at the begin would be another host to a browser.
    if raw.startswith("//") or raw in {"", "/"}:
        return None
    path = raw[:-1] if raw.endswith("/") else f"{raw}/"
    return path if find(dialect, replace(facts, raw_path=path))[0] is not None else None
