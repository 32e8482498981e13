"""What a task does when it is due: a pod, or an HTTP call.

Text fields may hold `$(CRONTASK_…)` references (`crontask_core.substitution`);
`$$(` stands for a literal `$(`, as in Kubernetes' own pod fields.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, keyed_list, rules, shaped
from crontask_core.model.borrowed import MAX_NAME, PodTemplate, ResourceAmounts, ValueSource

MAX_TEXT = 262_144
DEFAULT_RESPONSE_BYTES = 1_048_576
DEFAULT_PENDING_SECONDS = 300
HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
SecretName = Annotated[
    str,
    shaped(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "the name of a Secret holds only lower-case letters, digits, - and .; write the name of an existing Secret",
        longest=MAX_NAME,
    ),
]
SecretKey = Annotated[
    str,
    shaped(
        r"^[-._a-zA-Z0-9]+$",
        "a key of a Secret holds only letters, digits, -, _ and .; write one of the Secret's keys",
        longest=MAX_NAME,
    ),
]
EnvName = Annotated[
    str,
    shaped(
        r"^[ -<>-~]+$",
        "the name of a variable holds only printable ASCII characters except =; rename it",
        longest=MAX_NAME,
    ),
]
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


class EnvVar(Model):
    """One environment variable of the short form, as in a container's env."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.value) && has(self.valueFrom))", "value and valueFrom are both set; remove one of them")
        )
    )

    name: EnvName
    """The name of the variable."""

    value: Text | None = None
    """The literal value; it may refer to earlier variables as $(NAME)."""

    value_from: ValueSource | None = None
    """One source in place of a value: secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef, as in a pod."""


class PodAction(Model):
    """A pod for each attempt: a full template, or the short form for one container."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.template) || has(self.image)",
                "the pod has no container; set image (the short form) or template (a full pod template)",
            ),
            (
                "!(has(self.template) && has(self.image))",
                "template and image are both set; remove image, or remove template and keep the short form",
            ),
            (
                "!has(self.template) || !(has(self.command) || has(self.args) || has(self.env) || has(self.resources))",
                "command, args, env and resources belong to the short form; with template, set them in its containers",
            ),
        )
    )

    template: PodTemplate | None = None
    """A PodTemplateSpec (metadata and spec), used as it is, with restartPolicy Never where it names none."""

    image: str | None = Field(default=None, min_length=1, max_length=1024)
    """Short form: the image of the only container."""

    command: list[Text] | None = Field(default=None, max_length=1000)
    """Short form: the command in place of the image's entry point."""

    args: list[Text] | None = Field(default=None, max_length=1000)
    """Short form: the arguments of the command."""

    env: list[EnvVar] | None = Field(default=None, max_length=2000, json_schema_extra=keyed_list("name"))
    """Short form: environment variables, besides the CRONTASK_* ones that every container gets."""

    resources: ResourceAmounts | None = None
    """Short form: requests and limits of the container."""

    pending_timeout_seconds: int = Field(default=DEFAULT_PENDING_SECONDS, ge=1, le=86_400)
    """How long the pod may wait for a node and for its images before the attempt fails (Unschedulable, ImagePull)."""


class SecretKeyRef(Model):
    """One key of a Secret in the task's namespace."""

    name: SecretName
    """The name of the Secret."""

    key: SecretKey
    """The key within the Secret."""


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


class BasicAuth(Model):
    """User name and password from a Secret (as in type kubernetes.io/basic-auth)."""

    secret_name: SecretName
    """The name of the Secret."""

    username_key: SecretKey = "username"
    """The key that holds the user name."""

    password_key: SecretKey = "password"  # noqa: S105 - the name of a Secret's key, not a password
    """The key that holds the password."""


class BearerAuth(Model):
    """A bearer token from a Secret."""

    secret_name: SecretName
    """The name of the Secret."""

    key: SecretKey = "token"
    """The key that holds the token."""


class ServiceAccountToken(Model):
    """A short-lived token of a ServiceAccount in the task's namespace, made for each attempt."""

    service_account_name: SecretName = "default"
    """The name of the ServiceAccount."""

    audience: str = Field(min_length=1, max_length=253)
    """Whom the token is for; the receiver must check that this is its own name."""


class Auth(Model):
    """Credentials of the call, by reference to Secrets in the task's namespace."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.basic), has(self.bearer), has(self.serviceAccountToken)].filter(way, way).size() == 1",
                "set exactly one of basic, bearer and serviceAccountToken",
            )
        )
    )

    basic: BasicAuth | None = None
    """HTTP Basic (RFC 7617)."""

    bearer: BearerAuth | None = None
    """Bearer token (RFC 6750)."""

    service_account_token: ServiceAccountToken | None = None
    """Bearer token of a ServiceAccount, with an audience; needs the operator's right to make such tokens."""


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
