"""Notification flags as entries of `spec.notify`, by what the configuration says of ways."""

from typing import Any

import pytest
from fakes.cronjob_org import URL, CronJobOrg
from pydantic import ValidationError

from crontask_gateway.dialects.cronjob_org.options import Options

HOOK = {"webhook": {"url": "http://hook.example/$x"}}
MAIL = {"mail": {"secretName": "smtp", "to": {"": "team@example.com", "acme": "acme@example.com"}}}
OWN = {"when": ["Always"], "webhook": {"url": "http://own.example/"}}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({}, None),
        ({"onFailureCount": 3}, None),
        ({"onFailure": True}, {"when": ["Failure"], "after": 1}),
        ({"onFailure": True, "onFailureCount": 3}, {"when": ["Failure"], "after": 3}),
        ({"onFailure": True, "onFailureCount": 5000}, {"when": ["Failure"], "after": 1000}),
        ({"onSuccess": True, "onFailureCount": 3}, {"when": ["Recovery"]}),
        ({"onFailure": True, "onSuccess": True, "onFailureCount": 3}, {"when": ["Failure", "Recovery"], "after": 3}),
        ({"onDisable": True}, {"when": ["Disabled"]}),
        (
            {"onFailure": True, "onSuccess": True, "onDisable": True, "onFailureCount": 2},
            {"when": ["Failure", "Recovery", "Disabled"], "after": 2},
        ),
    ],
)
async def test_flags_are_one_entry_that_tells_each_end_once(flags: dict[str, Any], told: dict[str, Any] | None) -> None:
    gateway = CronJobOrg(notify=HOOK)
    ident = await gateway.made(notification=flags)
    notify = (await gateway.spec(ident)).get("notify")
    wanted = [told | {"once": True, "webhook": {"url": "http://hook.example/$$x"}}] if told else None
    assert notify == wanted
    assert await gateway.changed(ident, title="x")
    assert (await gateway.spec(ident)).get("notify") == wanted


async def test_without_a_way_nobody_is_told_and_the_flags_read_back() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(notification={"onFailure": True})
    assert "notify" not in await gateway.spec(ident)
    assert (await gateway.details(ident))["notification"]["onFailure"] is True


async def test_kubectls_entries_stay_and_ours_follow_the_flags() -> None:
    gateway = CronJobOrg(notify=HOOK)
    ident = await gateway.made(notification={"onFailure": True})
    (ours,) = (await gateway.spec(ident))["notify"]
    await gateway.stage.edit(gateway.naming(str(ident)).key, notify=[OWN, ours])
    await gateway.changed(ident, title="x")
    assert (await gateway.spec(ident))["notify"] == [OWN, ours]
    await gateway.changed(ident, notification={"onFailure": False})
    assert (await gateway.spec(ident))["notify"] == [OWN]


async def test_a_mail_names_the_job_and_hides_what_the_query_says() -> None:
    gateway = CronJobOrg(notify=MAIL)
    ident = await gateway.made(f"{URL}?token=hush", title="Warm $(CRONTASK_TASK)", notification={"onFailure": True})
    (way,) = (await gateway.spec(ident))["notify"]
    assert way["email"] == {"secretName": "smtp", "to": ["team@example.com"]}
    assert "hush" not in str(way)
    assert f"URL: {URL}?..." in way["body"]
    assert way["subject"].endswith("Warm $$(CRONTASK_TASK)")


async def test_a_very_long_title_still_makes_a_subject() -> None:
    gateway = CronJobOrg(notify=MAIL)
    ident = await gateway.made(title="$(" * 256, notification={"onDisable": True})
    (way,) = (await gateway.spec(ident))["notify"]
    assert len(way["subject"]) <= 500


@pytest.mark.parametrize(
    "notify",
    [
        {"webhook": {}},
        {"webhook": {"url": "http://a", "urlFrom": {"name": "a", "key": "b"}}},
        {"webhook": {"url": "http://u:p@a/"}},
        {"webhook": {"url": "no"}},
        {"mail": {"secretName": "smtp", "to": {}}},
        {"mail": {"secretName": "smtp", "to": {"": "no address"}}},
        {"slack": {}},
    ],
    ids=str,
)
def test_ways_that_cannot_be(notify: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"notify": notify})
