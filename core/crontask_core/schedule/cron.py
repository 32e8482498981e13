"""Cron schedules in a time zone: the standard one, stepped by our own rules for clock changes.

The named grammars' counterpart, which steps as a Go library does, is `library`.
"""

from datetime import UTC, datetime

from crontask_core.schedule.dst import DstRules, first_instant
from crontask_core.schedule.fields import Fields
from crontask_core.schedule.forms import latest_by_halving
from crontask_core.schedule.zones import naive_utc


class CronSchedule:
    """Wall-clock times in a zone, mapped to instants by `DstRules`.

    Remembers its last answer, since many tasks that share a text ask the same
    question one after the other. Safe to share.
    """

    __slots__ = ("_answered", "fields", "rules", "zone")

    def __init__(self, fields: Fields, zone: str, rules: DstRules) -> None:
        self.fields = fields
        self.zone = zone
        self.rules = rules
        self._answered: tuple[datetime, datetime | None] | None = None

    def next(self, after: datetime) -> datetime | None:
        """The first instant strictly after `after`."""
        answered = self._answered
        if answered is not None and answered[0] == after:
            return answered[1]
        found = first_instant(self.fields, self.rules, self.zone, naive_utc(after))
        instant = found.replace(tzinfo=UTC) if found is not None else None
        self._answered = (after, instant)
        return instant

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        """The last instant in (after, upto]."""
        return latest_by_halving(self, after, upto)
