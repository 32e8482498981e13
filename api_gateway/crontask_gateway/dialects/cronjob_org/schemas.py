"""JSON schemas of what the API takes and gives. Pure; for the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from crontask_gateway.dialects.cronjob_org.wire import METHODS, SETS, ExecutionOut, Fields, JobOut, Stats

Schema = dict[str, Any]

_INT: Schema = {"type": "integer"}
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_OR_NULL = ["integer", "null"]
_STATUS: Schema = {"type": "integer", "minimum": 0, "maximum": 9}
_SHOWN: Mapping[str, Schema] = {
    "nextExecution": {"type": _OR_NULL},
    "lastStatus": _STATUS,
    "status": _STATUS,
    "headers": {"type": ["string", "null"]},
    "body": {"type": ["string", "null"]},
}
"""Members of which more is to be told than what a value shows."""


def _object(properties: Mapping[str, Schema], *required: str, described: str = "") -> Schema:
    told: Schema = {"type": "object", "properties": dict(properties)}
    return told | ({"required": list(required)} if required else {}) | ({"description": described} if described else {})


def _whole(properties: Mapping[str, Schema]) -> Schema:
    return _object(properties, *properties)


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _like(value: Any, name: str = "") -> Schema:
    """The schema of a value of which all are alike."""
    if name in _SHOWN:
        return _SHOWN[name]
    match value:
        case dict():
            return _whole({key: _like(held, key) for key, held in value.items()})
        case list():
            return _list(_INT)
        case bool():
            return _FLAG
        case int():
            return _INT
        case _:
            return _TEXT


def _job(*, detailed: bool) -> Schema:
    shown = _like(JobOut(1, Fields()).to_json(detailed=detailed))
    if detailed:
        extended = {"headers": {"type": "object", "additionalProperties": _TEXT}, "body": _TEXT}
        shown["properties"]["extendedData"] = _whole(extended)
    return shown


def _item(*, detailed: bool) -> Schema:
    texts = {each.name: "" for each in fields(ExecutionOut) if each.type in (str, "str")}
    numbers = {each.name: 0 for each in fields(ExecutionOut) if each.type in (int, "int")}
    made = ExecutionOut(**texts, **numbers, headers=None, body=None, stats=Stats())  # type: ignore[arg-type]
    shown = _like(made.to_json(detailed=True))
    return shown if detailed else shown | {"properties": shown["properties"] | {"headers": _NULL, "body": _NULL}}


_NULL: Schema = {"type": "null"}


def _schedule_in() -> Schema:
    sets = {name: _list({"type": "integer", "minimum": -1, "maximum": high}) for name, (_, high) in SETS.items()}
    told = {"timezone": _TEXT | {"default": "UTC"}, "expiresAt": _INT | {"default": 0}}
    return _object(told | sets, described="YYYYMMDDhhmmss; lists of values, [-1] for every one.")


def _job_in() -> Schema:
    off = _FLAG | {"default": False}
    job = {
        "url": _TEXT | {"examples": ["https://example.com/tasks"], "maxLength": 1024},
        "enabled": off,
        "title": _TEXT | {"maxLength": 512},
        "saveResponses": off,
        "requestTimeout": _INT | {"default": -1},
        "redirectSuccess": off,
        "folderId": _INT | {"default": 0},
        "requestMethod": _INT | {"minimum": 0, "maximum": len(METHODS) - 1},
        "schedule": _schedule_in(),
        "auth": _object({"enable": off, "user": _TEXT, "password": _TEXT}),
        "notification": _object(
            {"onFailure": off, "onFailureCount": _INT | {"minimum": 1}, "onSuccess": off, "onDisable": off}
        ),
        "extendedData": _object({"headers": {"type": "object", "additionalProperties": _TEXT}, "body": _TEXT}),
    }
    return _object({"job": _object(job, described="url is needed to create one, nothing to change one.")}, "job")


_TITLE = _TEXT | {"minLength": 1, "maxLength": 128}
_FOLDER: Schema = _whole({"folderId": _INT, "title": _TEXT})
SCHEMAS: Mapping[str, Schema] = {
    "JobInput": _job_in(),
    "JobId": _whole({"jobId": _INT}),
    "Jobs": _whole({"jobs": _list(_job(detailed=False)), "someFailed": _FLAG}),
    "JobDetails": _whole({"jobDetails": _job(detailed=True)}),
    "History": _whole({"history": _list(_item(detailed=False)), "predictions": _list(_INT)}),
    "HistoryDetails": _whole({"jobHistoryDetails": _item(detailed=True)}),
    "FolderInput": _object(
        {"folder": _object({"title": _TEXT | {"minLength": 1, "maxLength": 128}}, "title")}, "folder"
    ),
    "FolderId": _whole({"folderId": _INT}),
    "Folder": _whole({"folderDetails": _FOLDER}),
    "Folders": _whole({"folders": _list(_FOLDER)}),
    "Executors": _whole({"ipAddresses": _list(_TEXT)}),
    "Empty": {"type": "object", "maxProperties": 0},
}
SECURITY: Mapping[str, Schema] = {"bearer": {"type": "http", "scheme": "bearer", "description": "An API key."}}
