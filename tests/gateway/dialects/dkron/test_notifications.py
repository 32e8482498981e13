"""The server's notifications as those of a job's spec."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from crontask_core.model import TaskSpec
from crontask_core.notices import check_notify
from crontask_gateway.dialects.dkron.notifications import ways
from crontask_gateway.dialects.dkron.options import NotifyOptions
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.ways import MAX_WAYS, digest, with_ways

JOB = JobIn(name="job", owner_email="Joe <joe@example.com>, ops@example.com; nobody")
HOOK = {"url": "http://hook.test/", "payload": '{"job": "{{.JobName}}"}'}
MAIL = {"secretName": "smtp"}
TEXT = ("Content-Type", "text/plain; charset=utf-8")


def made(**options: Any) -> list[dict[str, Any]]:
    return ways(JOB, NotifyOptions.model_validate(options), "gw")


def test_nothing_is_told_unless_the_configuration_says_so() -> None:
    assert made() == []


def test_one_way_tells_of_both_ends_in_the_same_words() -> None:
    [way] = made(webhook=HOOK)
    assert way == {
        "when": ["Success", "Failure"],
        "repeat": True,
        "webhook": {"url": "http://hook.test/", "headers": []},
        "body": '{"job": "job"}',
    }


def test_words_that_depend_on_the_end_are_two_ways() -> None:
    good, bad = made(webhook=HOOK | {"payload": '{{if eq .Success "true"}}yes{{else}}no{{end}} {{.Success}}'})
    assert (good["when"], good["body"]) == (["Success"], "yes true")
    assert (bad["when"], bad["repeat"], bad["body"]) == (["Failure"], True, "no false")


def test_a_beginning_knows_neither_end_nor_output() -> None:
    [way] = made(preWebhook=HOOK | {"payload": "{{.StartTime}} {{.FinishedAt}} {{.Success}} {{.Output}}."})
    assert way["when"] == ["Started"]
    assert way["body"] == "$(CRONTASK_STARTED_AT) 0001-01-01 00:00:00 +0000 UTC false ."


def test_mails_go_to_the_owner() -> None:
    good, bad = made(mail=MAIL)
    assert good["email"] == {"secretName": "smtp", "to": ["joe@example.com", "ops@example.com"]}
    assert (good["subject"], good["body"]) == ("[Dkron]Success job execution report", "$(CRONTASK_OUTPUT)")
    assert (bad["subject"], bad["when"]) == ("[Dkron]Failed job execution report", ["Failure"])
    [words, _] = made(mail=MAIL | {"payload": "{{.JobName}} at {{.NodeName}}", "subjectPrefix": "$(x) "})
    assert (words["subject"], words["body"]) == ("$$(x) Success job execution report", "job at gw")
    options = NotifyOptions.model_validate({"mail": MAIL})
    assert ways(replace(JOB, owner_email=""), options, "gw") == []
    assert ways(replace(JOB, owner_email="no address"), options, "gw") == []


def test_the_report() -> None:
    [_, bad] = made(webhook=HOOK | {"payload": "{{.Report}}"})
    start, end = "$(CRONTASK_STARTED_AT)", "$(CRONTASK_FINISHED_AT)"
    report = (
        f"Executed: job\nReporting node: gw\nStart time: {start}\nEnd time: {end}\nSuccess: false\nNode: gw\n"
        "Output: $(CRONTASK_OUTPUT)\nExecution group: $(CRONTASK_EXECUTION)\n"
        f"\t[Node]: gw [Start]: {start} [End]: {end} [Success]: false\n"
    )
    assert bad["body"] == report
    [_, bad] = made(webhook=HOOK | {"payload": '{"text": "{{.Report}}"}'})
    assert json.loads(bad["body"]) == {"text": report}


@pytest.mark.parametrize(
    ("payload", "headers", "expected"),
    [
        ('{"a": 1}', [], []),
        ("payload={}", [], [TEXT]),
        ("x", ["Content-Type: a/b"], [("Content-Type", "a/b")]),
        ("x", ["Host: x", "X-Url: http://y:1/$(Z)"], [("Host", "x"), ("X-Url", "http://y:1/$$(Z)"), TEXT]),
    ],
)
def test_headers(payload: str, headers: list[str], expected: list[Any]) -> None:
    [way] = made(webhook=HOOK | {"payload": payload, "headers": headers})
    found = [(each["name"], each["value"]) for each in way["webhook"]["headers"]]
    assert found == expected


def test_credentials_are_named_and_never_written() -> None:
    ref = {"name": "hooks", "key": "token"}
    header = {"name": "Authorization", "valueFrom": {"secretKeyRef": ref}}
    [way] = made(webhook={"urlFrom": {"name": "hooks", "key": "url"}, "payload": "{}", "headers": [header]})
    assert way["webhook"] == {"urlFrom": {"name": "hooks", "key": "url"}, "headers": [header]}


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ({"webhook": {"payload": "x"}}, ("webhook",), "set exactly one of url and urlFrom"),
        ({"webhook": HOOK | {"urlFrom": {"name": "a", "key": "b"}}}, ("webhook",), "exactly one of url and urlFrom"),
        ({"webhook": HOOK | {"payload": ""}}, ("webhook", "payload"), "at least 1 character"),
        ({"webhook": HOOK | {"payload": "{{.Nothing}}"}}, ("webhook", "payload"), "{{.Nothing}} is not understood"),
        ({"preWebhook": HOOK | {"headers": ["none"]}}, ("preWebhook", "headers", 0), "write Name: value"),
        ({"webhook": HOOK | {"headers": ["Cookie: a=b"]}}, ("webhook", "headers", 0), "use valueFrom with a Secret"),
        ({"webhook": HOOK | {"headers": ["Connection: close"]}}, ("webhook", "headers", 0), "remove it"),
        ({"webhook": HOOK | {"url": "hook.test"}}, ("webhook", "url"), "should match"),
        ({"mail": {}}, ("mail", "secretName"), "required"),
        ({"mail": MAIL | {"payload": "{{if}}"}}, ("mail", "payload"), "cannot ask for nothing"),
        ({"cronitor": {}}, ("cronitor",), "not permitted"),
    ],
)
def test_what_cannot_be_told_is_refused_at_the_start(
    options: dict[str, Any], path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        NotifyOptions.model_validate(options)
    first = caught.value.errors()[0]
    assert first["loc"] == path
    assert message in first["msg"]


def test_what_is_made_is_what_a_spec_takes() -> None:
    hook = HOOK | {"payload": "{{.Report}} {{.Success}}"}
    found = made(preWebhook=hook, webhook=hook, mail=MAIL)
    assert [each["when"] for each in found] == [["Started"], ["Success"], ["Failure"], ["Success"], ["Failure"]]
    spec = TaskSpec.model_validate({"schedule": "@manual", "http": {"url": "http://a/"}, "notify": found})
    check_notify(spec.notify)
    long = ways(replace(JOB, name="j" * 4000), NotifyOptions.model_validate({"webhook": hook, "mail": MAIL}), "gw")
    TaskSpec.model_validate({"schedule": "@manual", "http": {"url": "http://a/"}, "notify": long})


# Beside those of kubectl

OWN = {"when": ["Late"], "slack": {"urlFrom": {"name": "s", "key": "u"}}}
FIRST, SECOND = made(webhook=HOOK), made(webhook=HOOK | {"url": "http://other.test/"})


def filled(way: dict[str, Any]) -> dict[str, Any]:
    """As the API server gives it back."""
    return way | {"after": 1, "lateSeconds": 60, "webhook": {"method": "POST"} | way["webhook"]}


def test_ours_stand_after_those_of_kubectl_and_follow_the_configuration() -> None:
    notify, told = with_ways([OWN], [], FIRST)
    assert (notify, told) == ([OWN, *FIRST], [digest(FIRST[0])])
    notify, told = with_ways([OWN, filled(FIRST[0])], told, SECOND)
    assert (notify, told) == ([OWN, *SECOND], [digest(SECOND[0])])
    assert with_ways(notify, told, []) == ([OWN], [])
    assert with_ways([OWN], told, SECOND) == ([OWN, *SECOND], told), "what kubectl took away comes back"


def test_what_did_not_change_keeps_its_place() -> None:
    held = [filled(FIRST[0]), OWN]
    assert with_ways(held, [digest(FIRST[0])], FIRST) == (held, [digest(FIRST[0])])


def test_an_entry_that_kubectl_has_edited_is_kubectls() -> None:
    edited = FIRST[0] | {"repeat": False}
    notify, _ = with_ways([edited], [digest(FIRST[0])], FIRST)
    assert notify == [edited, *FIRST]


def test_there_are_never_more_than_a_spec_takes() -> None:
    own = [OWN | {"lateSeconds": n + 1} for n in range(MAX_WAYS)]
    assert with_ways(own, [], FIRST) == (own, [])
    assert digest({"when": ["Unheard"]}) == ""
