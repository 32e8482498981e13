"""The OpenAPI document and the page are made of the routes, and of nothing else."""

import json
import re
from typing import Any

import pytest
from fakes.dialect import dialect as toy
from fakes.dkron import Dkron, job
from fakes.served import COMMON_PORT, PREFIX, Served

from crontask_gateway.dialects import DIALECTS
from crontask_gateway.dialects.shape import Dialect
from crontask_gateway.openapi import document, page

ALL = pytest.mark.parametrize("dialect", [*DIALECTS, toy()], ids=lambda dialect: dialect.name)


def operations(told: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, each) for path, methods in told["paths"].items() for method, each in methods.items()]


@ALL
def test_each_route_is_an_operation(dialect: Dialect) -> None:
    told = operations(document(dialect))
    wanted = {(route.method.lower(), route.path.replace("...", "")) for route in dialect.routes}
    assert {(method, path) for method, path, _ in told} == wanted
    idents = [each["operationId"] for _, _, each in told]
    assert len(set(idents)) == len(idents) == len(dialect.routes)
    assert all(each["responses"] for _, _, each in told)


@ALL
def test_variable_parts_of_a_path_are_parameters(dialect: Dialect) -> None:
    for _, path, each in operations(document(dialect)):
        named = [parameter["name"] for parameter in each.get("parameters", ()) if parameter["in"] == "path"]
        assert named == re.findall(r"\{([a-z_]+)\}", path)


@ALL
def test_every_reference_leads_somewhere(dialect: Dialect) -> None:
    told = document(dialect)
    references = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(told)))
    assert references == set(told["components"]["schemas"])
    for _, _, each in operations(told):
        assert all(set(way) <= set(told["components"]["securitySchemes"]) for way in each.get("security", ()))


async def test_the_document_and_the_page_are_served_to_everybody() -> None:
    for served in (Served(toy()), Dkron()):
        answer = await served.ask("GET", "/openapi.json")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert (answer.json["info"]["version"], answer.json["servers"]) == ("1.2.3", [{"url": "/"}])
        mounted = await served.ask("GET", f"{PREFIX}/openapi.json", port=COMMON_PORT)
        assert mounted.json["servers"] == [{"url": PREFIX}]
        shown = await served.ask("GET", "/docs")
        assert shown.headers["content-type"] == "text/html; charset=utf-8"
        assert (await served.ask("POST", "/openapi.json")).status == 404


def test_the_page_names_every_route_and_escapes_what_it_shows() -> None:
    shown = page(DIALECTS[0])
    for route in DIALECTS[0].routes:
        assert f"<td>{route.path}</td>" in shown
    assert "Dkron&#x27;s" in shown


async def test_dkrons_schemas_are_those_of_what_it_answers() -> None:
    schemas = document(DIALECTS[0])["components"]["schemas"]
    dkron = Dkron()
    made = await dkron.stored("job")
    assert list(schemas["Job"]["properties"]) == list(made)
    assert set(job("job")) <= set(schemas["JobInput"]["properties"]) <= set(made) - {"id", "next", "dependent_jobs"}
    await dkron.post("/jobs/job")
    (listed,) = (await dkron.get("/jobs/job/executions")).json
    assert set(schemas["ListedExecution"]["required"]) <= set(listed) <= set(schemas["ListedExecution"]["properties"])
    (busy,) = (await dkron.get("/busy")).json
    assert set(schemas["Execution"]["required"]) <= set(busy) <= set(schemas["Execution"]["properties"])
    for path, name in (("/members", "Member"), ("", "Status"), ("/pause", "Pause")):
        answer = (await dkron.get(path)).json
        shown = answer[0] if isinstance(answer, list) else answer
        assert list(schemas[name]["properties"]) == list(shown)
