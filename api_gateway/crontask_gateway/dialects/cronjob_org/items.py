"""History items on the wire, member by member. Times are Unix seconds, durations milliseconds, phases microseconds."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Stats:
    """Phases of a call, each from its begin; 0 where one was not reached."""

    name_lookup: int = 0
    connect: int = 0
    app_connect: int = 0
    pre_transfer: int = 0
    start_transfer: int = 0
    total: int = 0

    def to_json(self) -> dict[str, int]:
        """The members."""
        return {_camel(each.name): getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class ExecutionOut:
    """A history item."""

    job_log_id: int
    job_id: int
    identifier: str
    date: int
    date_planned: int
    jitter: int
    url: str
    duration: int
    status: int
    status_text: str
    http_status: int
    headers: str | None
    body: str | None
    stats: Stats

    def to_json(self, *, detailed: bool = False) -> dict[str, Any]:
        """The members; headers and body only in a detailed one, null where they were not saved."""
        shown = {_camel(each.name): getattr(self, each.name) for each in fields(self)} | {"stats": self.stats.to_json()}
        return shown if detailed else shown | {"headers": None, "body": None}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
