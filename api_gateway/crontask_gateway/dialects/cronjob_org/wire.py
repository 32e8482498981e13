"""cron-job.org's JSON: jobs and history items, member by member, as its REST document has them.

Times are Unix seconds, durations milliseconds. History items are in `items.py`.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from crontask_gateway.dialects.cronjob_org.items import ExecutionOut, Stats
from crontask_gateway.dialects.cronjob_org.values import EVERY, boolean, headers, integer, member, numbers, text
from crontask_gateway.errors import Invalid

__all__ = ["EVERY", "SETS", "ExecutionOut", "Fields", "JobIn", "JobOut", "Stats", "body_of"]

MAX_TITLE, MAX_URL, MAX_USER, MAX_TEXT = 512, 1_024, 512, 65_535
"""Bytes."""
METHODS = ("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH")
"""By their number."""
MASK = "***"
"""Shown for the value of a header that kubectl takes from a Secret of its own."""
SETS = {"minutes": (0, 59), "hours": (0, 23), "mdays": (1, 31), "months": (1, 12), "wdays": (0, 6)}
"""The lists of a schedule and the range of each; 0 is Sunday."""
_SWITCHES = {"enabled": "enabled", "saveResponses": "save_responses", "redirectSuccess": "redirect_success"}
_FLAGS = {"onFailure": "on_failure", "onSuccess": "on_success", "onDisable": "on_disable"}


@dataclass(frozen=True)
class Fields:
    """What a client may set of a job, with the defaults of a new one."""

    url: str = ""
    enabled: bool = False
    title: str = ""
    save_responses: bool = False
    request_timeout: int = -1
    redirect_success: bool = False
    folder_id: int = 0
    request_method: int = 0
    timezone: str = "UTC"
    expires_at: int = 0
    hours: tuple[int, ...] = ()
    mdays: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    wdays: tuple[int, ...] = ()
    auth_enable: bool = False
    auth_user: str = ""
    auth_password: str = ""
    on_failure: bool = False
    on_failure_count: int = 1
    on_success: bool = False
    on_disable: bool = False
    headers: dict[str, str | None] = field(default_factory=dict)
    """A value that nobody here can tell, because it is in a Secret, is None."""
    body: str = ""

    def __repr__(self) -> str:
        return f"Fields({self.title!r})"  # the rest may hold credentials


@dataclass(frozen=True)
class JobIn:
    """What a client wants to be otherwise, by the names of `Fields`; what it did not write, or as null, is absent."""

    delta: dict[str, Any]

    def __repr__(self) -> str:
        return f"JobIn({', '.join(self.delta)})"

    @classmethod
    def from_json(cls, body: bytes) -> "JobIn":
        """The `job` in a request's body. Raises Invalid where there is none, and for wrong types."""
        job = body_of(body).get("job")
        if not isinstance(job, dict):
            raise Invalid(
                'the body holds no object job; send {"job": {...}} with Content-Type: application/json', "job"
            )
        schedule, auth = member(job, "schedule", "job.schedule"), member(job, "auth", "job.auth")
        notification = member(job, "notification", "job.notification")
        extended = member(job, "extendedData", "job.extendedData")
        return cls(_plain(job) | _schedule(schedule) | _auth(auth) | _notification(notification) | _extended(extended))

    def on(self, was: Fields) -> Fields:
        """The job after this change."""
        delta = self.delta
        if "headers" in delta:  # what was shown masked and is sent back stays as it is
            told: dict[str, str] = delta["headers"]
            stays = {name for name, value in told.items() if value == MASK and was.headers.get(name, "") is None}
            delta = delta | {"headers": {name: None if name in stays else value for name, value in told.items()}}
        return replace(was, **delta)


def body_of(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; an empty one for what is no JSON, as the service has it. Raises Invalid for lists."""
    try:
        found = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {}
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Invalid("the body is no JSON object; write one", "")
    return found


def _plain(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, path in (
        ("enabled", "enabled"),
        ("save_responses", "saveResponses"),
        ("redirect_success", "redirectSuccess"),
    ):
        if job.get(path) is not None:
            found[name] = boolean(job[path])
    for name, longest in (("title", MAX_TITLE), ("url", MAX_URL)):
        if job.get(name) is not None:
            found[name] = text(job[name], f"job.{name}", longest).strip()
    for name, path in (("request_timeout", "requestTimeout"), ("folder_id", "folderId")):
        if job.get(path) is not None:
            found[name] = integer(job[path], f"job.{path}")
    if job.get("requestMethod") is not None:
        found["request_method"] = min(max(integer(job["requestMethod"], "job.requestMethod"), 0), len(METHODS) - 1)
    return found


def _schedule(told: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if told.get("timezone") is not None:
        found["timezone"] = text(told["timezone"], "job.schedule.timezone", MAX_USER).strip()
    if told.get("expiresAt") is not None:
        found["expires_at"] = integer(told["expiresAt"], "job.schedule.expiresAt")
    for name, (low, high) in SETS.items():
        if told.get(name) is not None:
            found[name] = numbers(told[name], f"job.schedule.{name}", low, high)
    return found


def _auth(told: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if told.get("enable") is not None:
        found["auth_enable"] = boolean(told["enable"])
    for name in ("user", "password"):
        if told.get(name) is not None:
            found[f"auth_{name}"] = text(told[name], f"job.auth.{name}", MAX_USER)
    return found


def _notification(told: Any) -> dict[str, Any]:
    found: dict[str, Any] = {name: boolean(told[path]) for path, name in _FLAGS.items() if told.get(path) is not None}
    if told.get("onFailureCount") is not None:
        found["on_failure_count"] = max(1, integer(told["onFailureCount"], "job.notification.onFailureCount"))
    return found


def _extended(told: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if told.get("headers") is not None:
        found["headers"] = headers(told["headers"], "job.extendedData.headers", MAX_TEXT)
    if told.get("body") is not None:
        body = text(told["body"], "job.extendedData.body", MAX_TEXT)
        found["body"] = body if body.strip() else ""
    return found


@dataclass(frozen=True)
class JobOut:
    """A job as a client receives it."""

    job_id: int
    fields: Fields
    last_status: int = 0
    last_duration: int = 0
    last_execution: int = 0
    next_execution: int | None = None

    def to_json(self, *, detailed: bool = False) -> dict[str, Any]:
        """The members; credentials, notifications and the rest of the request only in a detailed one."""
        told = self.fields
        shown: dict[str, Any] = {
            "jobId": self.job_id,
            "enabled": told.enabled,
            "title": told.title,
            "saveResponses": told.save_responses,
            "url": told.url,
            "lastStatus": self.last_status,
            "lastDuration": self.last_duration,
            "lastExecution": self.last_execution,
            "nextExecution": self.next_execution,
            "type": 0,
            "requestTimeout": told.request_timeout,
            "redirectSuccess": told.redirect_success,
            "folderId": told.folder_id,
            "schedule": {"timezone": told.timezone, "expiresAt": told.expires_at}
            | {name: list(getattr(told, name)) for name in sorted(SETS)},
            "requestMethod": told.request_method,
        }
        return shown | _details(told) if detailed else shown


def _details(told: Fields) -> dict[str, Any]:
    flags: dict[str, Any] = {path: getattr(told, name) for path, name in _FLAGS.items()}
    return {
        "auth": {"enable": told.auth_enable, "user": told.auth_user, "password": told.auth_password},
        "notification": flags | {"onFailureCount": told.on_failure_count},
        "extendedData": {
            "headers": {name: MASK if value is None else value for name, value in told.headers.items()},
            "body": told.body,
        },
    }
