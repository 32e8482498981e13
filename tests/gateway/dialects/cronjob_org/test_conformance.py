"""What cron-job.org's REST document says, row by row: routes, codes, fields with defaults, what a change leaves."""

import asyncio
from copy import deepcopy
from typing import Any

import pytest
from fakes.cronjob_org import EVERY_MINUTE, HOURLY, URL, CronJobOrg
from fakes.served import COMMON_PORT, PREFIX, Answer

NEW: dict[str, Any] = {
    "jobId": 1,
    "enabled": False,
    "title": "",
    "saveResponses": False,
    "url": URL,
    "lastStatus": 0,
    "lastDuration": 0,
    "lastExecution": 0,
    "nextExecution": None,
    "type": 0,
    "requestTimeout": -1,
    "redirectSuccess": False,
    "folderId": 0,
    "schedule": {
        "timezone": "UTC", "expiresAt": 0, "hours": [], "mdays": [], "minutes": [], "months": [], "wdays": [],
    },
    "requestMethod": 0,
}  # fmt: skip
"""A job made of a URL alone, as a list shows it."""
DETAILS: dict[str, Any] = NEW | {
    "auth": {"enable": False, "user": "", "password": ""},
    "notification": {"onFailure": False, "onFailureCount": 1, "onSuccess": False, "onDisable": False},
    "extendedData": {"headers": {}, "body": ""},
}


def within(path: str, value: Any) -> dict[str, Any]:
    """A document with one member, by its path."""
    first, _, rest = path.partition(".")
    return {first: within(rest, value) if rest else value}


def member(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document[name]
    return document


def set_at(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    made = deepcopy(document)
    *heads, last = path.split(".")
    at = made
    for name in heads:
        at = at[name]
    at[last] = value
    return made


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/jobs"),
        ("PUT", "/jobs/1"),
        ("POST", "/jobs/1"),
        ("GET", "/jobs/"),
        ("GET", "//jobs"),
        ("HEAD", "/jobs"),
        ("GET", "/Jobs"),
        ("GET", "/jobs/x"),
        ("GET", "/jobs/-1"),
        ("GET", "/jobs/1/"),
        ("DELETE", "/jobs"),
        ("GET", "/jobs/1/history/1a"),
        ("POST", "/jobs/1/history"),
        ("GET", "/jobs/1/history/"),
        ("GET", "/jobs%2f1"),
        ("GET", "/jobs/../jobs"),
        ("GET", "/"),
        ("GET", "/folders/x"),
        ("POST", "/folders"),
    ],
)
async def test_what_no_route_fits_is_404_with_an_empty_body(method: str, target: str) -> None:
    answer = await CronJobOrg().ask(method, target)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (404, b"", "0")
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"


async def test_a_query_is_not_looked_at() -> None:
    assert (await CronJobOrg().get("/jobs?x=1")).json == {"jobs": [], "someFailed": False}


@pytest.mark.parametrize("path", ["/jobs", "/jobs/1", "/nowhere"])
async def test_options_is_answered_anywhere(path: str) -> None:
    answer = await CronJobOrg().ask("OPTIONS", path)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == "GET, PUT, PATCH, DELETE"
    assert answer.headers["access-control-max-age"] == "1800"
    assert "Authorization" in answer.headers["access-control-allow-headers"]


def _common(answer: Answer) -> dict[str, str]:
    names = ("access-control-allow-origin", "access-control-allow-credentials", "cache-control", "pragma", "expires")
    return {name: answer.headers.get(name, "") for name in names}


async def test_every_answer_has_the_headers_of_all() -> None:
    gateway = CronJobOrg()
    wanted = {
        "access-control-allow-origin": "*",
        "access-control-allow-credentials": "true",
        "cache-control": "no-cache",
        "pragma": "no-cache",
        "expires": "0",
    }
    for answer in (
        await gateway.get("/jobs"),
        await gateway.get("/nowhere"),
        await gateway.put("/jobs", {}),
        await gateway.ask("OPTIONS", "/jobs"),
    ):
        assert _common(answer) == wanted, answer
    assert (await gateway.get("/jobs")).headers["content-type"] == "application/json"


