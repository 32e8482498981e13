"""Who is let in, and that nobody sees another account's jobs."""

from ipaddress import ip_network

import pytest
from fakes.cronjob_org import HOURLY, URL, CronJobOrg

from crontask_gateway.principal import Access, Credential, Principal

KEY, FOREIGN = "k" * 42 + "+/", "f" * 44
ACCESS = Access(
    "default",
    (
        Credential(Principal("own", "", "default", key="own"), KEY.encode()),
        Credential(Principal("foreign", "acme", "default", key="foreign"), FOREIGN.encode()),
        Credential(
            Principal("far", "", "default", key="far", addresses=(ip_network("192.0.2.0/24"),)), b"far-away-" * 4
        ),
        Credential(Principal("near", "", "default", key="near", addresses=(ip_network("10.0.0.1"),)), b"near-by-" * 4),
        Credential(Principal("looker", "", "default", frozenset({"read"}), key="looker"), b"looker--" * 4),
    ),
)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("", 401),
        (KEY, 401),
        (f"Basic {KEY}", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer wrong", 401),
        (f"Bearer {KEY}x", 401),
        (f"Bearer {KEY.upper()}", 401),
        (f"Bearer {KEY}", 200),
        (f"bearer {KEY}", 200),
        (f"BEARER   {KEY}  ", 200),
        ("Bearer " + "far-away-" * 4, 403),
        ("Bearer " + "near-by-" * 4, 200),
        ("Bearer ünknown", 401),
    ],
)
async def test_a_key_is_shown_as_bearer(told: str, status: int) -> None:
    gateway = CronJobOrg(access=ACCESS)
    answer = await gateway.get("/jobs", **({"authorization": told} if told else {}))
    assert answer.status == status
    if status != 200:
        assert answer.body == b""
        assert "www-authenticate" not in answer.headers


async def test_404_before_401() -> None:
    assert (await CronJobOrg(access=ACCESS).get("/nowhere")).status == 404


async def test_without_the_right_to_write_one_may_look() -> None:
    gateway = CronJobOrg(access=ACCESS)
    who = {"authorization": "Bearer " + "looker--" * 4}
    assert (await gateway.get("/jobs", **who)).status == 200
    assert (await gateway.put("/jobs", {"job": {"url": URL}}, **who)).status == 403


async def test_another_accounts_jobs_are_none() -> None:
    gateway = CronJobOrg(access=ACCESS)
    own, foreign = ({"authorization": f"Bearer {key}"} for key in (KEY, FOREIGN))
    ident = (await gateway.put("/jobs", {"job": {"url": URL, "schedule": HOURLY}}, **own)).json["jobId"]
    await gateway.ran(
        ident, "run", phase="Succeeded", startedAt="2026-03-01T12:00:00Z", finishedAt="2026-03-01T12:00:00Z"
    )
    (item,) = (await gateway.get(f"/jobs/{ident}/history", **own)).json["history"]
    assert (await gateway.get("/jobs", **foreign)).json["jobs"] == []
    for answer in (
        await gateway.get(f"/jobs/{ident}", **foreign),
        await gateway.get(f"/jobs/{ident}/history", **foreign),
        await gateway.get(f"/jobs/{ident}/history/{item['identifier']}", **foreign),
        await gateway.patch(f"/jobs/{ident}", {"job": {"title": "mine"}}, **foreign),
        await gateway.ask("DELETE", f"/jobs/{ident}", **foreign),
    ):
        assert (answer.status, answer.body) == (404, b"")
    assert (await gateway.get(f"/jobs/{ident}", **own)).json["jobDetails"]["title"] == ""
    assert (await gateway.put("/folders", {"folder": {"title": "x"}}, **own)).json == {"folderId": 1}
    assert (await gateway.get("/folders", **foreign)).json == {"folders": []}
    assert (await gateway.put("/jobs", {"job": {"url": URL}}, **foreign)).json == {"jobId": 1}, (
        "numbers are an account's"
    )


async def test_an_open_mount_needs_no_key() -> None:
    assert (await CronJobOrg().get("/jobs")).status == 200
    assert (await CronJobOrg().get("/jobs", authorization="Bearer x")).status == 401
