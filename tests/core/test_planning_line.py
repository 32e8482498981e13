"""Who of those that wait may begin: one row for each situation; order, room and pace as a property."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.model import TaskSpec, Trigger
from crontask_core.planning.line import PACE, LineObservation, LinePlan, Waiting, plan_line

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALLOW: dict[str, Any] = {}
QUEUE = {"concurrencyPolicy": "Queue"}
FORBID = {"concurrencyPolicy": "Forbid"}


def at(seconds: float) -> datetime:
    return TEN + SECOND * seconds


def waits(*seconds: float, trigger: Trigger = "Schedule", exists: bool = True) -> tuple[Waiting, ...]:
    """Executions that wait since so many seconds after ten, called by these."""
    return tuple(Waiting(at(each), f"{each:g}", trigger, exists) for each in seconds)


@dataclass(frozen=True)
class Row:
    says: str
    waiting: tuple[Waiting, ...]
    now: float
    release: str = ""
    expired: str = ""
    again: float | None = None
    late: bool = False
    spec: dict[str, Any] = field(default_factory=lambda: QUEUE)
    running: int = 0
    held: bool = False
    caught_up: float | None = None


ROWS = [
    Row("with room the first one begins", waits(1, 2), 3, "1", again=16),
    Row("without room nobody begins, and it is looked at again when one is late", waits(1, 2), 3, running=1, again=16),
    Row("as many begin as there is room for", waits(1, 2, 3), 4, "1 2", again=16, spec=QUEUE | {"concurrencyLimit": 2}),
    Row("who is behind does not pass who is in front", waits(5, 4), 6, "4", again=19),
    Row("what waits for longer than 15 seconds makes the task late", waits(1, 8), 16, running=1, late=True, again=23),
    Row(
        "what waits beyond its deadline is given up, and makes room for nobody else",
        waits(1, 30),
        32,
        expired="1",
        again=45,
        running=1,
        spec=QUEUE | {"startingDeadlineSeconds": 30},
    ),
    Row(
        "exactly at its deadline it may still begin",
        waits(1),
        31,
        "1",
        late=True,
        again=31.000001,
        spec=QUEUE | {"startingDeadlineSeconds": 30},
    ),
    Row("a pause holds the line", waits(1, 2), 3, held=True, again=16),
    Row(
        "a pause does not hold what somebody asked for",
        (*waits(1), *waits(2, trigger="Manual")),
        3,
        "2",
        held=True,
        again=16,
    ),
    Row("what somebody asked for waits for room all the same", waits(1, trigger="Manual"), 3, running=1),
    Row("what somebody asked for has no deadline", waits(1, trigger="Manual"), 99, "1"),
    Row(
        "missed instants are made up for one a second",
        waits(1, 2, 3, trigger="CatchUp"),
        90,
        "1",
        again=91,
        late=True,
        spec=ALLOW,
    ),
    Row(
        "the next one has to wait for its second",
        waits(2, 3, trigger="CatchUp"),
        90.5,
        again=91,
        late=True,
        caught_up=90,
    ),
    Row("and begins then", waits(2, 3, trigger="CatchUp"), 91, "2", again=92, late=True, caught_up=90, spec=ALLOW),
    Row(
        "what is made up for keeps to the order under Queue: what was due later waits behind it",
        (*waits(1, trigger="CatchUp"), *waits(60)),
        60.2,
        late=True,
        again=61,
        caught_up=60,
        spec=QUEUE | {"concurrencyLimit": 5},
    ),
    Row(
        "a clock that was set back says nothing of the pace",
        waits(2, 3, trigger="CatchUp"),
        90,
        "2",
        again=91,
        late=True,
        caught_up=390,
        spec=ALLOW,
    ),
    Row("Allow has room for everybody", waits(1, 2, 3), 4, "1 2 3", again=16, spec=ALLOW, running=7),
    Row(
        "Forbid begins what it makes up for when nothing runs",
        waits(1, trigger="CatchUp"),
        99,
        "1",
        late=True,
        spec=FORBID,
    ),
    Row("and not while something runs", waits(1, trigger="CatchUp"), 99, late=True, spec=FORBID, running=1),
    Row("who has no object yet holds the line until that exists", (*waits(1, exists=False), *waits(2)), 3, again=16),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_situation(row: Row) -> None:
    spec = TaskSpec.model_validate({"schedule": "* * * * *", "pod": {"image": "i"}, **row.spec})
    caught_up_at = at(row.caught_up) if row.caught_up is not None else None
    made = plan_line(LineObservation(spec, row.waiting, row.running, row.held, caught_up_at), at(row.now))
    again = at(row.again) if row.again is not None else None
    assert made == LinePlan(tuple(row.release.split()), tuple(row.expired.split()), again, row.late)


lines = st.lists(
    st.tuples(st.integers(0, 100), st.sampled_from(["Schedule", "CatchUp", "Manual", "After"]), st.booleans()),
    max_size=20,
    unique_by=lambda each: each[0],
)


@settings(deadline=None)
@given(
    lines,
    st.integers(0, 4),
    st.booleans(),
    st.none() | st.integers(0, 2000),
    st.integers(0, 200),
    st.sampled_from(["Allow", "Forbid", "Replace", "Queue"]),
    st.integers(1, 3),
    st.none() | st.integers(0, 100),
)
def test_order_room_and_pace_hold(
    line: list[tuple[int, Trigger, bool]],
    running: int,
    held: bool,
    caught_up: int | None,
    now: int,
    policy: str,
    limit: int,
    deadline: int | None,
) -> None:
    rules = {"concurrencyPolicy": policy, "concurrencyLimit": limit, "startingDeadlineSeconds": deadline}
    spec = TaskSpec.model_validate({"schedule": "* * * * *", "pod": {"image": "i"}, **rules})
    waiting = tuple(Waiting(at(since), f"{since:03}", trigger, exists) for since, trigger, exists in line)
    moment = at(now)
    before = at(caught_up / 10) if caught_up is not None else None
    made = plan_line(LineObservation(spec, waiting, running, held, before), moment)

    by_name = {each.name: each for each in waiting}
    begun = [by_name[name] for name in made.release]
    assert policy == "Allow" or not begun or running + len(begun) <= limit
    assert [each.scheduled_at for each in begun] == sorted(each.scheduled_at for each in begun)
    assert sum(each.trigger == "CatchUp" for each in begun) <= 1
    too_soon = before is not None and before <= moment < before + PACE
    assert not any(each.trigger == "CatchUp" for each in begun) or not too_soon
    assert all(each.exists for each in begun)
    assert not held or all(each.trigger == "Manual" for each in begun)
    assert not set(made.release) & set(made.expired)
    assert made.again_at is None or made.again_at > moment
    in_line = [each for each in sorted(waiting) if each.trigger != "Manual" and each.name not in made.expired]
    scheduled = [each.name for each in begun if each.trigger != "Manual"]
    assert scheduled == [each.name for each in in_line[: len(scheduled)]], "somebody passed the line"
