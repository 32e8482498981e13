"""What the gateway objects to, in no system's words; each dialect's `errors.render` says it in its own.

    GatewayError
    ├── Unknown        there is no such object
    ├── Conflict       it exists already, belongs to somebody else, or keeps changing under our hands
    ├── Invalid        the client's document is wrong; `path` is the field in the client's words, empty for the whole
    ├── Unauthorised   nobody knows who is asking
    ├── Forbidden      it is known, and they may not
    ├── TooMany        too often; `retry_after` are the seconds until it is worth asking again
    ├── TooLarge       the body or the document exceeds its limit
    ├── TooSlow        the body or the answer takes longer than its time limit
    ├── Unsupported    the gateway knows what is meant and does not do it
    ├── Paused         this is switched off for now, by somebody's wish
    ├── Unavailable    the API server does not answer; what was asked may or may not have happened
    └── Broken         the gateway itself has failed; the log says why

Messages are for clients: they hold field, value and remedy, never credentials.
"""

# ruff: noqa: N818 - named after what has happened, as those of `crontask_kube.errors`

from crontask_core.errors import CronTaskError


class GatewayError(CronTaskError):
    """Root of all that the gateway answers in place of what was asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unknown(GatewayError):
    """There is no such object."""


class Conflict(GatewayError):
    """The object is not as the request needs it to be."""


class Invalid(GatewayError):
    """The client's document cannot be used."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class Unauthorised(GatewayError):
    """No credentials, or none that are known."""


class Forbidden(GatewayError):
    """The principal lacks the right."""


class TooMany(GatewayError):
    """A rate limit or a quota is used up."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLarge(GatewayError):
    """More bytes than the limit allows."""


class TooSlow(GatewayError):
    """More seconds than the limit allows."""


class Unsupported(GatewayError):
    """Understood, and not done."""


class Paused(GatewayError):
    """Switched off for now."""


class Unavailable(GatewayError):
    """No usable answer from the API server."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Broken(GatewayError):
    """A fault of ours, told without its details."""
