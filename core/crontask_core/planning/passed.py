"""The latest instants before a moment, however many lie before them."""

from datetime import datetime

from crontask_core.ledger import SECOND
from crontask_core.schedule import Schedule, instants


def latest_instants(schedule: Schedule, after: datetime, upto: datetime, count: int) -> list[datetime]:
    """The last `count` instants in (after, upto], in order; the work grows with `count` alone."""
    found: list[datetime] = []
    while len(found) < count:
        last = schedule.latest(after, upto)
        if last is None:
            break
        # A window of so many seconds holds at most so many instants.
        begin = max(after, last - SECOND * (count - len(found)))
        found = instants(schedule, begin, last, count)[0] + found
        upto = begin
    return found
