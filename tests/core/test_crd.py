"""The CRDs: what every node of every schema must hold, and how a model becomes one.

The API server's own judgement (structural, cost of the CEL rules, refusals) is in tests/cluster.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
import yaml
from pydantic import ConfigDict, Field

from crontask_core.crd import EXECUTIONS, RESOURCES, TASKS, Resource, Schema, crd, structural
from crontask_core.crd.resource import schema_of
from crontask_core.model.base import Model, rules, shaped

ALLOWED = {
    "additionalProperties",
    "anyOf",
    "default",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}
TYPES = {"object", "array", "string", "integer", "number", "boolean"}


def nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


NODES = [row for resource in RESOURCES for row in nodes(schema_of(resource), resource.kind.kind)]


def not_structural(path: str, node: Schema) -> bool:
    if node.get("x-kubernetes-int-or-string"):
        shape_is_right = "type" not in node and node["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    else:
        shape_is_right = node["type"] in TYPES and "anyOf" not in node
    return not shape_is_right or not set(node) <= ALLOWED or {"properties", "additionalProperties"} <= set(node)


def not_described(path: str, node: Schema) -> bool:
    """Sentences in one line, for `kubectl explain`; items and values are described by what holds them."""
    if path.endswith(("[]", "{}")):
        return False
    text = node.get("description", "")
    return len(text) < 10 or not text.endswith(".") or not text[0].isupper() or text != " ".join(text.split())


def unbounded(path: str, node: Schema) -> bool:
    """Without bounds the API server refuses the CEL rules, and an object grows without limit."""
    kind = node.get("type")
    return (
        (kind == "string" and not {"enum", "format", "maxLength"} & set(node))
        or (kind == "array" and "maxItems" not in node)
        or ("additionalProperties" in node and "maxProperties" not in node)
        or (kind in {"integer", "number"} and ".spec." in path and not {"minimum", "maximum"} <= set(node))
    )


def shapeless(path: str, node: Schema) -> bool:
    """An object that says neither what it holds nor that it holds anything."""
    known = {"properties", "additionalProperties", "x-kubernetes-preserve-unknown-fields"}
    return node.get("type") == "object" and not known & set(node)


def requires_the_unknown(path: str, node: Schema) -> bool:
    return not set(node.get("required", [])) <= set(node.get("properties", {}))


def defaults_wrongly(path: str, node: Schema) -> bool:
    """Defaults are for scalars of a spec; a status says what the operator said."""
    if "default" not in node:
        return False
    value = node["default"]
    return ".spec." not in path or not isinstance(value, str | int | bool) or value not in node.get("enum", [value])


def lacks_its_keys(path: str, node: Schema) -> bool:
    return not set(node.get("x-kubernetes-list-map-keys", [])) <= set(node.get("items", {}).get("required", []))


def has_a_mute_rule(path: str, node: Schema) -> bool:
    """A rule blames a field that exists, and its message says what to do."""
    return any(
        rule.get("fieldPath", ".").lstrip(".") not in {"", *node.get("properties", {})}
        or not re.search(r"; \w+|^set exactly one of |^write ", rule["message"])
        for rule in node.get("x-kubernetes-validations", [])
    )


FAULTS = [
    not_structural,
    not_described,
    unbounded,
    shapeless,
    requires_the_unknown,
    defaults_wrongly,
    lacks_its_keys,
    has_a_mute_rule,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_no_node_has(fault: Callable[[str, Schema], bool]) -> None:
    assert len(NODES) > 150
    assert [path for path, node in NODES if fault(path, node)] == []


BAD_NODES: list[tuple[Callable[[str, Schema], bool], str, Schema]] = [
    (not_structural, "K.spec.a", {"type": "string", "title": "A"}),
    (not_structural, "K.spec.a", {"type": "string", "anyOf": []}),
    (not_structural, "K.spec.a", {"type": "object", "properties": {}, "additionalProperties": True}),
    (not_described, "K.spec.a", {"description": "Without a stop"}),
    (not_described, "K.spec.a", {"description": "In two\nlines of text."}),
    (unbounded, "K.spec.a", {"type": "string"}),
    (unbounded, "K.status.a", {"type": "array"}),
    (unbounded, "K.spec.a", {"type": "integer", "minimum": 1}),
    (shapeless, "K.spec.a", {"type": "object"}),
    (requires_the_unknown, "K.spec.a", {"required": ["b"], "properties": {"c": {}}}),
    (defaults_wrongly, "K.spec.a", {"default": {}}),
    (defaults_wrongly, "K.status.a", {"default": 1}),
    (defaults_wrongly, "K.spec.a", {"default": "c", "enum": ["a", "b"]}),
    (lacks_its_keys, "K.spec.a", {"x-kubernetes-list-map-keys": ["name"], "items": {}}),
    (has_a_mute_rule, "K.spec.a", {"x-kubernetes-validations": [{"message": "wrong"}]}),
    (has_a_mute_rule, "K.spec.a", {"x-kubernetes-validations": [{"message": "wrong; mend it", "fieldPath": ".b"}]}),
]


@pytest.mark.parametrize(("fault", "path", "node"), BAD_NODES)
def test_a_fault_is_seen(fault: Callable[[str, Schema], bool], path: str, node: Schema) -> None:
    assert fault(path, node)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind.plural)
def test_columns_and_selectable_fields_are_in_the_schema(resource: Resource) -> None:
    known = {path.split(".", 1)[1] for path, _ in nodes(schema_of(resource), "") if "." in path}
    paths = [column.path for column in resource.columns if not column.path.startswith(".metadata")]
    for path in [*paths, *resource.selectable]:
        assert re.sub(r"\[[^]]*\]", "[]", path)[1:] in known, path


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind.plural)
def test_the_definition_is_plain_and_small(resource: Resource) -> None:
    text = yaml.safe_dump(crd(resource))
    assert yaml.safe_load(text) == crd(resource), "no anchors, no Python objects"
    assert len(text) < 200_000, "kubectl apply keeps a copy in an annotation of at most 262,144 bytes"


def test_names() -> None:
    body = crd(TASKS)
    assert body["metadata"]["name"] == "crontasks.crontask.dev"
    assert body["spec"]["names"] == {
        "kind": "CronTask",
        "listKind": "CronTaskList",
        "plural": "crontasks",
        "singular": "crontask",
        "shortNames": ["ct"],
        "categories": ["crontask-all"],
    }


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind.plural)
def test_no_category_hides_a_resource(resource: Resource) -> None:
    """Kubectl looks a word up as a category first: `kubectl delete crontask NAME` would name two resources."""
    names = crd(resource)["spec"]["names"]
    assert not set(names["categories"]) & {names["singular"], names["plural"], *names["shortNames"]}


def test_a_task_has_a_status_subresource_and_an_execution_is_written_whole() -> None:
    (tasks,), (executions,) = crd(TASKS)["spec"]["versions"], crd(EXECUTIONS)["spec"]["versions"]
    assert tasks["subresources"] == {"status": {}}
    assert "subresources" not in executions


def test_what_a_minimal_task_is_stored_with() -> None:
    """The scalars of the spec and of the objects that are there; nothing for those that are not."""
    spec = schema_of(TASKS)["properties"]["spec"]["properties"]
    filled = {name: field["default"] for name, field in spec.items() if "default" in field}
    assert filled == {"grammar": "standard", "suspend": False, "concurrencyPolicy": "Allow", "deleteAfter": "Never"}


class Inner(Model):
    """What is inside."""

    model_config = ConfigDict(json_schema_extra=rules(("self.size > 1", "size must be 2; raise it")))

    size: int = Field(default=3, gt=0, le=9)
    """How large it is."""


class Outer(Model):
    """What is
    outside."""

    kept: Inner = Inner()
    """The inner one."""

    perhaps: Inner | None = Field(default=None, json_schema_extra=rules(("has(self.size)", "set size; any")))
    """Perhaps one."""

    only: Literal["this"] = "this"
    """One word."""

    half: float = Field(default=2.0, ge=0.5)
    """A number."""

    word: str | None = Field(default=None, max_length=3)
    """A word."""


class Shaped(Model):
    """One text."""

    text: str = shaped("^a+$", "only a; write a", longest=5)
    """A text."""


CONVERSIONS: list[tuple[str, str, Schema]] = [
    (
        "a reference is inlined, and its defaults stay inside",
        "kept",
        {
            "description": "The inner one.",
            "type": "object",
            "x-kubernetes-validations": [{"rule": "self.size > 1", "message": "size must be 2; raise it"}],
            "properties": {
                "size": {
                    "description": "How large it is.",
                    "type": "integer",
                    "default": 3,
                    "minimum": 0,
                    "exclusiveMinimum": True,
                    "maximum": 9,
                }
            },
        },
    ),
    (
        "a constant is an enum",
        "only",
        {"description": "One word.", "type": "string", "enum": ["this"], "default": "this"},
    ),
    ("a whole default is whole", "half", {"description": "A number.", "type": "number", "minimum": 0.5, "default": 2}),
    ("null is absence", "word", {"description": "A word.", "type": "string", "maxLength": 3}),
]


@pytest.mark.parametrize(("reason", "name", "wanted"), CONVERSIONS, ids=[row[0] for row in CONVERSIONS])
def test_conversion(reason: str, name: str, wanted: Schema) -> None:
    assert structural(Outer)["properties"][name] == wanted, reason


def test_rules_of_a_field_join_those_of_its_type() -> None:
    found = structural(Outer)["properties"]["perhaps"]["x-kubernetes-validations"]
    assert [rule["rule"] for rule in found] == ["self.size > 1", "has(self.size)"]


def test_a_class_describes_itself_in_one_line() -> None:
    assert structural(Outer)["description"] == "What is outside."


def test_a_status_has_no_defaults() -> None:
    found = structural(Outer, defaults=False)["properties"]
    assert "default" not in found["only"]
    assert "default" not in found["kept"]["properties"]["size"]


def test_a_shape_with_a_remedy_becomes_a_rule() -> None:
    assert structural(Shaped)["properties"]["text"] == {
        "description": "A text.",
        "type": "string",
        "maxLength": 5,
        "minLength": 1,
        "x-kubernetes-validations": [{"rule": 'self.matches(r"^a+$")', "message": "only a; write a"}],
    }
