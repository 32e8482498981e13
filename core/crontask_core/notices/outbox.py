"""What waits to be told of one task, as its status keeps it: bounded, oldest first.

None stands for an empty outbox, so that a task without notifications costs nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from crontask_core.model import PendingNotification
from crontask_core.model.notify import MAX_PENDING


class Outbox(NamedTuple):
    """The notices that have not been delivered, and the ways whose failures have reached their number."""

    pending: tuple[PendingNotification, ...] = ()
    alerting: tuple[int, ...] = ()

    def executions(self) -> frozenset[str]:
        """The executions that notices tell of; their records are read when these are sent."""
        return frozenset(notice.execution for notice in self.pending if notice.execution)


def outbox_of(pending: Sequence[PendingNotification], alerting: Sequence[int]) -> Outbox | None:
    """The outbox that a stored status holds."""
    return Outbox(tuple(pending), tuple(alerting)) if pending or alerting else None


def with_new(outbox: Outbox | None, notices: Iterable[PendingNotification]) -> tuple[Outbox | None, int]:
    """The outbox with further notices (one that is there already stays as it is), and how many old ones had to go."""
    held = outbox or Outbox()
    known = {notice.id for notice in held.pending}
    pending = held.pending + tuple(notice for notice in notices if notice.id not in known)
    kept = pending[-MAX_PENDING:]
    return outbox_of(kept, held.alerting), len(pending) - len(kept)


def with_alerting(outbox: Outbox | None, alerting: Sequence[int]) -> Outbox | None:
    """The outbox with other ways alerting."""
    return outbox_of(outbox.pending if outbox else (), alerting)


def with_try(outbox: Outbox | None, id: str) -> Outbox | None:  # noqa: A002 - the field's name
    """The outbox after one more try of a notice that did not deliver it."""
    if outbox is None:
        return None
    tried = (
        notice.model_copy(update={"tries": notice.tries + 1}) if notice.id == id else notice
        for notice in outbox.pending
    )
    return outbox_of(tuple(tried), outbox.alerting)


def without(outbox: Outbox | None, id: str) -> Outbox | None:  # noqa: A002 - the field's name
    """The outbox without a notice."""
    if outbox is None:
        return None
    return outbox_of(tuple(notice for notice in outbox.pending if notice.id != id), outbox.alerting)
