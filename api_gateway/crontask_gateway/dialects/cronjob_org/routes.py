"""All endpoints of cron-job.org's API: sections are those of its REST document, or the words of its sources."""

from crontask_gateway.dialects.cronjob_org import endpoints
from crontask_gateway.dialects.shape import Route

_JOB = {"job": "[0-9]{1,19}"}
_ITEM = _JOB | {"item": "[0-9-]{1,80}"}
_FOLDER = {"folder": "[0-9]{1,19}"}
_NEWER = "Newer than the document, as the service's sources have it."

ROUTES = (
    Route("GET", "/jobs", endpoints.list_jobs, "Listing Cron Jobs", gives="Jobs"),
    Route("PUT", "/jobs", endpoints.create_job, "Creating a Cron Job", right="write", takes="JobInput", gives="JobId"),
    Route("GET", "/jobs/{job}", endpoints.show_job, "Retrieving Cron Job Details", gives="JobDetails", shapes=_JOB),
    Route(
        "PATCH", "/jobs/{job}", endpoints.update_job, "Updating a Cron Job", right="write", takes="JobInput",
        gives="Empty", shapes=_JOB,
    ),
    Route(
        "DELETE", "/jobs/{job}", endpoints.delete_job, "Deleting a Cron Job", right="write", gives="Empty", shapes=_JOB,
    ),
    Route(
        "GET", "/jobs/{job}/history", endpoints.list_history, "Retrieving the Job Execution History", gives="History",
        shapes=_JOB, note="As many as the job keeps, at most 50, however old they are.",
    ),
    Route(
        "GET", "/jobs/{job}/history/{item}", endpoints.show_history_item,
        "Retrieving Job Execution History Item Details",
        gives="HistoryDetails", shapes=_ITEM, note="Only below its own job; upstream serves it below any.",
    ),
    Route("GET", "/folders", endpoints.list_folders, "folders", gives="Folders", note=_NEWER),
    Route(
        "PUT", "/folders", endpoints.create_folder, "folders", right="write", takes="FolderInput", gives="FolderId",
        note=_NEWER,
    ),
    Route("GET", "/folders/{folder}", endpoints.show_folder, "folders", gives="Folder", shapes=_FOLDER, note=_NEWER),
    Route(
        "PATCH", "/folders/{folder}", endpoints.rename_folder, "folders", right="write", takes="FolderInput",
        gives="Empty", shapes=_FOLDER, note=_NEWER,
    ),
    Route(
        "DELETE", "/folders/{folder}", endpoints.delete_folder, "folders", right="write", gives="Empty",
        shapes=_FOLDER, note=_NEWER,
    ),
    Route(
        "GET", "/executor-nodes.json", endpoints.list_executors, "executors", right=None, gives="Executors",
        note=_NEWER,
    ),
)  # fmt: skip
"""The first that matches is taken."""
