"""A job as a CronTask and back: what stands in the spec, what in the Secret, and what kubectl's edits leave."""

from typing import Any

import pytest
from fakes.cronjob_org import HOURLY, URL, CronJobOrg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crontask_core.model import TaskSpec
from crontask_gateway.store import Change

SECRETS = {
    "url": "https://robot:p%40ss-of-url@a.example/x",
    "auth": {"enable": True, "user": "user-of-auth", "password": "pass-of-auth"},
    "extendedData": {"headers": {"Authorization": "Bearer of-header", "X-Api-Key": "key-of-header", "X-Plain": "seen"}},
}
HIDDEN = ("robot", "ss-of-url", "user-of-auth", "pass-of-auth", "of-header")


async def test_what_runs_and_when_stands_in_the_spec() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(
        enabled=True,
        requestTimeout=12,
        redirectSuccess=True,
        saveResponses=True,
        requestMethod=1,
        schedule=HOURLY | {"timezone": "Europe/Berlin", "expiresAt": 20301231120000, "mdays": [], "wdays": [1, 2]},
        extendedData={"headers": {"X-Shard": "b7"}, "body": "at %cjo:unixtime% $(x)"},
    )
    spec = await gateway.spec(ident)
    assert spec["calendar"] == {"minutes": [0], "days": [], "weekdays": [1, 2]}
    assert (spec["timeZone"], spec["endAt"]) == ("Europe/Berlin", "2030-12-31T11:00:00Z")
    assert spec["dst"] == {"gap": "Skip", "overlap": "Both"}
    assert (spec["suspend"], spec["timeoutSeconds"], spec["concurrencyPolicy"]) == (False, 12, "Allow")
    assert (spec["missed"], spec["disableAfterFailures"]) == ({"policy": "Skip"}, 16)
    assert spec["disableIgnores"] == ["Timeout", "Lost"]
    assert spec["history"] == {"successful": 50, "failed": 50, "outputBytes": 65_536, "headerBytes": 16_384}
    call = spec["http"]
    assert (call["url"], call["method"], call["followRedirects"]) == (URL, "POST", False)
    assert call["success"] == {"codes": ["200-299"], "redirects": True}
    assert call["body"] == "at $(CRONTASK_NOW_UNIX) $$(x)"
    assert call["headers"] == [
        {"name": "User-Agent", "value": "Mozilla/4.0 (compatible)"},
        {"name": "X-Shard", "value": "b7"},
        {"name": "Content-Type", "value": "application/x-www-form-urlencoded"},
    ]
    assert set(call["timeouts"].values()) == {12}


@pytest.mark.parametrize(
    ("asked", "most", "seconds", "phase"),
    [(12, 30, 12, 12), (600, 30, 30, 30), (-1, 3600, 3600, 300), (400, 3600, 400, 300)],
)
async def test_how_long_a_call_may_take(asked: int, most: int, seconds: int, phase: int) -> None:
    gateway = CronJobOrg(timeoutSeconds=most)
    ident = await gateway.made(requestTimeout=asked)
    spec = await gateway.spec(ident)
    assert spec["timeoutSeconds"] == seconds
    assert spec["http"]["timeouts"] == {
        "lookupSeconds": phase, "connectSeconds": phase, "tlsSeconds": phase, "firstByteSeconds": seconds,
    }  # fmt: skip
    assert (await gateway.details(ident))["requestTimeout"] == asked


async def test_no_credential_stands_in_the_spec_the_document_or_a_summary() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(**SECRETS)
    job = await gateway.stage.store.describe(gateway.naming(str(ident)).key)
    assert not any(word in repr((job.spec, job.document)) for word in HIDDEN)
    kept = await gateway.stage.secret(job.key)
    assert kept["username"] == b"user-of-auth"
    assert kept["header-authorization"] == b"Bearer of-header"
    shown = await gateway.details(ident)
    assert {name: shown[name] for name in ("url", "auth")} == {name: SECRETS[name] for name in ("url", "auth")}
    assert shown["extendedData"]["headers"] == SECRETS["extendedData"]["headers"]
    (summary,) = (await gateway.get("/jobs")).json["jobs"]
    assert summary["url"] == SECRETS["url"], "clients find their jobs by it"
    assert "pass-of-auth" not in str(summary)


