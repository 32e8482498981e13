"""Calendars: which times a CronTaskCalendar covers, and what it leaves of a schedule.

`read_calendar` makes a `Calendar` of a spec; `allowed`, `covering` and
`next_allowed` ask several of them about an instant. Pure, and decided in
docs/decisions/0010-composition-and-calendars.md.
"""

from crontask_core.calendars.allowed import Covering, allowed, covering, next_allowed
from crontask_core.calendars.calendar import Calendar
from crontask_core.calendars.reading import read_calendar

__all__ = ["Calendar", "Covering", "allowed", "covering", "next_allowed", "read_calendar"]
