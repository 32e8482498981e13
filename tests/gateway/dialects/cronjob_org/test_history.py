"""What became of calls: items, their texts and phases, and what a job says of its last one."""

from typing import Any

import pytest
from fakes.cronjob_org import HOURLY, CronJobOrg

AT, LATER = "2026-03-01T12:00:01.184Z", "2026-03-01T12:00:01.596Z"
BEGUN = 1_772_366_401
ATTEMPT: dict[str, Any] = {
    "number": 1,
    "startedAt": AT,
    "finishedAt": LATER,
    "reason": "Completed",
    "httpStatus": 200,
    "httpStatusText": "OK",
    "url": "https://shop.example.net/tasks/warm?at=1772366401",
    "timings": {
        "lookupMicroseconds": 2_110,
        "connectMicroseconds": 29_767,
        "tlsMicroseconds": 63_327,
        "readyMicroseconds": 95_333,
        "firstByteMicroseconds": 314_583,
        "totalMicroseconds": 411_702,
    },
}
RUN: dict[str, Any] = {
    "phase": "Succeeded",
    "reason": "Completed",
    "startedAt": AT,
    "finishedAt": LATER,
    "latenessMilliseconds": 1_184,
    "attempts": [ATTEMPT],
    "responseHeaders": "content-type: text/plain\nx-id: 7",
    "output": "warm",
}


async def one(gateway: CronJobOrg, ident: int, **status: Any) -> dict[str, Any]:
    """The item of a run that has ended so, with all its members."""
    await gateway.ran(ident, f"run-{gateway.stage.clock.now().timestamp()}", **status)
    (item,) = await gateway.history(ident)
    found: dict[str, Any] = (await gateway.get(f"/jobs/{ident}/history/{item['identifier']}")).json["jobHistoryDetails"]
    assert item == found | {"headers": None, "body": None}
    return found


async def test_an_item_has_every_member() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(saveResponses=True, schedule=HOURLY)
    item = await one(gateway, ident, **RUN)
    planned = int(gateway.stage.clock.now().timestamp())
    assert {name: item[name] for name in item if name not in ("jobLogId", "identifier", "jitter", "datePlanned")} == {
        "jobId": ident,
        "date": BEGUN,
        "url": ATTEMPT["url"],
        "duration": 412,
        "status": 1,
        "statusText": "OK",
        "httpStatus": 200,
        "headers": "content-type: text/plain\r\nx-id: 7\r\n\r\n",
        "body": "warm",
        "stats": {
            "nameLookup": 2_110,
            "connect": 31_877,
            "appConnect": 95_204,
            "preTransfer": 95_333,
            "startTransfer": 409_916,
            "total": 411_702,
        },
    }
    assert item["datePlanned"] == planned
    assert 0 < item["jobLogId"] < 2**31
    job, day, month, log = item["identifier"].split("-")
    at = gateway.stage.clock.now()
    assert (int(job), int(day), int(month), int(log)) == (ident, at.day, at.month - 1, item["jobLogId"])


@pytest.mark.parametrize(
    ("phase", "reason", "attempt", "status", "text", "code"),
    [
        ("Succeeded", "Completed", {"httpStatus": 201, "httpStatusText": "Created"}, 1, "Created", 201),
        ("Succeeded", "Completed", {"httpStatusText": None}, 1, "", 200),
        ("Failed", "BadStatus", {"httpStatus": 404, "httpStatusText": "Not Found"}, 4, "Not Found", 404),
        ("Failed", "DnsError", {"httpStatus": None, "url": "http://no.example/x"}, 2,
         "Could not resolve host: no.example", 0),
        ("Failed", "Refused", {"httpStatus": None, "message": "refused"}, 3, "Could not connect: refused", 0),
        ("Failed", "ConnectError", {"httpStatus": None, "message": "no route"}, 3, "Could not connect: no route", 0),
        ("Failed", "EgressDenied", {"httpStatus": None, "message": "denied"}, 3, "Could not connect: denied", 0),
        ("Failed", "Timeout", {"httpStatus": None, "httpStatusText": None}, 5, "", 0),
        ("Failed", "Timeout", {"httpStatus": 200}, 5, "OK", 0),
        ("Failed", "TooLarge", {"httpStatus": 200}, 6, "OK", 0),
        ("Failed", "InvalidUrl", {"httpStatus": None, "url": None}, 7, "Malformed URL", 0),
        ("Failed", "DnsError", {"httpStatus": None, "url": "http://malformed-url.invalid/"}, 7, "Malformed URL", 0),
        ("Failed", "DnsError", {"httpStatus": None, "url": "http://unsupported-protocol.invalid/"}, 7,
         "Unsupported protocol", 0),
        ("Failed", "DnsError", {"httpStatus": None, "url": "http://connect-is-not-supported.invalid/"}, 9,
         "Other error: the method CONNECT is not supported (1)", 0),
        ("Failed", "InternalError", {"httpStatus": None, "message": "a fault"}, 8, "Internal error: a fault", 0),
        ("Failed", "TlsError", {"httpStatus": None, "message": "expired"}, 9, "Other error: expired (60)", 0),
        ("Failed", "Reset", {"httpStatus": None, "message": "reset"}, 9, "Other error: reset (56)", 0),
        ("Lost", "LeaderLost", {"httpStatus": None, "message": "nobody knows"}, 8, "Internal error: nobody knows", 0),
        ("Cancelled", "Stopped", {"httpStatus": None, "message": "stopped"}, 9, "Other error: stopped (0)", 0),
    ],
)  # fmt: skip
async def test_each_end_has_a_status_and_a_text(
    phase: str, reason: str, attempt: dict[str, Any], status: int, text: str, code: int
) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(saveResponses=True)
    told = {name: value for name, value in (ATTEMPT | attempt | {"reason": reason}).items() if value is not None}
    item = await one(gateway, ident, **(RUN | {"phase": phase, "reason": reason, "attempts": [told]}))
    assert (item["status"], item["statusText"], item["httpStatus"]) == (status, text, code)
    if status == 6:
        assert item["body"] is None
        assert item["headers"]