async def test_a_job_of_a_url_alone_is_disabled_and_never_due() -> None:
    gateway = CronJobOrg()
    answer = await gateway.put("/jobs", {"job": {"url": URL}})
    assert (answer.status, answer.json) == (200, {"jobId": 1})
    assert (await gateway.get("/jobs")).json == {"jobs": [NEW], "someFailed": False}
    assert (await gateway.get("/jobs/1")).json == {"jobDetails": DETAILS}
    assert (await gateway.get("/jobs/1/history")).json == {"history": [], "predictions": []}
    spec = await gateway.spec(1)
    assert spec["suspend"] is True
    assert all(spec["calendar"][name] == [] for name in ("minutes", "hours", "days", "months", "weekdays"))


FIELDS: list[tuple[str, Any, Any]] = [
    # member, what is sent, what is read back
    ("enabled", True, True),
    ("enabled", 1, True),
    ("enabled", "0", False),
    ("enabled", "", False),
    ("enabled", [], False),
    ("enabled", "false", True),
    ("title", "  Warm the cache ", "Warm the cache"),
    ("title", "0", "0"),
    ("title", 12, "12"),
    ("title", "Zürich ☂ 東京", "Zürich ☂ 東京"),
    ("saveResponses", True, True),
    ("url", "  http://a.example/x?y=1#z ", "http://a.example/x?y=1#z"),
    ("url", "", ""),
    ("url", "shop.example.net/no-scheme", "shop.example.net/no-scheme"),
    ("url", "ftp://a.example/", "ftp://a.example/"),
    ("url", "http://a b/", "http://a b/"),
    ("url", "http://a.example/?at=%cjo:unixtime%&id=%cjo:uuid4%&x=%cjo:other%", None),
    ("url", "http://a.example/$(CRONTASK_TASK)?$$=$", None),
    ("url", "https://robot:p%40ss@a.example/x", None),
    ("requestTimeout", 20, 20),
    ("requestTimeout", 1800, 1800),
    ("requestTimeout", 0, 0),
    ("requestTimeout", "7", 7),
    ("requestTimeout", -1, -1),
    ("redirectSuccess", True, True),
    ("folderId", 31, 31),
    ("requestMethod", 8, 8),
    ("requestMethod", 7, 7),
    ("requestMethod", 99, 8),
    ("requestMethod", -3, 0),
    ("schedule.timezone", " America/Toronto ", "America/Toronto"),
    ("schedule.timezone", "US/Eastern", "US/Eastern"),
    ("schedule.timezone", "Mars/Olympus", "UTC"),
    ("schedule.expiresAt", 20261231120000, 20261231120000),
    ("schedule.expiresAt", 20269999999999, 20269999999999),
    ("schedule.expiresAt", -5, -5),
    ("schedule.expiresAt", 7, 7),
    ("schedule.hours", [18, 6, 18], [6, 18]),
    ("schedule.hours", [3, -1, 4], [-1]),
    ("schedule.hours", [24, -7], [0, 23]),
    ("schedule.hours", ["5", "6"], [5, 6]),
    ("schedule.hours", list(range(24)), list(range(24))),
    ("schedule.minutes", [0, 60, 61], [0, 59]),
    ("schedule.mdays", [0, 32], [1, 31]),
    ("schedule.months", [0, 13], [1, 12]),
    ("schedule.wdays", [7], [6]),
    ("schedule.wdays", [0, 6], [0, 6]),
    ("auth.enable", True, True),
    ("auth.user", "robot", "robot"),
    ("auth.user", " robot ", " robot "),
    ("auth.password", "s3cret-9", "s3cret-9"),
    ("notification.onFailure", True, True),
    ("notification.onFailureCount", 3, 3),
    ("notification.onFailureCount", 0, 1),
    ("notification.onFailureCount", -4, 1),
    ("notification.onSuccess", True, True),
    ("notification.onDisable", True, True),
    ("extendedData.headers", {"X-Shard": "b7"}, {"X-Shard": "b7"}),
    ("extendedData.headers", {"X-Zero": "0", "X-Number": 5}, {"X-Zero": "0", "X-Number": "5"}),
    ("extendedData.headers", {" X-A ": " v\r\nw ", "X-Empty": "  ", "": "x", "X-Null": None}, {"X-A": "vw"}),
    ("extendedData.headers", {"User-Agent": "me", "Connection": "close", "X-(A)": "1"}, None),
    ("extendedData.headers", {"Authorization": "Bearer abcdef", "X-Api-Key": "k", "Cookie": "a=b"}, None),
    ("extendedData.headers", [], {}),
    ("extendedData.body", '{"depth":2}', '{"depth":2}'),
    ("extendedData.body", " \n\t", ""),
    ("extendedData.body", "at %cjo:unixtime% for $(CRONTASK_TASK)", None),
]


