"""What all endpoints have in common: paths, methods, headers, credentials; and those that are of no job."""

from typing import Any

import pytest
from fakes.dkron import Dkron, job
from fakes.served import COMMON_PORT, PREFIX

from crontask_gateway.dialects.dkron import DIALECT, endpoints
from crontask_gateway.errors import Conflict, GatewayError, Invalid, Unavailable
from crontask_gateway.principal import Access, Credential, Principal
from crontask_gateway.store import Member

READER = Credential(Principal("reader", "", "default", frozenset({"read"})), b"reader-token")
RUNNER = Credential(Principal("runner", "", "default", frozenset({"read", "run"})), b"runner-token")
NOBODY = Credential(Principal("nobody", "", "default", frozenset()), b"no-rights")
TENANT = Credential(Principal("team", "team", "teams"), b"team-token")
ACCESS = Access("default", (READER, RUNNER, TENANT))
PAGE_ORIGIN = "https://page.example"


@pytest.fixture
def dkron() -> Dkron:
    return Dkron()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/jobs"),
        ("GET", "/v1/executions/job"),
        ("GET", "/v1/stats"),
        ("GET", "/v1/backup"),
        ("GET", "/v1/acl/policies/read_all"),
        ("GET", "/v1/JOBS"),
        ("GET", "//v1/jobs"),
        ("GET", "/v1/jobs//executions"),
        ("GET", "/v1/jobs/../jobs"),
        ("DELETE", "/v1/jobs"),
        ("HEAD", "/v1/jobs"),
        ("PATCH", "/v1/jobs/a"),
        ("PUT", "/v1/pause"),
        ("OPTIONS", "/v1/jobs"),
        ("BREW", "/v1/jobs"),
        ("GET", "/debug/vars"),
        ("GET", "/%2e%2e/v1/jobs"),
        ("GET", ""),
    ],
)
async def test_what_is_not_there(dkron: Dkron, method: str, path: str) -> None:
    answer = await dkron.ask(method, path)
    assert (answer.status, answer.headers["content-type"]) == (404, "text/plain")
    assert answer.body == b"404 page not found"
    assert "x-whom" not in answer.headers or path == "/debug/vars"


@pytest.mark.parametrize("name", ["a%2Fb", "%2e%2e", "%00", "%ff", "x" * 5000, "BAD%20NAME", "%E6%97%A5", "a%0d%0ab"])
async def test_names_that_no_job_can_have(dkron: Dkron, name: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/run"), ("POST", "/toggle"), ("GET", "/executions")):
        answer = await dkron.ask(method, f"/v1/jobs/{name}{path}")
        assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(
    ("method", "path", "status", "location"),
    [
        ("GET", "/v1/jobs/", 301, "/v1/jobs"),
        ("POST", "/v1/jobs/?runoncreate", 307, "/v1/jobs?runoncreate"),
        ("GET", "/v1/jobs/a/", 301, "/v1/jobs/a"),
        ("DELETE", "/v1/jobs/a/executions/", 307, "/v1/jobs/a/executions"),
        ("GET", "/ui", 301, "/ui/"),
    ],
)
async def test_a_slash_too_many_or_too_few(dkron: Dkron, method: str, path: str, status: int, location: str) -> None:
    answer = await dkron.ask(method, path)
    assert (answer.status, answer.headers["location"]) == (status, location)


async def test_the_node_that_answers_is_told(dkron: Dkron) -> None:
    for path in ("/v1", "/v1/", "/v1/jobs", "/v1/jobs/none", "/v1/pause"):
        assert (await dkron.ask("GET", path)).headers["x-whom"] == "crontask"
    refused = await dkron.post("/jobs", b"")
    assert (refused.status, refused.headers["x-whom"]) == (400, "crontask")
    health = await dkron.ask("GET", "/health")
    assert (health.body, "x-whom" in health.headers) == (b'{"status":"healthy"}', False)
    assert (await Dkron(node="gw-0").get("/members")).headers["x-whom"] == "gw-0"


async def test_pages_of_other_origins_may_ask(dkron: Dkron) -> None:
    answer = await dkron.get("/jobs", origin=PAGE_ORIGIN)
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"*", "X-Total-Count", "X-Whom", "Location"} <= set(exposed)
    for origin in ("", "http://gateway", "https://gateway"):
        assert "access-control-allow-origin" not in (await dkron.get("/jobs", origin=origin)).headers
    assert "access-control-allow-origin" not in (await dkron.ask("GET", "/health", origin=PAGE_ORIGIN)).headers


async def test_preflights_are_answered_without_credentials() -> None:
    answer = await Dkron(access=ACCESS).ask(
        "OPTIONS", "/v1/jobs/a", origin=PAGE_ORIGIN, access_control_request_method="PUT"
    )
    assert (answer.status, answer.body) == (204, b"")
    told = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert told == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "*",
        "access-control-allow-headers": "*, Authorization",
        "access-control-max-age": "43200",
    }


