"""Schedules: text to instants, through the clock changes of every time zone.

`parse` reads a text, `compose` puts together all that says when a task is due;
the `Schedule` that they give answers `next` and `latest`, `instants` lists an
interval. Pure: the time is always an argument. Decided in
docs/decisions/0005-schedule-engine.md and 0010-composition-and-calendars.md.
"""

from crontask_core.schedule.compose import Reading, Sets, compose, splay
from crontask_core.schedule.dst import DstRules
from crontask_core.schedule.forms import Schedule, instants
from crontask_core.schedule.text import parse

__all__ = ["DstRules", "Reading", "Schedule", "Sets", "compose", "instants", "parse", "splay"]
