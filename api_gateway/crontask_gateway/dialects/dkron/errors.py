"""The gateway's errors in Dkron's words: plain text after a create or an update, an empty body for all else."""

from crontask_gateway.errors import (
    Broken,
    Conflict,
    Forbidden,
    GatewayError,
    Invalid,
    Paused,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthorised,
    Unavailable,
    Unknown,
    Unsupported,
)
from crontask_gateway.http import Reply

PAUSED = "New job submissions are currently paused"
PLAIN = ("Content-Type", "text/plain; charset=utf-8")
CHALLENGE = ("WWW-Authenticate", 'Basic realm="dkron"')


class Told(Unknown):
    """Unknown, with the reason in the body: a missing parent, a job that cannot be run or deleted."""


_STATUSES: tuple[tuple[type[GatewayError], int], ...] = (
    (Unknown, 404),
    (Invalid, 400),
    (Conflict, 500),
    (Unauthorised, 401),
    (Forbidden, 403),
    (TooMany, 429),
    (TooLarge, 413),
    (TooSlow, 408),
    (Unsupported, 501),
    (Paused, 503),
    (Unavailable, 503),
    (Broken, 500),
)
_LONGEST = 2_000
"""Characters of a text; some hold what the client has sent."""
_SILENT = (Unauthorised, Forbidden, Broken)
"""Answered with an empty body, as upstream's errors outside of create and update."""


def render(error: GatewayError) -> Reply:
    """The reply: status, a text or nothing, and what a client needs to go on."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    silent = isinstance(error, _SILENT) or type(error) is Unknown
    reply = Reply(status) if silent else Reply(status, error.message[:_LONGEST].encode(errors="replace"), (PLAIN,))
    if isinstance(error, Unauthorised):
        return reply.having(CHALLENGE)
    if isinstance(error, (TooMany, Unavailable)) and error.retry_after is not None:
        return reply.having(("Retry-After", str(max(1, round(error.retry_after)))))
    return reply
