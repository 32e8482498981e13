"""Which kinds the fake API server serves, and the documents by which clients such as Kopf find them."""

from typing import Any

from fakes.objects import Kind

from crontask_core import names

KINDS: list[tuple[str, str, str, str, bool, bool]] = [
    ("", "v1", "namespaces", "Namespace", False, True),
    ("", "v1", "nodes", "Node", False, True),
    ("", "v1", "pods", "Pod", True, True),
    ("", "v1", "secrets", "Secret", True, False),
    ("", "v1", "serviceaccounts", "ServiceAccount", True, False),
    ("", "v1", "configmaps", "ConfigMap", True, False),
    ("", "v1", "events", "Event", True, False),
    ("events.k8s.io", "v1", "events", "Event", True, False),
    ("coordination.k8s.io", "v1", "leases", "Lease", True, False),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False, True),
    (names.GROUP, names.VERSION, names.TASK.plural, names.TASK.kind, True, True),
    (names.GROUP, names.VERSION, names.EXECUTION.plural, names.EXECUTION.kind, True, False),
    *(
        (names.GROUP, names.VERSION, kind.plural, kind.kind, True, True)
        for kind in (names.GROUP_KIND, names.CALENDAR, names.TARGET)
    ),
]
"""Group, version, plural, kind, namespaced, has a status subresource."""

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def discovery(path: str, kinds: list[Kind]) -> dict[str, Any] | None:
    """The document at a path, or None if the path is not of discovery."""
    match path.strip("/").split("/"):
        case ["version"]:
            return {"major": "1", "minor": "37", "gitVersion": "v1.37.0-fake"}
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            groups = sorted({kind.group for kind in kinds} - {""})
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, kinds) for name in groups]}
        case ["api", version]:
            return _resources("", version, kinds)
        case ["apis", name] if any(kind.group == name for kind in kinds):
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, kinds)
        case ["apis", name, version] if any((kind.group, kind.version) == (name, version) for kind in kinds):
            return _resources(name, version, kinds)
    return None


def _group(name: str, kinds: list[Kind]) -> dict[str, Any]:
    versions = sorted({kind.version for kind in kinds if kind.group == name})
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": found, "preferredVersion": found[0]}


def _resources(group: str, version: str, kinds: list[Kind]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for kind in kinds:
        if (kind.group, kind.version) != (group, version):
            continue
        entry = {"name": kind.plural, "singularName": kind.kind.lower(), "kind": kind.kind}
        found.append(entry | {"namespaced": kind.namespaced, "verbs": _VERBS})
        if kind.status:
            status = entry | {"name": f"{kind.plural}/status", "singularName": ""}
            found.append(status | {"namespaced": kind.namespaced, "verbs": ["get", "patch", "update"]})
    api_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": found}