async def test_locations_hold_the_prefix_of_the_mount(dkron: Dkron) -> None:
    made = await dkron.ask("POST", f"{PREFIX}/v1/jobs", job("ß"), port=COMMON_PORT)
    assert (made.status, made.headers["location"]) == (201, f"{PREFIX}/v1/jobs/%C3%9F")
    run = await dkron.ask("POST", f"{PREFIX}/v1/jobs/%C3%9F?a=1", port=COMMON_PORT)
    assert (run.status, run.headers["location"]) == (202, f"{PREFIX}/v1/jobs/%C3%9F?a=1")
    assert (await dkron.ask("GET", f"{PREFIX}/", port=COMMON_PORT)).headers["location"] == f"{PREFIX}/ui/"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer reader-token"},
        {"authorization": "Basic YW55Ym9keTpyZWFkZXItdG9rZW4="},
        {"x_dkron_token": "reader-token"},
    ],
)
async def test_tokens(headers: dict[str, str]) -> None:
    dkron = Dkron(access=ACCESS)
    assert (await dkron.get("/jobs", **headers)).status == 200
    forbidden = await dkron.post("/jobs", job("a"), **headers)
    assert (forbidden.status, forbidden.body) == (403, b"")


async def test_who_is_not_known_is_asked_for_credentials() -> None:
    dkron = Dkron(access=ACCESS)
    for headers in ({}, {"x_dkron_token": "wrong-token"}, {"authorization": "Digest x"}):
        answer = await dkron.get("/jobs", **headers)
        assert (answer.status, answer.body, answer.headers["www-authenticate"]) == (401, b"", 'Basic realm="dkron"')
    assert (await dkron.ask("GET", "/health")).status == 200
    assert (await dkron.ask("GET", "/v1/none")).status == 404


@pytest.mark.parametrize("route", DIALECT.routes, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_asks_for_its_right(route: Any) -> None:
    dkron = Dkron(
        access=Access("default", (Credential(Principal("nobody", "", "default", frozenset()), b"no-rights"),))
    )
    path = route.path.replace("{job}", "a").replace("{execution}", "1").replace("{rest...}", "")
    known, unknown = await dkron.ask(route.method, path, x_dkron_token="no-rights"), await dkron.ask(route.method, path)
    if route.right is None:
        assert {known.status, unknown.status}.isdisjoint({401, 403})
    else:
        assert (known.status, unknown.status) == (403, 401)


async def test_a_tenant_has_jobs_and_a_pause_of_its_own() -> None:
    dkron = Dkron(access=Access("default", (TENANT,), open=True))
    await dkron.stored("job", owner="everybody")
    assert (await dkron.get("/jobs", x_dkron_token="team-token")).body == b"[]"
    made = await dkron.post("/jobs", job("job", owner="team"), x_dkron_token="team-token")
    assert (made.status, made.json["owner"]) == (201, "team")
    assert (await dkron.get("/jobs/job")).json["owner"] == "everybody"
    await dkron.post("/pause", x_dkron_token="team-token")
    assert (await dkron.get("/pause")).json == {"paused": False}
    assert (await dkron.put("job")).status == 201
    assert (await dkron.post("/jobs", job("job"), x_dkron_token="team-token")).status == 503


async def test_the_virtual_server(dkron: Dkron) -> None:
    (lonely,) = (await dkron.get("/members")).json
    assert (lonely["Status"], lonely["statusText"]) == (4, "failed")
    await dkron.stage.lead(Member("operator-1", None, 1), Member("operator-2", None, 0))
    listed = await dkron.get("/members")
    (member,) = listed.json
    assert (member["Name"], member["statusText"], listed.headers["x-total-count"]) == ("crontask", "alive", "1")
    leader = await dkron.get("/leader")
    assert leader.json == {name: value for name, value in member.items() if name not in ("id", "statusText")}
    left = await dkron.post("/leave")
    assert (left.status, left.json) == (200, [member])
    assert (await dkron.get("/members")).json == [member]
    status = (await dkron.get("")).json
    assert (status["agent"]["name"], list(status)) == ("crontask", ["agent", "serf", "tags"])


async def test_counters_for_prometheus(dkron: Dkron) -> None:
    for name in ("a", "ß"):
        await dkron.stored(name)
    await dkron.stage.tell(
        dkron.naming("a").key, counts={"succeeded": 3, "failed": 1, "lost": 1, "retried": 4, "skipped": 9}
    )
    await dkron.delete("/jobs/a/executions")
    answer = await dkron.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert values == [
        'dkron_job_executions_succeeded_total{job_name="a"} 3',
        'dkron_job_executions_succeeded_total{job_name="ß"} 0',
        'dkron_job_executions_failed_total{job_name="a"} 6',
        'dkron_job_executions_failed_total{job_name="ß"} 0',
    ]
    assert (await Dkron(metrics=False).ask("GET", "/metrics")).status == 404


@pytest.mark.parametrize(
    ("accept", "status"),
    [(None, 303), ("*/*", 303), ("text/html,application/xml;q=0.9", 303), ("application/json", 404)],
)
async def test_the_root_sends_browsers_to_the_web_ui(dkron: Dkron, accept: str | None, status: int) -> None:
    answer = await dkron.ask("GET", "/", **({"accept": accept} if accept else {}))
    assert (answer.status, answer.headers.get("location")) == (status, "/ui/" if status == 303 else None)


async def test_the_page_says_where_the_web_ui_is(dkron: Dkron) -> None:
    assert "No web UI is configured" in (await dkron.ask("GET", "/ui/")).text
    assert f'href="{PREFIX}/docs"' in (await dkron.ask("GET", f"{PREFIX}/ui/a", port=COMMON_PORT)).text
    told = await Dkron(ui="https://ui.example/?a=1&b=2").ask("GET", "/ui/jobs/a")
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="https://ui.example/?a=1&amp;b=2"' in told.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Unable to parse payload: EOF."),
        (b"x", "Unable to parse payload: invalid character 'x' looking for beginning of value."),
        (b"[]", "Unable to parse payload: json: cannot unmarshal array into Go value of type dkron.Job."),
        (
            b'{"name":"a","retries":-1}',
            "Unable to parse payload: json: cannot unmarshal number -1 into Go struct field Job.retries of type uint.",
        ),
        (b'{"name":"a","tags":{"a":[1]}}', "Unable to parse payload: json: cannot unmarshal array into Go struct"),
        (b'{"name":"a","schedule":"@every 1s","starts_at":""}', "Unable to parse payload: parsing time"),
        (b"[" * 100_000, "Unable to parse payload: exceeded max depth."),
        (b'{"name":"\xff"}', "Job validation failed: name contains illegal character"),
    ],
    ids=["empty", "letter", "list", "negative", "nested", "empty time", "deep", "no utf-8"],
)
async def test_bodies_that_cannot_be_read(dkron: Dkron, body: bytes, text: str) -> None:
    answer = await dkron.post("/jobs", body)
    assert answer.status == 400
    assert answer.text.startswith(text)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_body_too_long_is_refused(dkron: Dkron) -> None:
    assert (await dkron.post("/jobs", b"x" * 5_000_000)).status == 413