async def test_a_change_of_something_else_leaves_the_secret_and_one_credential_leaves_the_others() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(**SECRETS)
    key = gateway.naming(str(ident)).key
    before = await gateway.stage.secret(key)
    await gateway.changed(ident, title="x")
    assert await gateway.stage.secret(key) == before
    await gateway.changed(ident, auth={"password": "new-pass"})
    assert await gateway.stage.secret(key) == before | {"password": b"new-pass"}
    shown = await gateway.changed(
        ident, url=URL, auth={"user": "", "password": "", "enable": False}, extendedData={"headers": {}}
    )
    assert (shown["url"], shown["auth"]["user"]) == (URL, "")
    assert await gateway.stage.secret(key) == {}


@pytest.mark.parametrize(
    ("edit", "shows"),
    [
        ({"suspend": False}, {"enabled": True}),
        ({"timeoutSeconds": 9}, {"requestTimeout": 9}),
        ({"timeZone": "Asia/Tokyo"}, {"schedule.timezone": "Asia/Tokyo"}),
        ({"calendar": {"minutes": [7]}}, {"schedule.minutes": [7], "schedule.hours": [-1]}),
        ({"calendar": None, "schedule": "*/5 * * * *"}, {"schedule.minutes": []}),
        ({"endAt": None}, {"schedule.expiresAt": 0}),
        ({"endAt": "2031-01-01T00:00:00Z"}, {"schedule.expiresAt": 20310101010000}),
        ({"history": {"outputBytes": 0}}, {"saveResponses": False}),
    ],
    ids=str,
)
async def test_an_edit_by_kubectl_shows_and_a_change_of_something_else_leaves_it(
    edit: dict[str, Any], shows: dict[str, Any]
) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(
        saveResponses=True,
        requestTimeout=1800,
        schedule=HOURLY | {"timezone": "Europe/Berlin", "expiresAt": 20301231120000},
    )
    await gateway.stage.edit(gateway.naming(str(ident)).key, **edit)
    shown = await gateway.details(ident)
    for path, value in shows.items():
        found: Any = shown
        for name in path.split("."):
            found = found[name]
        assert found == value, path
    before = await gateway.spec(ident)
    assert await gateway.changed(ident, title="x") == shown | {"title": "x"}
    after = await gateway.spec(ident)
    assert {n: v for n, v in after.items() if n != "failuresSince"} == before


async def test_an_edit_of_the_call_by_kubectl_shows_and_what_has_no_word_here_stays() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made("http://a.example/%cjo:unixtime%", requestMethod=1, extendedData={"body": "x"})
    key = gateway.naming(str(ident)).key
    http = (await gateway.spec(ident))["http"]
    own = {"name": "X-Own", "valueFrom": {"secretKeyRef": {"name": "own", "key": "token"}}}
    edited = http | {
        "url": "https://b.example/$(CRONTASK_TASK)",
        "method": "PUT",
        "body": "y",
        "headers": [*http["headers"], own],
        "tls": {"serverName": "c.example"},
    }
    await gateway.stage.edit(key, http=edited, group="nightly", retry={"limit": 2})
    shown = await gateway.details(ident)
    assert (shown["url"], shown["requestMethod"]) == ("https://b.example/$(CRONTASK_TASK)", 4)
    assert shown["extendedData"] == {"headers": {"X-Own": "***"}, "body": "y"}
    assert await gateway.changed(ident, **shown) == shown, "sent back as it was read"
    assert (await gateway.spec(ident))["http"] == edited
    await gateway.changed(ident, extendedData={"headers": {"X-Own": "***", "X-More": "1"}})
    spec = await gateway.spec(ident)
    assert own in spec["http"]["headers"]
    assert (spec["http"]["tls"], spec["group"], spec["retry"]) == ({"serverName": "c.example"}, "nightly", {"limit": 2})


async def test_kubectls_pod_stays_until_the_client_names_another_url() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(enabled=True, schedule=HOURLY)
    await gateway.stage.edit(gateway.naming(str(ident)).key, http=None, pod={"image": "busybox"})
    shown = await gateway.details(ident)
    assert (shown["url"], shown["enabled"]) == ("", True)
    await gateway.changed(ident, title="still a pod", extendedData={"headers": {"X-A": "b"}})
    assert "http" not in await gateway.spec(ident)
    assert (await gateway.changed(ident, url=URL))["url"] == URL
    spec = await gateway.spec(ident)
    assert "pod" not in spec
    assert spec["http"]["url"] == URL


