"""A job's next instant, as the operator tells it or else by the schedule. Pure."""

from collections.abc import Callable
from datetime import datetime

from crontask_gateway import gotime
from crontask_gateway.dialects.dkron.wire import NEVER
from crontask_gateway.store import Job
from crontask_gateway.upcoming import reckoned


def next_of(job: Job, now: datetime) -> int:
    """The first instant after `now`, whether or not the job is paused; `NEVER` where there is none.

    It is kept with this version of the job until it has passed, since lists ask for thousands of them.
    """
    return nexts(now)(job)


def nexts(now: datetime) -> Callable[[Job], int]:
    """`next_of` for many jobs at the same moment."""
    after = gotime.nanos(now)
    return lambda job: _next(job, now, after)


def _next(job: Job, now: datetime, after: int) -> int:
    kept: int | None = job.made.get("dkron.next")
    if kept is None or NEVER < kept <= after:
        kept = job.made["dkron.next"] = _told(job, after) or _reckoned(job, now)
    return kept


def _told(job: Job, after: int) -> int | None:
    """The operator's word, if it is of this spec."""
    if job.status.get("observedGeneration") != job.generation:
        return None
    known = (gotime.instant(text) for text in job.status.get("nextRuns") or ())
    return next((at for at in known if at > after), None)


def _reckoned(job: Job, now: datetime) -> int:
    found = reckoned(job, now)
    return gotime.nanos(found[0]) if found else NEVER
