"""cron-job.org's endpoints: each reads the request, asks the store, and answers. `routes.py` says where they are."""

from crontask_gateway.dialects.cronjob_org import extras, steps
from crontask_gateway.dialects.cronjob_org.translate import predictions
from crontask_gateway.dialects.cronjob_org.wire import JobIn
from crontask_gateway.dialects.shape import Request
from crontask_gateway.errors import Invalid, Unknown
from crontask_gateway.http import Reply


async def list_jobs(request: Request) -> Reply:
    """All jobs of the account, without what a summary leaves out."""
    jobs = await steps.all_shown(request)
    return steps.answered({"jobs": [job.to_json() for job in jobs], "someFailed": False})


async def create_job(request: Request) -> Reply:
    """Makes a job; answers its number."""
    job = await steps.create(request, JobIn.from_json(steps.payload(request)))
    return steps.answered({"jobId": int(job.id)})


async def show_job(request: Request) -> Reply:
    """One job, with credentials, notifications and the rest of its request."""
    job = await steps.shown(request, await steps.job_of(request))
    return steps.answered({"jobDetails": job.to_json(detailed=True)})


async def update_job(request: Request) -> Reply:
    """Changes what the body names, and begins the count of failures anew."""
    await steps.patch(request, JobIn.from_json(steps.payload(request)))
    return steps.answered(steps.EMPTY)


async def delete_job(request: Request) -> Reply:
    """Deletes a job with its history."""
    await request.deps.store.remove((await steps.own_job_of(request)).key)
    return steps.answered(steps.EMPTY)


async def list_history(request: Request) -> Reply:
    """The last calls of a job, newest first, and when the next ones are due."""
    job = await steps.job_of(request)
    found = steps.items(job, await request.deps.store.runs(job.key))[: steps.LISTED]
    due = predictions(job, (await steps.shown(request, job)).fields.enabled, request.deps.clock.now())
    return steps.answered({"history": [item.to_json() for item in found], "predictions": due})


async def show_history_item(request: Request) -> Reply:
    """One call, with the headers and the body of its answer where they were saved."""
    wanted = request.params["item"]
    if wanted.count("-") != 3:
        raise Invalid("the identifier has four numbers with - between them; take it from the history", "identifier")
    job = await steps.job_of(request)
    for item in steps.items(job, await request.deps.store.runs(job.key)):
        if item.identifier == wanted:
            return steps.answered({"jobHistoryDetails": item.to_json(detailed=True)})
    raise Unknown(f"the job {job.id} has no history item {wanted}")


async def list_folders(request: Request) -> Reply:
    """All folders of the account, by title."""
    note = await request.deps.store.note(request.scope, extras.FOLDERS)
    return steps.answered({"folders": extras.folders(note)})


async def create_folder(request: Request) -> Reply:
    """Makes a folder; answers its number."""
    title = extras.title_of(steps.payload(request))
    note = await request.deps.store.change_note(request.scope, extras.FOLDERS, lambda was: extras.created(was, title))
    return steps.answered({"folderId": note["last"]})


async def show_folder(request: Request) -> Reply:
    """One folder."""
    note = await request.deps.store.note(request.scope, extras.FOLDERS)
    return steps.answered({"folderDetails": extras.folder(note, int(request.params["folder"]))})


async def rename_folder(request: Request) -> Reply:
    """Gives a folder another title."""
    title, ident = extras.title_of(steps.payload(request)), int(request.params["folder"])
    await request.deps.store.change_note(request.scope, extras.FOLDERS, lambda was: extras.renamed(was, ident, title))
    return steps.answered(steps.EMPTY)


async def delete_folder(request: Request) -> Reply:
    """Deletes a folder; its jobs are in none afterwards."""
    ident = int(request.params["folder"])
    await request.deps.store.change_note(request.scope, extras.FOLDERS, lambda was: extras.deleted(was, ident))
    await steps.leave_folder(request, ident)
    return steps.answered(steps.EMPTY)


async def list_executors(request: Request) -> Reply:
    """The addresses that calls come from, as far as they are configured."""
    return steps.answered({"ipAddresses": [str(address) for address in request.deps.options.executors]})
