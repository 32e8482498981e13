"""Wall-clock times to instants: what a clock change does to a schedule of the standard grammar.

In a gap (clocks put forward) some wall times do not exist, in an overlap (put
back) some exist twice. `DstRules` says what becomes of them; the steppers of
the named grammars use `ELAPSED` where their library has no later answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from crontask_core.schedule.fields import HORIZON, LAST_YEAR, Fields
from crontask_core.schedule.zones import SECOND, Stretch, stretch_at

EARLIEST_YEAR = 5
Gap = Literal["Skip", "Shift"]
Overlap = Literal["First", "Second", "Both"]


@dataclass(frozen=True, slots=True)
class DstRules:
    """What happens to a wall time in a gap, and to one in an overlap.

    `Shift` reads it with the offset before the gap, so that it comes as much
    later as the gap is long (RFC 5545, section 3.3.5); `Skip` drops it. `First`,
    `Second` and `Both` name the passes of an overlap that count.
    """

    gap: Gap
    overlap: Overlap

    def but(self, gap: Gap | None, overlap: Overlap | None) -> "DstRules":
        """The rules with what a task says of its own; None leaves a rule as it is."""
        return DstRules(gap or self.gap, overlap or self.overlap) if gap or overlap else self


FIXED = DstRules("Shift", "First")
"""For jobs at set times: each runs once a day, come what may."""
ELAPSED = DstRules("Skip", "Both")
"""For jobs that recur within the hour or the day: the beat goes on in real time."""


def first_instant(fields: Fields, rules: DstRules, zone: str, after: datetime) -> datetime | None:
    """The first instant after `after` (both naive UTC), or None if there is none in the next 50 years."""
    if after.year > LAST_YEAR:
        return None
    lower = max(after.replace(microsecond=0), datetime(EARLIEST_YEAR, 1, 1)) + SECOND  # noqa: DTZ001
    until = min(lower.year + HORIZON, LAST_YEAR if fields.years is None else max(fields.years) + 1)
    while lower.year <= until:
        stretch = stretch_at(zone, lower)
        found = [at for at in (_regular(fields, rules, stretch, lower), _shifted(fields, rules, stretch, lower)) if at]
        if found:
            return min(found)
        lower = stretch.end
    return None


def _regular(fields: Fields, rules: DstRules, stretch: Stretch, lower: datetime) -> datetime | None:
    """The first instant from `lower` on at which the clock shows a time that is meant, within the stretch."""
    opens, closes = lower + stretch.offset, stretch.end + stretch.offset
    if rules.overlap == "First" and stretch.before > stretch.offset:
        opens = max(opens, stretch.start + stretch.before)
    if rules.overlap == "Second" and stretch.after < stretch.offset:
        closes = stretch.end + stretch.after
    wall = fields.first_from(opens)
    return wall - stretch.offset if wall is not None and wall < closes else None


def _shifted(fields: Fields, rules: DstRules, stretch: Stretch, lower: datetime) -> datetime | None:
    """The first instant from `lower` on that stands for a wall time in the gap before the stretch."""
    if rules.gap == "Skip" or stretch.before >= stretch.offset:
        return None
    closes = stretch.start + stretch.offset
    opens = lower + stretch.before
    if opens >= closes:
        return None
    wall = fields.first_from(opens)
    return wall - stretch.before if wall is not None and wall < closes else None
