"""From an action to a request: what is sent, and what is refused before anything is."""

import re
from base64 import b64decode
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from crontask_core.errors import FieldError
from crontask_core.httpcall import HttpRequest, SecretError, build_request, check_action, refused, secret_refs
from crontask_core.httpcall.build import USER_AGENT
from crontask_core.model import HttpAction
from crontask_core.substitution import values as names

VALUES = names(
    namespace="shop",
    task="report",
    execution="report-20261122140000",
    attempt=2,
    trigger="Schedule",
    scheduled_at=datetime(2026, 11, 22, 14, 0, tzinfo=UTC),
    zone="Europe/Berlin",
)
PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SECRETS = {
    ("login", "username"): b"ann",
    ("login", "password"): "geheim-pass-ü".encode(),
    ("login", "colon"): b"an:n",
    ("api", "token"): b"tok-123456",
    ("api", "newline"): b"tok-123456\n",
    ("api", "nul"): b"tok\x00123456",
    ("api", "empty"): b"",
    ("api", "bytes"): b"\xff\xfe-raw",
    ("ca", "ca.crt"): PEM,
}


def action(**fields: Any) -> HttpAction:
    return HttpAction.model_validate({"url": "https://example.test/hook", **fields})


def build(given: HttpAction, *, timeout: float | None = None) -> HttpRequest:
    return build_request(given, values=VALUES, secrets=SECRETS, timeout_seconds=timeout, execution="report-1")


def test_a_token_of_a_service_account() -> None:
    given = action(auth={"serviceAccountToken": {"audience": "shop"}})
    check_action(given)
    assert secret_refs(given) == frozenset()
    request = build_request(given, values=VALUES, secrets={}, timeout_seconds=None, execution="e", token="to.ke.n")
    assert dict(request.headers)["Authorization"] == "Bearer to.ke.n"
    assert request.masked == (b"to.ke.n",)
    assert "authorization" in request.secret_headers


def test_redirects_that_are_not_followed_may_be_success() -> None:
    codes = build(action(success={"redirects": True})).success.codes
    good = {code for low, high in codes for code in range(low, high + 1)}
    assert good == {*range(200, 300), 301, 302, 303, 307, 308}


def secret(name: str, key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": name, "key": key}}


def test_the_smallest_action() -> None:
    request = build(action())
    assert (request.method, request.url, request.body) == ("GET", "https://example.test/hook", None)
    assert request.headers == (
        ("Idempotency-Key", "report-1"),
        ("CronTask-Attempt", "2"),
        ("CronTask-Scheduled-At", "2026-11-22T15:00:00+01:00"),
        ("User-Agent", USER_AGENT),
    )
    assert (request.total_seconds, request.max_redirects, request.follow_redirects) == (300, 10, True)
    assert (request.max_response_bytes, request.success.codes, request.masked) == (1_048_576, ((200, 299),), ())
    assert USER_AGENT.startswith("crontask/")


def test_everything_that_can_be_set() -> None:
    request = build(
        action(
            method="POST",
            body="at $(CRONTASK_SCHEDULED_UNIX)",
            followRedirects=False,
            maxResponseBytes=10,
            success={"codes": ["204", "300-399"], "bodyRegex": "^ok$"},
            tls={"caSecret": {"name": "ca", "key": "ca.crt"}, "serverName": "inner.test"},
            timeouts={"lookupSeconds": 1, "connectSeconds": 2, "tlsSeconds": 3, "firstByteSeconds": 4},
        ),
        timeout=7,
    )
    assert (request.method, request.body, request.follow_redirects) == ("POST", b"at 1795356000", False)
    assert (request.max_response_bytes, request.total_seconds) == (10, 7)
    assert (request.success.codes, request.success.body_regex) == (((204, 204), (300, 399)), "^ok$")
    assert (request.tls.ca_pem, request.tls.server_name) == (PEM, "inner.test")
    phases = request.phases
    assert (phases.lookup, phases.connect, phases.tls, phases.first_byte) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h.test/$(CRONTASK_TASK)/$(CRONTASK_ATTEMPT)", "https://h.test/report/2"),
        # A bare + would be read as a blank.
        ("https://h.test/?at=$(CRONTASK_SCHEDULED_AT)", "https://h.test/?at=2026-11-22T15:00:00%2B01:00"),
        ("http://$(CRONTASK_NAMESPACE).svc/", "http://shop.svc/"),
        ("https://h.test/$(OTHER)?p=$$(CRONTASK_TASK)", "https://h.test/$(OTHER)?p=$(CRONTASK_TASK)"),
        ("https://h.test/a#part", "https://h.test/a"),
        ("HTTPS://h.test", "https://h.test"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("https://h.test/a?mail=a@b.test", "https://h.test/a?mail=a@b.test"),
    ],
)
def test_url(url: str, expected: str) -> None:
    assert build(action(url=url)).url == expected


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://user:hunter2@h.test/", "holds credentials"),
        ("https://hunter2@h.test/", "holds credentials"),
        ("https://h.test:0/", "is not an http or https URL"),
        ("https://h.test:99999/", "cannot be read"),
        ("https://h.test:port/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://:8080/path", "is not an http or https URL"),
        ("ftp://h.test/xx", "is not an http or https URL"),
        ("https://h.test/a b", "holds a blank"),
        ("https://h.test/a\r\nX: y", "holds a blank"),
        ("https://h.test/\x00", "holds a blank"),
    ],
)
def test_bad_urls_are_refused_without_showing_credentials(url: str, problem: str) -> None:
    given = action().model_copy(update={"url": url})
    for attempt in (lambda: build(given), lambda: check_action(given)):
        with pytest.raises(FieldError, match=problem) as caught:
            attempt()
        assert caught.value.path == "spec.http.url"
        assert refused(caught.value).reason == "InvalidUrl"
        assert "hunter2" not in str(caught.value)


