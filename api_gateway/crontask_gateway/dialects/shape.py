"""What a dialect is: one frozen record of values and pure functions, which `pipeline.py` carries out.

Where systems differ in what is checked first, or in what an unknown path is
answered, the difference is data here and not code in the pipeline.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from crontask_gateway.deps import Deps
from crontask_gateway.errors import GatewayError
from crontask_gateway.http import Facts, Reply
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.principal import Access, Principal, Right

Check = Literal["route", "rate", "auth", "quota", "body"]
"""Whether there is such a path, whether its address asks too often, who it is and what it may, whether it has used up
what it may ask, what it sends."""
Coverage = Literal["full", "partial", "refused"]
Slash = Literal["redirect", "exact"]

_PARAMETER = re.compile(r"\{([a-z_]+)(\.\.\.)?\}")


@dataclass(frozen=True, slots=True)
class Request:
    """What an endpoint is called with."""

    facts: Facts
    params: Mapping[str, str]
    """The path's variable parts, decoded."""
    principal: Principal
    deps: Deps
    dialect: str

    @property
    def scope(self) -> Scope:
        """Whose jobs the principal may touch."""
        return Scope(self.principal.namespace, self.dialect, self.principal.tenant)

    def naming(self, ident: str) -> Naming:
        """A job of the principal's by its id. Raises Invalid."""
        return Naming(self.scope, ident)


Endpoint = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True)
class Route:
    """One line of a dialect's table."""

    method: str
    path: str
    """Such as `/v1/jobs/{job}`; a variable part is one part of the path, `{rest...}` at the end takes all."""
    endpoint: Endpoint
    section: str
    """Where the system's document describes it."""
    coverage: Coverage = "full"
    right: Right | None = "read"
    """What the principal must have; None for a route that asks for no credentials."""
    note: str = ""
    """What of it is otherwise than documented, or is left out."""
    status: int = 200
    """Of a success. What follows is for people and for the OpenAPI document."""
    query: tuple[str, ...] = ()
    """The parameters that the query may have."""
    takes: str = ""
    """The schema of the body, one of `Dialect.schemas`; with `[]` after it a list of them; as JSON, or with
    `form:`, `text:` or `html:` before it; empty for none."""
    gives: str = ""
    """The schema of the reply, likewise."""
    body_bytes: int = 0
    """The longest body that is read, where it is another than the dialect's."""
    shapes: Mapping[str, str] = field(default_factory=dict)
    """Regular expressions of variable parts of the path; without one, any text without a slash."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the raw path, before its escapes are decoded."""
        text, place = "", 0
        for found in _PARAMETER.finditer(self.path):
            text += re.escape(self.path[place : found.start()])
            shape = self.shapes.get(found[1], ".*" if found[2] else "[^/]+")
            text += f"(?P<{found[1]}>{shape})"
            place = found.end()
        return re.compile(text + re.escape(self.path[place:]))

    def match(self, raw_path: str) -> dict[str, str] | None:
        """The decoded variable parts, or None where the path is another one."""
        found = self.pattern.fullmatch(raw_path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


@dataclass(frozen=True, slots=True)
class Misses:
    """What is answered where no route fits."""

    unknown: Reply
    wrong_method: Reply | None = None
    """For a path that exists under other methods; None: as an unknown one. An Allow header is added."""
    slash: Slash = "exact"
    """Whether a path that exists only with (or without) a slash at its end is redirected to: 301 for GET, else 307."""


class NoOptions(BaseModel):
    """The options of a dialect that has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _unchanged(facts: Facts, reply: Reply, deps: Deps, routed: bool) -> Reply:
    return reply


async def _free(request: Request, route: Route) -> None:
    return None


def _nothing(facts: Facts) -> Reply | None:
    return None


@dataclass(frozen=True)
class Dialect:
    """One system's API."""

    name: str
    """As in labels and object names: lower-case letters, digits and hyphens."""
    title: str
    document: str
    """Which document or version of the system it follows."""
    port: int
    """Where it listens unless the configuration says otherwise."""
    routes: tuple[Route, ...]
    """The first that matches is taken."""
    checks: tuple[Check, ...]
    """Their order; each occurs once."""
    authenticate: Callable[[Facts, Access, datetime], Principal]
    """`auth.check`. Raises Unauthorised."""
    render: Callable[[GatewayError], Reply]
    """`errors.render`."""
    misses: Misses
    schemas: Mapping[str, Any] = field(default_factory=dict)
    """JSON schemas of what its routes take and give, by name."""
    security: Mapping[str, Any] = field(default_factory=dict)
    """How clients say who they are, as OpenAPI's security schemes; each of them suffices."""
    options: type[BaseModel] = NoOptions
    body_bytes: int = 1_048_576
    """The longest body that is read."""
    quota: Callable[[Request, Route], Awaitable[None]] = _free
    """Counts a request whose principal is known. Raises TooMany."""
    shows_others: bool = False
    """Whether it can show tasks that were not made by its API."""
    first: Callable[[Facts], Reply | None] = _nothing
    """Answers before all checks (preflights), or None."""
    finish: Callable[[Facts, Reply, Deps, bool], Reply] = _unchanged
    """Adds what every reply has; the last argument tells whether a route had been found."""

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """All methods of its routes."""
        return tuple(sorted({route.method for route in self.routes}))
