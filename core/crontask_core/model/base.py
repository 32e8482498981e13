"""What all resource models share: camelCase on the wire, frozen values, field docs as schema text.

The models are the one source of the CRDs (`tools/generate.py`), so everything a
schema can say stands here: bounds, enums, patterns, and CEL rules through `rules`.
Unknown fields are ignored on reading: the API server has pruned or refused them,
and an older operator must survive a newer schema.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict


class Model(BaseModel):
    """Base of every resource model."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        ser_json_timedelta="float",
    )

    def to_body(self) -> dict[str, Any]:
        """The value as JSON-ready data with the names of the wire; unset fields are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def rules(*pairs: tuple[str, str]) -> JsonDict:
    """CEL validation rules as schema data: pairs of (expression that must hold, message with remedy)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


FREE_FORM: JsonDict = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""Schema of a part that Kubernetes itself defines and checks (a pod template, resource amounts)."""


def keyed_list(*keys: str) -> JsonDict:
    """Schema of a list whose items are told apart by these fields."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


ConditionStatus = Literal["True", "False", "Unknown"]
