"""The ledger: what became of each instant, equal outcomes folded into ranges."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from crontask_core.model.base import Model

Outcome = Literal["Started", "Late", "Queued", "Skipped", "Missed", "Cancelled", "Lost"]
MAX_ENTRIES = 40


class LedgerEntry(Model):
    """A range of instants with the same outcome; every instant from `first` to `last` had it."""

    first: datetime
    """The first instant of the range."""

    last: datetime
    """The last instant of the range."""

    outcome: Outcome
    """
    Started (within 15 seconds), Late, Queued (still waits), Skipped (on purpose), Missed (nobody could start it in
    time), Cancelled (before it began), Lost (nobody knows whether it was sent).
    """

    reason: str | None = Field(default=None, max_length=64)
    """Why, in one word, such as Overlap, Suspended, Calendar, Frozen, Limit, Deadline or Downtime."""

    count: int = Field(ge=0)
    """How many instants the range holds; at least so many where it covers a time that nobody counted through."""

    lateness_milliseconds: int | None = Field(default=None, ge=0)
    """How long after its instant the latest of them began."""
