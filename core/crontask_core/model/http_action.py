"""An HTTP call as what a task does when it is due.

Text fields may hold `$(CRONTASK_…)` references (`crontask_core.substitution`);
`$$(` stands for a literal `$(`, as in Kubernetes' own pod fields.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, Text, rules, shaped
from crontask_core.model.credentials import Auth, SecretKeyRef

DEFAULT_RESPONSE_BYTES = 1_048_576
HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
HeaderName = Annotated[
    str,
    shaped(
        r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$",
        "a header's name is a token of RFC 9110, such as X-Request-Id; remove blanks, colons and other characters",
        longest=256,
    ),
]
HeaderValue = Annotated[
    str,
    shaped(
        r"^[^\x00-\x08\x0a-\x1f\x7f]*$",
        "a header's value is one line; remove line breaks and control characters",
        shortest=0,
        longest=8192,
    ),
]
Url = Annotated[
    str,
    shaped(
        r"^[hH][tT][tT][pP][sS]?://[^\s/?#]+[^\s\x00-\x1f\x7f]*$",
        "url must be absolute, start with http:// or https://, name a host and hold no blanks; write blanks as %20",
        shortest=8,
        longest=4096,
    ),
]
Codes = Annotated[
    str,
    shaped(
        r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$",
        "write a status code or a range of them, such as 200 or 200-299",
        shortest=3,
        longest=7,
    ),
]


class HeaderSource(Model):
    """Where a header's value comes from."""

    secret_key_ref: SecretKeyRef
    """The key of a Secret that holds the value."""


class Header(Model):
    """One request header."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("has(self.value) || has(self.valueFrom)", "the header has no value; set value or valueFrom"),
            ("!(has(self.value) && has(self.valueFrom))", "value and valueFrom are both set; remove one of them"),
            (
                "!has(self.value) || !(self.name.lowerAscii() in ['authorization', 'proxy-authorization', 'cookie'])",
                "a credential must not stand in a spec; use auth, or valueFrom with a Secret",
                ".value",
            ),
            (
                "!(self.name.lowerAscii() in ['content-length', 'transfer-encoding', 'connection', 'upgrade'])",
                "this header belongs to the connection and is set by the client; remove it",
                ".name",
            ),
        )
    )

    name: HeaderName
    """The name of the header (a token of RFC 9110)."""

    value: HeaderValue | None = None
    """The value, in one line; credentials belong in a Secret (valueFrom)."""

    value_from: HeaderSource | None = None
    """A source in place of a value, for credentials."""


class Success(Model):
    """When an answer counts as success."""

    codes: list[Codes] = Field(default=["200-299"], min_length=1, max_length=50)
    """Status codes and ranges of them, such as "200" or "200-299"; "200-299" alone by default."""

    redirects: bool = False
    """Whether a redirect (301, 302, 303, 307, 308) that is not followed counts as success."""

    body_regex: str | None = Field(default=None, min_length=1, max_length=1000)
    """A regular expression (RE2 syntax) that must match somewhere in the part of the body that was read."""


class Tls(Model):
    """How the server's certificate is verified."""

    ca_secret: SecretKeyRef | None = None
    """A Secret's key with certificates in PEM to trust in place of the system's."""

    server_name: str | None = Field(default=None, min_length=1, max_length=253)
    """The name that the certificate must bear, where it is not the host of the URL."""


class HttpTimeouts(Model):
    """The longest that each phase of a call may take; timeoutSeconds bounds the whole."""

    lookup_seconds: float = Field(default=5, gt=0, le=300)
    """Looking up the host's addresses."""

    connect_seconds: float = Field(default=10, gt=0, le=300)
    """Connecting to an address (TCP)."""

    tls_seconds: float = Field(default=10, gt=0, le=300)
    """The TLS handshake."""

    first_byte_seconds: float = Field(default=300, gt=0, le=86_400)
    """From the request's end to the first byte of the answer."""


class HttpAction(Model):
    """One HTTP request for each attempt."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!self.url.matches('^[a-zA-Z]+://[^/?#]*@')",
                "url must not hold a user name or password; remove them and use auth with a Secret",
                ".url",
            ),
        )
    )

    url: Url
    """The absolute http or https URL, without user name and password."""

    method: HttpMethod = "GET"
    """The request's method."""

    headers: list[Header] = Field(default=[], max_length=100)
    """Request headers, sent in this order."""

    body: Text | None = None
    """The request's body, sent as UTF-8."""

    auth: Auth | None = None
    """Credentials, from Secrets only."""

    follow_redirects: bool = True
    """Whether up to ten redirects are followed; each hop meets the operator's egress policy again."""

    success: Success = Success()
    """When the answer counts as success."""

    tls: Tls = Tls()
    """TLS settings; verification cannot be turned off."""

    timeouts: HttpTimeouts = HttpTimeouts()
    """Bounds of the single phases."""

    max_response_bytes: int = Field(default=DEFAULT_RESPONSE_BYTES, ge=0, le=104_857_600)
    """A longer answer fails the attempt as TooLarge; nothing beyond this is read."""
