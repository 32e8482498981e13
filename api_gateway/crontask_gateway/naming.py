"""How a client's job is called in Kubernetes: one object name for each id, and another one for another id.

An id that can be a DNS label makes a readable name, any other one a hashed name;
an id that looks like a hashed name is hashed too, so that no two ids share a
name. The name is the lock: a create that finds it taken has found the job. A
dialect's name must not begin with another's and a hyphen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

from crontask_core.names import GROUP, MAX_LABEL, Key
from crontask_gateway.errors import Invalid

LABEL_DIALECT = f"{GROUP}/dialect"
LABEL_TENANT = f"{GROUP}/tenant"
LABEL_ID = f"{GROUP}/id"
"""The id, where a label can hold it."""
ANNOTATION_ID = f"{GROUP}/id"
"""The id, where no label can hold it."""
MAX_READABLE = 52
"""A dialect's name, a hyphen and an id of this length fit the label of a task's executions and pods."""
MAX_ID = 4096
"""Bytes; it stands in an annotation."""

_READABLE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_HASHED = re.compile(r"x-[0-9a-f]{20}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """Whose jobs are meant: those of one dialect and tenant, in the namespace that holds them."""

    namespace: str
    dialect: str
    tenant: str = ""

    def labels(self) -> dict[str, str]:
        """What every task of the scope bears."""
        tenant = {LABEL_TENANT: self.tenant} if self.tenant else {}
        return {LABEL_DIALECT: self.dialect} | tenant


@dataclass(frozen=True)
class Naming:
    """A job of a scope by its id, the name by which its client knows it. Raises Invalid for an id too long."""

    scope: Scope
    id: str

    def __post_init__(self) -> None:
        try:
            length = len(self.id.encode())
        except UnicodeEncodeError:
            raise Invalid("the name holds half of a surrogate pair; write whole characters", "name") from None
        if length > MAX_ID:
            raise Invalid(f"the name has {length} bytes; at most {MAX_ID} are allowed", "name")

    @cached_property
    def name(self) -> str:
        """The name of the task, and of the Secret that belongs to it."""
        readable = len(self.id) <= MAX_READABLE and _READABLE.fullmatch(self.id) and not _HASHED.fullmatch(self.id)
        # Tenants may share a namespace, so only those of the nameless tenant are readable.
        if readable and not self.scope.tenant:
            return f"{self.scope.dialect}-{self.id}"
        text = "\0".join((self.scope.dialect, self.scope.tenant, self.id))
        return f"{self.scope.dialect}-x-{blake2b(text.encode(), digest_size=10).hexdigest()}"

    @property
    def key(self) -> Key:
        """Where the task is."""
        return Key(self.scope.namespace, self.name)

    def labels(self) -> dict[str, str]:
        """The labels of the task."""
        return self.scope.labels() | ({LABEL_ID: self.id} if _fits_label(self.id) else {})

    def annotations(self) -> dict[str, str]:
        """The annotations of the task that tell whose it is."""
        return {} if _fits_label(self.id) else {ANNOTATION_ID: self.id}


@dataclass(frozen=True)
class Foreign(Naming):
    """A task that no dialect has made: its id is its object's name, and its scope has no dialect."""

    @property
    def name(self) -> str:
        """The name of the task."""
        return self.id


def naming_of(metadata: Mapping[str, Any]) -> Naming | None:
    """Whose job an object is, by its metadata; None for one that is no dialect's, or bears a name that is not its own.

    The latter would be seen in lists and not be found by its id.
    """
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    dialect, found = labels.get(LABEL_DIALECT), annotations.get(ANNOTATION_ID) or labels.get(LABEL_ID)
    if not dialect or found is None:
        return None
    try:
        naming = Naming(Scope(metadata["namespace"], dialect, labels.get(LABEL_TENANT, "")), found)
    except Invalid:
        return None
    return naming if naming.name == metadata["name"] else None


def _fits_label(text: str) -> bool:
    return len(text) <= MAX_LABEL and _LABEL.fullmatch(text) is not None
