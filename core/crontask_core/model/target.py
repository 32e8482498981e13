"""CronTaskTarget: a place where pods of tasks run, as an overlay on their pod template."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from crontask_core.model.base import Condition, Model, keyed_list, rules

_OPEN: JsonDict = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

Overlay = Annotated[
    dict[str, Any],
    Field(
        json_schema_extra={
            "properties": {
                "metadata": _OPEN | {"description": "Labels and annotations that are added to the pod's."},
                "spec": _OPEN
                | {
                    "description": "What is laid over the pod's spec: maps are merged, lists of named items "
                    "(containers, env, volumes) are merged by name, other values are replaced; a container named * "
                    "stands for each."
                },
            }
        }
    ),
]


class TargetSpec(Model):
    """What makes a pod run at this target."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.template) || has(self.selector)",
                "the target changes nothing about a pod; set selector or template",
            )
        )
    )

    selector: dict[str, Annotated[str, Field(max_length=63)]] = Field(default={}, max_length=50)
    """Labels of the nodes on which the pods run; added to the pod's nodeSelector."""

    template: Overlay | None = None
    """An overlay on the task's pod template, such as another image, tolerations or a ServiceAccount."""


class TargetStatus(Model):
    """What the operator makes of the target."""

    observed_generation: int | None = None
    """The generation of the spec that the operator works by."""

    conditions: list[Condition] = Field(default=[], max_length=8, json_schema_extra=keyed_list("type"))
    """Ready: pods can be made with it."""
