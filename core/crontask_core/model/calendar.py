"""CronTaskCalendar: days and times that tasks name in `exclude` and `only`, and groups in `freezeCalendars`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Condition, Model, keyed_list, rules, shaped
from crontask_core.model.timing_rules import ZONE_RULES

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MAX_DATES = 1000
MAX_ICAL = 131_072

Date = Annotated[
    str,
    shaped(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "write a date as YYYY-MM-DD, such as 2030-12-25", longest=10, shortest=10),
]
ClockTime = Annotated[
    str,
    shaped(
        r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        "write a time of day as HH:MM, from 00:00 to 24:00",
        longest=5,
        shortest=5,
    ),
]


class DateRange(Model):
    """Days from one date to another."""

    model_config = ConfigDict(
        json_schema_extra=rules(("self.start <= self.end", "end is before start; swap the two", ".end"))
    )

    start: Date
    """The first day."""

    end: Date
    """The last day, itself included."""


class WeeklyWindow(Model):
    """A time of day on some days of each week."""

    days: list[Weekday] = Field(default=[], max_length=7)
    """The days of the week on which the window begins; empty means every day."""

    start: ClockTime = "00:00"
    """When the window begins."""

    end: ClockTime = "24:00"
    """When it ends, itself excluded; not after `start` means on the next day."""


class CalendarSpec(Model):
    """Which times the calendar covers: whatever any of its parts covers."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.dates) || has(self.ranges) || has(self.weekly) || has(self.ical)",
                "the calendar covers nothing; set dates, ranges, weekly or ical",
            )
        )
    )

    time_zone: str = Field(default="", max_length=64, json_schema_extra=rules(*ZONE_RULES))
    """The IANA time zone in which days begin and end; empty means the operator's default (UTC)."""

    dates: list[Date] = Field(default=[], max_length=MAX_DATES)
    """Whole days, such as 2030-12-25."""

    ranges: list[DateRange] = Field(default=[], max_length=MAX_DATES)
    """Runs of whole days."""

    weekly: list[WeeklyWindow] = Field(default=[], max_length=100)
    """Windows that come back each week, such as every night from 22:00 to 06:00."""

    ical: str | None = Field(default=None, min_length=1, max_length=MAX_ICAL)
    """The times that the events of this iCalendar text (RFC 5545) cover, recurring ones included."""


class CalendarStatus(Model):
    """What the operator makes of the calendar."""

    observed_generation: int | None = None
    """The generation of the spec that the operator works by."""

    conditions: list[Condition] = Field(default=[], max_length=8, json_schema_extra=keyed_list("type"))
    """Ready: the calendar can be read."""
