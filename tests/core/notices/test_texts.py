"""The words: subjects, texts, JSON and Slack's, with values that mean no good."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crontask_core.errors import FieldError
from crontask_core.model import ExecutionSpec, ExecutionStatus, Notify, PendingNotification
from crontask_core.names import Key
from crontask_core.notices import Facts, check_notify
from crontask_core.notices.mails import mail, mail_server
from crontask_core.notices.posts import post, post_refs
from crontask_core.notices.texts import payload, slack_body, subject, text, webhook_body

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = 'a"b\\c\r\nBcc: victim@example.com <!channel> & $(CRONTASK_TASK) \x00'
HOOK = {"webhook": {"url": "https://hook.test/x"}}


def facts(way: dict[str, Any] | None = None, *, gone: bool = False, **fields: Any) -> Facts:
    notice = {"id": "0123", "when": "Failure", "way": 0, "execution": "backup-1", "phase": "Failed", "at": AT}
    status = {
        "phase": "Failed",
        "reason": "ExitCode",
        "message": fields.pop("message", "exit 1"),
        "startedAt": AT,
        "finishedAt": AT,
        "latenessMilliseconds": 1500,
        "attempts": [{"number": 2, "reason": "ExitCode"}],
        "output": fields.pop("output", "disk full"),
    }
    return Facts(
        Key("shop", "backup"),
        Notify.model_validate({"when": ["Failure"]} | (way or HOOK)),
        PendingNotification.model_validate(notice | fields),
        "Europe/Berlin",
        None if gone else ExecutionSpec.model_validate({"taskRef": {"name": "backup"}, "scheduledAt": AT}),
        None if gone else ExecutionStatus.model_validate(status),
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"failures": 1}, "CronTask shop/backup failed"),
        ({"failures": 3}, "CronTask shop/backup failed 3 times in a row"),
        ({"when": "Recovery", "phase": "Succeeded"}, "CronTask shop/backup succeeds again"),
        ({"when": "Always", "phase": "Lost"}, "CronTask shop/backup ended: Lost"),
        ({"when": "Started", "phase": "Running"}, "CronTask shop/backup has begun"),
        ({"when": "Late"}, "CronTask shop/backup began 1.5 s late"),
        ({"when": "Late", "gone": True}, "CronTask shop/backup began late"),
        ({"when": "Missed", "count": 4}, "CronTask shop/backup missed 4 instant(s)"),
        ({"when": "Disabled", "failures": 5}, "CronTask shop/backup is paused after 5 failures in a row"),
        ({"when": "Keyword"}, "CronTask shop/backup has the keyword in its output"),
    ],
)
def test_our_subjects(fields: dict[str, Any], expected: str) -> None:
    assert subject(facts(**fields)) == expected


def test_a_subject_of_the_users() -> None:
    way = HOOK | {"subject": "[$(CRONTASK_WHEN)] $(CRONTASK_TASK): $(CRONTASK_REASON) $$(x) $(UNKNOWN)"}
    assert subject(facts(way)) == "[Failure] backup: ExitCode $(x) $(UNKNOWN)"


@settings(max_examples=30, deadline=None)
@example("x" * 400)
@example("a\u2028b\u2029c\x7f\x85\x0b")
@example("\r\n" * 20)
@given(st.text(max_size=400))
def test_nothing_gets_a_second_line_into_a_subject_or_a_header_into_a_mail(value: str) -> None:
    way = {"subject": "$(CRONTASK_MESSAGE)", "email": {"secretName": "s", "to": ["a@example.com"]}}
    told = facts(way, message=value + "\r\nBcc: victim@example.com")
    line = subject(told)
    assert line
    assert len(line) <= 200
    assert line.isprintable() or not any(ord(character) < 32 or character in "\x7f\u2028\u2029" for character in line)
    assert told.notify.email is not None
    head = mail(told, told.notify.email, "cron@example.com", AT).partition(b"\r\n\r\n")[0]
    assert not any(row.lower().startswith(b"bcc") for row in head.split(b"\r\n"))


def test_our_text() -> None:
    assert text(facts(failures=2)) == (
        "Task: shop/backup\nExecution: backup-1\nOutcome: Failed (ExitCode)\nMessage: exit 1\nFailures in a row: 2\n"
        "Instant: 2026-03-01T13:00:00+01:00\nBegan: 2026-03-01T13:00:00+01:00\nEnded: 2026-03-01T13:00:00+01:00\n"
        "Attempts: 2\n\nOutput:\ndisk full\n"
    )
    gone = text(facts(gone=True))
    assert gone == "Task: shop/backup\nExecution: backup-1\nOutcome: Failed\n"
    missed = facts(when="Missed", execution=None, phase=None, count=2, until="2026-03-01T12:01:00Z", gone=True)
    assert "Missed: 2026-03-01T13:00:00+01:00 to 2026-03-01T13:01:00+01:00\n" in text(missed)


def test_our_json_has_these_keys_for_ever() -> None:
    body = json.loads(webhook_body(facts(failures=2), is_json=True))
    assert body == {
        "id": "0123",
        "when": "Failure",
        "subject": "CronTask shop/backup failed 2 times in a row",
        "namespace": "shop",
        "task": "backup",
        "execution": "backup-1",
        "trigger": "Manual",
        "scheduledAt": "2026-03-01T12:00:00Z",
        "phase": "Failed",
        "reason": "ExitCode",
        "message": "exit 1",
        "startedAt": "2026-03-01T12:00:00Z",
        "finishedAt": "2026-03-01T12:00:00Z",
        "latenessMilliseconds": 1500,
        "attempts": 2,
        "consecutiveFailures": 2,
        "missedCount": None,
        "missedUntil": None,
        "output": "disk full",
    }
    assert payload(facts(gone=True)).keys() == body.keys()


@given(st.text(max_size=200))
def test_a_template_of_json_stays_json(value: str) -> None:
    way = HOOK | {"body": '{"text": "$(CRONTASK_MESSAGE)", "why": "$(CRONTASK_REASON)"}'}
    assert json.loads(webhook_body(facts(way, message=value), is_json=True)) == {"text": value, "why": "ExitCode"}


def test_a_template_that_is_no_json_gets_values_as_they_are() -> None:
    assert webhook_body(facts(HOOK | {"body": "$(CRONTASK_MESSAGE)"}, message='"'), is_json=False) == '"'


def test_values_call_nobody_on_slack() -> None:
    slack = {"slack": {"urlFrom": {"name": "s", "key": "u"}}}
    for way in (slack, slack | {"body": "<!here> $(CRONTASK_MESSAGE)", "subject": "$(CRONTASK_MESSAGE)"}):
        told = json.loads(slack_body(facts(way, message=EVIL, output=EVIL)))["text"]
        assert "<!channel>" not in told
        assert "&lt;!channel&gt; &amp;" in told
    assert told.startswith("*a")
    assert "<!here>" in told


def test_everything_is_bounded() -> None:
    long = facts(HOOK | {"body": "$(CRONTASK_OUTPUT)" * 800}, output="x" * 200_000)
    assert len(webhook_body(long, is_json=True)) <= 65_536
    assert len(text(facts(output="x" * 200_000))) < 10_000
    assert len(json.loads(slack_body(facts(output="x" * 200_000)))["text"]) < 3_000
    assert len(payload(facts(output="x" * 200_000))["output"]) < 17_000


# Requests.


def test_a_webhook() -> None:
    headers = [{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    way = {"webhook": {"url": "https://hook.test/$(CRONTASK_TASK)?why=$(CRONTASK_MESSAGE)", "headers": headers}}
    told = facts(way, message="a b&c", tries=2)
    assert post_refs(told.notify) == {("s", "k")}
    made = post(told, {("s", "k"): b"secret"})
    request = made.request
    assert (request.method, request.url) == ("POST", "https://hook.test/backup?why=a%20b%26c")
    assert (request.follow_redirects, request.total_seconds) == (False, 15.0)
    sent = dict(request.headers)
    assert sent["Idempotency-Key"] == "0123"
    assert sent["CronTask-Notification"] == "Failure"
    assert sent["CronTask-Attempt"] == "3"
    assert sent["Content-Type"] == "application/json"
    assert sent["X-Key"] == "secret"
    assert request.body is not None
    assert json.loads(request.body)["id"] == "0123"


def test_a_webhook_of_another_kind() -> None:
    headers = [{"name": "content-type", "value": "text/plain"}]
    way = {"webhook": {"url": "https://hook.test/", "method": "PUT", "headers": headers}, "body": "$(CRONTASK_OUTPUT)"}
    request = post(facts(way, output='say "no"'), {}).request
    assert (request.method, request.body) == ("PUT", b'say "no"')
    assert [name for name, _ in request.headers].count("Content-Type") == 0
    assert post(facts({"webhook": {"url": "https://hook.test/", "method": "GET"}}), {}).request.body is None


@pytest.mark.parametrize("url", ["no url", "ftp://x/", "https://user:secret@x/", "https://x y/", "", "https:///path"])
def test_a_secret_url_that_cannot_be_used_is_named_and_not_shown(url: str) -> None:
    slack = {"slack": {"urlFrom": {"name": "s", "key": "u"}}}
    with pytest.raises(FieldError, match=r'spec.notify\[0\].slack.urlFrom: "s/u"') as caught:
        post(facts(slack), {("s", "u"): url.encode()})
    assert not url or url not in str(caught.value)
    with pytest.raises(FieldError, match="does not exist"):
        post(facts(slack), {})


def test_nothing_in_a_secret_url_is_expanded_and_all_of_it_is_hidden() -> None:
    slack = {"slack": {"urlFrom": {"name": "s", "key": "u"}}}
    made = post(facts(slack), {("s", "u"): b"https://hooks.test/$(CRONTASK_TASK)/token"})
    assert made.request.url == "https://hooks.test/$(CRONTASK_TASK)/token"
    assert "hooks.test" in made.hidden
    assert "token" not in repr(dict(made.request.headers))


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"when": ["Keyword"], "keyword": "("} | HOOK, r"spec.notify\[0\].keyword"),
        ({"webhook": {"url": "https://user:pw@hook.test/"}}, r"spec.notify\[0\].webhook.url.*credentials"),
        ({"webhook": {"url": "https://hook.test:0/"}}, r"spec.notify\[0\].webhook.url"),
    ],
)
def test_what_could_never_work_is_refused(way: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError, match=message):
        check_notify([Notify.model_validate({"when": ["Failure"]} | way)])


def test_what_can_work_is_not_refused() -> None:
    slack = {"when": ["Late"], "slack": {"urlFrom": {"name": "s", "key": "u"}}}
    mails = {"when": ["Missed"], "email": {"secretName": "s", "to": ["a@example.com"]}}
    ways = [{"when": ["Keyword"], "keyword": "a+"} | HOOK, slack, mails, {"when": ["Always"]} | HOOK]
    check_notify([Notify.model_validate(way) for way in ways])


def test_a_mail_servers_defaults() -> None:
    to = Notify.model_validate({"when": ["Failure"], "email": {"secretName": "s", "to": ["a@b"]}}).email
    assert to is not None
    data = {"host": b"smtp.test\n", "from": b"cron@example.com"}
    ports = {
        word: mail_server(to, "p", data | {"security": word.encode()}).port for word in ("starttls", "tls", "none")
    }
    assert ports == {"starttls": 587, "tls": 465, "none": 25}
    assert mail_server(to, "p", data).security == "starttls"
    login = {"username": b"u", "password": b"secret", "security": b"none"}
    with pytest.raises(FieldError, match="unencrypted") as caught:
        mail_server(to, "p", data | login)
    assert "secret" not in str(caught.value).replace("secretName", "")
    for key, value in (("port", b"0"), ("port", b"x"), ("host", b"a\nb"), ("from", b"no address"), ("from", b"\xff")):
        with pytest.raises(FieldError, match=f"s/{key}"):
            mail_server(to, "p", data | {key: value})