async def test_members_of_any_case_and_trailing_bytes(dkron: Dkron) -> None:
    answer = await dkron.post("/jobs", b'{"NAME":"a","name":"b","Schedule":"@every 1s","x":1} trailing')
    assert (answer.status, answer.json["name"], answer.json["schedule"]) == (201, "b", "@every 1s")


async def test_a_store_that_cannot_be_reached(dkron: Dkron, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(*_: Any) -> Any:
        raise Unavailable("the API server does not answer", 1.5)

    for verb in ("jobs", "describe", "flag", "set_flag", "change", "active", "members", "leader"):
        monkeypatch.setattr(dkron.stage.store, verb, unreachable)
    alone = {endpoints.show_status, endpoints.is_leader, endpoints.restore}  # a restore tells it of each job
    asking = [route for route in DIALECT.routes if route.path.startswith("/v1/") and route.endpoint not in alone]
    assert len(asking) == 19
    for route in asking:
        path = route.path.replace("{job}", "a").replace("{execution}", "1")
        answer = await dkron.ask(route.method, path)
        assert (answer.status, answer.headers["retry-after"]) == (503, "2"), route


@pytest.mark.parametrize("error", [Conflict("it changes faster than it can be written"), Invalid("it cannot be told")])
async def test_a_job_that_cannot_be_toggled(dkron: Dkron, monkeypatch: pytest.MonkeyPatch, error: GatewayError) -> None:
    async def refused(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(dkron.stage.store, "change", refused)
    answer = await dkron.post("/jobs/a/toggle")
    assert (answer.status, answer.body) == (422, b"")


async def test_who_may_store_a_job_may_not_run_it_by_that() -> None:
    writer = Credential(Principal("writer", "", "default", frozenset({"read", "write"})), b"writer-token")
    dkron = Dkron(access=Access("default", (writer,)))
    bearer = {"authorization": "Bearer writer-token"}
    assert (await dkron.post("/jobs?runoncreate", job("a"), **bearer)).status == 403
    assert (await dkron.get("/jobs", **bearer)).json == []
    assert (await dkron.post("/jobs", job("a"), **bearer)).status == 201
