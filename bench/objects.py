"""The objects that the rows create: tasks of ours and CronJobs with the very same pod. Pure.

Pods must not measure the kubelet, so they carry a scheduling gate that nobody lifts: they exist, are counted, and
wait. Both sides get the same template.
"""

from datetime import UTC, datetime
from typing import Any

from crontask_core import names
from crontask_kube.resources import Resource

CRONJOBS = Resource("batch", "v1", "cronjobs")
JOBS = Resource("batch", "v1", "jobs")
NAMESPACES = Resource("", "v1", "namespaces", namespaced=False)

WAITS = 86_400
"""Seconds that a pod may stay pending: no pod is given up while a row runs."""


def pod_template() -> dict[str, Any]:
    """A small pod that no node ever gets."""
    container = {"name": "main", "image": "localhost/bench/none:1", "command": ["true"]}
    gates = [{"name": "crontask.dev/bench"}]
    return {"spec": {"containers": [container], "restartPolicy": "Never", "schedulingGates": gates}}


def pod_action() -> dict[str, Any]:
    """The action of a task that creates such pods."""
    return {"pod": {"template": pod_template(), "pendingTimeoutSeconds": WAITS}}


def http_action(url: str) -> dict[str, Any]:
    """The action of a task that calls a URL."""
    return {"http": {"url": url}}


def task(name: str, schedule: str, action: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A CronTask."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.TASK.kind,
        "metadata": {"name": name},
        "spec": {"schedule": schedule, **action, **spec},
    }


def cronjob(name: str, schedule: str, **spec: Any) -> dict[str, Any]:
    """The CronJob that does the same."""
    return {
        "apiVersion": CRONJOBS.api_version,
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": schedule,
            "timeZone": "Etc/UTC",
            "jobTemplate": {"spec": {"template": pod_template()}},
            **spec,
        },
    }


def daily(at: float, *, seconds: bool) -> str:
    """The schedule that is due at this moment of each day: with seconds (ours), or without (CronJob)."""
    moment = datetime.fromtimestamp(at, UTC)
    text = f"{moment.minute} {moment.hour} * * *"
    if seconds:
        return f"{moment.second} {text}"
    if moment.second:
        raise ValueError("a CronJob is due at whole minutes only")
    return text
