"""The gateway's errors in Dkron's words: plain text after a create or an update, an empty body for all else."""

from crontask_gateway.errors import Broken, Conflict, Forbidden, GatewayError, Unauthorised, Unknown
from crontask_gateway.http import Reply
from crontask_gateway.refusals import Statuses, retry_after, status_of

PAUSED = "New job submissions are currently paused"
PLAIN = ("Content-Type", "text/plain; charset=utf-8")
CHALLENGE = ("WWW-Authenticate", 'Basic realm="dkron"')


class Told(Unknown):
    """Unknown, with the reason in the body: a missing parent, a job that cannot be run or deleted."""


_STATUSES: Statuses = {Conflict: 500}
"""Others than usual."""
_LONGEST = 2_000
"""Characters of a text; some hold what the client has sent."""
_SILENT = (Unauthorised, Forbidden, Broken)
"""Answered with an empty body, as upstream's errors outside of create and update."""


def render(error: GatewayError) -> Reply:
    """The reply: status, a text or nothing, and what a client needs to go on."""
    status = status_of(error, _STATUSES)
    silent = isinstance(error, _SILENT) or type(error) is Unknown
    reply = Reply(status) if silent else Reply(status, error.message[:_LONGEST].encode(errors="replace"), (PLAIN,))
    if isinstance(error, Unauthorised):
        return reply.having(CHALLENGE)
    return reply.having(*retry_after(error))
