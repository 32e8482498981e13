"""Schedules: text to instants, through the clock changes of every time zone.

`parse` reads a text, the `Schedule` that it gives answers `next` and `latest`,
`instants` lists an interval. Pure: the time is always an argument. Decided in
docs/decisions/0005-schedule-engine.md.
"""

from crontask_core.schedule.dst import DstRules
from crontask_core.schedule.forms import Schedule, instants
from crontask_core.schedule.text import parse

__all__ = ["DstRules", "Schedule", "instants", "parse"]
