"""What a schema cannot see about a task: cron texts, zones, regular expressions, forbidden identities.

`read_task` is the one way from a stored spec to something that can be planned;
what it objects to ends up in the task's `Ready` condition with the field's path.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from crontask_core.errors import FieldError
from crontask_core.httpcall import check_action
from crontask_core.manifests import pod_body
from crontask_core.model import HttpAction, PodAction, TaskSpec
from crontask_core.names import TASK, Key, Kind, digest
from crontask_core.notices import check_notify
from crontask_core.schedule import Reading, Schedule, Sets, compose

TIMING_FIELDS = ("schedule", "grammar", "time_zone")
FURTHER_TIMING_FIELDS = ("schedules", "calendar", "dst", "first_run_at", "start_at", "end_at", "splay_seconds")
"""They count only where they are set: `timing` of a task without them is what it was before there were any."""
PAUSED = "-paused"
UNTIL = "-until-"
Spec = TypeVar("Spec", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the installation decides for all tasks."""

    default_zone: str = "UTC"
    operator_account: Key | None = None
    """The operator's own ServiceAccount, which no pod of a task may use."""


def read_spec(body: dict[str, Any]) -> TaskSpec:
    """The spec of a task as a value; raises `FieldError` for what a newer or laxer schema let through."""
    return read_model(TaskSpec, body, TASK)


def read_model(model: type[Spec], body: dict[str, Any], kind: Kind) -> Spec:
    """The spec of an object of `kind` as a value; raises `FieldError` as `read_spec` does."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        # The input of a missing field is the object around it, which is nothing to show.
        shown = "" if first["type"] == "missing" else first.get("input", "")
        path = ".".join(["spec", *(str(part) for part in first["loc"])])
        documented = ".".join(["spec", *(part for part in first["loc"] if isinstance(part, str))])
        remedy = f"correct it, `kubectl explain {kind.singular}.{documented}` tells what it may hold"
        raise FieldError(path, shown, f"is refused: {first['msg']}", remedy) from None


def timing(spec: TaskSpec) -> str:
    """A digest of the fields that decide when the task is due, marked where the schedule is paused, and up to when."""
    told = [getattr(spec, name) for name in TIMING_FIELDS]
    if not spec.model_fields_set.isdisjoint(FURTHER_TIMING_FIELDS):
        told += [(name, _told(value)) for name in FURTHER_TIMING_FIELDS if (value := getattr(spec, name))]
    made = digest(repr(told))
    if spec.suspend:
        made += PAUSED
    return f"{made}{UNTIL}{spec.suspend_until.timestamp():.0f}" if spec.suspend_until else made


def _told(value: Any) -> Any:
    """A field's value, written so that what means the same looks the same."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    if not isinstance(value, datetime):
        return value
    try:
        return value.astimezone(UTC).isoformat()
    except OverflowError:  # in UTC it leaves the calendar; the task is refused, and this must still tell it apart
        return value.isoformat()


def begins_anew(old: str, new: str) -> bool:
    """Whether the change from one `timing` to another leaves all instants before it unstarted (law 3).

    An edit of the schedule does, and a resume. A pause does not: what an earlier leader claimed before it still
    has to be accounted for.
    """
    old, new = old.partition(UNTIL)[0], new.partition(UNTIL)[0]
    return new not in (old, old + PAUSED)


def same_schedule(old: str, new: str) -> bool:
    """Whether two `timing`s are of the same schedule, paused or not."""
    old, new = (each.partition(UNTIL)[0].removesuffix(PAUSED) for each in (old, new))
    return old == new


def is_paused(timing: str) -> bool:
    """Whether a `timing` is that of a schedule that is paused without an end."""
    return timing.partition(UNTIL)[0].endswith(PAUSED)


def cut_short(old: str, new: str) -> datetime | None:
    """Up to when a task was paused (`suspendUntil`), where an edit made that pause end earlier; else None."""
    before, after = old.partition(UNTIL)[2], new.partition(UNTIL)[2]
    if not before or (after and int(after) >= int(before)):
        return None
    return datetime.fromtimestamp(int(before), UTC)


