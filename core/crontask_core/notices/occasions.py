"""What is worth telling of a task: from what happened to the notices that wait in its status.

The id of a notice follows from the task, the way, the occasion and what it is about,
so that a successor who counts the same end again makes the same notice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256

from crontask_core.errors import FieldError
from crontask_core.httpcall.pattern import check_pattern, effort, found
from crontask_core.model import Notify, NotifyWhen, PendingNotification, Phase

FAILURES: frozenset[Phase] = frozenset({"Failed", "Lost"})
_TELL_OF_A_FAILURE: frozenset[NotifyWhen] = frozenset({"Failure", "Always"})
_AT_ONCE = 1_000_000
"""Steps of RE2 that take some milliseconds; what may take more is matched when the notice is sent."""

Notices = list[PendingNotification]


def ended(
    ways: Sequence[Notify],
    alerting: tuple[int, ...],
    *,
    uid: str,
    execution: str,
    phase: Phase,
    at: datetime,
    failures: int,
    output: str | None,
) -> tuple[Notices, tuple[int, ...]]:
    """The notices of an execution's end, and the ways that are alerting from now on.

    `failures` counts the failed and lost executions in a row with this one, `output` is None where it is not at
    hand. A way is alerting from its `after`th failure to the next success.
    """
    made: Notices = []
    still: list[int] = []
    for way, notify in enumerate(ways):
        was = way in alerting
        now = phase != "Succeeded" and (was or (phase in FAILURES and failures >= notify.after))
        if now:
            still.append(way)
        for when in _of_end(notify, phase, was, now, output):
            made.append(
                PendingNotification(
                    id=_id(uid, when, way, execution, at),
                    when=when,
                    way=way,
                    execution=execution,
                    phase=phase,
                    at=at,
                    failures=failures,
                )
            )
    return made, tuple(still)


def _of_end(notify: Notify, phase: Phase, was: bool, now: bool, output: str | None) -> Iterable[NotifyWhen]:
    """The occasions that an execution's end is for one way; `was` and `now` tell whether it is alerting."""
    holds: dict[NotifyWhen, bool] = {
        "Failure": now and (not was or (notify.repeat and phase in FAILURES)),
        "Recovery": was and not now,
        "Success": phase == "Succeeded",
        "Always": True,
        "Keyword": notify.keyword is not None and keyword_found(notify.keyword, output) is not False,
    }
    told = [when for when, so in holds.items() if so and when in notify.when]
    return told[:1] if notify.once else told


def keyword_found(keyword: str, output: str | None, *, patient: bool = False) -> bool | None:
    """Whether the output matches; None where it is not at hand, or where that may take a while (unless `patient`)."""
    try:
        check_pattern(keyword)
    except FieldError:
        return False  # the task is not Ready and says why
    if output is None or (effort(keyword, output) > _AT_ONCE and not patient):
        return None
    return found(keyword, output)


def begun(ways: Sequence[Notify], *, uid: str, execution: str, at: datetime) -> Notices:
    """The notices of an execution that has begun at that time."""
    return [
        PendingNotification(
            id=_id(uid, "Started", way, execution, None),
            when="Started",
            way=way,
            execution=execution,
            phase="Running",
            at=at,
        )
        for way, notify in enumerate(ways)
        if "Started" in notify.when
    ]


def begun_late(
    ways: Sequence[Notify], *, uid: str, execution: str, scheduled_at: datetime, lateness_milliseconds: int
) -> Notices:
    """The notices of an execution that has begun so long after its instant."""
    return [
        PendingNotification(
            id=_id(uid, "Late", way, execution, scheduled_at),
            when="Late",
            way=way,
            execution=execution,
            at=scheduled_at,
        )
        for way, notify in enumerate(ways)
        if "Late" in notify.when and lateness_milliseconds >= notify.late_seconds * 1000
    ]


def missed(ways: Sequence[Notify], *, uid: str, first: datetime, last: datetime, count: int) -> Notices:
    """The notices of instants that were not started in time: at least `count`, from `first` to `last`."""
    return [
        PendingNotification(
            id=_id(uid, "Missed", way, "", first),
            when="Missed",
            way=way,
            at=first,
            until=last if count > 1 else None,
            count=count,
        )
        for way, notify in enumerate(ways)
        if "Missed" in notify.when
    ]


def disabled(
    ways: Sequence[Notify],
    pending: Iterable[PendingNotification],
    *,
    uid: str,
    execution: str,
    at: datetime,
    failures: int,
) -> Notices:
    """The notices of a schedule that is paused, at `at`, because `execution` was the last of too many failures.

    `pending` holds what was just made of its end: with `once`, a way that is told of the failure is not told more.
    """
    told = {notice.way for notice in pending if notice.execution == execution and notice.when in _TELL_OF_A_FAILURE}
    return [
        PendingNotification(
            id=_id(uid, "Disabled", way, execution, None),
            when="Disabled",
            way=way,
            execution=execution,
            at=at,
            failures=failures,
        )
        for way, notify in enumerate(ways)
        if "Disabled" in notify.when and not (notify.once and way in told)
    ]


def _id(uid: str, when: NotifyWhen, way: int, execution: str, at: datetime | None) -> str:
    second = "" if at is None else str(int(at.timestamp()))
    return sha256("\n".join((uid, when, str(way), execution, second)).encode()).hexdigest()[:32]