def test_headers_keep_their_order_and_the_users_own_win() -> None:
    request = build(
        action(
            headers=[
                {"name": "X-Second", "value": " $(CRONTASK_TASK) "},
                {"name": "idempotency-key", "value": "mine"},
                {"name": "user-agent", "value": "agent"},
                {"name": "X-Second", "value": "ünï"},
            ]
        )
    )
    assert request.headers == (
        ("X-Second", "report"),
        ("idempotency-key", "mine"),
        ("user-agent", "agent"),
        ("X-Second", "ünï"),
        ("CronTask-Attempt", "2"),
        ("CronTask-Scheduled-At", "2026-11-22T15:00:00+01:00"),
    )


def test_credentials_are_sent_marked_and_hidden_from_view() -> None:
    basic = build(action(auth={"basic": {"secretName": "login"}}))
    scheme, _, pair = dict(basic.headers)["Authorization"].partition(" ")
    assert (scheme, b64decode(pair).decode()) == ("Basic", "ann:geheim-pass-ü")
    assert set(basic.masked) == {"geheim-pass-ü".encode(), pair.encode()}
    bearer = build(action(auth={"bearer": {"secretName": "api"}}))
    assert dict(bearer.headers)["Authorization"] == "Bearer tok-123456"
    header = build(action(headers=[{"name": "X-Key", "valueFrom": secret("api", "token")}]))
    assert dict(header.headers)["X-Key"] == "tok-123456"
    assert header.secret_headers == {"x-key", "authorization", "proxy-authorization", "cookie"}
    for request in (basic, bearer, header):
        assert "geheim" not in repr(request)
        assert "tok-123456" not in repr(request)


def test_secret_refs_are_all_that_build_wants() -> None:
    given = action(
        headers=[{"name": "A", "value": "plain"}, {"name": "B", "valueFrom": secret("api", "token")}],
        auth={"basic": {"secretName": "login"}},
        tls={"caSecret": {"name": "ca", "key": "ca.crt"}},
    )
    assert secret_refs(given) == {("api", "token"), ("login", "username"), ("login", "password"), ("ca", "ca.crt")}
    assert secret_refs(action(auth={"bearer": {"secretName": "s", "key": "k"}})) == {("s", "k")}
    assert secret_refs(action()) == frozenset()


