"""The tables of `docs/crontask.md`: every field of every resource, read from the schemas that the CRDs hold.

`tools/generate.py` calls it. The head is `tools/field_reference_head.md`, written
by hand. Each object has a table of its own, under its path.
"""

from collections.abc import Iterator
from pathlib import Path

from crontask_core.crd import RESOURCES, Resource, Schema
from crontask_core.crd.resource import schema_of
from crontask_core.names import API_VERSION

HEAD = Path(__file__).with_name("field_reference_head.md")
_RULES = "x-kubernetes-validations"
_HEADER = "| field | type | default | bounds | meaning |\n| --- | --- | --- | --- | --- |\n"


def reference() -> str:
    """The whole page."""
    return HEAD.read_text("utf-8") + "".join(_resource(resource) for resource in RESOURCES)


def _resource(resource: Resource) -> str:
    kind = resource.kind
    names = f"`kubectl get {kind.plural}`, in short `{kind.short}`; apiVersion `{API_VERSION}`."
    schema = schema_of(resource)
    tables = "".join(_tables(kind.kind, name, part) for name, part in schema["properties"].items())
    return f"\n## {kind.kind}\n\n{resource.description} {names}\n{tables}"


def _tables(kind: str, path: str, schema: Schema) -> str:
    """A table of one object's fields, then those of the objects in it."""
    fields: Schema = schema["properties"]
    required = schema.get("required", [])
    rows = "".join(_row(name, field, name in required) for name, field in fields.items())
    refusals = "".join(f"- `{message}`\n" for message in _refusals(schema))
    listed = f"\nRefused with:\n\n{refusals}" if refusals else ""
    inner = "".join(_tables(kind, f"{path}.{name}{suffix}", below) for name, suffix, below in _objects(fields))
    return f"\n### {kind}: {path}\n\n{schema['description']}\n\n{_HEADER}{rows}{listed}{inner}"


def _refusals(schema: Schema) -> Iterator[str]:
    """The messages of an object's own rules, then of its plain fields'."""
    for rule in schema.get(_RULES, []):
        yield rule["message"]
    for name, field in schema["properties"].items():
        plain = field.get("items", field)
        for rule in () if "properties" in plain else plain.get(_RULES, []):
            yield f"{name}: {rule['message']}"


def _objects(fields: Schema) -> Iterator[tuple[str, str, Schema]]:
    """The fields that hold objects of their own: name, `[]` for lists, schema of the object."""
    for name, field in fields.items():
        suffix, below = ("[]", field["items"]) if field.get("type") == "array" else ("", field)
        if "properties" in below:
            yield name, suffix, below


def _row(name: str, field: Schema, required: bool) -> str:
    cells = (f"`{name}`", _type(field), _default(field, required), _bounds(field), field["description"])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(field: Schema, required: bool) -> str:
    if required:
        return "required"
    return f"`{field['default']}`".replace("True", "true").replace("False", "false") if "default" in field else ""


def _type(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "amount"
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return "time" if field.get("format") == "date-time" else str(field["type"])


def _bounds(field: Schema) -> str:
    return ", ".join(_bound_texts(field))


def _bound_texts(field: Schema) -> Iterator[str]:
    if "enum" in field:
        yield ", ".join(f"`{value}`" for value in field["enum"])
    if "minimum" in field:
        yield f"{'above' if field.get('exclusiveMinimum') else 'at least'} {field['minimum']}"
    if "maximum" in field:
        yield f"at most {field['maximum']}"
    if "maxLength" in field and field.get("type") == "string":
        yield f"up to {field['maxLength']} characters"
    if "maxItems" in field:
        yield f"up to {field['maxItems']} items"
