"""The members of Dkron's Job, and what each of them may hold. `wire.py` makes the values of them."""

from collections.abc import Mapping
from typing import Any

from crontask_gateway import gojson, gotime
from crontask_gateway.gojson import Number, Reading
from crontask_gateway.gotime import GoError

Scalar = str | bool | int | float
Config = dict[str, Scalar]
"""Upstream takes strings alone; the documented samples hold a bool, so scalars keep their JSON type."""
FIRST, LAST = gotime.instant("0000-01-01T00:00:00Z"), gotime.instant("9999-12-31T23:59:59.999999999Z")
"""What can be told of time in JSON, as Go has it; an offset may lead beyond."""
MAX_DIGITS = 300
"""Of a number in a config: more digits than any number has that means something."""


def _config(value: Any, was: Any, reading: Reading, wanted: str = "map[string]string") -> Any:
    """A map of scalars; a second one of the same name is laid over the first, as in Go."""
    if value is None:
        return None
    if not isinstance(value, gojson.Members):
        reading.mismatch(gojson.called(value), wanted)
        return was
    found: Config = was or {}
    found.update((gojson.whole(name), _scalar(held, reading)) for name, held in value)
    return found


def _scalar(value: Any, reading: Reading) -> Scalar:
    if value is None:
        return ""
    if isinstance(value, bool):
        return value
    if isinstance(value, Number) and len(value) <= MAX_DIGITS:
        return int(value) if value.lstrip("-").isdigit() else _fraction(value)
    if gojson.is_text(value):
        return gojson.whole(value)
    reading.mismatch(gojson.called(value), "string")
    return ""


def _fraction(text: str) -> Scalar:
    """A number with a point or an exponent; its text where a float would be another number, or none."""
    number = float(text)
    return number if repr(number) == text else str(text)


def _executor_config(value: Any, was: Any, reading: Reading) -> Any:
    return _config(value, was, reading, "plugin.ExecutorPluginConfig")


def _processors(value: Any, was: Any, reading: Reading) -> Any:
    if value is None:
        return None
    if not isinstance(value, gojson.Members):
        reading.mismatch(gojson.called(value), "map[string]plugin.Config")
        return was
    found: dict[str, Config] = was or {}
    found.update((gojson.whole(name), _config(held, None, reading, "plugin.Config") or {}) for name, held in value)
    return found


def _nullable(value: Any, was: Any, reading: Reading) -> Any:
    """A nullable time: RFC 3339, or `2030-01-02T03:04`, which the web UI sends and which is read as UTC."""
    if value is None:
        return None
    try:
        at = gojson.time(value, was, reading)
    except GoError:
        if not (gojson.is_text(value) and len(value) == len("2030-01-02T03:04")):
            raise
        at = gotime.instant(f"{value}:00Z")
    if not FIRST <= at <= LAST:
        raise GoError("Time.MarshalJSON: year outside of range [0,9999]")
    return at


KINDS: Mapping[str, gojson.Kind] = {
    "id": gojson.text,
    "name": gojson.text,
    "displayname": gojson.text,
    "timezone": gojson.text,
    "schedule": gojson.text,
    "owner": gojson.text,
    "owner_email": gojson.text,
    "success_count": gojson.integer,
    "error_count": gojson.integer,
    "last_success": _nullable,
    "last_error": _nullable,
    "disabled": gojson.flag,
    "tags": _config,
    "metadata": _config,
    "retries": gojson.unsigned,
    "dependent_jobs": gojson.texts,
    "parent_job": gojson.text,
    "processors": _processors,
    "concurrency": gojson.text,
    "executor": gojson.text,
    "executor_config": _executor_config,
    "status": gojson.text,
    "next": gojson.time,
    "ephemeral": gojson.flag,
    "starts_at": _nullable,
    "expires_at": _nullable,
}
"""All 26, by name; the types are those of upstream's struct."""


def text_of(value: Scalar) -> str:
    """A scalar as the text that it stands for (`true`, `30`)."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
