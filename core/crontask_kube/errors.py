"""What the API server may answer that is not success, by what the caller does next.

    KubeError
    ├── BadRequest      400, and what has no class of its own: the request is wrong, sending it again will not help
    ├── Unauthorized    401: the credentials are not (or no longer) accepted
    ├── Forbidden       403: RBAC, quota or an admission check refuses
    ├── NotFound        404: no such object, or no such kind
    ├── Conflict        409: the object has changed since it was read, or a precondition does not hold
    ├── AlreadyExists   409 with that reason: somebody has created the name; where names are locks, an answer
    ├── Gone            410: a list's or a watch's place in history has been forgotten; list again
    ├── Invalid         422: the schema or a rule objects; `causes` say where
    └── Unavailable     429, 5xx, lost connections, time-outs, after the retries are used up: what was asked
                        may or may not have happened

`error_of` is the one translation from an answer. Messages hold the call, the
status and the server's words, never credentials; of Secrets not even the
server's words, as these may quote the data.
"""

# ruff: noqa: N818 - the names are the API server's own reasons, as in every Kubernetes client

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from crontask_core.errors import CronTaskError

MAX_MESSAGE = 500


class Cause(NamedTuple):
    """One objection to an object: the field's path (may be empty) and what is wrong with it."""

    field: str
    message: str


class KubeError(CronTaskError):
    """Root of all answers that are not success. `status` is the HTTP status, None where there was no answer."""

    def __init__(self, message: str, *, status: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class BadRequest(KubeError):
    """The request itself is wrong."""


class Unauthorized(KubeError):
    """The credentials are not accepted."""


class Forbidden(KubeError):
    """RBAC, quota or admission refuses."""


class NotFound(KubeError):
    """There is no such object or kind."""


class Conflict(KubeError):
    """A precondition (resourceVersion, uid) does not hold."""


class AlreadyExists(KubeError):
    """The name is taken."""


class Gone(KubeError):
    """The continue token or resourceVersion is too old."""


class Invalid(KubeError):
    """The object breaks its schema or a rule; `causes` say which fields."""

    def __init__(self, message: str, *, causes: tuple[Cause, ...] = (), reason: str = "Invalid") -> None:
        super().__init__(message, status=422, reason=reason)
        self.causes = causes


class Unavailable(KubeError):
    """No usable answer; the call may have had its effect. `retry_after` are the seconds that the server asks for."""

    def __init__(
        self, message: str, *, status: int | None = None, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, status=status, reason=reason)
        self.retry_after = retry_after


_BY_STATUS: dict[int, type[KubeError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone}


def error_of(call: str, status: int, body: bytes, headers: Mapping[str, str], *, quote: bool = True) -> KubeError:
    """The error for an answer of 400 and above.

    `call` says what was asked ("create pods a/b"). `body` is usually a `v1/Status`; anything else (a proxy's HTML)
    is not shown. `quote=False` leaves out the server's words.
    """
    answer = _status_object(body)
    reason = str(answer.get("reason") or "")
    words = str(answer.get("message") or "")[:MAX_MESSAGE] if quote else ""
    message = f"{call}: {status} {reason}".rstrip() + (f": {words}" if words else "")
    if status == 429 or status >= 500:
        return Unavailable(message, status=status, reason=reason, retry_after=_retry_after(headers, answer))
    if status == 422:
        return Invalid(message, causes=_causes(answer, quote=quote), reason=reason)
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists(message, status=status, reason=reason)
    return _BY_STATUS.get(status, BadRequest)(message, status=status, reason=reason)


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _details(answer: dict[str, Any]) -> dict[str, Any]:
    details = answer.get("details")
    return details if isinstance(details, dict) else {}


def _causes(answer: dict[str, Any], *, quote: bool) -> tuple[Cause, ...]:
    causes = _details(answer).get("causes") or []
    return tuple(
        Cause(str(cause.get("field") or ""), str(cause.get("message") or "")[:MAX_MESSAGE] if quote else "")
        for cause in causes
        if isinstance(cause, dict)
    )


def _retry_after(headers: Mapping[str, str], answer: dict[str, Any]) -> float | None:
    """Seconds from the header (RFC 9110 also allows a date, which Kubernetes does not send) or the Status."""
    text = headers.get("Retry-After") or str(_details(answer).get("retryAfterSeconds") or "")
    return float(text) if text.isdecimal() else None
