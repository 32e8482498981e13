"""All endpoints of Dkron's API: sections are those of its OpenAPI document, or the words of dkron v4's own sources."""

from crontask_gateway.dialects.dkron import endpoints
from crontask_gateway.dialects.shape import Route

_LIST = ("_sort", "_order", "_start", "_end", "q", "status", "disabled", "metadata[KEY]", "pretty")
_PRETTY = ("pretty",)
_STORE = ("runoncreate", "pretty")
_EXECUTIONS = ("_sort", "_order", "output_size_limit", "pretty")

_REPLACES = "Replaces the whole job, as upstream does; nothing is merged."
_BY_BODY = "The name in the body decides, as upstream has it; that in the path is not looked at."
_ACCEPTED = "Answers as soon as the run is recorded, and with the documented 202; upstream waits for its end."
_DELETES = "Executions that are running are stopped; upstream drops their results."
_VIRTUAL = "One virtual server stands for all of CronTask."

ROUTES = (
    Route("GET", "/v1", endpoints.show_status, "status", query=_PRETTY, gives="Status"),
    Route("GET", "/v1/", endpoints.show_status, "status", query=_PRETTY, gives="Status"),
    Route("GET", "/v1/jobs", endpoints.list_jobs, "getJobs", query=_LIST, gives="Job[]"),
    Route(
        "POST", "/v1/jobs", endpoints.create_or_update_job, "createOrUpdateJob", right="write", status=201,
        query=_STORE, takes="JobInput", gives="Job",
    ),
    Route(
        "PATCH", "/v1/jobs", endpoints.create_or_update_job, "createOrUpdateJob", right="write", status=201,
        query=_STORE, takes="JobInput", gives="Job", note=_REPLACES,
    ),
    Route(
        "PUT", "/v1/jobs/{job}", endpoints.create_or_update_job, "createOrUpdateJob", right="write", status=201,
        query=_STORE, takes="JobInput", gives="Job", note=_BY_BODY,
    ),
    Route("GET", "/v1/jobs/{job}", endpoints.show_job, "showJobByName", query=_PRETTY, gives="Job"),
    Route(
        "DELETE", "/v1/jobs/{job}", endpoints.delete_job, "deleteJob", right="write", query=_PRETTY, gives="Job",
        note=_DELETES,
    ),
    Route(
        "POST", "/v1/jobs/{job}", endpoints.run_job, "runJob", right="run", status=202, query=_PRETTY, gives="Job",
        note=_ACCEPTED,
    ),
    Route(
        "POST", "/v1/jobs/{job}/run", endpoints.run_job, "runJob", right="run", status=202, query=_PRETTY, gives="Job",
        note=_ACCEPTED,
    ),
    Route(
        "POST", "/v1/jobs/{job}/toggle", endpoints.toggle_job, "toggleJob", right="write", query=_PRETTY, gives="Job",
    ),
    Route(
        "GET", "/v1/jobs/{job}/executions", endpoints.list_executions, "listExecutionsByJob", query=_EXECUTIONS,
        gives="ListedExecution[]",
    ),
    Route(
        "DELETE", "/v1/jobs/{job}/executions", endpoints.delete_executions, "executions", right="write", query=_PRETTY,
        gives="Job",
    ),
    Route(
        "GET", "/v1/jobs/{job}/executions/{execution}", endpoints.show_execution, "showExecutionByID", query=_PRETTY,
        gives="Execution",
    ),
    Route("GET", "/v1/busy", endpoints.list_busy, "busy", query=_PRETTY, gives="Execution[]"),
    Route("GET", "/v1/members", endpoints.list_members, "members", query=_PRETTY, gives="Member[]", note=_VIRTUAL),
    Route("GET", "/v1/leader", endpoints.show_leader, "leader", query=_PRETTY, gives="Leader", note=_VIRTUAL),
    Route(
        "GET", "/v1/isleader", endpoints.is_leader, "isleader", query=_PRETTY, gives="Text",
        note="Every replica of the gateway takes writes, so each says yes.",
    ),
    Route(
        "POST", "/v1/leave", endpoints.leave, "leave", "partial", right="write", query=_PRETTY, gives="Member[]",
        note="Has no effect: a request must not end the service.",
    ),
    Route(
        "POST", "/v1/restore", endpoints.restore, "restore", right="write", query=_PRETTY, takes="form:Restore",
        gives="Text", body_bytes=16 * 1024 * 1024,  # a file of 10,000 jobs
    ),
    Route("GET", "/v1/pause", endpoints.show_pause, "pause", query=_PRETTY, gives="Pause"),
    Route("POST", "/v1/pause", endpoints.pause, "pause", right="write", query=_PRETTY, gives="Pause"),
    Route("POST", "/v1/unpause", endpoints.unpause, "pause", right="write", query=_PRETTY, gives="Pause"),
    Route("GET", "/health", endpoints.health, "health", right=None, gives="Health"),
    Route(
        "GET", "/metrics", endpoints.metrics, "metrics", "partial", gives="text:Text",
        note="The two counters of each job; the server's own are at the gateway's metrics address.",
    ),
    Route(
        "GET", "/debug/vars", endpoints.not_served, "debug", "refused", right=None, status=404,
        note="It shows the inside of a process.",
    ),
    Route("GET", "/", endpoints.root, "ui", right=None, status=303),
    Route(
        "GET", "/ui/{rest...}", endpoints.ui, "ui", "partial", right=None, gives="html:Text",
        note="A page that says where the web UI is; the UI is a program of its own.",
    ),
)  # fmt: skip
"""The first that matches is taken."""
