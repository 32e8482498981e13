"""Replies as upstream writes them: JSON in Go's print, indented where the query says `pretty`. Pure."""

from typing import Any
from urllib.parse import quote

from crontask_gateway import gojson
from crontask_gateway.http import Facts, Reply

JSON = ("Content-Type", "application/json; charset=utf-8")
HTML = ("Content-Type", "text/html; charset=utf-8")
NOT_FOUND = Reply(404, b"404 page not found", (("Content-Type", "text/plain"),))
"""What is answered where there is no such path."""


def answered(facts: Facts, value: Any, *headers: tuple[str, str], status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(status, gojson.write(value, pretty="pretty" in facts.query), (JSON, *headers))


def listed(facts: Facts, items: list[Any], total: int | None = None) -> Reply:
    """Items as JSON, with the number of all that there are."""
    return answered(facts, items, ("X-Total-Count", str(len(items) if total is None else total)))


def at_job(facts: Facts, name: str) -> tuple[str, str]:
    """The header that says where a job is."""
    return ("Location", f"{facts.prefix}/v1/jobs/{quote(name, safe='')}")


def at_request(facts: Facts) -> tuple[str, str]:
    """The header that repeats the request's path and query, as upstream does."""
    return ("Location", facts.target)
