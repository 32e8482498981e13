"""From a pydantic model to a structural schema, as an API server demands it of a CRD.

Pydantic writes JSON Schema 2020-12; a CRD takes a part of OpenAPI 3.0. So
references are inlined, titles and definitions dropped, "X or null" becomes X (an
absent field is unset), and a text's `pattern` with a remedy becomes a CEL rule that
answers with the remedy in place of the expression.

Defaults: only scalars are stored, and only inside objects that are there. A task
that sets no `retry` keeps no `retry`, so stored objects stay small and read as
they were written, while one that sets a part of it shows the rest as well. A
status has no defaults: what it lacks, the operator has not said.
"""

from typing import Any

from pydantic import BaseModel

from crontask_core.model.base import REMEDY

Schema = dict[str, Any]

_DROPPED = frozenset(
    {"title", "$defs", "discriminator", "const", "default", "exclusiveMinimum", "exclusiveMaximum", REMEDY}
)
_NESTED = frozenset({"properties", "items", "additionalProperties", "anyOf", "$ref"})
_RULES = "x-kubernetes-validations"
_INT_OR_STRING = "x-kubernetes-int-or-string"


def structural(model: type[BaseModel], *, defaults: bool = True) -> Schema:
    """The structural schema of a model, its class docstring as the description; `defaults` keeps scalar defaults."""
    source = model.model_json_schema(by_alias=True, mode="validation")
    return _Converter(source.get("$defs", {}), defaults).node(source)


class _Converter:
    """Walks one model's JSON Schema; holds its definitions."""

    def __init__(self, definitions: dict[str, Schema], defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def node(self, source: Schema) -> Schema:
        """One node, with everything below it."""
        source = self._resolved(source)
        out = {key: value for key, value in source.items() if key not in _DROPPED | _NESTED}
        if "const" in source:
            out["enum"] = [source["const"]]
        if source.get(_INT_OR_STRING):
            out["anyOf"] = source["anyOf"]
        _bound(source, out)
        self._default(source, out)
        _say_remedy(source, out)
        self._children(source, out)
        if "description" in out:
            out["description"] = " ".join(out["description"].split())
        return {key: out[key] for key in sorted(out, key=_order)}

    def _resolved(self, source: Schema) -> Schema:
        """The node without reference and "or null"; the rules of both places hold, the outer text wins."""
        while True:
            if "$ref" in source:
                inner = self._definitions[source["$ref"].removeprefix("#/$defs/")]
            elif "anyOf" in source and not source.get(_INT_OR_STRING):
                (inner,) = [choice for choice in source["anyOf"] if choice.get("type") != "null"]
            else:
                return source
            outer = {key: value for key, value in source.items() if key not in {"$ref", "anyOf"}}
            joined = [*inner.get(_RULES, []), *outer.get(_RULES, [])]
            source = inner | outer | ({_RULES: joined} if joined else {})

    def _default(self, source: Schema, out: Schema) -> None:
        value = source.get("default")
        if self._defaults and isinstance(value, str | int | float) and value != "":
            out["default"] = int(value) if isinstance(value, float) and value.is_integer() else value

    def _children(self, source: Schema, out: Schema) -> None:
        if "items" in source:
            out["items"] = self.node(source["items"])
        if "properties" in source:
            out["properties"] = {name: self.node(child) for name, child in source["properties"].items()}
        elif isinstance(source.get("additionalProperties"), dict):
            out["additionalProperties"] = self.node(source["additionalProperties"])


def _bound(source: Schema, out: Schema) -> None:
    """JSON Schema writes an exclusive bound as a number, OpenAPI 3.0 as a flag beside the bound."""
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in source:
            out[plain] = source[exclusive]
            out[exclusive] = True


def _say_remedy(source: Schema, out: Schema) -> None:
    """A pattern's refusal would show the bare expression; as a rule it says what to do."""
    if REMEDY in source:
        rule = {"rule": f'self.matches(r"{out.pop("pattern")}")', "message": source[REMEDY]}
        out[_RULES] = [rule, *out.get(_RULES, [])]


def _order(key: str) -> tuple[int, str]:
    """Description and type first, children last, for whoever reads the file."""
    first = ("description", "type", "format", "enum", "default")
    last = ("required", _RULES, "items", "additionalProperties", "properties")
    if key in first:
        return first.index(key), ""
    return (len(first) + 1 + last.index(key), "") if key in last else (len(first), key)
