"""From an HttpAction to a request that can be sent: substitution, headers, and all refusals before it."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from urllib.parse import quote, urlsplit

from crontask_core.errors import FieldError
from crontask_core.httpcall.pattern import check_pattern
from crontask_core.httpcall.secrets import (
    BAD_IN_HEADER,
    PEM_START,
    Secrets,
    authorization,
    ca_pem,
    secret_line,
    secret_refs,
)
from crontask_core.httpcall.values import (
    DEFAULT_TOTAL_SECONDS,
    HttpRequest,
    PhaseSeconds,
    SuccessRule,
    TlsSettings,
    UrlError,
)
from crontask_core.model.http_action import Header, HttpAction, Success
from crontask_core.model.policy import MAX_OUTPUT_BYTES
from crontask_core.substitution import ATTEMPT, NOW_UNIX, SCHEDULED_AT, expand

USER_AGENT = f"crontask/{version('crontask')}"
MASK_FROM = 4
"""Shorter credentials are not blotted out of answers: that would garble the output and hide nothing."""
REDIRECTS = ((301, 303), (307, 308))
KEPT_BYTES = MAX_OUTPUT_BYTES + 8192
"""More than any output, so that a credential at its cut is still whole when it is blotted out."""
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})
_BAD_IN_URL = re.compile(r"[\x00-\x20\x7f]")
_USERINFO = re.compile(r"(?<=//)[^/?#]*@")
_SAMPLE = {
    "CRONTASK_NAMESPACE": "n",
    "CRONTASK_TASK": "t",
    "CRONTASK_EXECUTION": "e",
    ATTEMPT: "1",
    "CRONTASK_TRIGGER": "Schedule",
    SCHEDULED_AT: "2030-01-02T03:04:05Z",
    "CRONTASK_SCHEDULED_UNIX": "1893553445",
    NOW_UNIX: "1893553446",
}
_SAMPLE_UUID = "00000000-0000-4000-8000-000000000000"

Headers = tuple[tuple[str, str], ...]
Fill = Callable[[str], str]
"""Puts values in the place of references."""


def build_request(
    action: HttpAction,
    *,
    values: Mapping[str, str],
    secrets: Secrets,
    timeout_seconds: float | None,
    execution: str,
    token: str = "",
    uuid: Callable[[], str] | None = None,
) -> HttpRequest:
    """The request of one attempt.

    `values` come from `substitution.values`; `secrets` holds what `secret_refs` asked for, as far as it
    exists; `execution` names the run in `Idempotency-Key`, the same in every attempt; `token` is the one that
    `auth.serviceAccountToken` asks for; `uuid` makes random ones. Raises FieldError: for Secrets SecretError, for
    the URL UrlError.
    """
    fill = partial(expand, values=values, uuid=uuid)
    given, masked = _headers(action, fill, secrets, token)
    ca = action.tls.ca_secret
    return HttpRequest(
        method=action.method,
        url=_url(action.url, values, uuid),
        headers=given + _unasked(given, values, execution),
        body=None if action.body is None else fill(action.body).encode(),
        total_seconds=DEFAULT_TOTAL_SECONDS if timeout_seconds is None else float(timeout_seconds),
        phases=_phases(action),
        follow_redirects=action.follow_redirects,
        tls=TlsSettings(ca_pem(ca, secrets) if ca else None, action.tls.server_name),
        max_response_bytes=action.max_response_bytes,
        keep_bytes=KEPT_BYTES,
        success=_success(action.success),
        secret_headers=_CREDENTIALS | {header.name.lower() for header in action.headers if header.value_from},
        masked=tuple(sorted({each for each in masked if len(each) >= MASK_FROM}, key=len, reverse=True)),
    )


def check_action(action: HttpAction) -> None:
    """Objects, with a FieldError, to an action that no Secret and no instant could make right."""
    secrets = dict.fromkeys(secret_refs(action), PEM_START)
    build_request(
        action,
        values=_SAMPLE,
        secrets=secrets,
        timeout_seconds=None,
        execution="e",
        token="t",  # noqa: S106 - a placeholder
        uuid=lambda: _SAMPLE_UUID,
    )


def _url(text: str, values: Mapping[str, str], uuid: Callable[[], str] | None) -> str:
    """The URL without its fragment; values in it are percent-encoded, since a bare + of an offset reads as a blank."""
    url = expand(text, {name: quote(value, safe=":") for name, value in values.items()}, uuid)
    shown = _USERINFO.sub("***@", url)
    remedy = "write an absolute URL such as https://host/path"
    if _BAD_IN_URL.search(url):
        raise UrlError("spec.http.url", shown, "holds a blank or a control character", "percent-encode it")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise UrlError("spec.http.url", shown, "cannot be read as a URL", remedy) from None
    if "@" in parts.netloc:
        raise UrlError("spec.http.url", shown, "holds credentials", "take them out and use spec.http.auth")
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise UrlError("spec.http.url", shown, "is not an http or https URL with a host", remedy)
    return parts._replace(fragment="").geturl()


def _headers(action: HttpAction, fill: Fill, secrets: Secrets, token: str) -> tuple[Headers, list[bytes]]:
    """The user's headers in order, the credentials' one after them, and the credentials to blot out."""
    found: list[tuple[str, str]] = []
    masked: list[bytes] = []
    for index, header in enumerate(action.headers):
        value = _header(header, f"spec.http.headers[{index}]", fill, secrets)
        found.append((header.name, value))
        if header.value_from:
            masked.append(value.encode())
    if action.auth:
        if any(name.lower() == "authorization" for name, _ in found):
            raise FieldError("spec.http.auth", "Authorization", "is also set in headers", "keep one of the two")
        value, parts = authorization(action.auth, secrets, token)
        found.append(("Authorization", value))
        masked += parts
    return tuple(found), masked


def _header(header: Header, path: str, fill: Fill, secrets: Secrets) -> str:
    if header.value_from:
        return secret_line(header.value_from.secret_key_ref, f"{path}.valueFrom", secrets)
    value = fill(header.value or "")
    if BAD_IN_HEADER.search(value):
        remedy = "write one line of printable characters"
        raise FieldError(f"{path}.value", repr(value), "holds a control character", remedy)
    return value.strip(" \t")


def _unasked(given: Headers, values: Mapping[str, str], execution: str) -> Headers:
    """The headers that every call gets, save those that the user set."""
    taken = {name.lower() for name, _ in given}
    ours = (
        ("Idempotency-Key", execution),
        ("CronTask-Attempt", values[ATTEMPT]),
        ("CronTask-Scheduled-At", values[SCHEDULED_AT]),
        ("User-Agent", USER_AGENT),
    )
    return tuple(pair for pair in ours if pair[0].lower() not in taken)


def _phases(action: HttpAction) -> PhaseSeconds:
    bounds = action.timeouts
    return PhaseSeconds(bounds.lookup_seconds, bounds.connect_seconds, bounds.tls_seconds, bounds.first_byte_seconds)


def _success(success: Success) -> SuccessRule:
    if success.body_regex is not None:
        check_pattern(success.body_regex)
    ranges = [code.split("-") for code in success.codes]
    codes = tuple((int(ends[0]), int(ends[-1])) for ends in ranges)
    return SuccessRule(codes + (REDIRECTS if success.redirects else ()), success.body_regex)
