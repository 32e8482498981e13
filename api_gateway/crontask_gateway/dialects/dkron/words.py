"""The client's own words, in the document: what has no home in the spec, or is said otherwise there.

`schedule_of` and `parent_of` weigh them against the spec, for those who ask for no more of a job.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crontask_gateway import gotime
from crontask_gateway.dialects.dkron import schedule
from crontask_gateway.dialects.dkron.actions import masked
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.gotime import GoError
from crontask_gateway.naming import Naming
from crontask_gateway.store import Job

_TIMES = ("starts_at", "expires_at")
_WORDS: Mapping[str, type] = {
    "displayname": str,
    "timezone": str,
    "schedule": str,
    "owner": str,
    "owner_email": str,
    "tags": dict,
    "metadata": dict,
    "retries": int,
    "parent_job": str,
    "processors": dict,
    "concurrency": str,
    "executor": str,
    "executor_config": dict,
    "starts_at": str,
    "expires_at": str,
}
"""The members that the document keeps, where they differ from their defaults. The others have a home in the spec."""
_PLAIN = JobIn()


def words(job: JobIn) -> dict[str, Any]:
    """What the document keeps; never a credential."""
    job = replace(job, executor_config=masked(job.executor_config, job.executor))
    found = {name: getattr(job, name) for name in _WORDS if getattr(job, name) != getattr(_PLAIN, name)}
    return found | {name: gotime.rfc3339(found[name]) for name in _TIMES if name in found}


def kept_words(job: Job) -> JobIn:
    """The client's words; what somebody has broken in the annotation counts as absent."""
    held = job.document.get("job")
    held = held if isinstance(held, dict) else {}
    found = {name: held[name] for name, kind in _WORDS.items() if name in held and type(held[name]) is kind}
    for name in _TIMES:
        try:
            found |= {name: gotime.instant(found[name])} if name in found else {}
        except GoError:
            found.pop(name)
    return JobIn(name=job.id, **found)


def schedule_of(job: Job) -> str:
    """The schedule as a client sees it; that of a child is its client's alone."""
    text, kept = job.spec.get("schedule"), kept_words(job).schedule
    return schedule.write(text, kept, job.id) if text else kept if job.spec.get("after") else ""


def parent_of(job: Job) -> str:
    """The name of the job after which this one runs; empty for none. Kept with it: it is asked of all jobs at once."""
    if not job.spec.get("after"):
        return ""
    found: str | None = job.made.get("dkron.parent")
    if found is None:
        found = job.made["dkron.parent"] = _read_parent(job)
    return found


def _read_parent(job: Job) -> str:
    tasks = [str(each.get("task", "")) for each in job.spec["after"]]
    kept = kept_words(job).parent_job
    if kept and Naming(job.naming.scope, kept).name in tasks:
        return kept
    return tasks[0].removeprefix(f"{job.naming.scope.dialect}-")
