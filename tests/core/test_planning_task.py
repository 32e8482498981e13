"""What becomes of a task's instants: one row for each situation, compared as a whole plan; the laws as properties."""

from bisect import bisect_right
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.model import TaskSpec
from crontask_core.planning.task import COUNTED, ON_TIME, Start, TaskObservation, TaskPlan, plan_task
from crontask_core.schedule import Schedule, parse

DAY = datetime(2026, 11, 22, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTELY = "* * * * *"
ACTIONS: dict[str, dict[str, Any]] = {
    "pod": {"pod": {"image": "shop/report:1"}},
    "http": {"http": {"url": "http://shop.example/tick"}},
}


def clock(text: str) -> datetime:
    """A time of the day: 10:00, 10:00:15 or 10:00:15.250."""
    hours, minutes, *seconds = text.split(":")
    return DAY + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds[0]) if seconds else 0)


def times(text: str) -> tuple[datetime, ...]:
    return tuple(clock(word) for word in text.split())


def plan(
    watermark: str,
    *,
    starts: str = "",
    catch_up: str = "",
    stops: tuple[str, ...] = (),
    skipped: str = "",
    missed: str = "",
    lost: str = "",
    wake: str = "",
) -> TaskPlan:
    """A plan; what is not named is empty."""
    return TaskPlan(
        starts=(*(Start(at, "CatchUp") for at in times(catch_up)), *(Start(at, "Schedule") for at in times(starts))),
        stops=stops,
        skipped=times(skipped),
        missed=times(missed),
        lost=times(lost),
        watermark=clock(watermark),
        wake_at=clock(wake) if wake else None,
    )


@dataclass(frozen=True)
class Row:
    """A situation, told in a sentence, and the whole plan for it."""

    says: str
    expected: TaskPlan
    watermark: str
    now: str
    schedule: str = MINUTELY
    spec: dict[str, Any] = field(default_factory=dict)
    action: str = "pod"
    claimed: str = ""
    known: str = ""
    active: tuple[str, ...] = ()


FORBID, REPLACE, ALLOW = ({"concurrencyPolicy": policy} for policy in ("Forbid", "Replace", "Allow"))
SKIP = {"missed": {"policy": "Skip"}}
EACH_SECOND = "* * * * * *"

ON_TIME_ROWS = [
    Row("an instant that is due starts", plan("10:01", starts="10:01", wake="10:02"), "10:00", "10:01"),
    Row("before the next instant nothing happens", plan("10:00:59", wake="10:01"), "10:00", "10:00:59"),
    Row("no time has passed and nothing happens", plan("10:01", wake="10:02"), "10:01", "10:01"),
    Row(
        "an instant at the watermark has its outcome and is not looked at again",
        plan("10:01:00.500", wake="10:02"),
        "10:01",
        "10:01:00.500",
    ),
    Row(
        "an instant a little late starts as if it were on time",
        plan("10:01:14.900", starts="10:01", wake="10:02"),
        "10:00:30",
        "10:01:14.900",
    ),
    Row(
        "several instants within the last 15 seconds all start",
        plan("10:00:03", starts="10:00:01 10:00:02 10:00:03", wake="10:00:04"),
        "10:00",
        "10:00:03",
        EACH_SECOND,
    ),
    Row(
        "a policy for missed instants does not concern one that is a little late",
        plan("10:01:10", starts="10:01", wake="10:02"),
        "10:00",
        "10:01:10",
        spec=SKIP,
    ),
    Row(
        "several instants of which some are late: the late ones are missed, the others start",
        plan("10:01:02", starts="10:01", missed="10:00:30", wake="10:01:30"),
        "10:00",
        "10:01:02",
        "*/30 * * * * *",
    ),
]

LATE_ROWS = [
    Row(
        "exactly 15 seconds late is missed, and made up for",
        plan("10:01:15", catch_up="10:01", wake="10:02"),
        "10:00",
        "10:01:15",
    ),
    Row(
        "of several missed instants Latest makes up for the last one",
        plan("10:03:30", catch_up="10:03", missed="10:01 10:02", wake="10:04"),
        "10:00",
        "10:03:30",
    ),
    Row(
        "Skip makes up for none",
        plan("10:03:30", missed="10:01 10:02 10:03", wake="10:04"),
        "10:00",
        "10:03:30",
        spec=SKIP,
    ),
    Row(
        "a latest instant that has run leaves nothing to make up for: an earlier one would run out of order",
        plan("10:03:30", missed="10:01 10:02", wake="10:04"),
        "10:00",
        "10:03:30",
        known="10:03",
    ),
    Row(
        "with a latest instant that starts on time, the earlier ones are missed",
        plan("10:03", starts="10:03", missed="10:01 10:02", wake="10:04"),
        "10:00",
        "10:03",
    ),
]

