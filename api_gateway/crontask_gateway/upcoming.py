"""A job's next instants, as the operator tells them or else by the schedule. Pure."""

from datetime import datetime

from pydantic import ValidationError

from crontask_core.errors import CronTaskError
from crontask_core.validation import Setting, read_schedule
from crontask_gateway.store import Job


def reckoned(job: Job, now: datetime, count: int = 1) -> list[datetime]:
    """Up to `count` instants after `now` by the schedule, whether or not the job is paused; empty where none is."""
    try:
        schedule = read_schedule(job.task, job.key, job.created, Setting())
        found: list[datetime] = []
        while len(found) < count and (at := schedule.next(found[-1] if found else now)) is not None:
            found.append(at)
    except (CronTaskError, ValidationError):
        return []
    return found
