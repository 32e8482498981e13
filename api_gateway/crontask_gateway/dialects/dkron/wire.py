"""Dkron's JSON: jobs and executions, member by member, as its OpenAPI document and dkron v4 have them.

Times are nanoseconds since 1970 (`gotime`). Two ways to say "never" exist side
by side: nullable times are null, plain ones `0001-01-01T00:00:00Z`.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from crontask_core.schedule.zones import clock_time
from crontask_gateway import gojson, gotime
from crontask_gateway.dialects.dkron.members import KINDS, Config, Scalar, text_of
from crontask_gateway.errors import Invalid
from crontask_gateway.gotime import GoError

__all__ = ["NEVER", "Config", "ExecutionOut", "JobIn", "JobOut", "Scalar", "text_of"]

NEVER = gotime.instant("0001-01-01T00:00:00Z")
"""Go's zero time."""
_NEVER_TAKEN = ("id", "dependent_jobs", "next")
"""Read, because a wrong type in them is an error; and dropped."""


@dataclass(frozen=True, slots=True)
class JobIn:
    """A job as a client sends it; members that are absent have their defaults."""

    name: str = ""
    displayname: str = ""
    timezone: str = ""
    schedule: str = ""
    owner: str = ""
    owner_email: str = ""
    disabled: bool = False
    tags: Config | None = None
    metadata: Config | None = None
    retries: int = 0
    parent_job: str = ""
    processors: dict[str, Config] = field(default_factory=dict)
    concurrency: str = "allow"
    executor: str = ""
    executor_config: Config | None = None
    ephemeral: bool = False
    starts_at: int | None = None
    expires_at: int | None = None
    success_count: int = 0
    error_count: int = 0
    last_success: int | None = None
    last_error: int | None = None
    status: str = ""
    """This and the four before it are what the server counts: heeded in a restore alone."""

    @classmethod
    def from_json(cls, body: bytes) -> "JobIn":
        """The job in a request's body. Raises Invalid with upstream's text."""
        try:
            return cls.from_value(gojson.read(body))
        except GoError as error:
            raise Invalid(f"Unable to parse payload: {error}.") from None

    @classmethod
    def from_value(cls, value: Any) -> "JobIn":
        """The job in a value of `gojson.read`. Raises GoError."""
        found = gojson.struct(value, "dkron.Job", KINDS)
        for member in _NEVER_TAKEN:
            found.pop(member, None)
        for member in ("tags", "metadata", "executor_config"):  # an empty map reads back as null
            found[member] = found.get(member) or None
        return cls(**found)

    def text(self, key: str) -> str:
        """A value of `executor_config` in its text form; empty where it is absent."""
        return text_of((self.executor_config or {}).get(key, ""))

    def fresh(self) -> "JobIn":
        """The job without what the server counts."""
        return replace(self, success_count=0, error_count=0, last_success=None, last_error=None, status="")


@dataclass(frozen=True, slots=True)
class JobOut:
    """A job as a client receives it: all 26 members, in this order."""

    name: str
    displayname: str
    timezone: str
    schedule: str
    owner: str
    owner_email: str
    success_count: int
    error_count: int
    last_success: int | None
    last_error: int | None
    disabled: bool
    tags: Config | None
    metadata: Config | None
    retries: int
    dependent_jobs: list[str] | None
    parent_job: str
    processors: dict[str, Config]
    concurrency: str
    executor: str
    executor_config: Config | None
    status: str
    next: int
    ephemeral: bool
    starts_at: int | None
    expires_at: int | None

    @property
    def id(self) -> str:
        """A copy of the name."""
        return self.name

    def to_json(self) -> dict[str, Any]:
        """The members, ready for `gojson.write`."""
        shown = {"id": self.name} | {each.name: getattr(self, each.name) for each in fields(self)}
        for member in ("last_success", "last_error", "starts_at", "expires_at"):
            shown[member] = None if shown[member] is None else gotime.rfc3339(shown[member])
        return shown | {"next": gotime.rfc3339(self.next)}


@dataclass(frozen=True, slots=True)
class ExecutionOut:
    """One attempt of a run."""

    id: str
    job_name: str
    started_at: int
    finished_at: int
    """`NEVER` while it runs."""
    success: bool
    output: str
    node_name: str
    group: int
    attempt: int

    def to_json(self, *, zone: str = "", limit: int | None = None, listed: bool = False) -> dict[str, Any]:
        """The members, times by the clock of `zone` (empty is UTC).

        In a list (`listed`) the output is cut to its last `limit` bytes, at a whole character, and
        `output_truncated` tells of it. A running execution has the literal zero time in every zone.
        """
        cut = _tail(self.output, limit) if listed and limit is not None else self.output
        shown: dict[str, Any] = {
            "id": self.id,
            "job_name": self.job_name,
            "started_at": _local(self.started_at, zone),
            "finished_at": _local(self.finished_at, zone),
            "success": self.success,
        }
        optional = {"output": cut, "node_name": self.node_name, "group": self.group, "attempt": self.attempt}
        shown |= {member: held for member, held in optional.items() if held}
        return shown | {"output_truncated": cut != self.output} if listed else shown


def _tail(text: str, limit: int) -> str:
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= limit else encoded[len(encoded) - limit :].decode(errors="ignore")


def _local(at: int, zone: str) -> str:
    """An instant by the clock of a zone that exists."""
    if at == NEVER or not zone:
        return gotime.rfc3339(at)
    offset = clock_time(zone, gotime.moment(at)).utcoffset()
    return gotime.rfc3339(at, int(offset.total_seconds()) if offset else 0)
