"""Headers of all replies: what a page of another origin may do (CORS), and that nothing is to be kept. Pure."""

from crontask_gateway.deps import Deps
from crontask_gateway.http import Facts, Reply

_ALL = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Cache-Control", "no-cache"),
    ("Pragma", "no-cache"),
    ("Expires", "0"),
)
_ALLOWED = (
    ("Access-Control-Allow-Methods", "GET, PUT, PATCH, DELETE"),
    (
        "Access-Control-Allow-Headers",
        "Content-Type,Authorization,Keep-Alive,User-Agent,If-Modified-Since,Cache-Control",
    ),
    ("Access-Control-Max-Age", "1800"),
)


def preflight(facts: Facts) -> Reply | None:
    """The reply to OPTIONS, whatever the path and whoever asks; None for another request."""
    return Reply(204, headers=_ALLOWED) if facts.method == "OPTIONS" else None


def finish(facts: Facts, reply: Reply, deps: Deps, routed: bool) -> Reply:
    """The reply with the headers that all of them have."""
    return reply.having(*_ALL)
