"""A task at a target: the CronTaskTarget's overlay on the task's pod template. Pure: specs in, specs out.

Maps are merged, null removes a field, and lists are merged item by item where
Kubernetes tells their items apart by a field (`_KEYS`); any other list, and any
plain value, is replaced. Containers of the same name are merged, other items of
the same key are replaced as a whole, since half of one volume source and half of
another make none. Tolerations are added to the task's. A container named `*`
stands for each, also for those that the target adds; what is said of one by its
name goes before it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from crontask_core.errors import FieldError
from crontask_core.manifests import pod_template
from crontask_core.model import TargetSpec, TaskSpec
from crontask_core.names import Key
from crontask_core.validation import Setting, check_task

EACH = "*"
_CONTAINERS = ("containers", "initContainers")
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
}
"""The field that tells the items of a list apart, as `kubectl apply` has it."""

Item = dict[str, Any]


def check_target(target: TargetSpec) -> None:
    """Checks a target by itself, without a task; raises `FieldError`."""
    _overlaid({}, target)


def spec_at(spec: TaskSpec, name: str, target: TargetSpec, key: Key, setting: Setting) -> TaskSpec:
    """The spec of the task `key` as it holds at the target `name`; raises `FieldError` where they do not fit.

    What must hold for every pod (containers, restartPolicy, no identity of the operator) holds for the result.
    """
    try:
        if spec.pod is None:
            raise FieldError("spec.pod", "", "is not set", "only pods have targets")
        template = pod_template(spec)
        known = {which: _names(template["spec"], which) for which in _CONTAINERS}
        template = _overlaid(template, target)
        _check_added(template["spec"], known)
        only_template = dict.fromkeys(("image", "command", "args", "env", "resources"))
        pod = spec.pod.model_copy(update=only_template | {"template": template})
        placed = spec.model_copy(update={"pod": pod, "targets": []})
        check_task(placed, key, setting)
    except FieldError as error:
        remedy = "correct the CronTaskTarget, or remove it from the list"
        raise FieldError("spec.targets", name, f"does not fit this task ({error})", remedy) from None
    return placed


def _overlaid(template: Item, target: TargetSpec) -> Item:
    """The template with the target's overlay and selector; what was given stays as it is."""
    given = target.template or {}
    path = "spec.template"
    made = {part: _merged(template.get(part) or {}, given.get(part) or {}, f"{path}.{part}") for part in _PARTS}
    if target.selector:
        selector = made["spec"].get("nodeSelector") or {}
        made["spec"] = made["spec"] | {"nodeSelector": {**selector, **target.selector}}
    return {part: value for part, value in made.items() if value or part in template}


_PARTS = ("metadata", "spec")


def _merged(old: Any, new: Any, path: str) -> Any:
    """`new` laid over `old`."""
    field = path.rpartition(".")[2]
    if isinstance(new, dict):
        if not isinstance(old, dict | None):
            raise FieldError(path, new, f"is a map, and the task has {_kind(old)} there", f"write {_kind(old)}")
        return _merged_map(old or {}, new, path)
    if isinstance(old, dict) or (isinstance(old, list) != isinstance(new, list) and old is not None):
        raise FieldError(path, new, f"is {_kind(new)}, and the task has {_kind(old)} there", f"write {_kind(old)}")
    if not isinstance(new, list):
        return new
    if field in _CONTAINERS:
        return _merged_containers(_items(old or [], "name", path), _items(new, "name", path), path)
    if field in _KEYS:
        return list((_items(old or [], _KEYS[field], path) | _items(new, _KEYS[field], path)).values())
    if field == "tolerations":
        return [*(old or []), *(item for item in new if item not in (old or []))]
    return new


def _merged_map(old: Item, new: Item, path: str) -> Item:
    merged = dict(old)
    for field, value in new.items():
        if value is None:
            merged.pop(field, None)
        else:
            merged[field] = _merged(merged.get(field), value, f"{path}.{field}")
    return merged


def _merged_containers(old: dict[Any, Item], new: dict[Any, Item], path: str) -> list[Item]:
    each = {field: value for field, value in new.pop(EACH, {}).items() if field != "name"}
    merged = []
    for name in old | new:
        container = _merged_map(old.get(name, {"name": name}), each, f"{path}[{EACH}]")
        merged.append(_merged_map(container, new.get(name, {}), f"{path}[{name}]"))
    return merged


def _items(items: list[Any], key: str, path: str) -> dict[Any, Item]:
    """The items of a list by their key; raises `FieldError` where one has none, or two have the same."""
    found: dict[Any, Item] = {}
    for n, item in enumerate(items):
        name = item.get(key) if isinstance(item, dict) else None
        if not isinstance(name, str | int):
            raise FieldError(f"{path}[{n}].{key}", name or "", "tells no item apart", f"give each item a {key}")
        if name in found:
            raise FieldError(f"{path}[{n}].{key}", name, "is there twice", "make one item of the two")
        found[name] = item
    return found


def _names(pod: Mapping[str, Any], which: str) -> set[Any]:
    return {item.get("name") for item in pod.get(which) or () if isinstance(item, dict)}


def _check_added(pod: Mapping[str, Any], known: Mapping[str, set[Any]]) -> None:
    """A container that only the target names needs an image: else its name is most likely mistyped."""
    for which, container in _containers(pod):
        name = container["name"]
        if name not in known[which] and not container.get("image"):
            remedy = f"use the name of a container of the task, or {EACH} for each, or add an image"
            path = f"spec.template.spec.{which}[{name}]"
            raise FieldError(path, name, "is no container of the task, and has no image", remedy)


def _containers(pod: Mapping[str, Any]) -> Iterator[tuple[str, Item]]:
    for which in _CONTAINERS:
        for container in pod.get(which) or ():
            yield which, container


def _kind(value: Any) -> str:
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a plain value"