async def test_each_change_begins_the_count_of_failures_anew_and_none_switches_a_job_on_again() -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(enabled=True, schedule=HOURLY)
    key = gateway.naming(str(ident)).key
    assert "failuresSince" not in await gateway.spec(ident)
    await gateway.changed(ident)
    first = (await gateway.spec(ident))["failuresSince"]
    gateway.stage.clock.advance(1)
    await gateway.changed(ident)
    assert (await gateway.spec(ident))["failuresSince"] > first
    # The operator has switched it off; any edit of the spec would take it up again.
    generation = (await gateway.stage.store.describe(key)).generation
    await gateway.stage.tell(key, disabledAt="2026-03-01T12:00:00Z", observedGeneration=generation)
    assert (await gateway.details(ident))["enabled"] is False
    await gateway.changed(ident, title="x")
    assert (await gateway.spec(ident))["suspend"] is True
    assert (await gateway.changed(ident, enabled=True))["enabled"] is True


@pytest.mark.parametrize(
    "document",
    [
        {"job": "x"},
        {"job": {"headers": "x", "folder_id": "y", "title": 3, "expires_at": None, "request_method": 99.5, "odd": 1}},
        {"job": {"headers": {"X": 1}}, "held": {"a": 1}, "told": 5},
        {"held": ["url", "auth"]},
    ],
)
async def test_a_document_that_somebody_has_broken_stops_nothing(document: dict[str, Any]) -> None:
    gateway = CronJobOrg()
    ident, other = await gateway.made(title="kept"), await gateway.made()
    key = gateway.naming(str(ident)).key
    await gateway.stage.store.change(key, lambda was: Change(was.spec, document, secrets=None))
    assert {job["jobId"] for job in (await gateway.get("/jobs")).json["jobs"]} == {ident, other}
    assert (await gateway.details(ident))["url"] == URL
    assert (await gateway.changed(ident, title="mended", folderId=2))["title"] == "mended"
    assert (await gateway.details(ident))["folderId"] == 2


@pytest.mark.parametrize("ident", ["abc", "01", "9999999999", "0"])
async def test_what_kubectl_has_labelled_with_another_id_is_no_job(ident: str) -> None:
    gateway = CronJobOrg()
    first = await gateway.made()
    spec = await gateway.spec(first)
    await gateway.stage.store.put(gateway.naming(ident), lambda was: Change(spec))
    assert [job["jobId"] for job in (await gateway.get("/jobs")).json["jobs"]] == [first]
    assert (await gateway.get(f"/jobs/{ident}")).status == (200 if ident == "01" else 404)
    assert await gateway.made() == first + 1


@pytest.mark.parametrize(
    ("url", "method", "called"),
    [
        ("", 0, "http://malformed-url.invalid/"),
        ("http://", 0, "http://malformed-url.invalid/"),
        ("http://a b/", 0, "http://malformed-url.invalid/"),
        ("http://[::1", 0, "http://malformed-url.invalid/"),
        ("ftp://a.example/", 0, "http://unsupported-protocol.invalid/"),
        (URL, 7, "http://connect-is-not-supported.invalid/"),
        ("a.example/x", 0, "http://a.example/x"),
        ("//a.example/x", 0, "http://a.example/x"),
        ("HTTP://A.example/x", 0, "HTTP://A.example/x"),
        ("http://a.example/%cjo:uuid4%?t=%cjo:unixtime%", 0, "http://a.example/$(CRONTASK_RANDOM_UUID)?t=$(CRONTASK_NOW_UNIX)"),
        ("http://a.example/$%cjo:unixtime%", 0, "http://a.example/$$$(CRONTASK_NOW_UNIX)"),
    ],
)  # fmt: skip
async def test_what_is_called(url: str, method: int, called: str) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(url, requestMethod=method)
    spec = await gateway.spec(ident)
    assert spec["http"]["url"] == called
    assert (await gateway.details(ident))["url"] == url
    assert (await gateway.changed(ident, title="x"))["url"] == url


@pytest.mark.parametrize(
    ("name", "sent"),
    [("User-Agent", False), ("CONNECTION", False), ("x-forwarded-for", False), ("Content-Length", False),
     ("Host", True), ("Content-Type", True), ("X-(Odd) Name", True)],
)  # fmt: skip
async def test_which_headers_are_sent(name: str, sent: bool) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(extendedData={"headers": {name: "value"}})
    headers = (await gateway.spec(ident))["http"]["headers"][1:]
    assert [each["value"] for each in headers] == (["value"] if sent else [])
    assert (await gateway.details(ident))["extendedData"]["headers"] == {name: "value"}


