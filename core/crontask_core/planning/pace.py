"""How long what is written of a start may wait, so that one write tells of the start and of the end.

A task whose latest execution was short is expected to be short again. What that costs: where it takes longer this
time, its record appears a few seconds later. Who dies meanwhile leaves a pod whose labels tell of the start, and a
call that is lost with or without a record.
"""

from datetime import datetime

SHORT_SECONDS = 5.0
"""An execution that takes longer is shown while it runs."""
RECORD_SECONDS = 0.5
"""After this long an execution is recorded of which nothing is known."""
STATUS_SECONDS = 3.0
"""After this long a task's status tells of a start of which nothing is known."""
END_SECONDS = 1.5
"""From the end of an execution to the status that tells of it, the record's write included."""


def record_wait(usual: float | None) -> float:
    """Seconds from a start to its record; `usual` are the seconds that the task's executions take, if known."""
    if usual is None or usual > SHORT_SECONDS:
        return RECORD_SECONDS
    return max(RECORD_SECONDS, 1.0 + usual * 1.25)


def status_wait(usual: float | None) -> float:
    """Seconds from a start to the task's status that tells of it; the end of the execution makes it sooner."""
    return max(STATUS_SECONDS, record_wait(usual) + END_SECONDS)


def usual_seconds(began: datetime | None, *ended: datetime | None) -> float | None:
    """What the latest execution took, from the latest start and ends of a task; None while one runs or none has."""
    last = max((at for at in ended if at is not None), default=None)
    if began is None or last is None or last < began:
        return None
    return (last - began).total_seconds()
