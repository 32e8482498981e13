"""From a resource's models to its CustomResourceDefinition, as plain data."""

from dataclasses import dataclass

from crontask_core.crd.schema import Schema, structural
from crontask_core.model.base import Model
from crontask_core.names import GROUP, VERSION, Kind

CATEGORY = "crontask-all"
"""Not "crontask": kubectl looks a word up as a category first, and `kubectl delete crontask NAME` would fail."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; `wide` ones show with `-o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """What a CRD needs beside the schema.

    `status_subresource` tells whether a status is written apart from the spec;
    `selectable` are the paths that `--field-selector` may name.
    """

    kind: Kind
    description: str
    spec: type[Model]
    status: type[Model]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]
    status_subresource: bool


def crd(resource: Resource) -> Schema:
    """The CustomResourceDefinition (apiextensions.k8s.io/v1) of a resource."""
    kind = resource.kind
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short],
                "categories": [CATEGORY],
            },
            "versions": [_version(resource)],
        },
    }


def _version(resource: Resource) -> Schema:
    subresources: Schema = {"subresources": {"status": {}}} if resource.status_subresource else {}
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        **subresources,
        "additionalPrinterColumns": [_column(column) for column in resource.columns],
        **({"selectableFields": [{"jsonPath": path} for path in resource.selectable]} if resource.selectable else {}),
        "schema": {"openAPIV3Schema": schema_of(resource)},
    }


def schema_of(resource: Resource) -> Schema:
    """The schema of the whole object; `apiVersion`, `kind` and `metadata` are the API server's own."""
    return {
        "description": resource.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": structural(resource.spec),
            "status": structural(resource.status, defaults=False),
        },
    }


def _column(column: Column) -> Schema:
    out: Schema = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    return out | ({"priority": 1} if column.wide else {})