@pytest.mark.parametrize(("path", "sent", "read"), FIELDS, ids=[f"{n}-{row[0]}" for n, row in enumerate(FIELDS)])
async def test_each_field_is_taken_by_put_and_by_patch_and_others_stay(path: str, sent: Any, read: Any) -> None:
    read = sent if read is None else read
    gateway = CronJobOrg()
    first = await gateway.made(**({"url": URL} | within(path, sent)))
    wanted = set_at(DETAILS, path, read)
    shown = await gateway.details(first)
    assert {name: shown[name] for name in wanted if name != "nextExecution"} == {
        name: value for name, value in wanted.items() if name != "nextExecution"
    }
    second = await gateway.made()
    assert await gateway.changed(second, **within(path, sent)) == shown | {"jobId": second}
    assert await gateway.changed(second, **within(path, None)) == shown | {"jobId": second}, "null is absent"
    assert await gateway.changed(second) == shown | {"jobId": second}, "an empty change"


WHOLE: dict[str, Any] = {
    "url": URL,
    "enabled": True,
    "title": "Warm the cache",
    "saveResponses": True,
    "requestTimeout": 1800,
    "redirectSuccess": True,
    "folderId": 3,
    "requestMethod": 1,
    "schedule": {
        "timezone": "America/Toronto", "expiresAt": 20301231120000, "hours": [6, 18], "mdays": [-1],
        "minutes": [5, 35], "months": [-1], "wdays": [1, 2, 3, 4, 5],
    },
    "auth": {"enable": True, "user": "robot", "password": "s3cret-9"},
    "notification": {"onFailure": True, "onFailureCount": 3, "onSuccess": True, "onDisable": True},
    "extendedData": {"headers": {"X-Shard": "b7", "X-Token": "hush-hush"}, "body": '{"depth":2}'},
}  # fmt: skip


async def test_a_whole_job_reads_back_and_may_be_sent_back_with_its_read_only_members() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(**WHOLE)
    shown = await gateway.details(ident)
    assert {name: shown[name] for name in WHOLE} == WHOLE
    read_only = {"lastStatus": 4, "lastDuration": 9, "lastExecution": 9, "nextExecution": 9, "type": 1, "jobId": 77}
    before = await gateway.spec(ident)
    assert await gateway.changed(ident, **(shown | read_only | {"unknown": {"a": [1]}})) == shown
    after = await gateway.spec(ident)
    assert {n: v for n, v in after.items() if n != "failuresSince"} == {
        n: v for n, v in before.items() if n != "failuresSince"
    }
    assert await gateway.made(**(shown | read_only)) == ident + 1


CHANGES: list[tuple[str, dict[str, Any], list[tuple[str, Any]]]] = [
    ("one list of the schedule", {"schedule": {"hours": [7]}}, [("schedule.hours", [7])]),
    ("one flag", {"notification": {"onSuccess": False}}, [("notification.onSuccess", False)]),
    ("headers as a whole", {"extendedData": {"headers": {"X-B": "2"}}}, [("extendedData.headers", {"X-B": "2"})]),
    ("no headers", {"extendedData": {"headers": {}}}, [("extendedData.headers", {})]),
    ("one credential", {"auth": {"password": "other"}}, [("auth.password", "other")]),
    ("another zone", {"schedule": {"timezone": "Asia/Tokyo"}}, [("schedule.timezone", "Asia/Tokyo")]),
    ("a zone that nobody knows", {"schedule": {"timezone": "Nowhere"}}, []),
    ("a GET, whose body is kept", {"requestMethod": 0}, [("requestMethod", 0)]),
    (
        "null everywhere",
        {"title": None, "schedule": None, "auth": {"user": None}, "extendedData": {"headers": None}},
        [],
    ),
]


@pytest.mark.parametrize(("change", "shows"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
async def test_a_change_is_a_deep_delta(change: dict[str, Any], shows: list[tuple[str, Any]]) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(**WHOLE)
    wanted = await gateway.details(ident)
    for path, value in shows:
        wanted = set_at(wanted, path, value)
    shown = await gateway.changed(ident, **change)
    assert shown | {"nextExecution": 0} == wanted | {"nextExecution": 0}


@pytest.mark.parametrize("kind", ["", "text/plain", "application/json; charset=utf-8", "application/JSON"])
async def test_a_body_of_another_type_is_not_read(kind: str) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made()
    assert (await gateway.put("/jobs", {"job": {"url": URL}}, kind)).status == 400
    assert (await gateway.patch(f"/jobs/{ident}", {"job": {"title": "x"}}, kind)).status == 400
    assert (await gateway.details(ident))["title"] == ""


async def test_text_json_is_read_as_well() -> None:
    assert (await CronJobOrg().put("/jobs", {"job": {"url": URL}}, "text/json")).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"1", b'"x"', b"{}", b'{"job":null}', b'{"job":[]}', b'{"job":"x"}', b"\xff"]
)
async def test_400_where_there_is_no_job_and_before_404(body: bytes) -> None:
    gateway = CronJobOrg()
    for answer in (await gateway.put("/jobs", body), await gateway.patch("/jobs/999999", body)):
        assert (answer.status, answer.body) == (400, b"")
    assert (await gateway.patch("/jobs/999999", {"job": {}})).status == 404


