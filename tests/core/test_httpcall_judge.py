"""What a call's facts mean, one row per sentence."""

import json
from dataclasses import replace
from time import process_time

import pytest

from crontask_core.errors import FieldError
from crontask_core.httpcall import CallError, CallFacts, HttpRequest, Reason, SuccessRule, body_matches, judge
from crontask_core.httpcall.pattern import check_pattern
from crontask_core.model.execution import MAX_MESSAGE, MAX_STATUS_TEXT, MAX_URL, Timings

REQUEST = HttpRequest("GET", "https://h.test/")


def rule(*codes: tuple[int, int], regex: str | None = None) -> HttpRequest:
    return HttpRequest("GET", "https://h.test/", success=SuccessRule(codes or ((200, 299),), regex))


@pytest.mark.parametrize(
    ("request_", "facts", "reason", "message"),
    [
        (REQUEST, CallFacts(200), "Completed", "the server answered 200 OK"),
        (REQUEST, CallFacts(204, redirects=2), "Completed", "the server answered 204 No Content after 2 redirects"),
        (REQUEST, CallFacts(299), "Completed", "the server answered 299"),
        (REQUEST, CallFacts(300), "BadStatus", "the server answered 300 Multiple Choices; success is 200-299"),
        (REQUEST, CallFacts(101), "BadStatus", "the server answered 101 Switching Protocols; success is 200-299"),
        (REQUEST, CallFacts(503), "BadStatus", "the server answered 503 Service Unavailable; success is 200-299"),
        (rule((404, 404), (500, 502)), CallFacts(501), "Completed", "the server answered 501 Not Implemented"),
        (
            rule((404, 404), (500, 502)),
            CallFacts(200),
            "BadStatus",
            "the server answered 200 OK; success is 404, 500-502",
        ),
        (rule(regex="do?ne"), CallFacts(200, b"all done"), "Completed", "the server answered 200 OK"),
        (rule(regex="(?i)DONE"), CallFacts(200, b"all done"), "Completed", "the server answered 200 OK"),
        (rule(regex="^done"), CallFacts(200, b"all done"), "BodyMismatch", "the body does not match ^done"),
        (rule(regex="x"), CallFacts(200), "BodyMismatch", "the body does not match x"),
        (rule(regex="ü"), CallFacts(200, "über".encode()), "Completed", "the server answered 200 OK"),
        (rule(regex="ok"), CallFacts(200, b"\xff\x00ok\xfe"), "Completed", "the server answered 200 OK"),
        (
            rule(regex="x"),
            CallFacts(200, b"abc", truncated=True),
            "BodyMismatch",
            "the first 3 bytes of the body do not match x",
        ),
        (rule(regex="done"), CallFacts(500, b"done"), "BadStatus", "the server answered 500 Internal Server Error; "),
        (REQUEST, CallFacts(error=CallError(Reason.REFUSED, "no")), "Refused", "no"),
        (REQUEST, CallFacts(200, error=CallError(Reason.RESET, "broke")), "Reset", "broke"),
        (REQUEST, CallFacts(200, b"x", error=CallError(Reason.TOO_LARGE, "big")), "TooLarge", "big"),
    ],
)
def test_verdicts(request_: HttpRequest, facts: CallFacts, reason: str, message: str) -> None:
    if facts.error is None:
        facts = replace(facts, matched=body_matches(request_, facts.body))
    result = judge(request_, facts, output_bytes=100)
    assert (result.succeeded, result.reason) == (reason == "Completed", reason)
    assert result.message.startswith(message)
    assert result.http_status == facts.http_status


def test_timings_are_handed_on() -> None:
    timings = Timings(total_microseconds=5)
    assert judge(REQUEST, CallFacts(200, timings=timings), output_bytes=0).timings == timings


@pytest.mark.parametrize(
    ("body", "limit", "output", "truncated"),
    [
        (b"", 10, "", False),
        (b"hello", 10, "hello", False),
        (b"hello", 5, "hello", False),
        (b"hello", 4, "hell", True),
        (b"hello", 0, "", True),
        (b"", 0, "", False),
        ("äöü".encode(), 6, "äöü", False),
        ("äöü".encode(), 5, "äö", True),
        ("a😀b".encode(), 4, "a", True),
        ("a😀b".encode(), 5, "a😀", True),
        (b"a\xffb", 10, "a\ufffdb", False),
        # A replacement is longer than what it replaces: the limit holds for what is kept.
        (b"\xff" * 10, 10, "\ufffd" * 3, True),
        (b"a\x00b\x1b[31m\r\n\tc", 40, "a\ufffdb\ufffd[31m\r\n\tc", False),
    ],
)
def test_output_is_bounded_text(body: bytes, limit: int, output: str, truncated: bool) -> None:
    result = judge(REQUEST, CallFacts(200, body), output_bytes=limit)
    assert (result.output, result.output_truncated) == (output, truncated)
    assert len(result.output.encode()) <= limit
    assert json.loads(json.dumps(result.output)) == output


