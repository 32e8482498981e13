"""Which past instants a backfill leaves out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crontask_core.ledger import Ledger, at_once
from crontask_core.model import Outcome
from crontask_core.names import execution_name
from crontask_core.planning.leaving_out import LeavingOut

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANOTHER = AT + timedelta(minutes=1)


class Shut:
    """A time that is closed throughout, for one reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __call__(self, at: datetime) -> str | None:
        return self.reason

    def until(self, at: datetime) -> datetime:
        return at + timedelta(days=1)


def is_left_out(**known: Any) -> bool:
    """Whether `AT` is, where nothing but `known` is known."""
    nothing: dict[str, Any] = {"ledger": Ledger(), "begun": (), "filled": (), "closed": None, "again": False}
    return LeavingOut(task="report", **(nothing | known))(AT)


def told(outcome: Outcome) -> Ledger:
    return Ledger().record(at_once(AT, outcome))


@pytest.mark.parametrize(
    ("known", "runs_once_more"),
    [
        ({"ledger": told("Started")}, True),
        ({"ledger": told("Late")}, True),
        ({"ledger": told("Lost")}, True),
        ({"ledger": told("Queued")}, True),
        ({"begun": {execution_name("report", AT)}}, True),
        ({"filled": {AT}}, True),
        ({"closed": Shut("Calendar")}, False),
    ],
    ids=["started", "late", "may have been sent", "waits", "its execution is there", "by another backfill", "calendar"],
)
def test_what_was_run_is_left_out_unless_it_is_wanted_again(known: dict[str, Any], runs_once_more: bool) -> None:
    assert is_left_out(**known)
    assert is_left_out(**known, again=True) is not runs_once_more


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"ledger": told("Skipped")},
        {"ledger": told("Missed")},
        {"ledger": told("Cancelled")},
        {"begun": {execution_name("report", ANOTHER), execution_name("invoices", AT)}},
        {"filled": {ANOTHER}},
        {"closed": Shut("Frozen")},
        {"closed": Shut("GroupSuspended")},
    ],
    ids=["unknown", "skipped", "missed", "cancelled", "others' executions", "another instant", "frozen", "group"],
)
def test_everything_else_is_run(known: dict[str, Any]) -> None:
    assert not is_left_out(**known)