@pytest.mark.parametrize("job", [{}, {"url": None}, {"title": "x"}])
async def test_a_new_job_needs_a_url(job: dict[str, Any]) -> None:
    answer = await CronJobOrg().put("/jobs", {"job": job})
    assert (answer.status, answer.body) == (400, b"")
    assert "job.url" in answer.headers["x-crontask-error"]


@pytest.mark.parametrize(
    "job",
    [
        {"title": []},
        {"title": {}},
        {"url": ["x"]},
        {"schedule": "daily"},
        {"schedule": [1]},
        {"schedule": {"hours": 5}},
        {"schedule": {"hours": "5"}},
        {"schedule": {"hours": {"0": 5}}},
        {"schedule": {"hours": [[5]]}},
        {"schedule": {"timezone": []}},
        {"schedule": {"expiresAt": {}}},
        {"auth": "me"},
        {"auth": {"user": {}}},
        {"notification": 1},
        {"notification": {"onFailureCount": []}},
        {"extendedData": {"headers": [{"key": "X", "value": "y"}]}},
        {"extendedData": {"headers": "X: y"}},
        {"extendedData": {"headers": {"X": ["y"]}}},
        {"extendedData": {"headers": {f"X-{n}": "y" for n in range(91)}}},
        {"extendedData": {"body": {}}},
        {"requestMethod": []},
        {"requestTimeout": {}},
        {"title": "x" * 513},
        {"url": f"https://a.example/{'x' * 1024}"},
        {"auth": {"password": "x" * 513}},
        {"extendedData": {"headers": {"X" * 256: "y"}}},
        {"extendedData": {"body": "x" * 65_536}},
    ],
    ids=str,
)
async def test_wrong_types_and_too_long_texts_are_400_and_nothing_is_written(job: dict[str, Any]) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(**WHOLE)
    before = await gateway.details(ident)
    answer = await gateway.put("/jobs", {"job": {"url": URL} | job})
    assert (answer.status, answer.body) == (400, b""), answer
    assert answer.headers["x-crontask-error"]
    assert (await gateway.patch(f"/jobs/{ident}", {"job": job})).status == 400
    assert await gateway.details(ident) == before
    assert len((await gateway.get("/jobs")).json["jobs"]) == 1


async def test_numbers_are_never_used_twice() -> None:
    gateway = CronJobOrg()
    assert [await gateway.made() for _ in range(3)] == [1, 2, 3]
    assert (await gateway.delete("/jobs/3")).json == {}
    assert await gateway.made() == 4


async def test_a_deleted_job_is_404_everywhere() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(schedule=HOURLY, enabled=True)
    answer = await gateway.ask("DELETE", f"/jobs/{ident}", {"jobId": str(ident)}, content_type="application/json")
    assert (answer.status, answer.json) == (200, {})
    for answer in (
        await gateway.delete(f"/jobs/{ident}"),
        await gateway.get(f"/jobs/{ident}"),
        await gateway.patch(f"/jobs/{ident}", {"job": {}}),
        await gateway.get(f"/jobs/{ident}/history"),
        await gateway.get(f"/jobs/{ident}/history/{ident}-1-1-1"),
    ):
        assert (answer.status, answer.body) == (404, b"")


async def test_a_number_in_the_path_wins_over_one_in_the_body() -> None:
    gateway = CronJobOrg()
    first, second = await gateway.made(), await gateway.made()
    assert (await gateway.patch(f"/jobs/{first}", {"jobId": str(second), "job": {"title": "x"}})).status == 200
    assert [(await gateway.details(each))["title"] for each in (first, second)] == ["x", ""]


