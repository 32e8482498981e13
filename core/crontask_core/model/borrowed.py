"""Schemas of the parts of a pod that Kubernetes itself defines: template, sources of values, amounts.

In Python they stay plain dictionaries, passed on as they are; the API server
checks them when the pod is created. What would otherwise fail only then, for
every run, is refused when the task is written: a template without containers, a
container without a name, a pod that never ends, a misspelt source or amount.
"""

from typing import Annotated, Any

from pydantic import Field
from pydantic.config import JsonDict

MAX_NAME = 253
_OPEN: JsonDict = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _text(description: str, longest: int = MAX_NAME) -> JsonDict:
    return {"type": "string", "minLength": 1, "maxLength": longest, "description": description}


def _key_of(thing: str) -> JsonDict:
    return {
        "type": "object",
        "description": f"A key of a {thing} in the task's namespace.",
        "required": ["name", "key"],
        "properties": {
            "name": _text(f"The name of the {thing}."),
            "key": _text(f"The key within the {thing}."),
            "optional": {"type": "boolean", "description": f"Whether the {thing} or its key may be missing."},
        },
    }


_QUANTITY: JsonDict = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}


def _amounts(description: str) -> JsonDict:
    amount = _QUANTITY | {"maxLength": 64}
    return {"type": "object", "maxProperties": 50, "description": description, "additionalProperties": amount}


_CONTAINER: JsonDict = _OPEN | {
    "description": "A container, as in a pod's spec.",
    "required": ["name"],
    "properties": {"name": _text("The name of the container, unique within the pod.", 63)},
}

_POD_SPEC: JsonDict = _OPEN | {
    "description": "The spec of the pod, with everything that a pod's spec may hold.",
    "required": ["containers"],
    "properties": {
        "containers": {
            "type": "array",
            "description": "The containers, at least one; of several that fail, the first one's exit code is reported.",
            "minItems": 1,
            "maxItems": 100,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": _CONTAINER,
        },
        "restartPolicy": {
            "type": "string",
            "enum": ["Never", "OnFailure"],
            "description": "Never where it is absent; Always is refused, because such a pod never ends.",
        },
    },
}

PodTemplate = Annotated[
    dict[str, Any],
    Field(
        json_schema_extra={
            "required": ["spec"],
            "properties": {
                "metadata": _OPEN
                | {"description": "Labels and annotations of the pod; its name is given by CronTask."},
                "spec": _POD_SPEC,
            },
        }
    ),
]

ValueSource = Annotated[
    dict[str, Any],
    Field(
        json_schema_extra={
            "maxProperties": 1,
            "minProperties": 1,
            "properties": {
                "secretKeyRef": _key_of("Secret"),
                "configMapKeyRef": _key_of("ConfigMap"),
                "fieldRef": {
                    "type": "object",
                    "description": "A field of the pod.",
                    "required": ["fieldPath"],
                    "properties": {
                        "apiVersion": _text("The version that the path is written in, v1 by default."),
                        "fieldPath": _text("The path of the field, such as metadata.name or status.podIP.", 1024),
                    },
                },
                "resourceFieldRef": {
                    "type": "object",
                    "description": "A request or limit of the container.",
                    "required": ["resource"],
                    "properties": {
                        "resource": _text("The amount to read, such as limits.cpu or requests.memory."),
                        "divisor": _QUANTITY
                        | {"maxLength": 64, "description": "The unit that the amount is divided by, 1 by default."},
                    },
                },
            },
        }
    ),
]

ResourceAmounts = Annotated[
    dict[str, Any],
    Field(
        json_schema_extra={
            "properties": {
                "requests": _amounts("What the container is guaranteed, such as cpu: 100m and memory: 64Mi."),
                "limits": _amounts("What the container may use at most."),
            },
        }
    ),
]
