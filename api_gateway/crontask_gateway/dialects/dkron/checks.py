"""What upstream refuses of a job that it could read, in its order and its words."""

import unicodedata
from collections.abc import Mapping

from crontask_gateway import gotime
from crontask_gateway.dialects.dkron import schedule
from crontask_gateway.dialects.dkron.actions.pods import memory_bytes
from crontask_gateway.dialects.dkron.errors import Told
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.dialects.dkron.words import parent_of, schedule_of
from crontask_gateway.errors import Invalid
from crontask_gateway.gotime import GoError
from crontask_gateway.store import Job

NO_PARENT = "specified parent job not found"


def check(job: JobIn, was: Job | None = None) -> None:
    """Raises Invalid.

    A schedule that is sent back as it was read passes: kubectl can write some that Dkron cannot.
    """
    if not job.name:
        raise _refused("name cannot be empty", "name")
    if wrong := next((char for char in job.name if not _allowed(char)), None):
        raise _refused(f"name contains illegal character '{wrong}'", "name")
    if job.parent_job == job.name:
        raise _refused("the job can not have itself as parent", "parent_job")
    same = was is not None and (job.schedule, job.parent_job) == (schedule_of(was), parent_of(was))
    if not same and (job.schedule or not job.parent_job):
        schedule.read(job.schedule, job.name)
    if job.concurrency not in ("allow", "forbid", ""):
        raise _refused('invalid concurrency policy value, use "allow" or "forbid"', "concurrency")
    schedule.read_zone(job.timezone)
    if job.executor == "shell":
        _check_shell(job)


def check_parent(job: JobIn, was: Job | None, parents: Mapping[str, str]) -> None:
    """Refuses a parent that does not exist (raises Told) or that depends on the job itself (raises Invalid).

    `parents` are the parents of all jobs that exist, by name; empty where a job has none. A parent that is sent back
    as it was read passes: kubectl can name tasks that are no jobs of Dkron's.
    """
    if not job.parent_job or (was is not None and job.parent_job == parent_of(was)):
        return
    if job.parent_job not in parents:
        raise Told(NO_PARENT)
    at, seen = job.parent_job, set[str]()
    while at and at not in seen:
        if at == job.name:
            raise _refused(f"{job.parent_job} depends on {job.name}, so it cannot be its parent", "parent_job")
        seen.add(at)
        at = parents.get(at, "")


def _check_shell(job: JobIn) -> None:
    try:
        if timeout := job.text("timeout"):
            gotime.duration(timeout)
    except GoError:
        raise _refused("Error parsing job timeout value", "executor_config.timeout") from None
    try:
        if limit := job.text("mem_limit"):
            memory_bytes(limit)
    except GoError as error:
        raise _refused(f"Error parsing job memory limit value: {error}", "executor_config.mem_limit") from None


def _allowed(char: str) -> bool:
    """Go's `[\\p{Ll}0-9_-]`."""
    return char in "0123456789_-" or unicodedata.category(char) == "Ll"


def _refused(problem: str, path: str) -> Invalid:
    return Invalid(f"Job validation failed: {problem}.", path)
