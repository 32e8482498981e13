"""A dialect's routes as an OpenAPI document, and as a plain page. Pure.

Both are made of the same table that requests are matched with, so they cannot
tell of an endpoint that is not there.
"""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from crontask_gateway.dialects.shape import Dialect, Route
from crontask_gateway.http import Facts, Reply

DOCUMENT, PAGE = "/openapi.json", "/docs"
Object = dict[str, Any]

_JSON = "application/json"
_TYPES = {"": _JSON, "form": "multipart/form-data", "text": "text/plain", "html": "text/html"}
_STYLE = "body{font-family:sans-serif;margin:2em}td,th{text-align:left;padding:.3em .8em .3em 0;vertical-align:top}"


def described(dialect: Dialect, facts: Facts, version: str) -> Reply | None:
    """The reply to a request for the description, or None for another request. Nothing in it is secret."""
    if facts.method != "GET" or facts.raw_path not in (DOCUMENT, PAGE):
        return None
    if facts.raw_path == PAGE:
        return Reply(200, page(dialect).encode(), (("Content-Type", "text/html; charset=utf-8"),))
    told = document(dialect, version, facts.prefix)
    return Reply(200, json.dumps(told, ensure_ascii=False).encode(), (("Content-Type", _JSON),))


def document(dialect: Dialect, version: str = "", prefix: str = "") -> Object:
    """The OpenAPI document; `prefix` is where the dialect is mounted."""
    paths: dict[str, Object] = {}
    names: dict[str, int] = {}
    for route in dialect.routes:
        name = getattr(route.endpoint, "__name__", "endpoint")
        names[name] = names.get(name, 0) + 1
        ident = name if names[name] == 1 else f"{name}_{names[name]}"
        paths.setdefault(_path(route), {})[route.method.lower()] = _operation(dialect, route, ident)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{dialect.title}'s API on CronTask",
            "version": version or "0",
            "description": f"As in {dialect.document}. What differs is told with each operation.",
        },
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": {"schemas": dict(dialect.schemas), "securitySchemes": dict(dialect.security)},
    }


def page(dialect: Dialect) -> str:
    """All routes in a table."""
    rows = "".join(_row(line) for line in coverage(dialect.routes))
    head = "".join(f"<th>{name}</th>" for name in ("Method", "Path", "What it does", "Section", "Coverage", "Remarks"))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(dialect.title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(dialect.title)}'s API on CronTask</h1>"
        f'<p>As in {escape(dialect.document)}; for programs: <a href=".{DOCUMENT}">{DOCUMENT}</a>.</p>'
        f"<table><tr>{head}</tr>{rows}</table></body></html>\n"
    )


def coverage(routes: Iterable[Route]) -> list[tuple[str, ...]]:
    """Method, path, what it does, section of the system's document, coverage and note of each route."""
    return [
        (route.method, route.path, summary(route), route.section, route.coverage, route.note or "") for route in routes
    ]


def summary(route: Route) -> str:
    """The first sentence of the endpoint's docstring."""
    text = " ".join((route.endpoint.__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".")


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"


def _path(route: Route) -> str:
    return route.path.replace("...}", "}")


def _operation(dialect: Dialect, route: Route, ident: str) -> Object:
    told: Object = {"operationId": ident, "summary": summary(route), "responses": _responses(route)}
    remarks = [f"Section {route.section} ({route.coverage}).", route.note]
    told["description"] = " ".join(remark for remark in remarks if remark)
    if parameters := _parameters(route):
        told["parameters"] = parameters
    if route.takes:
        told["requestBody"] = {"required": True, "content": _content(route.takes)}
    if route.right is not None and dialect.security:
        told["security"] = [{name: []} for name in dialect.security]
    return told


def _parameters(route: Route) -> list[Object]:
    text = {"type": "string"}
    in_path = [{"name": name, "in": "path", "required": True, "schema": text} for name in route.pattern.groupindex]
    return in_path + [{"name": name, "in": "query", "required": False, "schema": text} for name in route.query]


def _responses(route: Route) -> Object:
    success: Object = {"description": "Not served." if route.coverage == "refused" else "Done."}
    if route.gives:
        success["content"] = _content(route.gives)
    return {str(route.status): success, "default": {"description": "Refused; the status says why."}}


def _content(name: str) -> Object:
    """A schema by its name, as JSON or, with a word before it (`form:NAME`), as another media type."""
    kind, _, name = name.rpartition(":")
    schema: Object = {"$ref": f"#/components/schemas/{name.removesuffix('[]')}"}
    if name.endswith("[]"):
        schema = {"type": "array", "items": schema}
    return {_TYPES[kind]: {"schema": schema}}
