"""What several endpoints do with the store, once each."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from crontask_gateway.dialects.cronjob_org import extras
from crontask_gateway.dialects.cronjob_org.calls import URL
from crontask_gateway.dialects.cronjob_org.translate import from_execution, from_task, to_change, to_task
from crontask_gateway.dialects.cronjob_org.wire import ExecutionOut, JobIn, JobOut
from crontask_gateway.dialects.cronjob_org.words import OTHERS_FROM, fields_of, is_held, is_numbered, number_of, words
from crontask_gateway.dialects.shape import Request
from crontask_gateway.errors import Conflict, Forbidden, Invalid, Unknown
from crontask_gateway.http import Reply
from crontask_gateway.store import Change, Job, Run

JSON = ("Content-Type", "application/json")
TYPES = ("application/json", "text/json")
"""Of a body that is read; others are left unread, also with a charset (the document's words)."""
TRIES = 5
"""So often a change is made anew that others get in the way of, or a number is drawn that somebody has taken."""
AT_ONCE = 16
LISTED = 50
"""History items in a list."""
MAX_HEADERS = 90
"""So many fit a spec beside those that are added."""
EMPTY: Mapping[str, Any] = {}


def answered(value: Any) -> Reply:
    """A value as JSON."""
    return Reply(200, orjson.dumps(value), (JSON,))


def payload(request: Request) -> bytes:
    """The body, where its type says that it is JSON; else nothing."""
    return request.facts.body if request.facts.headers.get("content-type") in TYPES else b""


async def job_of(request: Request) -> Job:
    """The job of the path; leading zeros are none of its number. Raises Unknown."""
    number = int(request.params["job"])
    if 0 < number < OTHERS_FROM:
        return await request.deps.store.describe(request.naming(str(number)).key)
    found = next((job for job in await others(request) if number_of(job) == number), None)
    if found is None:
        raise Unknown(f"there is no job {number}")
    return found


async def own_job_of(request: Request) -> Job:
    """The job of the path, to be changed. Raises Unknown, and Forbidden for one that is only shown."""
    job = await job_of(request)
    if number_of(job) >= OTHERS_FROM:
        raise Forbidden(f"the task {job.key} was not made by this API and is only shown; change it with kubectl")
    return job


async def own_jobs(request: Request) -> list[Job]:
    """The jobs that were made here."""
    return [job for job in await request.deps.store.jobs(request.scope) if is_numbered(job)]


async def others(request: Request) -> Sequence[Job]:
    """The tasks that were not made here, where they are shown."""
    return await request.deps.store.others(request.scope) if request.deps.others else ()


async def held_of(request: Request, job: Job, *members: str) -> Mapping[str, bytes]:
    """What the job's Secret holds, where it holds one of these members."""
    return await request.deps.store.secrets(job.key) if is_held(job, *members) else {}


async def shown(request: Request, job: Job, *members: str) -> JobOut:
    """The job as a client sees it; of what its Secret holds these members, without any all of it."""
    held = await held_of(request, job, *members)
    fields = fields_of(job, held, request.deps.options)
    return from_task(job, fields, request.deps.clock.now())


async def all_shown(request: Request) -> list[JobOut]:
    """All jobs: enabled ones first, then by status and URL, as upstream sorts them."""
    found: list[JobOut] = []
    jobs = [*await own_jobs(request), *await others(request)]
    for start in range(0, len(jobs), AT_ONCE):
        found += await asyncio.gather(*(shown(request, job, URL) for job in jobs[start : start + AT_ONCE]))
    return sorted(found, key=lambda job: (not job.fields.enabled, job.last_status, job.fields.url.encode()))


async def create(request: Request, job: JobIn) -> Job:
    """Stores a new job under the next number. Raises Invalid."""
    _check(job)
    if job.delta.get("url") is None:
        raise Invalid("job.url is missing; every job needs one", "job.url")
    store, options, now = request.deps.store, request.deps.options, request.deps.clock.now()
    for _ in range(TRIES):
        taken = [int(each.id) for each in await own_jobs(request)]
        note = await store.change_note(request.scope, extras.IDS, lambda was: extras.next_id(was, taken))  # noqa: B023
        naming = request.naming(str(note["last"]))

        def make(was: Job | None) -> Change:
            if was is not None:
                raise Conflict("the number is taken")
            return to_task(job, None, EMPTY, naming, options, now)  # noqa: B023

        try:
            return await store.put(naming, make)
        except Conflict:
            continue
    raise Conflict("no number could be had for the job; ask again")


async def patch(request: Request, job: JobIn) -> Job:
    """Changes the job of the path. Raises Unknown, Invalid."""
    _check(job)
    store, options, now = request.deps.store, request.deps.options, request.deps.clock.now()
    for _ in range(TRIES):
        was = await own_job_of(request)
        held = await held_of(request, was)

        def change(current: Job) -> Change | None:
            if current.generation != was.generation:  # noqa: B023 - its Secret may have changed along
                raise Conflict("it was changed meanwhile")
            return to_task(job, current, held, current.naming, options, now)  # noqa: B023

        try:
            return await store.change(was.key, change)
        except Conflict:
            continue
    raise Conflict("the job changes faster than it can be written; ask again")


async def leave_folder(request: Request, folder: int) -> None:
    """The jobs of a folder that is no more are in none."""

    def change(was: Job) -> Change | None:
        return to_change(was, folder=0) if _folder(was) == folder else None

    for job in await own_jobs(request):
        if _folder(job) == folder:
            await request.deps.store.change(job.key, change)


def items(job: Job, runs: Sequence[Run]) -> list[ExecutionOut]:
    """The history items of a job's runs, newest first."""
    ended = [run for run in runs if run.ended and run.status.get("startedAt")]
    found = [from_execution(run, number_of(job)) for run in reversed(ended)]
    return sorted(found, key=lambda item: item.date, reverse=True)


def _folder(job: Job) -> int:
    found: int = words(job).get("folder_id", 0)
    return found


def _check(job: JobIn) -> None:
    if (number := len(job.delta.get("headers") or ())) > MAX_HEADERS:
        problem = f"job.extendedData.headers has {number} entries; at most {MAX_HEADERS} are allowed"
        raise Invalid(problem, "job.extendedData.headers")
