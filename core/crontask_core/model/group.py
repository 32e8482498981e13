"""CronTaskGroup: limits and freezes that hold for all tasks that name it in `group`."""

from datetime import datetime

from pydantic import ConfigDict, Field

from crontask_core.model.base import Condition, Model, keyed_list, rules
from crontask_core.model.timing import ObjectName


class Freeze(Model):
    """A time during which no task of the group starts by itself."""

    model_config = ConfigDict(
        json_schema_extra=rules(("self.start < self.end", "the freeze ends before it begins; correct end", ".end"))
    )

    start: datetime
    """When the freeze begins."""

    end: datetime
    """When it ends, itself excluded."""

    message: str | None = Field(default=None, max_length=256)
    """Why, for whoever asks what became of an instant."""


class GroupSpec(Model):
    """Limits and freezes of the group."""

    suspend: bool = False
    """Whether every task of the group is paused."""

    freezes: list[Freeze] = Field(default=[], max_length=100)
    """Times during which nothing starts; instants that fall into one are skipped, runs made by hand still work."""

    freeze_calendars: list[ObjectName] = Field(default=[], max_length=20)
    """Names of CronTaskCalendars whose times are freezes as well."""

    concurrency_limit: int | None = Field(default=None, ge=1, le=100_000)
    """How many executions of all its tasks may run at once; what is above it waits. Empty means no limit."""

    starts_per_second: float | None = Field(default=None, gt=0, le=10_000)
    """How many executions may begin in a second; what is above it waits. Empty means no limit."""


class GroupStatus(Model):
    """What the operator knows of the group."""

    observed_generation: int | None = None
    """The generation of the spec that the operator works by."""

    conditions: list[Condition] = Field(default=[], max_length=8, json_schema_extra=keyed_list("type"))
    """Ready: the group can be used. Frozen: it is suspended, or in a freeze."""

    task_count: int = Field(default=0, ge=0)
    """How many tasks name the group."""

    active_count: int = Field(default=0, ge=0)
    """How many of their executions run."""

    queued_count: int = Field(default=0, ge=0)
    """How many of their executions wait."""
