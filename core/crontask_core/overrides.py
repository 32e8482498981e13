"""What a run by hand does otherwise than its task says, as far as the task allows it.

Whoever may create executions may perhaps read no Secret. So overrides bring no
credential into play that the task does not use itself, and take none of the
task's elsewhere: a URL at another origin is refused where the call bears one.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

from pydantic.alias_generators import to_camel

from crontask_core.errors import FieldError
from crontask_core.httpcall import check_action, secret_refs
from crontask_core.model import EnvVar, Header, HttpAction, Overridable, Overrides, PodAction, TaskSpec
from crontask_core.validation import read_spec

FIELDS: dict[str, tuple[Overridable, str]] = {
    "env": ("Env", "pod"),
    "args": ("Args", "pod"),
    "url": ("Url", "http"),
    "headers": ("Headers", "http"),
    "body": ("Body", "http"),
    "timeout_seconds": ("Timeout", ""),
    "concurrency_policy": ("Concurrency", ""),
}
"""For each field of `Overrides`: its word in `overridable`, and the action that has such a thing ("" for both)."""
_PORTS = {"http": 80, "https": 443}


def overridden(spec: TaskSpec, overrides: Overrides) -> TaskSpec:
    """The spec that the run goes by. Raises FieldError for what the task does not allow, or what cannot be run."""
    for field, (word, action) in FIELDS.items():
        if getattr(overrides, field) is not None:
            _check_allowed(spec, overrides, field, word, action)
    changes: dict[str, Any] = {}
    if overrides.timeout_seconds is not None:
        changes["timeout_seconds"] = overrides.timeout_seconds
    if overrides.concurrency_policy is not None:
        changes |= {"concurrency_policy": overrides.concurrency_policy, "concurrency_limit": None}
        changes |= {} if spec.group else {"queue_limit": None}
    if spec.pod is not None:
        changes["pod"] = _pod(spec.pod, overrides)
    if spec.http is not None:
        changes["http"] = _call(spec.http, overrides)
    # Read anew, because together the two may exceed a bound that each of them keeps.
    return read_spec(spec.model_copy(update=changes).to_body())


def _check_allowed(spec: TaskSpec, overrides: Overrides, field: str, word: Overridable, action: str) -> None:
    if action and getattr(spec, action) is None:
        problem = f"cannot be set, because the task has no {action} action"
        raise FieldError(_path(field), _shown(overrides, field), problem, "remove it")
    if word not in spec.overridable:
        problem = "is not open to be overridden"
        remedy = f"remove it, or have {word} added to the task's spec.overridable"
        raise FieldError(_path(field), _shown(overrides, field), problem, remedy)


def _path(field: str) -> str:
    return f"spec.overrides.{to_camel(field)}"


def _shown(overrides: Overrides, field: str) -> object:
    """The value, or of a list of named items the names: a message is seen by more people than the execution."""
    value = getattr(overrides, field)
    return ", ".join(str(getattr(item, "name", item)) for item in value) if isinstance(value, list) else value


def _pod(pod: PodAction, overrides: Overrides) -> PodAction:
    for variable in overrides.env or ():
        if variable.value_from is not None:
            problem = "takes its value from elsewhere, which an override must not"
            raise FieldError("spec.overrides.env", variable.name, problem, "write a literal value")
    if pod.template is None:
        changes: dict[str, Any] = {}
        if overrides.args is not None:
            changes["args"] = overrides.args
        if overrides.env is not None:
            changes["env"] = _replaced(pod.env or (), overrides.env)
        return pod.model_copy(update=changes)
    return pod.model_copy(update={"template": _template(pod.template, overrides)})


def _replaced(own: Iterable[EnvVar], given: list[EnvVar]) -> list[EnvVar]:
    taken = {variable.name for variable in given}
    return [variable for variable in own if variable.name not in taken] + given


def _template(template: dict[str, Any], overrides: Overrides) -> dict[str, Any]:
    made = deepcopy(template)
    containers = made["spec"]["containers"]
    if overrides.args is not None:
        containers[0]["args"] = overrides.args
    given = [variable.to_body() for variable in overrides.env or ()]
    taken = {variable["name"] for variable in given}
    for container in (*(made["spec"].get("initContainers") or ()), *containers) if given else ():
        own = container.get("env") or []
        container["env"] = [variable for variable in own if variable.get("name") not in taken] + given
    return made


def _call(action: HttpAction, overrides: Overrides) -> HttpAction:
    changes: dict[str, Any] = {}
    for field in ("url", "body"):
        if getattr(overrides, field) is not None:
            changes[field] = getattr(overrides, field)
    if overrides.headers is not None:
        changes["headers"] = _headers(action, overrides.headers)
    made = action.model_copy(update=changes)
    bears_credentials = made.auth is not None or any(header.value_from for header in made.headers)
    if overrides.url is not None and bears_credentials and _origin(made.url) != _origin(action.url):
        problem = "is at another origin than the task's url, and the task's credentials must not go there"
        raise FieldError(_path("url"), overrides.url, problem, "keep scheme, host and port of the task's url")
    try:
        check_action(made)
    except FieldError as error:
        # What the task says was checked when it was written; what is wrong now came with the overrides.
        raise error.at(_path("url" if error.path == "spec.http.url" else "headers")) from None
    return made


def _headers(action: HttpAction, given: list[Header]) -> list[Header]:
    """The task's headers, save those of a name that is given."""
    allowed = secret_refs(action)
    for header in given:
        ref = header.value_from.secret_key_ref if header.value_from else None
        if ref is not None and (ref.name, ref.key) not in allowed:
            problem = "takes its value from a Secret that the task does not use"
            raise FieldError(_path("headers"), header.name, problem, "name a Secret and key of the task's own call")
    taken = {header.name.lower() for header in given}
    return [header for header in action.headers if header.name.lower() not in taken] + given


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    try:
        return parts.scheme.lower(), parts.hostname, parts.port or _PORTS.get(parts.scheme.lower())
    except ValueError:
        return parts.scheme.lower(), None, None  # refused as a URL afterwards
