"""When a task is due, beside the text itself: clock changes, sets of times, other tasks."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, rules, shaped

MAX_SCHEDULES = 20
MAX_NAME = 253

ObjectName = Annotated[
    str,
    shaped(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "the name of an object holds only lower-case letters, digits, - and .; write the name of an existing object",
        longest=MAX_NAME,
    ),
]


class Dst(Model):
    """What a change of the clocks does to the task; it overrides what the schedule's form does by itself."""

    gap: Literal["Skip", "Shift"] | None = None
    """A time that the clocks leave out: Skip drops it, Shift moves it by as much as the clocks are put forward."""

    overlap: Literal["First", "Second", "Both"] | None = None
    """A time that the clocks show twice: which of its two passes counts."""


class CalendarSets(Model):
    """Sets of wall-clock times in place of a text; an absent set means every value, an empty one none."""

    minutes: list[Annotated[int, Field(ge=0, le=59)]] | None = Field(default=None, max_length=60)
    """Minutes of the hour, 0 to 59."""

    hours: list[Annotated[int, Field(ge=0, le=23)]] | None = Field(default=None, max_length=24)
    """Hours of the day, 0 to 23."""

    days: list[Annotated[int, Field(ge=1, le=31)]] | None = Field(default=None, max_length=31)
    """Days of the month, 1 to 31; where weekdays are set as well, a day that is in either of the two counts."""

    months: list[Annotated[int, Field(ge=1, le=12)]] | None = Field(default=None, max_length=12)
    """Months, 1 to 12."""

    weekdays: list[Annotated[int, Field(ge=0, le=6)]] | None = Field(default=None, max_length=7)
    """Days of the week, 0 (Sunday) to 6 (Saturday)."""


End = Literal["Success", "Failure", "Completion"]


class After(Model):
    """Another task, the end of whose executions starts this one."""

    model_config = ConfigDict(
        json_schema_extra=rules(("!(has(self.when) && has(self.on))", "when and on mean the same; remove one of them"))
    )

    task: ObjectName
    """The name of a CronTask in the same namespace."""

    when: End | None = None
    """
    Which ends count: Success (the default), Failure (failed or lost), or Completion, which is any of both. A cancelled
    execution starts nobody.
    """

    on: End | None = None
    """The same as `when`; in YAML it must be written "on", in quotes, because on means true there."""

    @property
    def end(self) -> End:
        """Which ends count."""
        return self.when or self.on or "Success"


TIMING_RULES = (
    (
        "has(self.schedule) || has(self.schedules) || has(self.calendar) || has(self.firstRunAt) || has(self.after)",
        "nothing says when the task runs; set schedule, schedules, calendar, firstRunAt or after (schedule: '@manual'"
        " for a task that is only run by hand)",
    ),
    (
        "!(has(self.startAt) && has(self.endAt)) || self.endAt >= self.startAt",
        "endAt is before startAt, so the task would never run; correct one of them",
        ".endAt",
    ),
    (
        "!(has(self.firstRunAt) && has(self.endAt)) || self.endAt >= self.firstRunAt",
        "firstRunAt is after endAt; correct one of them",
        ".firstRunAt",
    ),
    (
        "!(has(self.firstRunAt) && has(self.startAt)) || self.firstRunAt >= self.startAt",
        "firstRunAt is before startAt; correct one of them",
        ".firstRunAt",
    ),
    (
        "!(has(self.suspend) && self.suspend && has(self.suspendUntil))",
        "suspend pauses without end and suspendUntil with one; remove one of them",
        ".suspendUntil",
    ),
)

NAMES_ONCE = rules(
    ("self.all(one, self.exists_one(other, other == one))", "a name is there twice; remove one of the two")
)
