"""What Dkron counts of a job, from the task's status; the document holds what is to be added to it.

Upstream counts attempts; the operator counts runs, and the attempts that another one followed. A run is judged by the
last attempt at each of its targets, of which Dkron's nodes are the nearest thing.
The operator's counts only grow. That a client has them begin anew, or brings a
job with a past from elsewhere, is a difference to the counts of that moment.
"""

from typing import Any

from crontask_gateway import gotime
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.gotime import GoError
from crontask_gateway.store import Job

Body = dict[str, Any]


def shown(job: Job) -> Body:
    """success_count, error_count, last_success, last_error and status, as they are now."""
    counted, status = _counted(job), job.status
    succeeded, failed = _counts(status)
    success = _last(status.get("lastSuccessfulTime"), counted, "success")
    error = _last(status.get("lastFailedTime"), counted, "error")
    run, kept = status.get("lastExecution") or {}, str(counted.get("status", ""))
    known = run.get("phase") and run.get("name") != counted.get("seen_run")
    return {
        "success_count": max(0, succeeded + _number(counted, "success_count")),
        "error_count": max(0, failed + _number(counted, "error_count")),
        "last_success": success,
        "last_error": error,
        "status": _status(run, success, error, kept) if known else kept,
    }


def cleared(job: Job) -> Body:
    """What makes the counters of this moment nothing; the status stays."""
    success, error = _counts(job.status)
    return {"success_count": -success, "error_count": -error, "status": shown(job)["status"]} | _seen(job)


def restored(job: JobIn, was: Job | None) -> Body:
    """What makes the counters of this moment those of a job from elsewhere."""
    success, error = _counts(was.status) if was else (0, 0)
    lasts = {"last_success": job.last_success, "last_error": job.last_error}
    times = {name: gotime.rfc3339(at) for name, at in lasts.items() if at is not None}
    counts = {"success_count": job.success_count - success, "error_count": job.error_count - error}
    return counts | {"status": job.status} | times | (_seen(was) if was else {})


def _seen(job: Job) -> Body:
    """Up to where the status has been taken into account."""
    run, status = job.status.get("lastExecution") or {}, job.status
    found = {
        "seen_success": status.get("lastSuccessfulTime"),
        "seen_error": status.get("lastFailedTime"),
        "seen_run": run.get("name"),
    }
    return {name: value for name, value in found.items() if value}


def _last(at: str | None, counted: Body, which: str) -> int | None:
    """The status's time, or the one from elsewhere as long as there is nothing newer."""
    if at is None or at == counted.get(f"seen_{which}"):
        at = counted.get(f"last_{which}")
    try:
        return gotime.instant(at) if isinstance(at, str) else None
    except GoError:
        return None


def _counts(status: Body) -> tuple[int, int]:
    """Successes, and failed attempts; what was stopped or refused before it began is neither."""
    counts = status.get("counts") or {}
    return counts.get("succeeded", 0), sum(counts.get(name, 0) for name in ("failed", "lost", "retried"))


def _status(run: Body, success: int | None, error: int | None, kept: str) -> str:
    """What the last execution says; where that was stopped, the one before it."""
    if run["phase"] == "Succeeded":
        return "success"
    if run["phase"] != "Cancelled":
        return "partially_failed" if run.get("partial") else "failed"
    if success is None and error is None:
        return kept
    return "success" if error is None or (success is not None and success > error) else "failed"


def _counted(job: Job) -> Body:
    counted = job.document.get("counted")
    return counted if isinstance(counted, dict) else {}


def _number(counted: Body, name: str) -> int:
    value = counted.get(name, 0)
    return value if type(value) is int else 0
