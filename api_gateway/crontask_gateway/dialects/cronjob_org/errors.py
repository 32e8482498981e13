"""The gateway's errors as the service answers them: a status and an empty body, which clients rely on.

What is wrong stands in a header of ours, for people.
"""

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

TYPE = ("Content-Type", "text/html; charset=UTF-8")
REASON = "X-CronTask-Error"
_STATUSES: tuple[tuple[type[GatewayError], int], ...] = (
    (Unknown, 404),
    (Invalid, 400),
    (Conflict, 409),
    (Unauthorised, 401),
    (Forbidden, 403),
    (TooMany, 429),
    (TooLarge, 413),
    (TooSlow, 408),
    (Unsupported, 400),
    (Paused, 500),
    (Unavailable, 500),
    (Broken, 500),
)
_LONGEST = 500
"""Characters of a text; some hold what the client has sent."""


def render(error: GatewayError) -> Reply:
    """The reply: a status, nothing in the body, and when to ask again."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    reply = Reply(status, headers=(TYPE, (REASON, error.message[:_LONGEST].encode("ascii", "replace").decode())))
    if isinstance(error, (TooMany, Unavailable)) and error.retry_after is not None:
        return reply.having(("Retry-After", str(max(1, round(error.retry_after)))))
    return reply
