"""What a call's facts mean: success or not, in one word, for a human, and the output to keep."""

from http import HTTPStatus

from crontask_core.errors import FieldError
from crontask_core.httpcall.values import (
    AttemptResult,
    CallFacts,
    HttpRequest,
    Reason,
    SecretError,
    SuccessRule,
    UrlError,
)
from crontask_core.model.execution import MAX_MESSAGE, MAX_STATUS_TEXT, MAX_URL

MASK = b"***"
_CONTROLS = {code: "\ufffd" for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_REFUSALS = ((SecretError, Reason.INVALID_SECRET), (UrlError, Reason.INVALID_URL))


def judge(request: HttpRequest, facts: CallFacts, *, output_bytes: int, header_bytes: int = 0) -> AttemptResult:
    """The result of a call; `output_bytes` bounds the kept output, `header_bytes` the kept headers, both as UTF-8."""
    reason, message = _verdict(request, facts)
    output, truncated = _output(request, facts, output_bytes)
    return AttemptResult(
        succeeded=reason is Reason.COMPLETED,
        reason=reason.value,
        message=_told(message, request)[:MAX_MESSAGE],
        http_status=facts.http_status,
        http_status_text=_told(facts.status_text, request).translate(_CONTROLS)[:MAX_STATUS_TEXT],
        url=_told(request.url, request)[:MAX_URL],
        timings=facts.timings,
        output=output,
        output_truncated=truncated,
        response_headers=_headers(request, facts, header_bytes),
    )


def refused(error: FieldError) -> AttemptResult:
    """The result of an attempt whose request could not be built."""
    reason = next((reason for kind, reason in _REFUSALS if isinstance(error, kind)), Reason.INVALID_REQUEST)
    return AttemptResult(succeeded=False, reason=reason.value, message=str(error)[:MAX_MESSAGE])


def _verdict(request: HttpRequest, facts: CallFacts) -> tuple[Reason, str]:
    if facts.error is not None:
        return facts.error.reason, facts.error.message
    rule, status = request.success, facts.http_status
    if status is None or not any(low <= status <= high for low, high in rule.codes):
        return Reason.BAD_STATUS, f"the server answered {_named(status)}; success is {_codes(rule)}"
    if rule.body_regex is not None and not facts.matched:
        part = f"first {len(facts.body)} bytes of the body do" if facts.truncated else "body does"
        return Reason.BODY_MISMATCH, f"the {part} not match {rule.body_regex}"
    after = f" after {facts.redirects} redirects" if facts.redirects else ""
    return Reason.COMPLETED, f"the server answered {_named(status)}{after}"


def _output(request: HttpRequest, facts: CallFacts, limit: int) -> tuple[str, bool]:
    """The start of the body as text that fits `limit` bytes of UTF-8, and whether there was more.

    Control characters are replaced: NUL and its kin take six bytes each in JSON, and escape
    sequences would reach the terminal of whoever reads the record.
    """
    body = _masked(facts.body, request)
    text = body[: limit + 4].decode("utf-8", "replace").translate(_CONTROLS)
    encoded = text.encode()
    fits = len(encoded) <= limit
    kept = text if fits else encoded[:limit].decode("utf-8", "ignore")
    return kept, facts.truncated or not fits or len(body) > limit + 4


def _headers(request: HttpRequest, facts: CallFacts, limit: int) -> str:
    """The answer's headers, one to a line, as many whole lines as fit `limit` bytes of UTF-8."""
    kept, room = "", limit
    for name, value in facts.headers:
        line = _masked(name + b": " + value, request).decode("utf-8", "replace").translate(_CONTROLS) + "\n"
        room -= len(line.encode())
        if room < 0:
            break
        kept += line
    return kept


def _told(text: str, request: HttpRequest) -> str:
    return _masked(text.encode(), request).decode(errors="replace")


def _masked(text: bytes, request: HttpRequest) -> bytes:
    for secret in request.masked:
        text = text.replace(secret, MASK)
    return text


def _named(status: int | None) -> str:
    try:
        return f"{status} {HTTPStatus(status or 0).phrase}"
    except ValueError:
        return str(status)


def _codes(rule: SuccessRule) -> str:
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in rule.codes)
