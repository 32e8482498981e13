"""What a schema cannot see about a task: cron texts, zones, regular expressions, forbidden identities.

`read_task` is the one way from a stored spec to something that can be planned;
what it objects to ends up in the task's `Ready` condition with the field's path.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from crontask_core.errors import FieldError
from crontask_core.httpcall import check_action
from crontask_core.model import TaskSpec
from crontask_core.names import Key, digest
from crontask_core.schedule import Schedule, parse

TIMING_FIELDS = ("schedule", "grammar", "time_zone", "suspend")


@dataclass(frozen=True, slots=True)
class Setting:
    """What the installation decides for all tasks."""

    default_zone: str = "UTC"
    operator_account: Key | None = None
    """The operator's own ServiceAccount, which no pod of a task may use."""


def read_spec(body: dict[str, Any]) -> TaskSpec:
    """The spec as a value; raises `FieldError` for what a newer or laxer schema let through."""
    try:
        return TaskSpec.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        path = ".".join(["spec", *(str(part) for part in first["loc"])])
        raise FieldError(path, first.get("input", ""), f"is refused: {first['msg']}", "see the CRD's schema") from None


def timing(spec: TaskSpec) -> str:
    """A digest of the fields that decide when the task is due."""
    return digest(repr([getattr(spec, name) for name in TIMING_FIELDS]))


def read_schedule(spec: TaskSpec, key: Key, created: datetime, setting: Setting) -> Schedule:
    """The task's schedule; raises `FieldError` with the path of the field that is wrong."""
    try:
        return parse(
            spec.schedule,
            grammar=spec.grammar,
            zone=spec.time_zone or setting.default_zone,
            identity=str(key),
            anchor=created,
        )
    except FieldError as error:
        zone_is_wrong = type(error).__name__ == "ZoneError"
        raise error.at("spec.timeZone" if zone_is_wrong else "spec.schedule") from None


def check_task(spec: TaskSpec, key: Key, setting: Setting) -> None:
    """Checks the action; raises `FieldError`."""
    if (spec.pod is None) == (spec.http is None):
        raise FieldError("spec", "pod, http", "holds no action or two", "set exactly one of pod and http")
    if spec.http is not None:
        check_action(spec.http)
    if spec.pod is not None and spec.pod.template is not None:
        _check_template(spec.pod.template, key, setting)


def _check_template(template: dict[str, Any], key: Key, setting: Setting) -> None:
    pod = template.get("spec") or {}
    containers = pod.get("containers")
    if not isinstance(containers, list) or not containers:
        raise FieldError("spec.pod.template.spec.containers", containers, "holds no container", "add one")
    policy = pod.get("restartPolicy", "Never")
    if policy == "Always":
        path = "spec.pod.template.spec.restartPolicy"
        raise FieldError(path, policy, "would run for ever", "use Never or OnFailure")
    account = pod.get("serviceAccountName") or pod.get("serviceAccount")
    own = setting.operator_account
    if own is not None and own == Key(key.namespace, str(account)):
        path = "spec.pod.template.spec.serviceAccountName"
        raise FieldError(path, account, "is the operator's own identity", "use another ServiceAccount")
