"""The demo's round trip through cron-job.org's API: a job is made, seen by kubectl, called on time, and deleted.

That API has no word for running a job now, so the job is due each minute, and the demo waits for its first call.
"""

from collections.abc import Mapping
from typing import Any

from cluster import processes
from cluster.kubectl import Kubectl
from demo_api import Api, show

TITLE = "demo"
_EVERY = [-1]
_SECONDS = 120.0


def round_trip(client: Kubectl, url: str, key: str, target: str, namespace: str) -> bool:
    """Whether every step did what it should; `target` is what is called, `namespace` that of the gateway's jobs."""
    api = Api("cron-job.org", url, Authorization=f"Bearer {key}")
    for job in _mine(api):  # of a demo that was interrupted
        api.ask("DELETE", f"/jobs/{job['jobId']}", quiet=True)
    ident = api.ask("PUT", "/jobs", {"job": _job(target)})["jobId"]
    path, task = f"/jobs/{ident}", f"cronjob-org-{ident}"
    listed = any(job["jobId"] == ident for job in _mine(api))
    seen = _in_kubernetes(client, task, namespace)
    api.tell(f"kubectl get ct {task} -n {namespace}", "there" if seen else "MISSING")
    item = _called(api, path)
    api.tell(f"GET {path}/history", f"{item['httpStatus']} {item['statusText']}" if item else "no call")
    if item:
        saved = api.ask("GET", f"{path}/history/{item['identifier']}")
        show(saved["jobHistoryDetails"]["body"] or "")
    api.ask("DELETE", path)
    gone = processes.until(lambda: not _in_kubernetes(client, task, namespace), 15)
    api.tell(f"kubectl get ct {task} -n {namespace}", "gone" if gone else "STILL THERE")
    return listed and seen and gone and bool(item) and item["status"] == 1


def _job(target: str) -> dict[str, Any]:
    schedule = dict.fromkeys(("minutes", "hours", "mdays", "months", "wdays"), _EVERY)
    return {"title": TITLE, "url": target, "enabled": True, "saveResponses": True, "schedule": schedule}


def _mine(api: Api) -> list[dict[str, Any]]:
    return [job for job in api.ask("GET", "/jobs", quiet=True)["jobs"] if job["title"] == TITLE]


def _in_kubernetes(client: Kubectl, task: str, namespace: str) -> bool:
    return client.get("crontask", task, f"--namespace={namespace}") is not None


def _called(api: Api, path: str) -> Mapping[str, Any]:
    """The job's first call once it has ended; empty where there is none within a time."""
    api.tell(f"GET {path}/history", "waits for the next minute")
    last: Mapping[str, Any] = {}

    def called() -> bool:
        nonlocal last
        items = (api.ask("GET", f"{path}/history", quiet=True) or {"history": []})["history"]
        last = items[-1] if items else {}
        return bool(last)

    processes.until(called, _SECONDS)
    return last