DEADLINE_ROWS = [
    Row(
        "within its starting deadline an instant starts",
        plan("10:01:05", starts="10:01", wake="10:02"),
        "10:00",
        "10:01:05",
        spec={"startingDeadlineSeconds": 5},
    ),
    Row(
        "beyond its starting deadline it is missed, however small the deadline",
        plan("10:01:05.001", missed="10:01", wake="10:02"),
        "10:00",
        "10:01:05.001",
        spec={"startingDeadlineSeconds": 5},
    ),
    Row(
        "a deadline of zero still starts what is exactly on time",
        plan("10:01", starts="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec={"startingDeadlineSeconds": 0},
    ),
    Row(
        "nothing beyond the deadline is made up for",
        plan("10:02:31", missed="10:01 10:02", wake="10:03"),
        "10:00",
        "10:02:31",
        spec={"startingDeadlineSeconds": 30},
    ),
    Row(
        "what is within the deadline is made up for",
        plan("10:02:30", catch_up="10:02", missed="10:01", wake="10:03"),
        "10:00",
        "10:02:30",
        spec={"startingDeadlineSeconds": 30},
    ),
]

SUSPENDED_ROWS = [
    Row("a suspended task starts nothing and sleeps", plan("10:03"), "10:00", "10:03", spec={"suspend": True}),
    Row(
        "after a resume, which moves the watermark to its time, nothing is replayed",
        plan("10:03:20", wake="10:04"),
        "10:03:20",
        "10:03:20",
    ),
    Row(
        "after an edit, which moves the watermark to its time, an instant right before it stays quiet",
        plan("10:01:03", wake="10:02"),
        "10:01:02",
        "10:01:03",
    ),
    Row(
        "after a step of the clock back nothing is due again, and the next instant lies behind the watermark",
        plan("11:00", wake="11:01"),
        "11:00",
        "10:00",
    ),
]

CLAIMED_ROWS = [
    Row(
        "a call that an earlier leader claimed and did not record is lost",
        plan("10:01:03", lost="10:01", wake="10:02"),
        "10:00",
        "10:01:03",
        action="http",
        claimed="10:01",
    ),
    Row(
        "a pod that an earlier leader claimed starts: its name makes a second create harmless",
        plan("10:01:03", starts="10:01", wake="10:02"),
        "10:00",
        "10:01:03",
        claimed="10:01",
    ),
    Row(
        "a claimed call that has its record is neither lost nor started",
        plan("10:01:03", wake="10:02"),
        "10:00",
        "10:01:03",
        action="http",
        claimed="10:01",
        known="10:01",
    ),
    Row(
        "a call behind the claim starts",
        plan("10:01:03", starts="10:01", wake="10:02"),
        "10:00",
        "10:01:03",
        action="http",
        claimed="10:00:59.999",
    ),
    Row(
        "only the call behind the claim starts, the claimed ones are lost",
        plan("10:03:03", starts="10:03", lost="10:01 10:02", wake="10:04"),
        "10:00",
        "10:03:03",
        action="http",
        claimed="10:02",
    ),
    Row(
        "a lost call is not made up for, nor is anything before it",
        plan("10:03:30", lost="10:01 10:02 10:03", wake="10:04"),
        "10:00",
        "10:03:30",
        action="http",
        claimed="10:03:00.080",
    ),
    Row(
        "a pod that runs already is not started again",
        plan("10:01:03", wake="10:02"),
        "10:00",
        "10:01:03",
        claimed="10:01",
        known="10:01",
    ),
    Row(
        "of several instants only those without an execution start",
        plan("10:00:03", starts="10:00:02", wake="10:00:04"),
        "10:00",
        "10:00:03",
        EACH_SECOND,
        known="10:00:01 10:00:03",
    ),
]

CLAIMED_ROWS += [
    Row(
        "a pause does not hide the calls that were claimed before it and left no record",
        plan("10:03", lost="10:01"),
        "10:00",
        "10:03",
        action="http",
        spec={"suspend": True},
        claimed="10:01",
    ),
    Row(
        "a paused task whose claimed calls are recorded has lost nothing",
        plan("10:03"),
        "10:00",
        "10:03",
        action="http",
        spec={"suspend": True},
        claimed="10:02",
        known="10:01 10:02",
    ),
    Row(
        "a paused task has lost nothing of what lies below its watermark",
        plan("10:03"),
        "10:02",
        "10:03",
        action="http",
        spec={"suspend": True},
        claimed="10:02",
    ),
    Row("a paused pod is not lost", plan("10:03"), "10:00", "10:03", spec={"suspend": True}, claimed="10:01"),
    Row(
        "where the task says that a lost call may run again, it starts as if nobody had claimed it",
        plan("10:01:03", starts="10:01", wake="10:02"),
        "10:00",
        "10:01:03",
        action="http",
        spec={"retry": {"lost": True}},
        claimed="10:01",
    ),
    Row(
        "even so a long outage repeats the latest call alone",
        plan("10:03:30", catch_up="10:03", missed="10:01 10:02", wake="10:04"),
        "10:00",
        "10:03:30",
        action="http",
        spec={"retry": {"lost": True}},
        claimed="10:03",
    ),
]

OVERLAP_ROWS = [
    Row(
        "Allow starts beside what runs",
        plan("10:01", starts="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec=ALLOW,
        active=("a", "b"),
    ),
    Row("Forbid starts where nothing runs", plan("10:01", starts="10:01", wake="10:02"), "10:00", "10:01", spec=FORBID),
    Row(
        "Forbid skips while something runs",
        plan("10:01", skipped="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec=FORBID,
        active=("a",),
    ),
    Row(
        "Forbid starts the first of several that are due at once",
        plan("10:00:03", starts="10:00:01", skipped="10:00:02 10:00:03", wake="10:00:04"),
        "10:00",
        "10:00:03",
        EACH_SECOND,
        spec=FORBID,
    ),
    Row(
        "Forbid skips what would be made up for while something runs",
        plan("10:02:30", skipped="10:02", missed="10:01", wake="10:03"),
        "10:00",
        "10:02:30",
        spec=FORBID,
        active=("a",),
    ),
    Row("Forbid with nothing due skips nothing", plan("10:00:30", wake="10:01"), "10:00", "10:00:30", spec=FORBID),
    Row(
        "Replace starts where nothing runs", plan("10:01", starts="10:01", wake="10:02"), "10:00", "10:01", spec=REPLACE
    ),
    Row(
        "Replace stops all that run",
        plan("10:01", starts="10:01", stops=("a", "b"), wake="10:02"),
        "10:00",
        "10:01",
        spec=REPLACE,
        active=("a", "b"),
    ),
    Row(
        "Replace starts the last of several that are due at once",
        plan("10:00:03", starts="10:00:03", stops=("a",), skipped="10:00:01 10:00:02", wake="10:00:04"),
        "10:00",
        "10:00:03",
        EACH_SECOND,
        spec=REPLACE,
        active=("a",),
    ),
    Row(
        "Replace with nothing due stops nothing",
        plan("10:00:30", wake="10:01"),
        "10:00",
        "10:00:30",
        spec=REPLACE,
        active=("a",),
    ),
    Row(
        "Replace stops nothing for an instant that is missed",
        plan("10:01:30", missed="10:01", wake="10:02"),
        "10:00",
        "10:01:30",
        spec=REPLACE | SKIP,
        active=("a",),
    ),
]

FORM_ROWS = [
    Row("a manual task is never due", plan("10:01"), "10:00", "10:01", "@manual"),
    Row(
        "a one-time task starts at its instant and then sleeps for good",
        plan("10:01", starts="10:01"),
        "10:00",
        "10:01",
        "@at 2026-11-22T10:01:00Z",
    ),
    Row(
        "a one-time task waits for its instant",
        plan("10:00:59", wake="10:01"),
        "10:00",
        "10:00:59",
        "@at 2026-11-22T10:01:00Z",
    ),
    Row("a one-time task that is over stays quiet", plan("10:02"), "10:01", "10:02", "@at 2026-11-22T10:01:00Z"),
    Row(
        "an interval counts from the task's creation",
        plan("10:01:30", starts="10:01:30", wake="10:03"),
        "10:00",
        "10:01:30",
        "@every 90s",
    ),
    Row(
        "an interval missed several times is made up for once",
        plan("10:05", catch_up="10:04:30", missed="10:01:30 10:03", wake="10:06"),
        "10:00",
        "10:05",
        "@every 90s",
    ),
]

ROWS = [*ON_TIME_ROWS, *LATE_ROWS, *DEADLINE_ROWS, *SUSPENDED_ROWS, *CLAIMED_ROWS, *OVERLAP_ROWS, *FORM_ROWS]


def task_spec(schedule: str, action: str, spec: dict[str, Any]) -> TaskSpec:
    return TaskSpec.model_validate({"schedule": schedule} | ACTIONS[action] | spec)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_situation(row: Row) -> None:
    seen = TaskObservation(
        schedule=parse(row.schedule, anchor=clock("10:00")),
        spec=task_spec(row.schedule, row.action, row.spec),
        watermark=clock(row.watermark),
        claimed_through=clock(row.claimed) if row.claimed else None,
        known=times(row.known),
        active=row.active,
    )
    assert plan_task(seen, clock(row.now)) == row.expected


class Counting:
    """A schedule that counts how often it is asked."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule, self.calls = schedule, 0

    def next(self, after: datetime) -> datetime | None:
        self.calls += 1
        return self.schedule.next(after)

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        self.calls += 1
        return self.schedule.latest(after, upto)


@pytest.mark.parametrize("outage", [timedelta(minutes=10), timedelta(days=1), timedelta(days=3650)])
@pytest.mark.parametrize("policy", ["Skip", "Latest"])
def test_the_work_after_an_outage_does_not_grow_with_it(outage: timedelta, policy: str) -> None:
    schedule = Counting(parse(EACH_SECOND))
    now = DAY + outage
    spec = task_spec(EACH_SECOND, "pod", {"missed": {"policy": policy}})
    seen = TaskObservation(schedule, spec, DAY, None, (), ())

    made = plan_task(seen, now)

    assert schedule.calls <= COUNTED + 20
    recent = tuple(now - SECOND * n for n in range(14, -1, -1))
    assert made == TaskPlan(
        starts=tuple(Start(at, "Schedule") for at in recent),
        missed=tuple(DAY + SECOND * n for n in range(1, COUNTED + 1)),
        more_missed=True,
        watermark=now,
        wake_at=now + SECOND,
    )


def test_the_latest_of_a_long_outage_is_made_up_for() -> None:
    now = DAY + timedelta(days=1, seconds=30)
    seen = TaskObservation(parse(MINUTELY), task_spec(MINUTELY, "pod", {}), DAY, None, (), ())
    made = plan_task(seen, now)
    assert made.starts == (Start(DAY + timedelta(days=1), "CatchUp"),)
    assert len(made.missed) == COUNTED
    assert made.more_missed


@dataclass(frozen=True)
class Listed:
    """A schedule of given instants."""

    instants: tuple[datetime, ...]

    def next(self, after: datetime) -> datetime | None:
        place = bisect_right(self.instants, after)
        return self.instants[place] if place < len(self.instants) else None

    def latest(self, after: datetime, upto: datetime) -> datetime | None:
        place = bisect_right(self.instants, upto) - 1
        return self.instants[place] if place >= 0 and self.instants[place] > after else None


def _moments(longest: int) -> st.SearchStrategy[datetime]:
    return st.integers(0, longest * 4).map(lambda quarter: DAY + SECOND * quarter / 4)


specs = st.fixed_dictionaries(
    {
        "concurrencyPolicy": st.sampled_from(["Allow", "Forbid", "Replace"]),
        "startingDeadlineSeconds": st.none() | st.integers(0, 100),
        "missed": st.fixed_dictionaries({"policy": st.sampled_from(["Skip", "Latest"])}),
    }
)
dense = st.integers(1, 3).map(lambda step: frozenset(range(0, 400, step)))
sparse = st.frozensets(st.integers(0, 400), max_size=30)


def listed(seconds: frozenset[int]) -> Listed:
    return Listed(tuple(DAY + SECOND * second for second in sorted(seconds)))


@settings(max_examples=80, deadline=None)
@given(
    schedule=(dense | sparse).map(listed),
    spec=specs,
    action=st.sampled_from(["pod", "http"]),
    watermark=_moments(300),
    passed=_moments(400),
    claimed=st.none() | _moments(400),
    known=st.frozensets(st.integers(0, 400), max_size=40),
    active=st.sampled_from([(), ("a",), ("a", "b")]),
)
def test_each_instant_has_exactly_one_outcome(
    schedule: Listed,
    spec: dict[str, Any],
    action: str,
    watermark: datetime,
    passed: datetime,
    claimed: datetime | None,
    known: frozenset[int],
    active: tuple[str, ...],
) -> None:
    now = watermark + (passed - DAY)
    recorded = {DAY + SECOND * second for second in known}
    seen = TaskObservation(schedule, task_spec(MINUTELY, action, spec), watermark, claimed, recorded, active)

    made = plan_task(seen, now)

    due = {at for at in schedule.instants if watermark < at <= now}
    named = [*(start.scheduled_at for start in made.starts), *made.skipped, *made.missed, *made.lost]
    assert len(named) == len(set(named)), "an instant has two outcomes"
    assert not set(named) & recorded, "an instant that has its execution gets another outcome"
    left = due - recorded - set(named)
    assert set(named) <= due
    assert not left or (made.more_missed and len(due) > COUNTED), "an instant has no outcome"
    assert all(now - at > ON_TIME - SECOND for at in left), "a recent instant was left out"
    assert made.watermark == now
    assert made.wake_at == schedule.next(now)


@dataclass(frozen=True)
class Look:
    """One look at the task, by a leader that may be new, after a step of the clock that may go back."""

    seconds: float
    new_leader: bool
    remembers: bool
    """Whether the watermark of the last look was stored before the leader died."""


looks = st.builds(Look, st.integers(-80, 200).map(lambda n: n / 4), st.booleans(), st.booleans())


@settings(max_examples=80, deadline=None)
@given(
    schedule=(dense | sparse).map(listed),
    spec=specs,
    action=st.sampled_from(["pod", "http"]),
    story=st.lists(looks, max_size=12),
)
def test_no_instant_starts_twice_whatever_the_clock_and_the_leaders_do(
    schedule: Listed, spec: dict[str, Any], action: str, story: list[Look]
) -> None:
    """Pods and records of started instants survive a leader's death; its watermark may not; its claim always does."""
    now = watermark = stored = DAY
    claimed, inherited = DAY, None
    started: list[datetime] = []
    for look in story:
        now += timedelta(seconds=look.seconds)
        if look.new_leader:
            watermark, inherited = stored, claimed
        claimed = max(claimed, now)
        seen = TaskObservation(schedule, task_spec(MINUTELY, action, spec), watermark, inherited, started, ())
        made = plan_task(seen, now)
        assert made.watermark is not None
        assert made.watermark >= watermark
        assert made.wake_at is None or made.wake_at > max(now, watermark)
        watermark = made.watermark
        stored = watermark if look.remembers else stored
        started += [start.scheduled_at for start in made.starts]
    assert len(started) == len(set(started))
    assert set(started) <= set(schedule.instants)


@settings(max_examples=80, deadline=None)
@given(schedule=dense.map(listed), spec=specs, story=st.lists(st.integers(1, 120), min_size=1, max_size=6))
def test_a_call_without_a_record_is_never_sent_again(schedule: Listed, spec: dict[str, Any], story: list[int]) -> None:
    """The hardest case: each leader dies right after its sends, before any record and any status."""
    now, claimed = DAY, None
    sent: list[datetime] = []
    nothing: Container[datetime] = ()
    for seconds in story:
        now += SECOND * seconds
        made = plan_task(TaskObservation(schedule, task_spec(MINUTELY, "http", spec), DAY, claimed, nothing, ()), now)
        assert not set(sent) & {start.scheduled_at for start in made.starts}
        assert set(sent[-5:]) <= set(made.lost) or len(made.lost) >= COUNTED
        sent += [start.scheduled_at for start in made.starts]
        claimed = now