@pytest.mark.parametrize("number", range(9))
async def test_a_body_goes_with_four_methods_only_and_is_never_lost(number: int) -> None:
    gateway = CronJobOrg()
    ident = await gateway.made(requestMethod=number, extendedData={"body": "the body"})
    call = (await gateway.spec(ident))["http"]
    goes = number in (1, 4, 5, 8)
    assert call.get("body") == ("the body" if goes else None)
    assert any(each["name"] == "Content-Type" for each in call["headers"]) == goes
    assert (await gateway.details(ident))["extendedData"]["body"] == "the body"
    assert (await gateway.changed(ident, requestMethod=1))["extendedData"]["body"] == "the body"
    assert (await gateway.spec(ident))["http"]["body"] == "the body"


TEXTS = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=30).map(str.strip)
HUSHED = st.one_of(st.just(""), TEXTS.map(lambda text: f"hush-{text}"))
URLS = st.one_of(
    st.sampled_from([URL, "", "http://u:p@h/", "x", "http://a/%cjo:unixtime%$$(A)"]),
    TEXTS.map(lambda text: f"http://a.example/{text}".strip()),
    TEXTS,
)
HEADERS = st.dictionaries(
    st.one_of(
        st.sampled_from(["Authorization", "X-Token", "x-token", "User-Agent", "Content-Type"]), TEXTS.filter(bool)
    ),
    TEXTS.filter(lambda text: bool(text) and text != "***"),
    max_size=4,
).map(
    lambda found: {
        name.replace("\r", "").replace("\n", ""): value.replace("\r", "").replace("\n", "")
        for name, value in found.items()
        if name.replace("\r", "").replace("\n", "").strip() and value.replace("\r", "").replace("\n", "").strip()
    }
)


def sets(low: int, high: int) -> st.SearchStrategy[list[int]]:
    return st.one_of(st.just([-1]), st.sets(st.integers(low, high), max_size=4).map(sorted))


JOBS = st.fixed_dictionaries(
    {"url": URLS},
    optional={
        "enabled": st.booleans(),
        "title": TEXTS,
        "saveResponses": st.booleans(),
        "requestTimeout": st.integers(-(2**40), 2**40),
        "redirectSuccess": st.booleans(),
        "folderId": st.integers(-(2**40), 2**40),
        "requestMethod": st.integers(0, 8),
        "schedule": st.fixed_dictionaries(
            {},
            optional={
                "timezone": st.sampled_from(["UTC", "Europe/Berlin", "US/Eastern", "Pacific/Apia", "GMT"]),
                "expiresAt": st.one_of(st.integers(-5, 10**15), st.integers(19_690_000_000_000, 21_000_000_000_000)),
                "minutes": sets(0, 59),
                "hours": sets(0, 23),
                "mdays": sets(1, 31),
                "months": sets(1, 12),
                "wdays": sets(0, 6),
            },
        ),
        "auth": st.fixed_dictionaries({}, optional={"enable": st.booleans(), "user": HUSHED, "password": HUSHED}),
        "notification": st.fixed_dictionaries(
            {},
            optional={"onFailure": st.booleans(), "onFailureCount": st.integers(1, 10**6), "onDisable": st.booleans()},
        ),
        "extendedData": st.fixed_dictionaries({}, optional={"headers": HEADERS, "body": TEXTS}),
    },
)


def laid(document: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """What the document's words for a change come to, by the plainest code: objects are merged, all else replaced."""
    made = dict(document)
    for name, value in over.items():
        deep = isinstance(value, dict) and name != "headers"
        made[name] = laid(document[name], value) if deep else value
    return made


@given(st.lists(JOBS, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_a_client_writes_it_reads_back(jobs: list[dict[str, Any]]) -> None:
    gateway = CronJobOrg(notify={"webhook": {"url": "http://hook.example/"}})
    ident = await gateway.made("http://first.example/")
    shown = await gateway.details(ident)
    for job in jobs:
        wanted = laid(shown, job)
        shown = await gateway.changed(ident, **job)
        assert shown | {"nextExecution": 0} == wanted | {"nextExecution": 0}
        spec = await gateway.spec(ident)
        TaskSpec.model_validate(spec)
        assert "hush-" not in str(spec)
    assert {**shown, "jobId": 0} == {**(await gateway.details(await gateway.made(**shown))), "jobId": 0}