@pytest.mark.parametrize(
    ("fields", "path", "problem"),
    [
        ({"auth": {"bearer": {"secretName": "gone"}}}, "spec.http.auth.bearer", '"gone/token" does not exist'),
        ({"auth": {"bearer": {"secretName": "api", "key": "no"}}}, "spec.http.auth.bearer", '"api/no" does not exist'),
        ({"auth": {"bearer": {"secretName": "api", "key": "newline"}}}, "spec.http.auth.bearer", "holds a newline"),
        ({"auth": {"bearer": {"secretName": "api", "key": "nul"}}}, "spec.http.auth.bearer", "control character"),
        ({"auth": {"bearer": {"secretName": "api", "key": "empty"}}}, "spec.http.auth.bearer", "is empty"),
        ({"auth": {"bearer": {"secretName": "api", "key": "bytes"}}}, "spec.http.auth.bearer", "is not text"),
        ({"auth": {"basic": {"secretName": "login", "usernameKey": "colon"}}}, "spec.http.auth.basic", "holds a colon"),
        ({"auth": {"basic": {"secretName": "gone"}}}, "spec.http.auth.basic", "does not exist"),
        (
            {"headers": [{"name": "A", "value": "b"}, {"name": "B", "valueFrom": secret("api", "newline")}]},
            "spec.http.headers[1].valueFrom",
            "holds a newline",
        ),
        ({"tls": {"caSecret": {"name": "gone", "key": "x"}}}, "spec.http.tls.caSecret", "does not exist"),
        ({"tls": {"caSecret": {"name": "api", "key": "token"}}}, "spec.http.tls.caSecret", "holds no certificate"),
    ],
)
def test_unusable_secrets_are_named_and_never_shown(fields: dict[str, Any], path: str, problem: str) -> None:
    with pytest.raises(SecretError, match=problem) as caught:
        build(action(**fields))
    assert caught.value.path == path
    for content in ("123456", "an:n", "-raw"):
        assert content not in str(caught.value)
    assert caught.value.__cause__ is None
    result = refused(caught.value)
    assert (result.succeeded, result.reason, result.message) == (False, "InvalidSecret", str(caught.value))


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "\x1b[31m", "a\x7f"])
def test_control_characters_in_a_header_are_refused(value: str) -> None:
    good = action(headers=[{"name": "X", "value": "a"}])
    bad = good.model_copy(update={"headers": [good.headers[0].model_copy(update={"value": value})]})
    with pytest.raises(FieldError, match="control character") as caught:
        build(bad)
    assert caught.value.path == "spec.http.headers[0].value"
    assert "\n" not in str(caught.value)
    assert refused(caught.value).reason == "InvalidRequest"


def test_the_moment_and_random_ids_stand_wherever_they_are_asked_for() -> None:
    made = (f"id-{number}" for number in count(1))
    given = action(
        url="https://h.test/$(CRONTASK_RANDOM_UUID)?at=$(CRONTASK_NOW_UNIX)",
        method="POST",
        headers=[{"name": "X-Id", "value": "$(CRONTASK_RANDOM_UUID)/$(CRONTASK_RANDOM_UUID)"}],
        body="$(CRONTASK_NOW_UNIX) $(CRONTASK_RANDOM_UUID)",
    )
    check_action(given)
    request = build_request(
        given,
        values={**VALUES, "CRONTASK_NOW_UNIX": "1795356007"},
        secrets={},
        timeout_seconds=None,
        execution="e",
        uuid=lambda: next(made),
    )
    assert request.body is not None
    texts = f"{request.url} {dict(request.headers)['X-Id']} {request.body.decode()}"
    assert texts.count("1795356007") == 2
    assert set(re.findall(r"id-\d", texts)) == {"id-1", "id-2", "id-3", "id-4"}


def test_a_header_cannot_be_split_by_what_is_substituted() -> None:
    given = action(headers=[{"name": "X", "value": "$(CRONTASK_TASK)"}])
    with pytest.raises(FieldError, match="control character"):
        build_request(
            given,
            values={**VALUES, "CRONTASK_TASK": "a\r\nX-Evil: 1"},
            secrets={},
            timeout_seconds=None,
            execution="e",
        )


@pytest.mark.parametrize("regex", ["(", "a(?=b)", r"(a)\1", "*a"])
def test_a_bad_regex_is_refused(regex: str) -> None:
    given = action(success={"bodyRegex": regex})
    with pytest.raises(FieldError, match="is no such expression") as caught:
        check_action(given)
    assert caught.value.path == "spec.http.success.bodyRegex"


def test_two_sources_of_authorization_are_refused() -> None:
    given = action(
        auth={"bearer": {"secretName": "api"}}, headers=[{"name": "authorization", "valueFrom": secret("api", "token")}]
    )
    with pytest.raises(FieldError, match="also set in headers"):
        check_action(given)


def test_check_needs_no_secret() -> None:
    check_action(
        action(
            url="https://h.test/?at=$(CRONTASK_SCHEDULED_AT)",
            headers=[{"name": "X", "valueFrom": secret("not", "there")}],
            auth={"basic": {"secretName": "not-there"}},
            tls={"caSecret": {"name": "not", "key": "there"}},
            success={"bodyRegex": "ok|done"},
        )
    )