async def test_a_list_is_sorted_as_upstream_sorts_it() -> None:
    gateway = CronJobOrg()
    off = await gateway.made("http://a.example/")
    late = await gateway.made("http://c.example/", enabled=True)
    soon = await gateway.made("http://b.example/", enabled=True)
    failed = await gateway.made("http://a.example/", enabled=True)
    last = {"name": "x", "phase": "Failed", "trigger": "Schedule", "reason": "BadStatus"}
    await gateway.stage.tell(gateway.naming(str(failed)).key, lastExecution=last)
    jobs = (await gateway.get("/jobs")).json["jobs"]
    assert [job["jobId"] for job in jobs] == [soon, late, failed, off]
    assert all("auth" not in job and "extendedData" not in job for job in jobs)


async def test_predictions_are_the_next_three_and_only_of_an_enabled_job() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(schedule=EVERY_MINUTE)
    now = int(gateway.stage.clock.now().timestamp())
    next_minute = (now // 60 + 1) * 60
    found = (await gateway.get(f"/jobs/{ident}/history")).json
    assert found["predictions"] == []
    assert (await gateway.details(ident))["nextExecution"] == next_minute, "also of a job that is off"
    await gateway.changed(ident, enabled=True)
    found = (await gateway.get(f"/jobs/{ident}/history")).json
    assert found["predictions"] == [next_minute, next_minute + 60, next_minute + 120]
    gateway.stage.clock.advance(61)
    assert (await gateway.details(ident))["nextExecution"] == next_minute + 60


async def test_folders_have_a_life_of_their_own() -> None:
    gateway = CronJobOrg()
    assert (await gateway.get("/folders")).json == {"folders": []}
    assert (await gateway.put("/folders", {"folder": {"title": " Nightly "}})).json == {"folderId": 1}
    assert (await gateway.put("/folders", {"folder": {"title": "nightly"}})).status == 409
    assert (await gateway.put("/folders", {"folder": {"title": "Daily"}})).json == {"folderId": 2}
    assert (await gateway.get("/folders")).json == {
        "folders": [{"folderId": 2, "title": "Daily"}, {"folderId": 1, "title": "Nightly"}]
    }
    assert (await gateway.get("/folders/1")).json == {"folderDetails": {"folderId": 1, "title": "Nightly"}}
    assert (await gateway.patch("/folders/1", {"folder": {"title": "NIGHTLY"}})).json == {}
    assert (await gateway.patch("/folders/1", {"folder": {"title": "DAILY"}})).status == 409
    for body in ({}, {"folder": {}}, {"folder": {"title": " "}}, {"folder": {"title": "x" * 129}}, {"folder": []}):
        assert (await gateway.put("/folders", body)).status == 400
        assert (await gateway.patch("/folders/9", body)).status == 400
    for method in ("GET", "DELETE"):
        assert (await gateway.ask(method, "/folders/9")).status == 404
    assert (await gateway.patch("/folders/9", {"folder": {"title": "x"}})).status == 404
    inside, outside = await gateway.made(folderId=1), await gateway.made(folderId=2)
    assert (await gateway.delete("/folders/1")).json == {}
    assert [(await gateway.details(each))["folderId"] for each in (inside, outside)] == [0, 2]
    assert (await gateway.put("/folders", {"folder": {"title": "Nightly"}})).json == {"folderId": 3}


async def test_the_addresses_of_the_executors_are_those_of_the_configuration() -> None:
    gateway = CronJobOrg(executors=["192.0.2.7"])
    assert (await gateway.get("/executor-nodes.json")).json == {"ipAddresses": ["192.0.2.7"]}


async def test_it_is_served_below_a_prefix_as_well() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made()
    answer = await gateway.ask("GET", f"{PREFIX}/jobs/{ident}", port=COMMON_PORT)
    assert answer.json["jobDetails"]["jobId"] == ident
    assert (await gateway.ask("GET", f"{PREFIX}/jobs/", port=COMMON_PORT)).status == 404


async def test_changes_at_once_are_all_made() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(auth={"enable": True, "user": "u", "password": "p"})
    changes: list[dict[str, Any]] = [{"title": "t"}, {"folderId": 4}, {"requestTimeout": 9}, {"auth": {"user": "v"}}]
    answers = await asyncio.gather(*(gateway.patch(f"/jobs/{ident}", {"job": change}) for change in changes))
    assert [answer.status for answer in answers] == [200] * 4
    shown = await gateway.details(ident)
    assert (shown["title"], shown["folderId"], shown["requestTimeout"]) == ("t", 4, 9)
    assert shown["auth"] == {"enable": True, "user": "v", "password": "p"}
