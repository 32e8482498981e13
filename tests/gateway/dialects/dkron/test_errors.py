"""Each error in Dkron's words: status, text or nothing, headers."""

import pytest

from crontask_gateway import errors
from crontask_gateway.dialects.dkron.errors import PAUSED, Told, render
from crontask_gateway.errors import GatewayError

PLAIN = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("error", "status", "body", "headers"),
    [
        (errors.Unknown("there is no job a"), 404, "", {}),
        (Told("specified parent job not found"), 404, "specified parent job not found", {"Content-Type": PLAIN}),
        (
            errors.Invalid("Unable to parse payload: EOF."),
            400,
            "Unable to parse payload: EOF.",
            {"Content-Type": PLAIN},
        ),
        (errors.Invalid("x" * 5_000), 400, "x" * 2_000, {"Content-Type": PLAIN}),
        (errors.Paused(PAUSED), 503, "New job submissions are currently paused", {"Content-Type": PLAIN}),
        (errors.Conflict("taken"), 500, "taken", {"Content-Type": PLAIN}),
        (errors.Unauthorised("x"), 401, "", {"WWW-Authenticate": 'Basic realm="dkron"'}),
        (errors.Forbidden("x"), 403, "", {}),
        (errors.TooMany("slow", 2.4), 429, "slow", {"Content-Type": PLAIN, "Retry-After": "2"}),
        (errors.TooLarge("big"), 413, "big", {"Content-Type": PLAIN}),
        (errors.TooSlow("late"), 408, "late", {"Content-Type": PLAIN}),
        (errors.Unsupported("no"), 501, "no", {"Content-Type": PLAIN}),
        (errors.Unavailable("down"), 503, "down", {"Content-Type": PLAIN}),
        (errors.Unavailable("down", 0.2), 503, "down", {"Content-Type": PLAIN, "Retry-After": "1"}),
        (errors.Broken("details"), 500, "", {}),
        (GatewayError("x"), 500, "x", {"Content-Type": PLAIN}),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, GatewayError) else None,
)
def test_replies(error: GatewayError, status: int, body: str, headers: dict[str, str]) -> None:
    reply = render(error)
    assert (reply.status, reply.body.decode(), dict(reply.headers)) == (status, body, headers)


def test_every_error_has_a_status_of_its_own_choosing() -> None:
    kinds = [kind for kind in GatewayError.__subclasses__() if kind.__module__ == errors.__name__]
    assert len(kinds) == 12
    assert {render(kind("x")).status for kind in kinds} == {400, 401, 403, 404, 408, 413, 429, 500, 501, 503}
