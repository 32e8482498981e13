"""Executions and pods as the API server wants them. Pure: dicts in, dicts out.

Names come from `crontask_core.names`, so that writing the same execution or
attempt twice names the same object. Every pod carries the CRONTASK_* variables
before its own, so that its own may refer to them as `$(CRONTASK_…)`.
"""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from crontask_core import names
from crontask_core.bonds import bond
from crontask_core.history import kept_without_task
from crontask_core.model import ExecutionStatus, TaskSpec, Trigger
from crontask_core.names import Key


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds where there are any, as Kubernetes writes MicroTime and Time."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def execution_labels(task: str, execution: str, trigger: Trigger) -> dict[str, str]:
    """Labels by which executions are found with kubectl and deleted in bulk."""
    return {
        names.LABEL_TASK: names.label_value(task),
        names.LABEL_EXECUTION: names.label_value(execution),
        names.LABEL_TRIGGER: trigger,
    }


def backfill_label(trigger: Trigger, parent: str) -> dict[str, str]:
    """The label by which the executions of a backfill are found."""
    return {names.LABEL_BACKFILL: names.label_value(parent)} if trigger == "Backfill" and parent else {}


def execution_body(
    key: Key,
    *,
    task: Key,
    uid: str,
    trigger: Trigger,
    scheduled_at: datetime,
    status: ExecutionStatus,
    parent: str = "",
    kept_seconds: int | None = None,
) -> dict[str, Any]:
    """A CronTaskExecution, status included: it is written whole (docs/decisions/0002).

    `parent` is the execution that has caused it, where one has.
    """
    caused = {"parent": parent} if parent else {}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.EXECUTION.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": execution_labels(task.name, key.name, trigger) | backfill_label(trigger, parent),
            **bond(task, uid, kept_seconds),
        },
        "spec": {"taskRef": {"name": task.name}, "trigger": trigger, "scheduledAt": rfc3339(scheduled_at)} | caused,
        "status": status.to_body(),
    }


def pod_body(
    execution: Key,
    *,
    task: Key,
    uid: str,
    spec: TaskSpec,
    trigger: Trigger,
    scheduled_at: datetime,
    attempt: int,
    values: dict[str, str],
    target: str = "",
) -> dict[str, Any]:
    """The pod of one attempt. `values` are the CRONTASK_* variables (`crontask_core.substitution`).

    With a `target`, `spec` is the task's spec at that target (`crontask_core.targets`).
    """
    template = pod_template(spec)
    meta, pod_spec = template.get("metadata") or {}, template["spec"]
    labels = {
        **(meta.get("labels") or {}),
        **execution_labels(task.name, execution.name, trigger),
        names.LABEL_MANAGED: "true",
        names.LABEL_ATTEMPT: str(attempt),
    }
    annotations = {
        **(meta.get("annotations") or {}),
        names.ANNOTATION_TASK: task.name,
        names.ANNOTATION_EXECUTION: execution.name,
        names.ANNOTATION_SCHEDULED_AT: rfc3339(scheduled_at),
    }
    tie = bond(task, uid, kept_without_task(spec))
    annotations |= tie.pop("annotations", {})
    if target:
        labels[names.LABEL_TARGET] = names.label_value(target)
        annotations[names.ANNOTATION_TARGET] = target
    # A field may be there and null, which the API server would take for absent (and Always is its default).
    pod_spec["restartPolicy"] = pod_spec.get("restartPolicy") or "Never"
    if spec.timeout_seconds is not None:
        own = pod_spec.get("activeDeadlineSeconds") or spec.timeout_seconds
        pod_spec["activeDeadlineSeconds"] = min(own, spec.timeout_seconds)
    for container in (*(pod_spec.get("initContainers") or ()), *pod_spec["containers"]):
        container["env"] = _with_values(container.get("env") or [], values)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": names.pod_name(execution.name, attempt, target),
            "namespace": execution.namespace,
            "labels": labels,
            "annotations": annotations,
            **tie,
        },
        "spec": pod_spec,
    }


def pod_template(spec: TaskSpec) -> dict[str, Any]:
    """The pod template as a copy that may be changed."""
    pod = spec.pod
    assert pod is not None, "the plan starts pods only for tasks with a pod action"
    if pod.template is not None:
        return deepcopy(pod.template)
    container: dict[str, Any] = {"name": "main", "image": pod.image}
    for name in ("command", "args", "resources"):
        if getattr(pod, name) is not None:
            container[name] = deepcopy(getattr(pod, name))
    container["env"] = [variable.to_body() for variable in pod.env or ()]
    return {"spec": {"containers": [container]}}


def _with_values(env: list[dict[str, Any]], values: dict[str, str]) -> list[dict[str, Any]]:
    """Our variables first, so that later ones may refer to them; one that the user sets too is the user's."""
    own = {variable.get("name") for variable in env}
    return [{"name": name, "value": value} for name, value in values.items() if name not in own] + env
