"""The values of one HTTP call, from the request to the attempt's result.

All are frozen. Credentials are kept out of every `repr`, so that a value may
be logged or shown by a failing test without giving one away.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from crontask_core.errors import FieldError
from crontask_core.model.execution import Timings

DEFAULT_TOTAL_SECONDS = 300.0
MAX_REDIRECTS = 10


class Reason(StrEnum):
    """Why an attempt ended as it did."""

    COMPLETED = "Completed"
    DNS_ERROR = "DnsError"
    REFUSED = "Refused"
    RESET = "Reset"
    CONNECT_ERROR = "ConnectError"
    TLS_ERROR = "TlsError"
    TIMEOUT = "Timeout"
    TOO_LARGE = "TooLarge"
    BAD_STATUS = "BadStatus"
    BODY_MISMATCH = "BodyMismatch"
    TOO_MANY_REDIRECTS = "TooManyRedirects"
    EGRESS_DENIED = "EgressDenied"
    INVALID_URL = "InvalidUrl"
    INVALID_REQUEST = "InvalidRequest"
    INVALID_SECRET = "InvalidSecret"  # noqa: S105 - a reason, not a password
    PROTOCOL_ERROR = "ProtocolError"
    NOT_SENT = "NotSent"
    """The caller withdrew its permission right before the request was sent (it no longer holds the shard)."""
    INTERNAL_ERROR = "InternalError"
    """A fault of CronTask itself."""


class SecretError(FieldError):
    """A Secret or its key is missing or holds what cannot be used; the value shown is its name, never its content."""


class UrlError(FieldError):
    """The URL of a call, its references resolved, is none that can be called."""


@dataclass(frozen=True, slots=True)
class PhaseSeconds:
    """The longest that each phase of a hop may take, in seconds."""

    lookup: float = 5.0
    connect: float = 10.0
    tls: float = 10.0
    first_byte: float = 300.0


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """`ca_pem` replaces the system's certificates; `server_name` replaces the URL's host in SNI and verification."""

    ca_pem: bytes | None = field(default=None, repr=False)
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class SuccessRule:
    """Ranges of status codes, both ends included, and an RE2 expression that the kept body must hold."""

    codes: tuple[tuple[int, int], ...] = ((200, 299),)
    body_regex: str | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One attempt's request, complete: nothing in it is substituted or looked up any more."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    total_seconds: float = DEFAULT_TOTAL_SECONDS
    phases: PhaseSeconds = PhaseSeconds()
    follow_redirects: bool = True
    max_redirects: int = MAX_REDIRECTS
    tls: TlsSettings = TlsSettings()
    max_response_bytes: int = 1_048_576
    """A longer body ends the call as TooLarge."""
    keep_bytes: int = 262_144
    """How much of the body the facts keep and a regex sees; the rest is counted and dropped."""
    success: SuccessRule = SuccessRule()
    secret_headers: frozenset[str] = frozenset()
    """Names, in lower case, of headers that hold credentials: never sent to another origin."""
    masked: tuple[bytes, ...] = field(default=(), repr=False)
    """Credentials that are blotted out where an answer echoes them."""


@dataclass(frozen=True, slots=True)
class CallError:
    """What ended a call before its answer was complete."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What happened to one request; no judgement yet."""

    http_status: int | None = None
    """Of the last answer; also known where its body then failed."""
    body: bytes = field(default=b"", repr=False)
    """The head of the last answer's body, at most `keep_bytes`, as it came over the wire."""
    truncated: bool = False
    """Whether the body was longer than `body`, or was not read to its end."""
    matched: bool | None = None
    """Whether `body` holds what the success rule's regex wants; None where there is none, or no whole answer."""
    error: CallError | None = None
    timings: Timings | None = None
    redirects: int = 0
    sent: bool = False
    """Whether any byte of a request was handed to a connection: false means that no receiver can know of the call."""
    queued_microseconds: int = 0
    """How long the call waited for a free slot before it began: lateness, not part of its timings."""
    status_text: str = ""
    """What the last answer says beside its code; empty where it says nothing."""
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    """Those of the last answer, in their order."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How an attempt ended, ready for an execution's record."""

    succeeded: bool
    reason: str
    message: str
    http_status: int | None = None
    http_status_text: str = ""
    url: str = ""
    timings: Timings | None = None
    output: str = ""
    output_truncated: bool = False
    response_headers: str = ""
