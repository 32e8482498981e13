"""JSON schemas of what the API takes and gives, made of the wire's values. Pure; for the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from crontask_gateway.dialects.dkron import extras
from crontask_gateway.dialects.dkron.wire import Config, ExecutionOut, JobIn, JobOut

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TIMES = frozenset({"last_success", "last_error", "starts_at", "expires_at", "next", "started_at", "finished_at"})
"""Nanoseconds in the values, RFC 3339 on the wire."""
_COUNTED = frozenset({"success_count", "error_count", "last_success", "last_error", "status"})
"""Read from a restore's file alone."""
_CONFIG: Schema = {"type": "object", "additionalProperties": {"type": ["string", "boolean", "number"]}}
_OPTIONAL = frozenset({"output", "node_name", "group", "attempt"})
"""Members of an execution that are left out where they are empty."""
_TYPES: Mapping[Any, Schema] = {
    str: _TEXT,
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    Config: _CONFIG,
    Config | None: _CONFIG | {"type": ["object", "null"]},
    dict[str, Config]: {"type": "object", "additionalProperties": _CONFIG},
    list[str] | None: {"type": ["array", "null"], "items": _TEXT},
}
_TOLD: Mapping[str, Schema] = {
    "name": {
        "minLength": 1,
        "description": "Lower-case letters of any script, digits, `-` and `_`; at most 4,096 bytes.",
        "examples": ["nightly-report"],
    },
    "schedule": {"examples": ["0 30 2 * * *"]},
    "timezone": {"examples": ["Europe/Madrid"]},
    "retries": {"minimum": 0, "maximum": 2**64 - 1},
    "concurrency": {"enum": ["allow", "forbid", ""]},
    "executor": {"examples": ["shell"]},
    "executor_config": {"examples": [{"command": "date"}]},
}
"""What else is true of members that clients send; the examples make a job together."""


def _properties(of: type) -> Schema:
    hints = get_type_hints(of)
    return {each.name: _property(each.name, hints[each.name]) for each in fields(of)}


def _property(name: str, hint: Any) -> Schema:
    if name in _TIMES:
        return _TIME if hint is int else _TIME | {"type": ["string", "null"]}
    return _TYPES[hint]


def _job_in() -> Schema:
    found = _properties(JobIn)
    held = {name: each | _TOLD.get(name, {}) for name, each in found.items() if name not in _COUNTED}
    defaults = {each.name: each.default for each in fields(JobIn) if each.default not in (MISSING, None)}
    for name, default in defaults.items():
        if name in held and name != "name":
            held[name] = held[name] | {"default": default}
    return {"type": "object", "required": ["name"], "properties": held}


def _job_out() -> Schema:
    held = {"id": _TEXT} | _properties(JobOut)
    return {"type": "object", "required": list(held), "properties": held}


def _execution(**more: Schema) -> Schema:
    held = _properties(ExecutionOut) | more
    return {"type": "object", "required": [name for name in held if name not in _OPTIONAL], "properties": held}


def _like(value: Any) -> Schema:
    """The schema of a value of which all are alike."""
    match value:
        case dict():
            return {"type": "object", "properties": {name: _like(held) for name, held in value.items()}}
        case bool():
            return _TYPES[bool]
        case int():
            return _TYPES[int]
        case _:
            return _TEXT


SCHEMAS: Mapping[str, Schema] = {
    "JobInput": _job_in(),
    "Job": _job_out(),
    "Execution": _execution(),
    "ListedExecution": _execution(output_truncated=_TYPES[bool]),
    "Member": _like(extras.members("", "")[0]),
    "Leader": _like(extras.leader("", "")),
    "Status": _like(extras.status("", "")),
    "Pause": _like(extras.paused(False)),
    "Health": _like({"status": ""}),
    "Text": _TEXT,
    "Restore": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "contentMediaType": "application/json"}},
    },
}
SECURITY: Mapping[str, Schema] = {
    "basic": {"type": "http", "scheme": "basic", "description": "Any user name; the token is the password."},
    "bearer": {"type": "http", "scheme": "bearer"},
    "token": {"type": "apiKey", "in": "header", "name": "X-Dkron-Token"},
}