def read_schedule(spec: TaskSpec, key: Key, created: datetime, setting: Setting) -> Schedule:
    """The task's schedule; raises `FieldError` with the path of the field that is wrong."""
    if spec.schedule is None and not (spec.schedules or spec.calendar or spec.first_run_at or spec.after):
        remedy = "set schedule, schedules, calendar, firstRunAt or after"
        raise FieldError("spec.schedule", "", "is not set, and nothing else says when the task runs", remedy)
    if spec.schedule is not None and spec.model_fields_set.isdisjoint(FURTHER_TIMING_FIELDS):
        return _reading(spec, key, created, setting).text(spec.schedule, "spec.schedule")  # nearly every task
    return compose(
        _reading(spec, key, created, setting),
        _texts(spec),
        sets=_sets(spec),
        splay_seconds=spec.splay_seconds or 0,
        first=spec.first_run_at,
        start=spec.start_at,
        end=spec.end_at,
    )


def read_parts(spec: TaskSpec, key: Key, created: datetime, setting: Setting) -> list[tuple[str, Schedule]]:
    """The texts and the sheet of sets by themselves, before spread and window: (path, schedule) pairs."""
    how, sets = _reading(spec, key, created, setting), _sets(spec)
    parts = [(path, how.text(text, path)) for text, path in _texts(spec)]
    return parts + ([("spec.calendar", sets.schedule(how))] if sets else [])


def _reading(spec: TaskSpec, key: Key, created: datetime, setting: Setting) -> Reading:
    return Reading(
        grammar=spec.grammar,
        zone=spec.time_zone or setting.default_zone,
        identity=str(key),
        anchor=spec.first_run_at or created,
        gap=spec.dst.gap if spec.dst else None,
        overlap=spec.dst.overlap if spec.dst else None,
    )


def _texts(spec: TaskSpec) -> list[tuple[str, str]]:
    """The texts, each with its path."""
    texts = [(spec.schedule, "spec.schedule")] if spec.schedule is not None else []
    return texts + [(text, f"spec.schedules[{at}]") for at, text in enumerate(spec.schedules or ())]


def _sets(spec: TaskSpec) -> Sets | None:
    sets = spec.calendar
    return Sets(sets.minutes, sets.hours, sets.days, sets.months, sets.weekdays) if sets else None


def check_task(spec: TaskSpec, key: Key, setting: Setting) -> None:
    """Checks the action; raises `FieldError`."""
    if (spec.pod is None) == (spec.http is None):
        held = "pod, http" if spec.pod else ""
        problem = "holds two actions" if spec.pod else "holds no action"
        raise FieldError("spec", held, problem, "set exactly one of pod and http")
    if spec.http is not None:
        check_action(spec.http)
        _check_identity(spec.http, key, setting)
    check_notify(spec.notify)
    if spec.pod is not None:
        _check_pod(spec.pod, key, setting)
        _try_pod(spec, key)


def _check_identity(action: HttpAction, key: Key, setting: Setting) -> None:
    token = action.auth.service_account_token if action.auth else None
    if token is not None and setting.operator_account == Key(key.namespace, token.service_account_name):
        path = "spec.http.auth.serviceAccountToken.serviceAccountName"
        remedy = "use another ServiceAccount"
        raise FieldError(path, token.service_account_name, "is the operator's own identity", remedy)


def _try_pod(spec: TaskSpec, key: Key) -> None:
    """Makes a pod of the task once, because a template is free enough to hold what none can be made of."""
    at = datetime.fromtimestamp(0, UTC)
    try:
        pod_body(key, task=key, uid="", spec=spec, trigger="Manual", scheduled_at=at, attempt=1, values={"A": "b"})
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        remedy = "compare it with `kubectl explain pod.spec`"
        raise FieldError("spec.pod.template", "", f"cannot be made into a pod ({error})", remedy) from error


def _check_pod(pod: PodAction, key: Key, setting: Setting) -> None:
    if (pod.image is None) == (pod.template is None):
        problem = "is set beside template" if pod.image else "is not set, and there is no template"
        raise FieldError("spec.pod.image", pod.image or "", problem, "set exactly one of image and template")
    if pod.template is not None:
        _check_template(pod.template.get("spec"), key, setting)


def _check_template(pod: Any, key: Key, setting: Setting) -> None:
    path = "spec.pod.template.spec"
    containers = pod.get("containers") if isinstance(pod, dict) else None
    if not isinstance(containers, list) or not containers:
        raise FieldError(f"{path}.containers", "", "holds no container", "add one")
    policy = pod.get("restartPolicy")
    if policy == "Always":
        raise FieldError(f"{path}.restartPolicy", policy, "would run for ever", "use Never or OnFailure")
    account = pod.get("serviceAccountName") or pod.get("serviceAccount")
    if account and setting.operator_account == Key(key.namespace, account):
        problem = "is the operator's own identity"
        raise FieldError(f"{path}.serviceAccountName", account, problem, "use another ServiceAccount")