async def test_what_is_not_saved_is_null_and_a_phase_not_reached_is_0() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made()
    bare = {name: value for name, value in RUN.items() if name not in ("responseHeaders", "output")}
    attempt = ATTEMPT | {"timings": {"lookupMicroseconds": 5, "totalMicroseconds": 9}}
    item = await one(gateway, ident, **(bare | {"attempts": [attempt]}))
    assert (item["headers"], item["body"]) == (None, None)
    assert item["stats"] == {
        "nameLookup": 5, "connect": 0, "appConnect": 0, "preTransfer": 0, "startTransfer": 0, "total": 9,
    }  # fmt: skip


async def test_the_list_is_newest_first_and_50_long_without_what_runs_or_never_began() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(schedule=HOURLY)
    for number in range(60):
        gateway.stage.clock.advance(60)
        at = gateway.stage.clock.now().isoformat().replace("+00:00", "Z")
        await gateway.ran(ident, f"run-{number:02}", **(RUN | {"startedAt": at, "finishedAt": at}))
    await gateway.ran(ident, "running", phase="Running", startedAt=AT)
    await gateway.ran(ident, "refused", phase="Failed", finishedAt=AT, reason="Overlap")
    found = await gateway.history(ident)
    dates = [item["date"] for item in found]
    assert (len(found), dates) == (50, sorted(dates, reverse=True))
    assert len({item["identifier"] for item in found}) == 50


@pytest.mark.parametrize(
    ("identifier", "status"), [("1-2-3", 400), ("1-2-3-4-5", 400), ("----", 400), ("1-2-3-4", 404), ("---", 404)]
)
async def test_other_identifiers(identifier: str, status: int) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made()
    answer = await gateway.get(f"/jobs/{ident}/history/{identifier}")
    assert (answer.status, answer.body) == (status, b"")


async def test_an_item_is_found_below_its_own_job_alone() -> None:
    gateway = CronJobOrg()
    first, second = await gateway.made(), await gateway.made()
    item = await one(gateway, first, **RUN)
    assert (await gateway.get(f"/jobs/{second}/history/{item['identifier']}")).status == 404


async def test_a_job_tells_of_its_last_run() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made()
    last = {
        "name": "x",
        "phase": "Failed",
        "trigger": "Schedule",
        "reason": "BadStatus",
        "startedAt": AT,
        "finishedAt": LATER,
    }
    await gateway.stage.tell(gateway.naming(str(ident)).key, lastExecution=last)
    shown = await gateway.details(ident)
    assert (shown["lastStatus"], shown["lastDuration"], shown["lastExecution"]) == (4, 412, BEGUN)


async def test_a_job_that_cannot_be_called_says_so() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made("ftp://a.example/")
    last = {"name": "x", "phase": "Failed", "trigger": "Schedule", "reason": "DnsError", "startedAt": AT}
    await gateway.stage.tell(gateway.naming(str(ident)).key, lastExecution=last)
    shown = await gateway.details(ident)
    assert (shown["lastStatus"], shown["lastDuration"]) == (7, 0)
