"""Dkron's endpoints: each reads the request, asks the store, and answers. `routes.py` says which path each has."""

import asyncio
from contextlib import suppress

from crontask_gateway.dialects.dkron import extras, listing, pages, steps
from crontask_gateway.dialects.dkron.errors import PAUSED
from crontask_gateway.dialects.dkron.replies import HTML, NOT_FOUND, answered, at_job, at_request, listed, listed_jobs
from crontask_gateway.dialects.dkron.schedule import clock_of
from crontask_gateway.dialects.dkron.translate import from_task, to_change
from crontask_gateway.dialects.dkron.wire import NEVER, JobIn
from crontask_gateway.dialects.shape import Request
from crontask_gateway.errors import Conflict, GatewayError, Invalid, Paused, Unknown
from crontask_gateway.http import Reply
from crontask_gateway.store import Change, Job


async def list_jobs(request: Request) -> Reply:
    """All jobs, filtered, sorted and sliced by the query."""
    jobs, now = await request.deps.store.jobs(request.scope), request.deps.clock.now()
    found, total = listing.page(jobs, request.facts.query, now)
    return listed_jobs(request.facts, found, listing.children(jobs), now, total)


async def create_or_update_job(request: Request) -> Reply:
    """Stores the job of the body, in place of the one of that name; runs it once where the query says so."""
    if await request.deps.store.flag(extras.pause_switch(request.principal.tenant)):
        raise Paused(PAUSED)
    if "runoncreate" in request.facts.query:
        request.principal.require("run")
    job = await steps.put(request, JobIn.from_json(request.facts.body).fresh())
    if "runoncreate" in request.facts.query:
        with suppress(GatewayError):  # the job is stored, whatever becomes of its run
            await steps.run(request, job)
    return await steps.shown(request, job, at_job(request.facts, job.id), status=201)


async def show_job(request: Request) -> Reply:
    """One job."""
    return await steps.shown(request, await steps.job_of(request))


async def delete_job(request: Request) -> Reply:
    """Deletes a job on which no other depends, with its executions; answers the job as it was."""
    job = await steps.remove(request)
    return answered(request.facts, from_task(job, request.deps.clock.now()).to_json())


async def run_job(request: Request) -> Reply:
    """Has a job run now; answers the job as it was before."""
    job = await steps.job_of(request)
    await steps.run(request, job)
    return await steps.shown(request, job, at_request(request.facts), status=202)


async def toggle_job(request: Request) -> Reply:
    """Switches a job off, or on again."""

    def change(was: Job) -> Change:
        return to_change(was, disabled=not was.spec.get("suspend"))

    try:
        job = await request.deps.store.change(steps.naming_of(request).key, change)
    except (Conflict, Invalid):
        return Reply(422)
    return await steps.shown(request, job, at_request(request.facts))


async def list_executions(request: Request) -> Reply:
    """The newest executions of a job, times by the clock of its zone."""
    job = await steps.job_of(request)
    found = steps.executions(request, job, await request.deps.store.runs(job.key))
    query, zone = request.facts.query, clock_of(job.spec.get("timeZone", ""))
    limit = listing.output_limit(query)
    shown = [each.to_json(zone=zone, limit=limit, listed=True) for each in listing.executions(found, query)]
    return listed(request.facts, shown)


async def delete_executions(request: Request) -> Reply:
    """Deletes the executions of a job that have ended, and has its counters begin anew."""
    job = await request.deps.store.change(steps.naming_of(request).key, lambda was: to_change(was, forget=True))
    await request.deps.store.forget(job.key)
    return await steps.shown(request, job)


async def show_execution(request: Request) -> Reply:
    """One execution, with all of its output."""
    job, wanted = await steps.job_of(request), request.params["execution"]
    for found in steps.executions(request, job, await request.deps.store.runs(job.key)):
        if found.id == wanted:
            return answered(request.facts, found.to_json())
    raise Unknown(f"the job {job.id} has no execution {wanted}")


async def list_busy(request: Request) -> Reply:
    """The executions of all jobs that have not ended, the oldest first."""
    jobs = {job.key.name: job for job in await request.deps.store.jobs(request.scope)}
    runs = await request.deps.store.active(request.scope)
    found = [each for run in runs if run.task in jobs for each in steps.executions(request, jobs[run.task], [run])]
    running = sorted((each for each in found if each.finished_at == NEVER), key=lambda each: each.started_at)
    return listed(request.facts, [each.to_json() for each in running])


async def show_status(request: Request) -> Reply:
    """The node that answers, in three objects of texts."""
    options = request.deps.options
    return answered(request.facts, extras.status(options.node, str(options.address)))


async def list_members(request: Request) -> Reply:
    """The one virtual server; it has failed where no replica of the operator is alive."""
    return listed(request.facts, await steps.members(request))


async def show_leader(request: Request) -> Reply:
    """The one virtual server, where a replica of the operator leads; null, as upstream has it, where none does."""
    options = request.deps.options
    if await request.deps.store.leader() is None:
        return answered(request.facts, None, status=500)
    return answered(request.facts, extras.leader(options.node, str(options.address)))


async def is_leader(request: Request) -> Reply:
    """Every replica of the gateway answers as the leader would."""
    return answered(request.facts, extras.IS_LEADER)


async def leave(request: Request) -> Reply:
    """Nobody leaves: who may stop the gateway does so where it runs."""
    return answered(request.facts, await steps.members(request))


async def restore(request: Request) -> Reply:
    """Stores the jobs of a file, parents first, with their counters; tells of each whether it is stored."""
    content = extras.restored_file(request.facts.headers.get("content-type", ""), request.facts.body)
    if content is None:
        return Reply(404)
    try:
        levels = await asyncio.to_thread(extras.restored_jobs, content)  # megabytes take seconds
    except Invalid:
        return Reply(400)
    results = await steps.put_all(request, levels)
    return answered(request.facts, extras.restore_result(results.items()))


async def show_pause(request: Request) -> Reply:
    """Whether jobs can be stored at present."""
    on = await request.deps.store.flag(extras.pause_switch(request.principal.tenant))
    return answered(request.facts, extras.paused(on))


async def pause(request: Request) -> Reply:
    """From now on no jobs can be stored; those that are there go on."""
    return await steps.switched(request, on=True)


async def unpause(request: Request) -> Reply:
    """From now on jobs can be stored again."""
    return await steps.switched(request, on=False)


async def health(request: Request) -> Reply:
    """The gateway answers; whether it should be asked is told by its own `/readyz`."""
    return answered(request.facts, {"status": "healthy"})


async def metrics(request: Request) -> Reply:
    """How many executions of each job succeeded and failed, as text for Prometheus, unless it is switched off."""
    if not request.deps.options.metrics:
        return NOT_FOUND
    jobs = await request.deps.store.jobs(request.scope)
    return Reply(200, pages.exposition(jobs), (("Content-Type", pages.EXPOSITION),))


async def not_served(request: Request) -> Reply:
    """Nothing: upstream shows the inside of its process here."""
    return NOT_FOUND


async def root(request: Request) -> Reply:
    """Sends browsers to the page of the web UI."""
    if not pages.takes_html(request.facts.headers.get("accept", "")):
        return Reply(404)
    return Reply(303, headers=(("Location", f"{request.facts.prefix}/ui/"),))


async def ui(request: Request) -> Reply:
    """A page that says where the web UI is."""
    return Reply(200, pages.ui(request.deps.options.ui, request.facts.prefix), (HTML,))
