"""What lists show, by their query: which items, in which order, how many of them. Pure.

Names and meanings of the query are upstream's, save where it answers bad input
with a fault: an unknown `_sort` is the default order, a slice outside of the list
is empty.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crontask_gateway.dialects.dkron.members import Config
from crontask_gateway.dialects.dkron.translate import steady
from crontask_gateway.dialects.dkron.upcoming import nexts
from crontask_gateway.dialects.dkron.wire import ExecutionOut, JobOut, text_of
from crontask_gateway.dialects.dkron.words import parent_of
from crontask_gateway.http import Query
from crontask_gateway.store import Job

MAX_EXECUTIONS = 100
"""So many executions of a job are listed, the newest; upstream keeps no more."""
UNTRIGGERED = "untriggered"

_METADATA = re.compile(r"metadata\[([^\]]+)\]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_BY_EXECUTION: Mapping[str, Callable[[ExecutionOut], Any]] = {
    "finished_at": lambda found: (found.finished_at, found.id),
    "attempt": lambda found: (found.attempt, found.id),
}
_BY_JOB = ("displayname", "schedule", "success_count", "error_count", "last_success", "last_error")


def page(jobs: Sequence[Job], query: Query, now: datetime) -> tuple[list[Job], int]:
    """The jobs that the query asks for, and how many there are before the slice. `jobs` are sorted by id."""
    wanted = _filters(query)
    found = _ordered(_filtered(jobs, wanted) if wanted else list(jobs), query, now)
    start, end = _number(query.get("_start", "0")), _number(query.get("_end", str(len(found))))
    return found[start:end] if start >= 0 and end >= 0 else [], len(found)


def children(jobs: Sequence[Job]) -> dict[str, list[str]]:
    """The names of the jobs that run after a job, by its name, the oldest first."""
    found: dict[str, list[Job]] = {}
    for job in jobs:
        if "after" in job.spec and (parent := parent_of(job)):
            found.setdefault(parent, []).append(job)
    return {
        parent: [job.id for job in sorted(of_parent, key=lambda job: (job.created, job.id))]
        for parent, of_parent in found.items()
    }


def executions(found: Sequence[ExecutionOut], query: Query) -> list[ExecutionOut]:
    """The newest executions, in the order that the query asks for; without one, the newest first."""
    newest = sorted(found, key=_started, reverse=True)[:MAX_EXECUTIONS]
    by = _BY_EXECUTION.get(query.get("_sort") or "", _started)
    return sorted(newest, key=by, reverse=query.get("_order", "DESC") == "DESC")


def output_limit(query: Query) -> int | None:
    """`output_size_limit` in bytes; None where outputs are to be shown whole."""
    text = query.get("output_size_limit") or ""
    return int(text) if _NUMBER.fullmatch(text) and int(text) >= 0 else None


def _started(found: ExecutionOut) -> tuple[int, str]:
    return (found.started_at, found.id)


def _filters(query: Query) -> list[Callable[[JobOut], bool]]:
    """What a job must be; all of it."""
    wanted: list[Callable[[JobOut], bool]] = []
    if text := query.get("q"):
        wanted.append(lambda job: text in job.name or text in job.displayname)
    if status := query.get("status"):
        wanted.append(lambda job: job.status == ("" if status == UNTRIGGERED else status))
    if disabled := query.get("disabled"):
        wanted.append(lambda job: ("true" if job.disabled else "false") == disabled)
    return [*wanted, *(_has(name, text) for name, text in _metadata(query).items())]


def _filtered(jobs: Sequence[Job], wanted: Sequence[Callable[[JobOut], bool]]) -> list[Job]:
    found = [(job, steady(job)) for job in jobs]
    for fits in wanted:  # one filter at a time, over what is left: half as long as all of them for each job
        found = [each for each in found if fits(each[1])]
    return [job for job, _ in found]


def _has(name: str, text: str) -> Callable[[JobOut], bool]:
    def fits(job: JobOut) -> bool:
        found: Config = job.metadata or {}
        return name in found and text_of(found[name]) == text

    return fits


def _metadata(query: Query) -> dict[str, str]:
    """`metadata[KEY]=VALUE`, of a key that comes twice the first; plain `metadata=` means nothing."""
    found: dict[str, str] = {}
    for name, value in query.items():
        if key := _METADATA.match(name):
            found.setdefault(key[1], value)
    return found


def _ordered(jobs: list[Job], query: Query, now: datetime) -> list[Job]:
    """By `_sort`, which is the name where it is unknown; only `DESC` turns it around. Among equals the name decides."""
    by, descends = query.get("_sort"), query.get("_order") == "DESC"
    if descends:
        jobs = jobs[::-1]
    if by == "next":
        return sorted(jobs, key=nexts(now), reverse=descends)
    if by in _BY_JOB:
        member: str = by
        return sorted(jobs, key=lambda job: _value(getattr(steady(job), member)), reverse=descends)
    return jobs


def _value(value: Any) -> tuple[bool, Any]:
    """A member as something that can be compared: what never was is before all that was."""
    return (False, 0) if value is None else (True, value)


def _number(text: str | None) -> int:
    """As Go's `strconv.Atoi`, whose errors upstream passes over."""
    return int(text) if text and _NUMBER.fullmatch(text) else 0
