"""Headers of all replies: who answers, and what a page of another origin may do (CORS). Pure."""

from crontask_gateway.deps import Deps
from crontask_gateway.http import Facts, Reply

_ANYBODY = ("Access-Control-Allow-Origin", "*")
_EXPOSED = (_ANYBODY, ("Access-Control-Expose-Headers", "*, X-Total-Count, X-Whom, Location"))
_ALLOWED = (
    _ANYBODY,
    ("Access-Control-Allow-Methods", "*"),
    # The star does not stand for this one (Fetch standard, "CORS non-wildcard request-header name").
    ("Access-Control-Allow-Headers", "*, Authorization"),
    ("Access-Control-Max-Age", "43200"),
)
"""Upstream means to answer this, and has no route for it."""


def preflight(facts: Facts) -> Reply | None:
    """The reply to a browser that asks what a page of another origin may do, or None for another request."""
    return Reply(204, headers=_ALLOWED) if facts.method == "OPTIONS" and _foreign(facts) else None


def finish(facts: Facts, reply: Reply, deps: Deps, routed: bool) -> Reply:
    """The reply with the headers that all of them have; what has no route, and `/health`, has none."""
    if not routed or facts.path == "/health":
        return reply
    told = reply.having(("X-Whom", deps.options.node))
    return told.having(*_EXPOSED) if _foreign(facts) else told


def _foreign(facts: Facts) -> bool:
    """Whether a page of another origin asks something of the API."""
    origin, host = facts.headers.get("origin"), facts.headers.get("host", "")
    in_api = facts.path == "/v1" or facts.path.startswith("/v1/")
    return bool(origin) and in_api and origin not in (f"http://{host}", f"https://{host}")
