"""What several endpoints do with the store, once each."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from crontask_core.model import Overrides
from crontask_gateway.dialects.dkron import extras, listing
from crontask_gateway.dialects.dkron.checks import check, check_parent
from crontask_gateway.dialects.dkron.errors import Told
from crontask_gateway.dialects.dkron.processors import marker
from crontask_gateway.dialects.dkron.replies import answered
from crontask_gateway.dialects.dkron.rules import BESIDE
from crontask_gateway.dialects.dkron.tags import NO_NODE
from crontask_gateway.dialects.dkron.translate import from_execution, from_task, steady, to_task
from crontask_gateway.dialects.dkron.wire import ExecutionOut, JobIn
from crontask_gateway.dialects.dkron.words import parent_of
from crontask_gateway.dialects.shape import Request
from crontask_gateway.errors import GatewayError, Invalid, Unknown
from crontask_gateway.http import Reply
from crontask_gateway.naming import Naming
from crontask_gateway.store import Change, Job, Run

DISABLED = "the job is disabled; toggle it first"
HAS_DEPENDENTS = "store: could not delete job with dependent jobs, delete children first"
NOWHERE = "no node has the tags of the job"
AT_ONCE = 16
"""So many jobs of a restore are stored at a time."""


def naming_of(request: Request) -> Naming:
    """The job of the path. Raises Unknown for a name that none can have."""
    try:
        return request.naming(request.params["job"])
    except Invalid as error:
        raise Unknown(error.message) from None


async def job_of(request: Request) -> Job:
    """The job of the path. Raises Unknown."""
    return await request.deps.store.describe(naming_of(request).key)


async def shown(request: Request, job: Job, *headers: tuple[str, str], status: int = 200) -> Reply:
    """A job as the reply."""
    dependents = listing.children(await request.deps.store.jobs(request.scope)).get(job.id, ())
    found = from_task(job, request.deps.clock.now(), dependents)
    return answered(request.facts, found.to_json(), *headers, status=status)


async def put(request: Request, job: JobIn, *, restoring: bool = False) -> Job:
    """Stores a job. Raises Invalid, Told for a parent that does not exist, and what the store raises.

    The jobs of a restore are a forest (`extras.restored_jobs`), and have their parents stored before them.
    """
    if restoring or not job.parent_job:
        return await _put(request, job, None, restoring=restoring)
    async with request.deps.kinship:  # else two requests at once could make a ring, or an orphan
        jobs = await request.deps.store.jobs(request.scope)
        return await _put(request, job, {each.id: parent_of(each) for each in jobs})


async def _put(request: Request, job: JobIn, parents: Mapping[str, str] | None, *, restoring: bool = False) -> Job:
    """`parents` are those of all jobs; None where the job's own needs no look."""
    naming = request.naming(job.name)

    def make(was: Job | None) -> Change:
        check(job, was)
        if parents is not None:
            check_parent(job, was, parents)
        return to_task(job, was, naming, request.deps.options, restore=restoring)

    return await request.deps.store.put(naming, make)


async def remove(request: Request) -> Job:
    """Deletes the job of the path. Raises Unknown, and Told where others depend on it."""
    naming = naming_of(request)
    async with request.deps.kinship:
        if naming.id in listing.children(await request.deps.store.jobs(request.scope)):
            raise Told(HAS_DEPENDENTS)
        return await request.deps.store.remove(naming.key)


async def put_all(request: Request, levels: Sequence[Sequence[JobIn]]) -> dict[str, bool]:
    """Stores the jobs of a restore, parents first; of each, whether it could be. Those of a failed parent are left."""
    stored: dict[str, bool] = {}
    for level in levels:
        wanted = [job for job in level if stored.get(job.parent_job, not job.parent_job)]
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            results = await asyncio.gather(*(_is_put(request, job) for job in some))
            stored |= {job.name: result for job, result in zip(some, results, strict=True)}
    return stored


async def _is_put(request: Request, job: JobIn) -> bool:
    try:
        await put(request, job, restoring=True)
    except GatewayError:
        return False
    return True


async def run(request: Request, job: Job) -> Run:
    """Has a job run now.

    Raises Told for one whose tags no target fulfils, and for one that is disabled, which upstream's scheduler does not
    know; it knows no job that runs after another, and runs it disabled or not.
    """
    if job.spec.get("suspend") and not parent_of(job):
        raise Told(DISABLED)
    if job.spec.get("targets") == [NO_NODE]:
        raise Told(NOWHERE)
    return await request.deps.store.trigger(job.key, _beside_others(job))


def _beside_others(job: Job) -> Overrides | None:
    """Upstream heeds `forbid` for ticks alone; who runs a job by hand runs it, unless kubectl has closed that."""
    if job.spec.get("concurrencyPolicy", "Allow") == "Allow" or BESIDE not in (job.spec.get("overridable") or ()):
        return None
    return Overrides(concurrency_policy="Allow")


def executions(request: Request, job: Job, runs: Sequence[Run]) -> list[ExecutionOut]:
    """The attempts of all runs."""
    found, node, taken, targets = steady(job), request.deps.options.node, marker(job), job.spec.get("targets") or ()
    return [each for each_run in runs for each in from_execution(each_run, found, node, taken, targets)]


async def members(request: Request) -> list[dict[str, Any]]:
    """The one virtual server."""
    options, alive = request.deps.options, bool(await request.deps.store.members())
    return extras.members(options.node, str(options.address), alive=alive)


async def switched(request: Request, *, on: bool) -> Reply:
    """Stops jobs from being stored, or lets them be."""
    await request.deps.store.set_flag(extras.pause_switch(request.principal.tenant), on)
    return answered(request.facts, extras.paused(on))
