"""The fake API server's memory: objects with increasing versions, what happened to them, selectors, merge patch.

Knows nothing of HTTP. Refusals are `RefusedError`, which `apiserver.py` answers as a `v1/Status`.
"""

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace ("" for cluster-wide kinds) and name."""


class RefusedError(Exception):
    """An answer that is not success."""

    def __init__(self, status: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": status,
            "reason": reason,
            "message": message,
            "details": details or {},
        }
        self.status = status


@dataclass(frozen=True)
class Change:
    """One thing that happened; `before` is what the object was, None for a new one."""

    version: int
    type: str
    object: Object
    before: Object | None


@dataclass
class Kind:
    """One served kind and its objects. `path` is the part of a URL that names it: `apis/batch/v1/jobs`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False
    objects: dict[Key, Object] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


class Objects:
    """All kinds. Each write raises the one version counter and wakes the watches."""

    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now
        self.version = 1000
        self.oldest = 1000
        self.changed = asyncio.Event()

    def find(self, kind: Kind, key: Key) -> Object:
        if key not in kind.objects:
            raise RefusedError(
                404, "NotFound", f'{kind.plural} "{key[1]}" not found', {"name": key[1], "kind": kind.plural}
            )
        return kind.objects[key]

    def create(self, kind: Kind, namespace: str, body: Object, *, dry_run: bool = False) -> Object:
        made = copy.deepcopy(body)
        meta = made.setdefault("metadata", {})
        if "name" not in meta:
            if "generateName" not in meta:
                raise RefusedError(
                    422, "Invalid", "metadata.name: Required value", _cause("metadata.name", "Required value")
                )
            meta["name"] = f"{meta['generateName']}{self.version + 1:05d}"
        key = (namespace, meta["name"])
        if key in kind.objects:
            raise RefusedError(409, "AlreadyExists", f'{kind.plural} "{key[1]}" already exists', {"name": key[1]})
        if kind.namespaced:
            meta["namespace"] = namespace
        made.update(apiVersion=kind.api_version, kind=kind.kind)
        if kind.status and kind.plural != "pods":
            made.pop("status", None)
        meta.update(uid=f"uid-{self.version + 1}", generation=1, creationTimestamp=self._now())
        return made if dry_run else self._store(kind, key, made, None)

    def change(self, kind: Kind, key: Key, wanted: Object, *, status: bool = False) -> Object:
        """Replaces the object, or only its status. A version in `wanted` that is not today's is a conflict."""
        old = self.find(kind, key)
        claimed = wanted.get("metadata", {}).get("resourceVersion")
        if claimed not in (None, old["metadata"]["resourceVersion"]):
            raise RefusedError(
                409, "Conflict", f'{kind.plural} "{key[1]}": the object has been modified; apply to the latest'
            )
        new = copy.deepcopy(wanted) if not status else copy.deepcopy(old) | {"status": wanted.get("status", {})}
        if kind.status and not status:
            new.pop("status", None)
            new |= {"status": old["status"]} if "status" in old else {}
        kept = {name: old["metadata"][name] for name in ("uid", "creationTimestamp", "generation", "resourceVersion")}
        new["metadata"] = new["metadata"] | kept | {"name": key[1]}
        if new == old:
            return old
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        stored = self._store(kind, key, new, old)
        if "deletionTimestamp" in stored["metadata"] and not stored["metadata"].get("finalizers"):
            self._drop(kind, key)
        return stored

    def delete(self, kind: Kind, key: Key, preconditions: Object | None = None) -> Object:
        old = self.find(kind, key)
        for name, value in (preconditions or {}).items():
            if old["metadata"][name] != value:
                raise RefusedError(409, "Conflict", f"the {name} in the precondition does not match")
        if not old["metadata"].get("finalizers"):
            return self._drop(kind, key)
        marked = copy.deepcopy(old)
        marked["metadata"].setdefault("deletionTimestamp", self._now())
        return old if marked == old else self._store(kind, key, marked, old)

    def forget_history(self) -> None:
        """Watches and lists that want to go on from before now are told 410."""
        self.version += 1
        self.oldest = self.version

    def wake(self) -> None:
        waiting, self.changed = self.changed, asyncio.Event()
        waiting.set()

    def _store(self, kind: Kind, key: Key, made: Object, old: Object | None) -> Object:
        self.version += 1
        made["metadata"]["resourceVersion"] = str(self.version)
        kind.objects[key] = made
        kind.history.append(Change(self.version, "MODIFIED" if old else "ADDED", made, old))
        self.wake()
        return made

    def _drop(self, kind: Kind, key: Key) -> Object:
        self.version += 1
        gone = copy.deepcopy(kind.objects.pop(key))
        gone["metadata"]["resourceVersion"] = str(self.version)
        kind.history.append(Change(self.version, "DELETED", gone, gone))
        self.wake()
        return gone


def _cause(path: str, message: str) -> Object:
    return {"causes": [{"field": path, "message": message, "reason": "FieldValueRequired"}]}


def merged(base: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def matches(item: Object, label_selector: str, field_selector: str) -> bool:
    """Labels by `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`; fields by (in)equality of a path."""
    labels = item["metadata"].get("labels") or {}
    return all(_label(labels, term) for term in _terms(label_selector)) and all(
        _field(item, term) for term in _terms(field_selector)
    )


def _terms(selector: str) -> list[str]:
    """Splits at commas that are not inside parentheses."""
    terms, depth, start = [], 0, 0
    for place, letter in enumerate(selector + ","):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            terms.append(selector[start:place].strip())
            start = place + 1
    return [term for term in terms if term]


def _label(labels: dict[str, str], term: str) -> bool:
    for word in (" notin ", " in "):
        if word in term:
            name, values = term.split(word)
            inside = labels.get(name.strip()) in [value.strip() for value in values.strip(" ()").split(",")]
            return inside is (word == " in ")
    if "=" in term:
        return _compared(term, lambda name: labels.get(name))
    return term[1:] not in labels if term.startswith("!") else term in labels


def _field(item: Object, term: str) -> bool:
    def value(path: str) -> Any:
        found: Any = item
        for part in path.split("."):
            found = found.get(part, "") if isinstance(found, dict) else ""
        return found

    return _compared(term, value)


def _compared(term: str, value: Callable[[str], Any]) -> bool:
    if "!=" in term:
        name, wanted = term.split("!=")
        return value(name.strip()) != wanted.strip()
    name, wanted = term.replace("==", "=").split("=")
    return value(name.strip()) == wanted.strip()
