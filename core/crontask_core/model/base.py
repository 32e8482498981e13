"""What all resource models share: camelCase on the wire, frozen values, field docs as schema text.

The models are the one source of the CRDs (`tools/generate.py`), so everything a
schema can say stands here: bounds, enums, shapes of text, and CEL rules through
`rules`. Unknown fields are ignored on reading: the API server has pruned or
refused them, and an older operator must survive a newer schema.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

REMEDY = "x-crontask-remedy"
"""Schema key beside a `pattern`: the sentence that the API server answers in place of the bare expression."""
MAX_TEXT = 262_144
Text = Annotated[str, Field(max_length=MAX_TEXT)]
"""A value of any kind, such as a body or the value of a variable."""


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


def rules(*items: tuple[str, str] | tuple[str, str, str]) -> JsonDict:
    """CEL rules as schema data: (expression that must hold, message with remedy[, the field to blame, as `.name`])."""
    return {"x-kubernetes-validations": [_rule(*item) for item in items]}


def _rule(rule: str, message: str, field: str = "") -> JsonDict:
    blamed: JsonDict = {"fieldPath": field} if field else {}
    return {"rule": rule, "message": message} | blamed


def shaped(pattern: str, remedy: str, *, longest: int, shortest: int = 1) -> Any:
    """A bound on a text's shape (RE2, no double quote in it) and length; `remedy` tells what is allowed instead."""
    return Field(pattern=pattern, min_length=shortest, max_length=longest, json_schema_extra={REMEDY: remedy})


def keyed_list(*keys: str) -> JsonDict:
    """Schema of a list whose items are told apart by these fields."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Model):
    """One condition, as in other Kubernetes objects."""

    type: str = Field(max_length=316)
    """Such as Ready; `kubectl explain` of the object's `status.conditions` lists them."""

    status: ConditionStatus
    """True, False or Unknown."""

    observed_generation: int | None = None
    """The generation of the spec that the condition speaks of."""

    last_transition_time: datetime
    """When the status last changed."""

    reason: str = Field(max_length=1024)
    """Why, in one word."""

    message: str = Field(default="", max_length=32_768)
    """The same for a human, with the field's path where a field is wrong."""
