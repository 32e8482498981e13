"""The gateway's errors as the service answers them: a status and an empty body, which clients rely on.

What is wrong stands in a header of ours, for people.
"""

from crontask_gateway.errors import GatewayError, Paused, Unavailable, Unsupported
from crontask_gateway.http import Reply
from crontask_gateway.refusals import Statuses, retry_after, status_of

TYPE = ("Content-Type", "text/html; charset=UTF-8")
REASON = "X-CronTask-Error"
_STATUSES: Statuses = {Unsupported: 400, Paused: 500, Unavailable: 500}
"""Others than usual."""
_LONGEST = 500
"""Characters of a text; some hold what the client has sent."""


def render(error: GatewayError) -> Reply:
    """The reply: a status, nothing in the body, and when to ask again."""
    reason = (REASON, error.message[:_LONGEST].encode("ascii", "replace").decode())
    return Reply(status_of(error, _STATUSES), headers=(TYPE, reason, *retry_after(error)))