def test_output_of_a_cut_body_is_truncated() -> None:
    result = judge(REQUEST, CallFacts(200, b"ab", truncated=True), output_bytes=10)
    assert (result.output, result.output_truncated) == ("ab", True)


def test_echoed_credentials_are_blotted_out_of_output_and_message() -> None:
    request = HttpRequest("GET", "https://h.test/", masked=(b"tok-123456", b"pass"))
    facts = CallFacts(200, b'{"auth": "Bearer tok-123456", "p": "pass"}')
    assert judge(request, facts, output_bytes=100).output == '{"auth": "Bearer ***", "p": "***"}'
    # The credential stands across the cut: blotted out first, cut second.
    assert judge(request, facts, output_bytes=25).output == '{"auth": "Bearer ***", "p'
    failed = CallFacts(error=CallError(Reason.TLS_ERROR, "no tok-123456 here"))
    assert judge(request, failed, output_bytes=100).message == "no *** here"


def test_what_the_answer_says_of_itself_is_kept_as_bounded_text() -> None:
    request = HttpRequest("GET", "https://h.test/?t=tok-123456", masked=(b"tok-123456",))
    facts = CallFacts(200, status_text="Fine tok-123456 \x1b[31m" + "x" * 900)
    result = judge(request, facts, output_bytes=0)
    assert result.http_status_text.startswith("Fine *** \ufffd[31mxxx")
    assert len(result.http_status_text) == MAX_STATUS_TEXT
    assert result.url == "https://h.test/?t=***"
    long = judge(HttpRequest("GET", "https://h.test/" + "x" * 4000), CallFacts(200), output_bytes=0)
    assert (len(long.url), long.http_status_text) == (MAX_URL, "")


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (0, ""),
        (4, ""),
        (5, "A: b\n"),
        (13, "A: b\n"),
        (14, "A: b\nX: \u00fc***\n"),
        (400, "A: b\nX: \u00fc***\nA: \ufffd\ufffd[31m\nset-cookie: s=1; Path=/\n"),
    ],
)
def test_headers_are_kept_in_whole_lines(limit: int, kept: str) -> None:
    request = HttpRequest("GET", "https://h.test/", masked=(b"tok-123456",))
    first = ((b"A", b"b"), (b"X", "\u00fctok-123456".encode()))
    facts = CallFacts(200, headers=(*first, (b"A", b"\xff\x1b[31m"), (b"set-cookie", b"s=1; Path=/")))
    result = judge(request, facts, output_bytes=0, header_bytes=limit)
    assert result.response_headers == kept
    assert len(result.response_headers.encode()) <= limit


def test_messages_are_bounded() -> None:
    facts = CallFacts(error=CallError(Reason.CONNECT_ERROR, "x" * 5000))
    assert len(judge(REQUEST, facts, output_bytes=10).message) == MAX_MESSAGE


def test_a_body_that_was_not_examined_does_not_count_as_matching() -> None:
    assert judge(rule(regex="x"), CallFacts(200, b"x"), output_bytes=10).reason == "BodyMismatch"


@pytest.mark.parametrize("regex", ["(a+)+$", "(a|aa)+$", "(.*a){20}z", "^(([a-z])+.)+[A-Z]([a-z])+$", "a.{120}c"])
def test_a_regex_cannot_explode(regex: str) -> None:
    check_pattern(regex)
    started = process_time()
    assert body_matches(rule(regex=regex), b"ab" * 130_000 + b"!") is False
    assert process_time() - started < 5


@pytest.mark.parametrize("regex", ["a.{900}c", "(a.{300}|b.{300})c", r"\pL{3}"])
def test_a_regex_that_would_take_long_is_refused(regex: str) -> None:
    with pytest.raises(FieldError, match="too complex") as caught:
        check_pattern(regex)
    assert caught.value.path == "spec.http.success.bodyRegex"
