"""What a backfill does next: in order, each instant once, never more at once than it may."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.model import Backfill, BackfillProgress
from crontask_core.planning.backfill import (
    AHEAD,
    COUNTED_AT_ONCE,
    BackfillObservation,
    BackfillPlan,
    Child,
    before,
    counted,
    outcome,
    plan_backfill,
    refusal,
    too_many,
)
from crontask_core.schedule import parse

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def instant(n: int) -> datetime:
    return START + n * MINUTE


def wanted(count: int = 5, parallelism: int = 2) -> Backfill:
    return Backfill(start=START, end=instant(count - 1), parallelism=parallelism)


def plan(
    children: dict[int, Child],
    *,
    cursor: int | None = None,
    left_out: set[int] = frozenset(),  # type: ignore[assignment]
    room: int = 100,
    stop: bool = False,
    of: Backfill | None = None,
) -> BackfillPlan:
    progress = BackfillProgress(total=5, cursor=None if cursor is None else instant(cursor))
    return plan_backfill(
        BackfillObservation(
            schedule=parse("* * * * *"),
            wanted=of or wanted(),
            progress=progress,
            children={instant(n): child for n, child in children.items()},
            leave_out=lambda at: (at - START) // MINUTE in left_out,
            room=room,
            stop=stop,
        )
    )


def numbers(instants: tuple[datetime, ...]) -> list[int]:
    return [(at - START) // MINUTE for at in instants]


SITUATIONS: list[tuple[str, BackfillPlan, list[int], int | None, tuple[int, int, int], bool]] = [
    ("the first step", plan({}), [0, 1], None, (0, 0, 0), False),
    ("one place is taken", plan({0: "Running"}), [1], None, (0, 0, 0), False),
    ("all places are taken", plan({0: "Running", 1: "Queued"}), [], None, (0, 0, 0), False),
    ("the task has no room", plan({}, room=0), [], None, (0, 0, 0), False),
    ("the task has negative room", plan({0: "Running"}, room=-3), [], None, (0, 0, 0), False),
    ("one that has not begun goes first", plan({0: "Running", 1: "Pending"}), [1], None, (0, 0, 0), False),
    ("a later one ends first", plan({0: "Running", 1: "Succeeded"}), [2], None, (0, 0, 0), False),
    ("the earliest ends", plan({0: "Failed", 1: "Succeeded"}), [2, 3], 1, (1, 1, 0), False),
    ("lost and cancelled are no success", plan({0: "Lost", 1: "Cancelled"}), [2, 3], 1, (0, 2, 0), False),
    ("what is left out takes no place", plan({}, left_out={0, 2}), [1, 3], 0, (0, 0, 1), False),
    ("what was left out stays so", plan({0: "Running", 1: "LeftOut"}), [2], None, (0, 0, 0), False),
    ("from the cursor on", plan({}, cursor=2), [3, 4], 2, (0, 0, 0), False),
    ("the last ones", plan({4: "Running"}, cursor=3), [], 3, (0, 0, 0), False),
    ("over", plan({4: "Succeeded"}, cursor=3), [], 4, (1, 0, 0), True),
    ("all left out", plan({}, left_out={0, 1, 2, 3, 4}), [], 4, (0, 0, 5), True),
    ("stopped, some still run", plan({0: "Succeeded", 1: "Running"}, stop=True), [], 0, (1, 0, 0), False),
    ("stopped, one has not begun", plan({0: "Pending"}, stop=True), [], None, (0, 0, 0), False),
    ("stopped", plan({0: "Succeeded", 1: "Cancelled"}, stop=True), [], 1, (1, 1, 0), True),
    ("stopped before anything", plan({}, stop=True), [], None, (0, 0, 0), True),
]


@pytest.mark.parametrize(
    ("found", "begins", "cursor", "counts", "over"), [row[1:] for row in SITUATIONS], ids=[row[0] for row in SITUATIONS]
)
def test_situations(
    found: BackfillPlan, begins: list[int], cursor: int | None, counts: tuple[int, int, int], over: bool
) -> None:
    assert numbers(found.begins) == begins
    progress = found.progress
    assert progress.cursor == (None if cursor is None else instant(cursor))
    assert (progress.succeeded, progress.failed, progress.skipped) == counts
    assert found.over is over
    assert progress.total == 5


def test_after_an_edit_of_the_schedule_what_runs_is_still_counted() -> None:
    odd = START + timedelta(seconds=30)
    seen = BackfillObservation(
        parse("* * * * *"), wanted(), BackfillProgress(), {odd: "Succeeded", START: "Succeeded"}, lambda at: False, 100
    )
    assert plan_backfill(seen).progress.cursor == odd


def test_no_more_than_a_few_are_looked_at_beyond_the_cursor() -> None:
    many = wanted(10_000, 100)
    found = plan({0: "Running"} | dict.fromkeys(range(1, AHEAD), "Succeeded"), of=many)
    assert found.begins == ()
    found = plan({}, left_out=set(range(10_000)), of=many)
    assert found.again
    assert found.progress.skipped == AHEAD


class Simulation:
    """Executions that end in any order, and an operator that forgets everything but what is stored."""

    def __init__(self, of: Backfill, left_out: set[int]) -> None:
        self.of, self.left_out = of, left_out
        self.progress = self.stored = BackfillProgress(total=(of.end - of.start) // MINUTE + 1)
        self.objects: dict[datetime, Child] = {}
        self.known: dict[datetime, Child] = {}
        self.begun: list[datetime] = []
        self.over = False

    def step(self) -> None:
        seen = BackfillObservation(
            schedule=parse("* * * * *"),
            wanted=self.of,
            progress=self.progress,
            children=self.known | {at: child for at, child in self.objects.items() if self.is_beyond(at)},
            leave_out=lambda at: (at - START) // MINUTE in self.left_out,
            room=100,
        )
        found = plan_backfill(seen)
        self.known |= dict.fromkeys(found.left_out, "LeftOut")
        for at in found.begins:
            assert at not in self.objects or self.objects[at] == "Pending"
            self.begun.append(at)
            self.objects[at] = "Running"
        assert sum(child == "Running" for child in self.objects.values()) <= self.of.parallelism
        self.progress, self.over = found.progress, found.over

    def is_beyond(self, at: datetime) -> bool:
        return self.stored.cursor is None or at > self.stored.cursor

    def end(self, which: int, phase: Child) -> None:
        running = sorted(at for at, child in self.objects.items() if child == "Running")
        if running:
            self.objects[running[which % len(running)]] = phase

    def store(self) -> None:
        self.stored = self.progress
        self.objects = {at: child for at, child in self.objects.items() if self.is_beyond(at)}
        self.known = {at: child for at, child in self.known.items() if self.is_beyond(at)}

    def crash(self) -> None:
        self.progress, self.known = self.stored, {}


ends = st.tuples(st.just("end"), st.integers(0, 9), st.sampled_from(["Succeeded", "Failed", "Cancelled", "Lost"]))
others = st.tuples(st.sampled_from(["store", "crash"]), st.just(0), st.just(""))


@settings(deadline=None)
@given(
    count=st.integers(1, 25),
    parallelism=st.integers(1, 6),
    left_out=st.sets(st.integers(0, 24)),
    script=st.lists(st.one_of(ends, ends, others), max_size=40),
)
def test_each_instant_once_in_order_and_never_too_many(
    count: int, parallelism: int, left_out: set[int], script: list[tuple[str, int, Child]]
) -> None:
    world = Simulation(wanted(count, parallelism), left_out)
    world.step()
    for what, which, phase in script:
        if what == "end":
            world.end(which, phase)
        elif what == "store":
            world.store()
        else:
            world.crash()
        world.step()
    for _ in range(2 * count + 2):
        world.end(0, "Succeeded")
        world.step()
    assert world.over
    assert numbers(tuple(world.begun)) == [n for n in range(count) if n not in left_out]
    done = world.progress
    assert done.succeeded + done.failed == len(world.begun)
    assert done.skipped == count - len(world.begun)
    assert done.cursor == instant(count - 1)


def test_a_range_is_counted_in_parts() -> None:
    of = wanted(2 * COUNTED_AT_ONCE + 1)
    after: datetime | None = before(of)
    parts = []
    while after is not None:
        found, after = counted(parse("* * * * *"), after, of)
        parts.append(found)
    assert parts == [COUNTED_AT_ONCE, COUNTED_AT_ONCE, 1]


@pytest.mark.parametrize(
    ("schedule", "end", "words"),
    [
        ("* * * * *", 5, ""),
        ("@at 2020-01-01T00:00:00Z", 5, ""),
        ("@manual", 5, "names a task without a schedule, which has no instants; run it by hand"),
        ("* * * * *", 11, 'spec.backfill.end: "2026-01-01T00:11:00+00:00" has not passed yet; take an earlier time'),
    ],
)
def test_what_cannot_be_backfilled(schedule: str, end: int, words: str) -> None:
    found = refusal(Backfill(start=START, end=instant(end)), parse(schedule), instant(10))
    assert (found == "") is (words == "")
    assert words in found


def test_too_long_a_range_is_told() -> None:
    assert "holds more than 10000 instants; split the range" in too_many(wanted())


@pytest.mark.parametrize(
    ("progress", "stopped", "end"),
    [
        ({"total": 3, "succeeded": 2, "skipped": 1}, "", ("Succeeded", "Completed")),
        ({"total": 3, "succeeded": 2, "failed": 1}, "", ("Failed", "ExecutionsFailed")),
        ({"total": 0}, "", ("Succeeded", "NothingDue")),
        ({"total": 2, "skipped": 2}, "", ("Succeeded", "Completed")),
        ({"total": 9, "succeeded": 2}, "Stopped", ("Cancelled", "Stopped")),
        ({"total": 9, "failed": 2}, "TaskDeleted", ("Cancelled", "TaskDeleted")),
    ],
)
def test_how_it_ends(progress: dict[str, int], stopped: str, end: tuple[str, str]) -> None:
    assert outcome(BackfillProgress(**progress), stopped=stopped)[:2] == end  # type: ignore[arg-type] # numbers
