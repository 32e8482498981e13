"""Replies as upstream writes them: JSON in Go's print, indented where the query says `pretty`. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from crontask_gateway import gojson
from crontask_gateway.dialects.dkron.translate import from_task
from crontask_gateway.dialects.dkron.upcoming import next_of
from crontask_gateway.http import Facts, Reply
from crontask_gateway.store import Job

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


def listed_jobs(
    facts: Facts, jobs: Sequence[Job], dependents: Mapping[str, Sequence[str]], now: datetime, total: int
) -> Reply:
    """Jobs as JSON, with the number of all that there are; `dependents` are the names of their children."""
    if "pretty" in facts.query:
        return listed(facts, [from_task(job, now, dependents.get(job.id, ())).to_json() for job in jobs], total)
    parts = [_printed(job, now, dependents.get(job.id, ())) for job in jobs]
    return Reply(200, b"[" + b",".join(parts) + b"]", (JSON, ("X-Total-Count", str(total))))


def _printed(job: Job, now: datetime, children: Sequence[str]) -> bytes:
    """A job as JSON, kept with it: a list of thousands would take a third of a second each time."""
    known, upcoming = job.made.get("dkron.printed"), next_of(job, now)
    if known is None or known[0] != (upcoming, children):
        printed = gojson.write(from_task(job, now, children).to_json())
        known = job.made["dkron.printed"] = ((upcoming, children), printed)
    text: bytes = known[1]
    return text


def at_job(facts: Facts, name: str) -> tuple[str, str]:
    """The header that says where a job is."""
    return ("Location", f"{facts.prefix}/v1/jobs/{quote(name, safe='')}")


def at_request(facts: Facts) -> tuple[str, str]:
    """The header that repeats the request's path and query, as upstream does."""
    return ("Location", facts.target)
