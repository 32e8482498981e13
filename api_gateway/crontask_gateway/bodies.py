"""Jobs and runs as the API server wants them: bodies and patches. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crontask_core.bonds import bond
from crontask_core.history import kept_without_task
from crontask_core.manifests import execution_labels
from crontask_core.model.execution import Overrides
from crontask_core.names import API_VERSION, EXECUTION, GROUP, TASK, Key, wished_name
from crontask_gateway import documents
from crontask_gateway.cache import ANNOTATION_REMOVING, ANNOTATION_SECRET
from crontask_gateway.naming import ANNOTATION_ID, Naming
from crontask_gateway.store import Change, Job

Object = dict[str, Any]


def task_body(naming: Naming, change: Change) -> Object:
    """The CronTask of a new job. Raises TooLarge for its document."""
    marks = documents.write(change.document) | naming.annotations()
    if change.secrets:
        marks[ANNOTATION_SECRET] = "true"
    return {
        "apiVersion": API_VERSION,
        "kind": TASK.kind,
        "metadata": {
            "name": naming.name,
            "namespace": naming.scope.namespace,
            "labels": dict(change.labels) | naming.labels(),
            "annotations": marks,
        },
        "spec": change.spec,
    }


def task_patch(was: Job, change: Change) -> Object:
    """The merge patch that makes a job what it is to be, on condition that it is still what it was.

    A patch and not the whole object, because annotations and owners of others must stay. Raises TooLarge.
    """
    marks: dict[str, str | None] = {documents.ANNOTATION_DOCUMENT: None, ANNOTATION_ID: None, ANNOTATION_REMOVING: None}
    marks |= documents.write(change.document) | was.naming.annotations()
    if change.secrets is not None:
        marks[ANNOTATION_SECRET] = "true" if change.secrets else None
    labels: dict[str, str | None] = {name: None for name in was.labels if name.startswith(f"{GROUP}/")}
    labels |= dict(change.labels) | was.naming.labels()
    return {
        "metadata": {"resourceVersion": was.version, "labels": labels, "annotations": marks},
        "spec": difference(was.spec, change.spec),
    }


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Object:
    """The merge patch (RFC 7396) from one to the other; lists are replaced as wholes."""
    patch: Object = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            if inner := difference(before, value):
                patch[name] = inner
        elif name not in old or not _same(before, value):
            patch[name] = value
    return patch


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: to Python 1, 1.0 and True are equal, in lists as well."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return type(one) is type(other) and bool(one == other)


def execution_body(job: Job, now: datetime, token: str, overrides: Overrides | None) -> Object:
    """A run of a job that somebody wishes for; `token` tells it from others of the same second."""
    name = wished_name(job.key.name, now, token)
    spec: Object = {"taskRef": {"name": job.key.name}, "trigger": "Manual"}
    if overrides is not None:
        spec["overrides"] = overrides.to_body()
    return {
        "apiVersion": API_VERSION,
        "kind": EXECUTION.kind,
        "metadata": {
            "name": name,
            "namespace": job.key.namespace,
            "labels": execution_labels(job.key.name, name, "Manual"),
            **bond(job.key, job.uid, kept_without_task(job.task)),
        },
        "spec": spec,
    }


def secret_body(key: Key, data: Mapping[str, str], labels: Mapping[str, str], owners: list[Object]) -> Object:
    """The Secret of a job; `data` is in base64."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": dict(labels),
            "ownerReferences": owners,
        },
        "data": dict(data),
    }
