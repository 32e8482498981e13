"""What becomes of a task's instants: one row for each situation, compared as a whole plan; the laws as properties."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crontask_core.ledger import COUNTED, EMPTY, ON_TIME, SECOND, Entry, at_once
from crontask_core.model import TaskSpec
from crontask_core.planning.observation import TaskObservation
from crontask_core.planning.overlap import Load, Start
from crontask_core.planning.passed import latest_instants, passed_over
from crontask_core.planning.task import TaskPlan, claim_in_force, plan_task
from crontask_core.schedule import Schedule, instants, parse

DAY = datetime(2026, 11, 22, tzinfo=UTC)
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


@dataclass(frozen=True)
class Shut:
    """Single seconds that are closed."""

    seconds: set[datetime]

    def __call__(self, at: datetime) -> str | None:
        return "Calendar" if at in self.seconds else None

    def until(self, at: datetime) -> datetime:
        return at + SECOND


@dataclass(frozen=True)
class Outcomes:
    """A plan as the table tells it: what is done, and the outcome of each instant, looked up one by one."""

    starts: tuple[Start, ...]
    queued: tuple[Start, ...]
    stops: tuple[str, ...]
    lost: tuple[datetime, ...]
    instants: dict[datetime, tuple[str, str | None]]
    watermark: datetime | None
    wake_at: datetime | None


def plan(
    watermark: str,
    *,
    starts: str = "",
    catch_up: str = "",
    queued: str = "",
    stops: tuple[str, ...] = (),
    skipped: str = "",
    missed: str = "",
    lost: str = "",
    wake: str = "",
) -> Outcomes:
    """A plan; what is not named is empty. Skipped and missed ones with another reason than usual: 10:01=Calendar."""
    waiting = [word.partition("=") for word in queued.split()]
    told = dict[datetime, tuple[str, str | None]]()
    told |= dict.fromkeys(times(starts), ("Started", None)) | dict.fromkeys(times(catch_up), ("Late", "CatchUp"))
    told |= {clock(at): ("Queued", why or "Overlap") for at, _, why in waiting}
    told |= dict.fromkeys(times(lost), ("Lost", None))
    for words, outcome, usual in ((skipped, "Skipped", "Overlap"), (missed, "Missed", "Downtime")):
        for at, _, why in (word.partition("=") for word in words.split()):
            told[clock(at)] = (outcome, why or usual)
    return Outcomes(
        starts=(*(Start(at, "CatchUp") for at in times(catch_up)), *(Start(at, "Schedule") for at in times(starts))),
        queued=tuple(Start(clock(at), "CatchUp" if why == "CatchUp" else "Schedule") for at, _, why in waiting),
        stops=stops,
        lost=times(lost),
        instants=told,
        watermark=clock(watermark),
        wake_at=clock(wake) if wake else None,
    )


def told(made: TaskPlan, schedule: Schedule) -> Outcomes:
    """A plan in the words of the table. An instant with two outcomes fails here."""
    outcomes = dict[datetime, tuple[str, str | None]]()
    for entry in made.entries:
        for at in instants(schedule, entry.first - SECOND, entry.last, 10_000)[0]:
            assert at not in outcomes, f"{at} has two outcomes"
            outcomes[at] = (entry.outcome, entry.reason)
    return Outcomes(made.starts, made.queued, made.stops, made.lost, outcomes, made.watermark, made.wake_at)


class Recorded:
    """Instants that have an execution."""

    def __init__(self, known: Iterable[datetime] = ()) -> None:
        self.known = set(known)

    def outcome(self, at: datetime) -> Entry | None:
        return at_once(at, "Started") if at in self.known else None

    def between(self, after: datetime, upto: datetime) -> Iterable[datetime]:
        return [at for at in self.known if after < at <= upto]


@dataclass(frozen=True)
class Row:
    """A situation, told in a sentence, and the whole plan for it."""

    says: str
    expected: Outcomes
    watermark: str
    now: str
    schedule: str = MINUTELY
    spec: dict[str, Any] = field(default_factory=dict)
    action: str = "pod"
    claimed: str = ""
    known: str = ""
    active: tuple[str, ...] = ()
    waiting: int = 0
    catching_up: int = 0
    closed: str = ""
    disabled: bool = False


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
        plan("10:01:05.001", missed="10:01=Deadline", wake="10:02"),
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
        plan("10:02:31", missed="10:01=Deadline 10:02=Deadline", wake="10:03"),
        "10:00",
        "10:02:31",
        spec={"startingDeadlineSeconds": 30},
    ),
    Row(
        "what is within the deadline is made up for",
        plan("10:02:30", catch_up="10:02", missed="10:01=Deadline", wake="10:03"),
        "10:00",
        "10:02:30",
        spec={"startingDeadlineSeconds": 30},
    ),
]

SUSPENDED_ROWS = [
    Row(
        "a suspended task starts nothing and sleeps",
        plan("10:03", skipped="10:01=Suspended 10:02=Suspended 10:03=Suspended"),
        "10:00",
        "10:03",
        spec={"suspend": True},
    ),
    Row(
        "a task that its failures have paused starts nothing and sleeps",
        plan("10:02", skipped="10:01=Disabled 10:02=Disabled"),
        "10:00",
        "10:02",
        disabled=True,
    ),
    Row(
        "a pause with an end skips what lies before it, and the task wakes behind it",
        plan("10:01", skipped="10:01=Suspended", wake="10:05"),
        "10:00",
        "10:01",
        spec={"suspendUntil": "2026-11-22T10:05:00Z"},
    ),
    Row(
        "at the end of a pause the task goes on, with that very instant",
        plan("10:05:01", starts="10:05", skipped="10:03=Suspended 10:04=Suspended", wake="10:06"),
        "10:02",
        "10:05:01",
        spec={"suspendUntil": "2026-11-22T10:05:00Z"},
    ),
    Row(
        "a pause that ended during an outage is told from the outage",
        plan(
            "10:05:30", catch_up="10:05", skipped="10:01=Suspended 10:02=Suspended", missed="10:03 10:04", wake="10:06"
        ),
        "10:00",
        "10:05:30",
        spec={"suspendUntil": "2026-11-22T10:02:30Z"},
    ),
    Row(
        "a closed instant is skipped, and the others start",
        plan("10:00:03", starts="10:00:01 10:00:03", skipped="10:00:02=Calendar", wake="10:00:04"),
        "10:00",
        "10:00:03",
        EACH_SECOND,
        closed="10:00:02",
    ),
    Row(
        "a closed instant is neither made up for nor in the way of an earlier one",
        plan("10:02:30", catch_up="10:01", skipped="10:02=Calendar", wake="10:03"),
        "10:00",
        "10:02:30",
        closed="10:02",
    ),
    Row(
        "a pause comes before a calendar",
        plan("10:01", skipped="10:01=Suspended"),
        "10:00",
        "10:01",
        spec={"suspend": True},
        closed="10:01",
    ),
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
        plan("10:03", lost="10:01", skipped="10:02=Suspended 10:03=Suspended"),
        "10:00",
        "10:03",
        action="http",
        spec={"suspend": True},
        claimed="10:01",
    ),
    Row(
        "a paused task whose claimed calls are recorded has lost nothing",
        plan("10:03", skipped="10:03=Suspended"),
        "10:00",
        "10:03",
        action="http",
        spec={"suspend": True},
        claimed="10:02",
        known="10:01 10:02",
    ),
    Row(
        "a paused task has lost nothing of what lies below its watermark",
        plan("10:03", skipped="10:03=Suspended"),
        "10:02",
        "10:03",
        action="http",
        spec={"suspend": True},
        claimed="10:02",
    ),
    Row(
        "a paused pod is not lost",
        plan("10:01:30", skipped="10:01=Suspended"),
        "10:00",
        "10:01:30",
        spec={"suspend": True},
        claimed="10:01",
    ),
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
        "even so a long outage repeats the latest call alone; the others may have been sent",
        plan("10:03:30", catch_up="10:03", lost="10:01 10:02", wake="10:04"),
        "10:00",
        "10:03:30",
        action="http",
        spec={"retry": {"lost": True}},
        claimed="10:03",
    ),
    Row(
        "what no earlier leader has claimed is missed in any case",
        plan("10:03:30", catch_up="10:03", lost="10:01", missed="10:02", wake="10:04"),
        "10:00",
        "10:03:30",
        action="http",
        spec={"retry": {"lost": True}},
        claimed="10:01",
    ),
    Row(
        "a lost call that may run again, and for which there is no room, stays lost",
        plan("10:01:03", lost="10:01", wake="10:02"),
        "10:00",
        "10:01:03",
        action="http",
        spec={"retry": {"lost": True}, **FORBID},
        claimed="10:01",
        active=("a",),
    ),
    Row(
        "a pause keeps a lost call from running again",
        plan("10:02", lost="10:01", skipped="10:02=Suspended"),
        "10:00",
        "10:02",
        action="http",
        spec={"retry": {"lost": True}, "suspend": True},
        claimed="10:01",
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


def queue(**spec: Any) -> dict[str, Any]:
    return {"concurrencyPolicy": "Queue"} | spec


LIMIT_ROWS = [
    Row(
        "Forbid with room for another starts it",
        plan("10:00:02", starts="10:00:01", skipped="10:00:02", wake="10:00:03"),
        "10:00",
        "10:00:02",
        EACH_SECOND,
        spec=FORBID | {"concurrencyLimit": 2},
        active=("a",),
    ),
    Row(
        "Forbid takes what waits for active",
        plan("10:01", skipped="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec=FORBID,
        waiting=1,
    ),
    Row(
        "Forbid does not count what is made up for and waits itself",
        plan("10:01", starts="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec=FORBID,
        waiting=3,
        catching_up=3,
    ),
    Row(
        "Replace with room for two stops the oldest so that there is room",
        plan("10:00:01", starts="10:00:01", stops=("a",), wake="10:00:02"),
        "10:00",
        "10:00:01",
        EACH_SECOND,
        spec=REPLACE | {"concurrencyLimit": 2},
        active=("a", "b"),
    ),
    Row(
        "Replace with room stops nothing",
        plan("10:01", starts="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec=REPLACE | {"concurrencyLimit": 2},
        active=("a",),
    ),
    Row("Queue starts where nothing runs", plan("10:01", starts="10:01", wake="10:02"), "10:00", "10:01", spec=queue()),
    Row(
        "Queue lets it wait where something runs",
        plan("10:01", queued="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec=queue(),
        active=("a",),
    ),
    Row(
        "Queue lets it wait behind what waits, also where there is room",
        plan("10:01", queued="10:01", wake="10:02"),
        "10:00",
        "10:01",
        spec=queue(),
        waiting=1,
    ),
    Row(
        "Queue of several starts as many as may run, lets as many wait as may wait, and skips the others",
        plan(
            "10:00:05",
            starts="10:00:01 10:00:02",
            queued="10:00:03",
            skipped="10:00:04=Limit 10:00:05=Limit",
            wake="10:00:06",
        ),
        "10:00",
        "10:00:05",
        EACH_SECOND,
        spec=queue(concurrencyLimit=2, queueLimit=1),
    ),
    Row(
        "a full queue takes no more",
        plan("10:01", skipped="10:01=Limit", wake="10:02"),
        "10:00",
        "10:01",
        spec=queue(queueLimit=3),
        active=("a",),
        waiting=3,
    ),
    Row(
        "a missed instant that is made up for waits as well",
        plan("10:02:30", queued="10:02=CatchUp", missed="10:01", wake="10:03"),
        "10:00",
        "10:02:30",
        spec=queue(),
        active=("a",),
    ),
]

ALL = {"missed": {"policy": "All"}}
MISSED_ROWS = [
    Row(
        "All lets every missed instant wait, to be started one by one",
        plan("10:03:30", queued="10:01=CatchUp 10:02=CatchUp 10:03=CatchUp", wake="10:04"),
        "10:00",
        "10:03:30",
        spec=ALL,
    ),
    Row(
        "All with a limit makes up for the latest ones",
        plan("10:03:30", queued="10:02=CatchUp 10:03=CatchUp", missed="10:01=Limit", wake="10:04"),
        "10:00",
        "10:03:30",
        spec={"missed": {"policy": "All", "limit": 2}},
    ),
    Row(
        "All counts what is being made up for already",
        plan("10:03:30", queued="10:03=CatchUp", missed="10:01=Limit 10:02=Limit", wake="10:04"),
        "10:00",
        "10:03:30",
        spec={"missed": {"policy": "All", "limit": 3}},
        waiting=2,
        catching_up=2,
    ),
    Row(
        "All starts what is on time at once, beside what waits",
        plan("10:03", starts="10:03", queued="10:01=CatchUp 10:02=CatchUp", wake="10:04"),
        "10:00",
        "10:03",
        spec=ALL,
    ),
    Row(
        "under Queue what is on time waits behind what is made up for",
        plan("10:02", queued="10:01=CatchUp 10:02", wake="10:03"),
        "10:00",
        "10:02",
        spec=ALL | queue(),
    ),
    Row(
        "what lies further back than withinSeconds is not made up for",
        plan("10:03:30", queued="10:02=CatchUp 10:03=CatchUp", missed="10:01=Window", wake="10:04"),
        "10:00",
        "10:03:30",
        spec={"missed": {"policy": "All", "withinSeconds": 90}},
    ),
    Row(
        "nor is the latest one",
        plan("10:01:31", missed="10:01=Window", wake="10:02"),
        "10:00",
        "10:01:31",
        spec={"missed": {"policy": "Latest", "withinSeconds": 30}},
    ),
    Row(
        "withinSeconds does not concern what is on time",
        plan("10:01:14", starts="10:01", wake="10:02"),
        "10:00",
        "10:01:14",
        spec={"missed": {"policy": "Latest", "withinSeconds": 1}},
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

ROWS = [
    *ON_TIME_ROWS,
    *LATE_ROWS,
    *DEADLINE_ROWS,
    *SUSPENDED_ROWS,
    *CLAIMED_ROWS,
    *OVERLAP_ROWS,
    *LIMIT_ROWS,
    *MISSED_ROWS,
    *FORM_ROWS,
]


def task_spec(schedule: str, action: str, spec: dict[str, Any]) -> TaskSpec:
    return TaskSpec.model_validate({"schedule": schedule} | ACTIONS[action] | spec)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_situation(row: Row) -> None:
    seen = TaskObservation(
        schedule=parse(row.schedule, anchor=clock("10:00")),
        spec=task_spec(row.schedule, row.action, row.spec),
        watermark=clock(row.watermark),
        claimed_through=clock(row.claimed) if row.claimed else None,
        known=Recorded(times(row.known)),
        load=Load(row.active, row.waiting, row.catching_up),
        closed=Shut(set(times(row.closed))) if row.closed else None,
        disabled=row.disabled,
    )
    made = plan_task(seen, clock(row.now))
    assert told(made, seen.schedule) == row.expected
    assert [entry.first for entry in made.found] == sorted(times(row.known))


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
@pytest.mark.parametrize("policy", ["Skip", "Latest", "All"])
def test_the_work_after_an_outage_does_not_grow_with_it(outage: timedelta, policy: str) -> None:
    schedule = Counting(parse(EACH_SECOND))
    now = DAY + outage
    spec = task_spec(EACH_SECOND, "pod", {"missed": {"policy": policy}})

    made = plan_task(TaskObservation(schedule, spec, DAY, None, Recorded()), now)

    assert schedule.calls <= COUNTED + 70
    assert made.starts == tuple(Start(now - SECOND * n, "Schedule") for n in range(14, -1, -1))
    made_up_for = [now - SECOND * n for n in range(24, 14, -1)] if policy == "All" else []
    assert made.queued == tuple(Start(at, "CatchUp") for at in made_up_for)
    assert (made.watermark, made.wake_at) == (now, now + SECOND)
    ledger = EMPTY
    for entry in made.entries:
        ledger = ledger.record(entry)
    missed, started = ledger.entries[0], ledger.entries[-1]
    reason = "Limit" if policy == "All" else "Downtime"
    last = (made_up_for or [now - SECOND * 14])[0] - SECOND
    assert (missed.first, missed.last, missed.outcome, missed.reason) == (
        DAY + SECOND,
        last,
        "Missed",
        reason,
    )
    assert missed.size >= COUNTED
    assert (started.outcome, started.size) == ("Started", 15)


def test_an_outage_is_cut_where_another_reason_begins() -> None:
    now = DAY + timedelta(days=300)
    rules = {"missed": {"policy": "All", "limit": 3, "withinSeconds": 7200}, "suspendUntil": "2026-12-22T00:00:00Z"}
    seen = TaskObservation(parse(MINUTELY), task_spec(MINUTELY, "pod", rules), DAY, None, Recorded())

    made = plan_task(seen, now + SECOND * 30)

    ledger = EMPTY
    for entry in made.entries:
        ledger = ledger.record(entry)
    minute = timedelta(minutes=1)
    assert [(entry.first, entry.last, entry.outcome, entry.reason) for entry in ledger.entries] == [
        (DAY + minute, DAY + timedelta(days=30) - minute, "Skipped", "Suspended"),
        (DAY + timedelta(days=30), now - minute * 120, "Missed", "Window"),
        (now - minute * 119, now - minute * 3, "Missed", "Limit"),
        (now - minute * 2, now, "Queued", "CatchUp"),
    ]
    assert made.queued == tuple(Start(now - minute * n, "CatchUp") for n in (2, 1, 0))


@pytest.mark.parametrize(("action", "outcome"), [("http", "Lost"), ("pod", "Missed")])
def test_calls_claimed_by_a_leader_that_stored_nothing_for_long_are_lost(action: str, outcome: str) -> None:
    claimed, now = DAY + timedelta(hours=1), DAY + timedelta(hours=2)
    seen = TaskObservation(parse(EACH_SECOND), task_spec(EACH_SECOND, action, {}), DAY, claimed, Recorded())
    ledger = EMPTY
    for entry in plan_task(seen, now).entries:
        ledger = ledger.record(entry)
    assert {ledger.at(DAY + timedelta(seconds=n)).outcome for n in (1, 99, 101, 1800, 3600)} == {outcome}
    assert ledger.at(claimed + SECOND).outcome == "Missed"


def test_of_many_lost_calls_the_latest_get_a_record() -> None:
    now = DAY + timedelta(seconds=60)
    seen = TaskObservation(parse(EACH_SECOND), task_spec(EACH_SECOND, "http", {}), DAY, now, Recorded())
    made = plan_task(seen, now)
    assert [entry.outcome for entry in made.entries] == ["Lost"] * 60
    assert made.lost == tuple(now - timedelta(seconds=n) for n in reversed(range(3)))


def test_the_latest_of_a_long_outage_is_made_up_for() -> None:
    now = DAY + timedelta(days=1, seconds=30)
    seen = TaskObservation(parse(MINUTELY), task_spec(MINUTELY, "pod", {}), DAY, None, Recorded())
    made = plan_task(seen, now)
    assert made.starts == (Start(DAY + timedelta(days=1), "CatchUp"),)
    assert sum(entry.size for entry in made.entries if entry.outcome == "Missed") >= COUNTED


@pytest.mark.parametrize("schedule", [EACH_SECOND, MINUTELY, "17 3 * * *", "0 * 12 * * *", "@every 90s", "@yearly"])
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_the_latest_instants_are_found_from_behind(schedule: str, count: int) -> None:
    read = parse(schedule, anchor=DAY)
    upto = DAY + (timedelta(days=20) if schedule != EACH_SECOND else timedelta()) + timedelta(seconds=4711)
    assert latest_instants(read, DAY, upto, count) == instants(read, DAY, upto, 100_000)[0][-count:]


def test_what_nobody_planned_is_one_range() -> None:
    made = passed_over(parse(MINUTELY), DAY, DAY + timedelta(days=2), "Edited")
    assert made is not None
    assert (made.first, made.last) == (DAY + timedelta(minutes=1), DAY + timedelta(days=2))
    assert COUNTED < made.size <= 2880
    assert passed_over(parse("@yearly"), DAY, DAY + timedelta(days=2), "Edited") is None


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
        "concurrencyPolicy": st.sampled_from(["Allow", "Forbid", "Replace", "Queue"]),
        "concurrencyLimit": st.none() | st.integers(1, 3),
        "startingDeadlineSeconds": st.none() | st.integers(0, 100),
        "suspend": st.just(False) | st.just(False) | st.booleans(),
        "suspendUntil": st.none() | _moments(500).map(lambda at: at.isoformat()),
        "missed": st.fixed_dictionaries({"policy": st.just("Skip")})
        | st.fixed_dictionaries({"policy": st.just("Latest"), "withinSeconds": st.none() | st.integers(1, 200)})
        | st.fixed_dictionaries({"policy": st.just("All"), "limit": st.none() | st.integers(1, 30)}),
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
    load=st.builds(Load, st.sampled_from([(), ("a",), ("a", "b")]), st.just(5), st.integers(0, 5)),
    closed=st.none() | st.frozensets(st.integers(0, 700)),
)
@example(  # in the stretch that nobody counts, a piece between two changes holds one instant, which has its execution
    schedule=listed(frozenset(range(400))),
    spec={"concurrencyPolicy": "Allow"},
    action="pod",
    watermark=DAY,
    passed=DAY + SECOND * 218,
    claimed=None,
    known=frozenset({101}),
    load=Load((), 5, 0),
    closed=frozenset(),
)
def test_each_instant_has_exactly_one_outcome(
    schedule: Listed,
    spec: dict[str, Any],
    action: str,
    watermark: datetime,
    passed: datetime,
    claimed: datetime | None,
    known: frozenset[int],
    load: Load,
    closed: frozenset[int] | None,
) -> None:
    now = watermark + (passed - DAY)
    recorded = {DAY + SECOND * second for second in known}
    shut = {DAY + SECOND * second for second in closed or ()}
    seen = TaskObservation(
        schedule,
        task_spec(MINUTELY, action, spec),
        watermark,
        claimed,
        Recorded(recorded),
        load,
        Shut(shut) if closed is not None else None,
    )

    made = plan_task(seen, now)

    ledger = EMPTY
    for entry in (*made.entries, *made.found):
        ledger = ledger.record(entry) if entry.first == entry.last else ledger.fill(entry)
    due = [at for at in schedule.instants if watermark < at <= now]
    for at in due:
        assert ledger.since is not None or ledger.at(at) is not None, "an instant has no outcome"
    points = [entry.first for entry in made.entries if entry.first == entry.last]
    assert len(points) == len(set(points)), "an instant has two outcomes"
    assert not set(points) & recorded, "an instant that has its execution gets another outcome"
    assert set(points) <= set(due)
    begun = [start.scheduled_at for start in (*made.starts, *made.queued)]
    assert len(begun) == len(set(begun))
    for at in begun:
        entry = next(entry for entry in made.entries if entry.first == at)
        assert entry.outcome in ("Started", "Late", "Queued")
        assert at not in shut
    limit = None if spec["concurrencyPolicy"] == "Allow" else spec["concurrencyLimit"] or 1
    if limit is not None and made.starts:
        assert len(load.active) + len(made.starts) - len(made.stops) <= limit
    recent = {at for at in due if now - at < ON_TIME - SECOND}
    assert recent <= {*points, *recorded}, "a recent instant was left out"
    assert made.watermark == now


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
        seen = TaskObservation(schedule, task_spec(MINUTELY, action, spec), watermark, inherited, Recorded(started))
        made = plan_task(seen, now)
        assert made.watermark is not None
        assert made.watermark >= watermark
        assert made.wake_at is None or made.wake_at > max(now, watermark)
        watermark = made.watermark
        stored = watermark if look.remembers else stored
        started += [start.scheduled_at for start in (*made.starts, *made.queued)]
    assert len(started) == len(set(started))
    assert set(started) <= set(schedule.instants)


@settings(max_examples=80, deadline=None)
@given(schedule=dense.map(listed), spec=specs, story=st.lists(st.integers(1, 120), min_size=1, max_size=6))
def test_a_call_without_a_record_is_never_sent_again(schedule: Listed, spec: dict[str, Any], story: list[int]) -> None:
    """The hardest case: each leader dies right after its sends, before any record and any status."""
    now, claimed = DAY, None
    sent: list[datetime] = []
    for seconds in story:
        now += SECOND * seconds
        made = plan_task(TaskObservation(schedule, task_spec(MINUTELY, "http", spec), DAY, claimed, Recorded()), now)
        assert not set(sent) & {start.scheduled_at for start in (*made.starts, *made.queued)}
        lost = [entry for entry in made.entries if entry.outcome == "Lost"]
        assert all(any(entry.first <= at <= entry.last for entry in lost) for at in sent)
        assert set(made.lost) <= {entry.first for entry in lost}
        sent += [start.scheduled_at for start in made.starts]
        claimed = now


@dataclass(frozen=True)
class Nights:
    """Every hour but the first six of a day is closed."""

    def __call__(self, at: datetime) -> str | None:
        return None if at.hour < 6 else "Calendar"

    def until(self, at: datetime) -> datetime:
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(hours=6 if at.hour < 6 else 24)


def test_a_long_outage_tells_closed_times_from_missed_ones() -> None:
    spec = task_spec(MINUTELY, "pod", {})
    begin, now = DAY - timedelta(days=3), DAY + timedelta(hours=12)
    made = plan_task(TaskObservation(parse(MINUTELY), spec, begin, None, Recorded(), closed=Nights()), now)
    ledger = EMPTY
    for entry in made.entries:
        ledger = ledger.record(entry) if entry.first == entry.last else ledger.fill(entry)
    for hours in range(3, 80):
        at = begin + timedelta(hours=hours, minutes=30)
        found = ledger.at(at)
        assert found is not None
        assert found.outcome == ("Missed" if at.hour < 6 else "Skipped"), at


HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


@pytest.mark.parametrize(
    ("inherited", "now", "in_force", "why"),
    [
        (None, DAY, None, "nobody claimed anything"),
        (DAY + SECOND, DAY, DAY + SECOND, "a small step of the clock back leaves the claim as it is"),
        (DAY + YEAR, DAY + HOUR, DAY, "a claim a year ahead covers what lies before the take-over alone"),
        (DAY + YEAR, DAY + YEAR - SECOND, DAY + YEAR, "what it was written for is covered once that comes"),
    ],
)
def test_a_claim_of_a_clock_that_was_ahead(
    inherited: datetime | None, now: datetime, in_force: datetime | None, why: str
) -> None:
    assert claim_in_force(inherited, DAY, now) == in_force, why
