"""What schemathesis makes of each dialect's OpenAPI document: no request is a fault, and answers are as documented.

Each case is asked twice: as it was made, where there is nothing yet, and with names of what is there, where something
is; a made-up name alone leads to 404. A test for each route of each dialect, without sockets; a dialect takes part by
a `Subject`. Left out are the checks that no legacy API can pass: upstream takes what a schema forbids (`null` for
a text), refuses what no schema can tell of (a schedule), and answers a wrong method as an unknown path.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from fakes.cronjob_org import HOURLY, CronJobOrg
from fakes.dkron import Dkron, job
from fakes.served import Answer, Served
from fakes.stages import Stage
from schemathesis.checks import not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from crontask_gateway.dialects import DIALECTS
from crontask_gateway.dialects.shape import Dialect, Route
from crontask_gateway.store import Member

CONFIG = {
    "seed": 1,
    "generation": {"max-examples": 10, "deterministic": True, "database": "none"},
    "cache": {"enabled": False},
    "base-url": "http://gateway",
}
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
TRACES = (b"Traceback", b'File "', b"crontask_core", b"crontask_gateway", b"pydantic", b"object at 0x")
"""What a fault of ours would tell of our inside."""
Names = Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """What the document of a dialect does not tell."""

    client: Callable[..., Served]
    """Makes a gateway on a stage; without one on an empty stage."""
    filled: Callable[[], Awaitable[tuple[Stage, Names]]]
    """A stage with an operator and jobs, and their names by the parameters of the paths."""
    bodies: Mapping[str, Mapping[str, Any]]
    """Members that make a body one that is taken, by `Route.takes`."""
    faults: Mapping[str, tuple[int, bytes]]
    """Where a 5xx is meant, by method and path: status and body; `docs/dialects/` says why."""


async def _filled_dkron() -> tuple[Stage, Names]:
    dkron = Dkron()
    for name in ("job", "parent"):
        await dkron.stored(name, retries=1, metadata={"a": "b"})
    await dkron.stage.lead(Member("operator-1", None, 1))
    ended = [
        {"number": n, "startedAt": f"2026-03-01T11:00:0{n}Z", "finishedAt": "2026-03-01T11:00:09Z"} for n in (1, 2)
    ]
    await dkron.ran("job", "ended", phase="Failed", attempts=ended, output="of the last attempt")
    await dkron.ran("job", "running", phase="Running", attempts=ended[:1])
    found = (await dkron.get("/jobs/job/executions")).json
    return dkron.stage, {"job": "job", "execution": found[0]["id"]}


async def _filled_cronjob_org() -> tuple[Stage, Names]:
    gateway = CronJobOrg()
    ident = await gateway.made(enabled=True, saveResponses=True, schedule=HOURLY)
    await gateway.put("/folders", {"folder": {"title": "there"}})
    at = {"startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:01Z"}
    attempt = {"number": 1, "url": "https://a.example/", "httpStatus": 200, "timings": {"totalMicroseconds": 9}} | at
    await gateway.ran(ident, "ended", phase="Succeeded", attempts=[attempt], output="said", **at)
    (item,) = await gateway.history(ident)
    return gateway.stage, {"job": str(ident), "item": item["identifier"], "folder": "1"}


SUBJECTS = {
    "cronjob-org": Subject(
        CronJobOrg,
        _filled_cronjob_org,
        {"JobInput": {"job": {"url": "https://a.example/"}}, "FolderInput": {"folder": {"title": "new"}}},
        {},
    ),
    "dkron": Subject(
        Dkron,
        _filled_dkron,
        {
            "JobInput": {"name": "job", "schedule": "@every 1m", "timezone": "UTC", "parent_job": ""},
            "form:Restore": {"file": json.dumps([job("restored")])},
        },
        {"GET /v1/leader": (500, b"null")},  # nobody leads
    ),
}


AIMS = [pytest.param(of, route, id=f"{of.name} {route.method} {route.path}") for of in DIALECTS for route in of.routes]


def test_every_dialect_takes_part() -> None:
    assert set(SUBJECTS) == {dialect.name for dialect in DIALECTS}


@pytest.mark.parametrize(("dialect", "route"), AIMS)
def test_every_answer_is_as_documented(dialect: Dialect, route: Route) -> None:
    subject, answered = SUBJECTS[dialect.name], set[int]()
    stage, names = asyncio.run(subject.filled())

    def look(case: schemathesis.Case) -> None:
        there = named(case, names, subject.bodies.get(route.takes, {}))
        for asked, served in ((case, subject.client()), (there, subject.client(deepcopy(stage)))):
            response = asyncio.run(ask(served, asked))
            if look_at(subject, route, asked, response):
                answered.add(response.status_code)

    told = asyncio.run(subject.client().ask("GET", "/openapi.json")).json
    document = schemathesis.openapi.from_dict(told, config=schemathesis.Config.from_dict(CONFIG))
    operation = document[route.path.replace("...", "")][route.method]
    # What schemathesis' plugin does; 4.32 itself gives all tests one name under pytest 9.2, or fails (`from_fixture`).
    build_operation_test(
        config=document.config, operation=operation, test_func=look, given_kwargs={}, feedback=FeedbackSources()
    )()
    assert route.status in answered


def named(case: schemathesis.Case, names: Names, members: Mapping[str, Any]) -> schemathesis.Case:
    """The same case of what is there."""
    return case.operation.Case(
        method=case.method,
        path_parameters={name: names.get(name, value) for name, value in case.path_parameters.items()},
        headers=case.headers,
        cookies=case.cookies,
        query=case.query,
        body={**case.body, **members} if isinstance(case.body, dict) else case.body,
        media_type=case.media_type,
    )


async def ask(served: Served, case: schemathesis.Case) -> schemathesis.Response:
    """The case as `requests` would write it."""
    told = requests.Request(**case.as_transport_kwargs()).prepare()
    body = told.body.encode() if isinstance(told.body, str) else told.body or b""
    texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in told.headers.items()}
    headers = {name: value for name, value in texts.items() if name.lower() != "content-length"}
    answer: Answer = await served.ask(str(told.method), told.path_url, body, **headers)
    shown = {name: [value] for name, value in answer.headers.items()}
    return schemathesis.Response(answer.status, shown, answer.body, told, 0.0, verify=False, encoding="utf-8")


def look_at(subject: Subject, route: Route, case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Fails where the answer is none that a client may get. Whether it is one of the route's method."""
    status, body = response.status_code, response.content
    shown = f"{case.as_curl_command()}: {status} {body[:300]!r}"
    assert not any(trace in body for trace in TRACES), shown
    assert not body or "content-type" in response.headers, shown
    if case.method != route.method:  # schemathesis tries others too
        assert 300 <= status < 500 or (case.method, status) == ("OPTIONS", 204), shown
        return False
    if (status, body) != subject.faults.get(f"{route.method} {route.path}"):
        case.validate_response(response, checks=CHECKS)
        # Refusals are documented all at once, so the checks let a success of another status pass.
        redirected = status in (301, 307) and case.formatted_path.endswith("/")  # a variable part that is empty
        assert status == route.status or status >= 400 or redirected, shown
    return True
