"""What became of an instant: one situation for each outcome and reason, and for each way of having none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from crontask_core.companions import Closures, Freezes
from crontask_core.errors import FieldError
from crontask_core.model import ExecutionSpec, ExecutionStatus, GroupSpec, Outcome, TaskSpec, TaskStatus
from crontask_core.names import Key
from crontask_core.validation import Setting, read_schedule
from crontask_core.why import (
    Closing,
    Explanation,
    Found,
    Seen,
    Span,
    asked,
    closings,
    explain,
    explain_last,
    has_passed,
)
from crontask_core.why.words import span

CREATED = datetime(2026, 3, 1, 8, tzinfo=UTC)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
KEY = Key("team", "report")


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


def entry(outcome: str, reason: str | None = None, first: datetime = NOON, last: datetime = NOON, **more: Any) -> Any:
    return {"first": first, "last": last, "outcome": outcome, "reason": reason, "count": 1} | more


def seen(*ledger: Any, found: tuple[Found, ...] = (), status: dict[str, Any] | None = None, **spec: Any) -> Seen:
    """The task `report`, hourly unless `spec` says otherwise."""
    body = TaskSpec.model_validate({"schedule": "0 * * * *", "http": {"url": "http://a/"}} | spec)
    told = {"ledger": list(ledger), "watermark": at(15), "ledgerSince": CREATED} | (status or {})
    schedule = read_schedule(body, KEY, CREATED, Setting())
    return Seen(KEY, CREATED, body, TaskStatus.model_validate(told), schedule, found=found)


def found(
    name: str = "report-20260301120000", *, created: datetime = NOON, status: dict[str, Any] | None = None, **spec: Any
) -> Found:
    """An execution, for noon unless `spec` says otherwise."""
    spec = {"taskRef": {"name": "report"}, "trigger": "Schedule", "scheduledAt": NOON} | spec
    return Found(name, created, ExecutionSpec.model_validate(spec), ExecutionStatus.model_validate(status or {}))


def about(what: Seen, start: datetime = NOON, end: datetime | None = None, now: datetime = NOW) -> Explanation:
    return explain(what, Span(start, end or start), now)


WINDOW = {"policy": "All", "withinSeconds": 60, "limit": 3}
SITUATIONS: list[tuple[str, str | None, dict[str, Any], str]] = [
    ("Started", None, {}, "It was started on time."),
    ("Late", None, {}, "could not start it within 15 seconds"),
    ("Late", "CatchUp", {}, "it was made up for afterwards"),
    ("Late", "Queued", {"concurrencyPolicy": "Queue"}, "waited until the executions before it had ended"),
    ("Late", "GroupLimit", {"group": "night"}, "it waited for the limits of the group night"),
    ("Queued", "Overlap", {"concurrencyPolicy": "Queue"}, "It waits: the executions before it have not ended"),
    ("Queued", "CatchUp", {"missed": {"policy": "All"}}, "one after the other, oldest first"),
    ("Queued", "GroupLimit", {"group": "night"}, "the limits of the group night leave no room for it yet"),
    ("Skipped", "Overlap", {"concurrencyPolicy": "Forbid"}, "an execution was still running, and concurrencyPolicy F"),
    ("Skipped", "Overlap", {"concurrencyPolicy": "Forbid", "concurrencyLimit": 3}, "3 executions were still running"),
    ("Skipped", "Overlap", {"concurrencyPolicy": "Replace"}, "Replace starts the latest alone"),
    ("Skipped", "Suspended", {}, "the task was suspended"),
    ("Skipped", "Disabled", {"disableAfterFailures": 3}, "disableAfterFailures (3) had paused the task"),
    ("Skipped", "GroupSuspended", {"group": "night"}, "the group night was suspended"),
    ("Skipped", "Frozen", {"group": "night"}, "the group night was frozen"),
    ("Skipped", "Calendar", {"exclude": ["holidays"]}, "a calendar in exclude covered it"),
    ("Skipped", "Limit", {"concurrencyPolicy": "Queue", "queueLimit": 2}, "queueLimit (2) executions of the task were"),
    ("Skipped", "Limit", {"concurrencyPolicy": "Queue"}, "queueLimit (10)"),
    ("Skipped", "NotReady", {}, "the task was not ready"),
    ("Skipped", "Edited", {}, "an edit starts nothing past"),
    ("Missed", "Deadline", {"startingDeadlineSeconds": 30}, "startingDeadlineSeconds (30) had passed"),
    ("Missed", "Downtime", {}, "no operator was there to start it in time, and missed.policy Latest"),
    ("Missed", "Downtime", {"missed": {"policy": "Skip"}}, "missed.policy Skip starts none"),
    ("Missed", "Window", {"missed": WINDOW}, "longer ago than missed.withinSeconds (60)"),
    ("Missed", "Limit", {"missed": WINDOW}, "missed.limit (3) others to make up for"),
    ("Missed", "Limit", {"missed": {"policy": "All"}}, "missed.limit (10)"),
    ("Cancelled", "Stopped", {}, "somebody stopped it while it waited"),
    ("Cancelled", "Replaced", {}, "a later instant took its place"),
    ("Cancelled", "Deadline", {"startingDeadlineSeconds": 30}, "before it began: startingDeadlineSeconds (30)"),
    ("Cancelled", "Suspended", {}, "the task was suspended while it waited"),
    ("Lost", None, {}, "It may or may not have been started"),
    ("Skipped", "Moonlight", {}, "It was skipped (Moonlight)."),
]


@pytest.mark.parametrize(("outcome", "reason", "spec", "said"), SITUATIONS)
def test_an_outcome_is_told_with_its_reason(outcome: Any, reason: str | None, spec: dict[str, Any], said: str) -> None:
    (told,) = about(seen(entry(outcome, reason), **spec)).instants
    assert (told.instant, told.verdict, told.reason) == (NOON, outcome, reason)
    assert said in told.sentence


def test_no_outcome_is_left_out() -> None:
    assert {outcome for outcome, *_ in SITUATIONS} == set(get_args(Outcome))


def test_an_instant_within_a_range_has_its_outcome() -> None:
    told = about(seen(entry("Started", None, at(9), at(15), count=7, latenessMilliseconds=40)))
    assert (told.instants[0].verdict, told.instants[0].lateness_milliseconds) == ("Started", 40)


def test_the_execution_says_how_it_went_and_how_late_it_was() -> None:
    attempts = [{"number": 1, "reason": "Error", "exitCode": 3}, {"number": 2, "reason": "Error", "exitCode": 4}]
    status = {"phase": "Failed", "reason": "Error", "latenessMilliseconds": 12, "attempts": attempts}
    whole = about(seen(entry("Started", latenessMilliseconds=900), found=(found(status=status),)))
    (told,) = whole.instants
    assert told.sentence == "It was started on time. Its execution failed after 2 attempts (Error)."
    assert (told.execution, told.lateness_milliseconds) == ("report-20260301120000", 12)
    assert [each.exit_code for each in told.executions[0].attempts] == [3, 4]


PHASES = [
    ("Pending", None, "Its execution has not begun."),
    ("Queued", None, "Its execution has not begun."),
    ("Running", None, "Its execution is running."),
    ("Running", "ImagePullBackOff", "Its execution is running (ImagePullBackOff)."),
    ("Succeeded", "Completed", "Its execution succeeded."),
    ("Failed", "Timeout", "Its execution failed (Timeout)."),
    ("Cancelled", "Stopped", "Its execution was cancelled (Stopped)."),
    ("Lost", None, "Its execution is lost."),
]


@pytest.mark.parametrize(("phase", "reason", "said"), PHASES)
def test_every_phase_has_its_words(phase: str, reason: str | None, said: str) -> None:
    status = {"phase": phase, "reason": reason}
    assert about(seen(entry("Started"), found=(found(status=status),))).instants[0].sentence.endswith(said)


def test_an_overlap_names_what_was_running() -> None:
    over = found("a", scheduledAt=at(11), status={"startedAt": at(11), "finishedAt": at(12, 0, 30)})
    still = found("b", scheduledAt=at(11, 30), status={"startedAt": at(11, 30)})
    ended = found("c", scheduledAt=at(10), status={"startedAt": at(10), "finishedAt": at(10, 1)})
    (told,) = about(seen(entry("Skipped", "Overlap"), found=(over, still, ended), concurrencyPolicy="Forbid")).instants
    assert "beside it. a ran from 11:00:00 to 12:00:30. b runs since 11:30:00." in told.sentence


def test_attempts_at_several_targets_count_by_their_number() -> None:
    attempts = [{"number": 1, "target": "eu"}, {"number": 1, "target": "us"}]
    status = {"phase": "Succeeded", "attempts": attempts}
    (told,) = about(seen(entry("Started"), found=(found(status=status),))).instants
    assert told.sentence.endswith("Its execution succeeded.")


def test_an_execution_that_history_has_removed_is_named() -> None:
    (told,) = about(seen(entry("Started"))).instants
    assert told.execution == "report-20260301120000"
    assert "report-20260301120000 is not kept any more (history)" in told.sentence
    assert told.executions == []


def test_what_was_never_begun_had_no_execution() -> None:
    (told,) = about(seen(entry("Skipped", "Overlap"))).instants
    assert told.execution is None


def test_a_backfill_of_an_instant_is_told_beside_its_first_execution() -> None:
    again = found("report-20260301120000-b1", trigger="Backfill", parent="b", status={"phase": "Succeeded"})
    (told,) = about(seen(entry("Started"), found=(found(status={"phase": "Failed"}), again))).instants
    assert [each.trigger for each in told.executions] == ["Schedule", "Backfill"]


def test_a_minute_of_many_instants_is_told_in_part() -> None:
    whole = about(seen(entry("Started", None, at(12), at(13)), schedule="* * * * * *"), NOON, at(12, 0, 59))
    assert (len(whole.instants), whole.more) == (10, True)


def test_where_nothing_is_due_the_neighbours_are_told() -> None:
    whole = about(seen(entry("Started", None, at(9), at(13))), at(12, 30))
    assert (whole.sentence, whole.instants) == ("Not due: the schedule has no instant then.", [])
    assert whole.before is not None
    assert whole.after is not None
    assert (whole.before.instant, whole.before.verdict) == (NOON, "Started")
    assert (whole.after.instant, whole.after.verdict) == (at(13), "Started")


def test_before_the_task_existed() -> None:
    whole = about(seen(), at(7))
    assert whole.sentence == "The task did not exist yet: it was created at 2026-03-01 08:00:00+00:00."
    assert (whole.before, whole.after) == (None, None)


def test_what_the_ledger_has_forgotten() -> None:
    (told,) = about(seen(status={"ledgerSince": at(12, 30)})).instants
    assert told.verdict == "Forgotten"
    assert "the ledger keeps what happened after 2026-03-01 12:30:00+00:00" in told.sentence


def test_a_forgotten_instant_whose_execution_is_still_there() -> None:
    there = found(status={"phase": "Succeeded", "latenessMilliseconds": 3})
    (told,) = about(seen(status={"ledgerSince": at(12, 30)}, found=(there,))).instants
    assert (told.verdict, told.lateness_milliseconds) == ("Forgotten", 3)
    assert "Its execution succeeded." in told.sentence


@pytest.mark.parametrize("when", [at(7), NOON])
def test_a_backfill_of_what_is_forgotten(when: datetime) -> None:
    child = found("report-x-b1", trigger="Backfill", parent="fill", scheduledAt=when, status={"phase": "Succeeded"})
    (told,) = about(seen(status={"ledgerSince": at(12, 30)}, found=(child,)), when).instants
    assert (told.verdict, told.execution) == ("Backfilled", "report-x-b1")
    assert told.sentence == "Backfilled by fill. Its execution succeeded."


BY_HAND = {"trigger": "Manual", "scheduledAt": None, "status": {"phase": "Succeeded"}}
WITHOUT_INSTANTS: list[tuple[dict[str, Any], str]] = [
    ({"schedule": "@manual"}, "It runs by hand alone."),
    ({"schedule": None, "after": [{"task": "a"}, {"task": "b"}]}, "It runs after a, b."),
    (
        {"schedule": "@yearly"},
        "No instant has passed since it has this schedule; the next is 2027-01-01 00:00:00+00:00.",
    ),
]


@pytest.mark.parametrize(("spec", "said"), WITHOUT_INSTANTS)
def test_without_a_past_instant_the_last_execution_is_told(spec: dict[str, Any], said: str) -> None:
    first, last = found("a", created=at(9), **BY_HAND), found("b", created=at(10), **BY_HAND)
    assert not has_passed(seen(**spec), NOW)
    whole = explain_last(seen(found=(last, first), **spec), NOW)
    assert (whole.sentence, whole.start) == (said, at(10))
    assert whole.last is not None
    assert (whole.last.name, whole.last.phase) == ("b", "Succeeded")
    ended = {"lastExecution": {"name": "c", "phase": "Failed", "trigger": "After"}, "lastRunTime": at(11)}
    whole = explain_last(seen(status=ended, **spec), NOW)
    assert (whole.sentence, whole.start) == (f"{said} Its last execution c is not kept any more (history).", at(11))
    assert explain_last(seen(**spec), NOW).sentence == f"{said} It has not run yet."


def test_the_last_execution_of_an_instant_is_told_as_that() -> None:
    child = found("x", trigger="Backfill", parent="fill", scheduledAt=at(7), status={"phase": "Succeeded"})
    whole = explain_last(seen(found=(child,), schedule="@yearly"), NOW)
    assert whole.instants[0].verdict == "Backfilled"
    assert whole.notes[0].startswith("No instant has passed")


def test_an_instant_without_outcome_below_the_watermark_is_a_defect() -> None:
    (told,) = about(seen()).instants
    assert told.verdict == "Unaccounted"
    assert "please report this" in told.sentence


def test_an_instant_that_has_just_passed() -> None:
    now = at(15, 0, 2)
    (told,) = about(seen(status={"watermark": at(14)}), at(15), now=now).instants
    assert told.verdict == "Undecided"
    assert "due 2.0 s ago and has no outcome yet: the operator wrote this task's status up to" in told.sentence
    assert "Usually a start is written within some 10 s" in told.sentence
    made = found("report-20260301150000", scheduledAt=at(15))
    (told,) = about(seen(status={"watermark": at(14)}, found=(made,)), at(15), now=now).instants
    assert (told.verdict, "is about to begin; a start is written within some 10 s" in told.sentence) == (
        "Undecided",
        True,
    )


IMPLIED: list[tuple[Any, dict[str, Any], str, str | None, str]] = [
    (None, {"phase": "Running", "latenessMilliseconds": 9}, "Started", None, "on time. Its execution is running."),
    (None, {"phase": "Succeeded", "latenessMilliseconds": 9}, "Started", None, "Its execution succeeded."),
    (None, {"phase": "Running", "latenessMilliseconds": 20_000}, "Late", None, "Its execution is running."),
    (None, {"phase": "Queued", "reason": "Overlap"}, "Queued", "Overlap", "Its execution has not begun."),
    ("Overlap", {"phase": "Running", "latenessMilliseconds": 20_000}, "Late", "Queued", "is running."),
    ("GroupLimit", {"phase": "Running", "latenessMilliseconds": 20_000}, "Late", "GroupLimit", "is running."),
    ("Overlap", {"phase": "Running", "latenessMilliseconds": 900}, "Started", None, "is running."),
    ("Overlap", {"phase": "Queued", "reason": "GroupLimit"}, "Queued", "Overlap", "has not begun."),
]


@pytest.mark.parametrize(("queued", "status", "verdict", "reason", "said"), IMPLIED)
def test_what_the_ledger_does_not_know_yet_its_execution_tells(
    queued: str | None, status: dict[str, Any], verdict: str, reason: str | None, said: str
) -> None:
    own = found("report-20260301150000", scheduledAt=at(15), status=status)
    entries = [entry("Queued", queued, at(15), at(15))] if queued else []
    (told,) = about(seen(*entries, status={"watermark": at(14)}, found=(own,)), at(15)).instants
    assert (told.verdict, told.reason) == (verdict, reason)
    assert told.sentence.endswith(said)
    assert told.lateness_milliseconds == status.get("latenessMilliseconds")


def test_an_instant_that_passes_while_nothing_is_written() -> None:
    (told,) = about(seen(status={"watermark": at(14)}, suspend=True), at(15)).instants
    assert (told.verdict, told.sentence.endswith("It will be recorded as Skipped (Suspended).")) == ("Undecided", True)


NOT_READY = {
    "type": "Ready",
    "status": "False",
    "reason": "GroupNotFound",
    "message": 'spec.group: "night" does not exist; create it',
    "lastTransitionTime": CREATED,
}
OUTLOOKS: list[tuple[dict[str, Any], dict[str, Any], str | None, str]] = [
    ({}, {}, None, "It is due in 30 min."),
    ({"suspend": True}, {}, "Suspended", "will be skipped as things stand: the task is suspended (suspend: true)"),
    ({"suspendUntil": at(18)}, {}, "Suspended", "suspended until 2026-03-01 18:00:00+00:00"),
    ({"suspendUntil": at(15, 45)}, {}, None, "It is due in 30 min."),
    ({"disableAfterFailures": 2}, {"disabledAt": at(14)}, "Disabled", "2 failures in a row have disabled the task"),
    ({}, {"conditions": [NOT_READY]}, "NotReady", 'spec.group: "night" does not exist'),
]


@pytest.mark.parametrize(("spec", "status", "reason", "said"), OUTLOOKS)
def test_what_is_to_come(spec: dict[str, Any], status: dict[str, Any], reason: str | None, said: str) -> None:
    (told,) = about(seen(status=status, **spec), at(16)).instants
    assert (told.verdict, told.reason) == ("Due", reason)
    assert said in told.sentence


class Afternoon:
    """A calendar that covers everything from 14:00 on."""

    def covers(self, at: datetime) -> bool:
        return at.hour >= 14

    def until(self, at: datetime) -> datetime:
        return at


FREEZE = {"start": at(14), "end": at(20), "message": "release week"}
CLOSINGS: list[tuple[dict[str, Any], dict[str, Any] | None, Closing | None]] = [
    ({}, None, None),
    ({"exclude": ["c"]}, None, Closing("Calendar", "the calendar c, which the task excludes, covers it")),
    ({"only": ["c"]}, None, None),
    ({"exclude": ["unknown"]}, None, None),
    ({"only": ["unknown"]}, None, None),
    ({"group": "g"}, {"suspend": True}, Closing("GroupSuspended", "the group g is suspended")),
    ({"group": "g"}, {"freezeCalendars": ["c"]}, Closing("Frozen", "the group g is frozen by the calendar c")),
    ({"group": "g"}, {"freezeCalendars": ["unknown"]}, None),
    (
        {"group": "g"},
        {"freezes": [FREEZE]},
        Closing("Frozen", "the group g is frozen until 2026-03-01 20:00:00+00:00 (release week)"),
    ),
]


@pytest.mark.parametrize(("spec", "group", "expected"), CLOSINGS)
def test_calendars_and_groups_close(spec: dict[str, Any], group: Any, expected: Closing | None) -> None:
    body = seen(**spec).spec
    closed = closings(body, GroupSpec.model_validate(group) if group else None, {"c": Afternoon()})
    assert closed(at(16)) == expected
    if expected is not None:
        assert group == {"suspend": True} or closed(NOON) is None


@pytest.mark.parametrize("hour", [NOON, at(16), at(21)])
@pytest.mark.parametrize(
    ("spec", "group"), [(spec, group) for spec, group, _ in CLOSINGS if "unknown" not in str((spec, group))]
)
def test_they_close_when_the_operator_is_closed(spec: dict[str, Any], group: Any, hour: datetime) -> None:
    body, body_group = seen(**spec).spec, GroupSpec.model_validate(group or {})
    whole = Closures(
        suspended=body_group.suspend,
        frozen=(Freezes(tuple(body_group.freezes)), *(Afternoon() for _ in body_group.freeze_calendars)),
        exclude=tuple(Afternoon() for _ in body.exclude),
        only=tuple(Afternoon() for _ in body.only),
    )
    closed = closings(body, body_group if group else None, {"c": Afternoon()})(hour)
    assert (closed.reason if closed else None) == whole(hour)


def test_only_names_what_does_not_cover() -> None:
    closed = closings(seen(only=["c"]).spec, None, {"c": Afternoon()})
    assert closed(NOON) == Closing("Calendar", "no calendar of the task's only (c) covers it")


def test_a_past_instant_names_its_calendar_where_that_still_covers_it() -> None:
    what = seen(entry("Skipped", "Calendar"), exclude=["c"])
    told = explain(_closed(what, Closing("Calendar", "the calendar c covers it")), Span(NOON, NOON), NOW).instants[0]
    assert told.sentence == "It was skipped: the calendar c covers it."


def _closed(what: Seen, closing: Closing) -> Seen:
    return replace(what, closed=lambda at: closing)


def test_before_the_last_edit_the_ledger_alone_speaks() -> None:
    status = {"timingSince": at(14)}
    range_ = entry("Started", None, at(9, 15), at(13, 15), count=5)
    (told,) = about(seen(range_, status=status), at(13, 15)).instants
    assert told.verdict == "Started"
    whole = about(seen(range_, status=status), at(12))
    assert whole.instants == []
    assert "The schedule as it is now holds since 2026-03-01 14:00:00+00:00" in whole.sentence
    assert "to 2026-03-01 13:15:00+00:00 (5 instants): It was started on time." in whole.sentence
    assert "No instant is known at that time" in about(seen(status=status), at(12)).sentence


def test_executions_for_no_instant_are_told_besides() -> None:
    by_hand = found("now", created=at(12, 10, 3), trigger="Manual", scheduledAt=None, status={"phase": "Succeeded"})
    whole = about(seen(found=(by_hand,)), at(12, 10), at(12, 10, 59))
    assert [each.name for each in whole.besides] == ["now"]
    assert about(seen(found=(by_hand,)), at(12, 11)).besides == []


def test_a_task_that_cannot_be_read_still_tells_its_past() -> None:
    what = replace(seen(entry("Started")), schedule=None, problem='spec.schedule: "61 * * * *" is wrong')
    whole = about(what, at(12), at(12, 0, 59))
    assert whole.sentence == 'Not due: spec.schedule: "61 * * * *" is wrong'
    assert whole.notes == ['The task is not ready: spec.schedule: "61 * * * *" is wrong']


def test_a_paused_task_says_so_besides() -> None:
    assert about(seen(entry("Started"), suspend=True)).notes == ["Now the task is suspended (suspend: true)."]


BERLIN = "Europe/Berlin"
TIMES = [
    ("2026-03-01T12:00:00Z", "UTC", [("2026-03-01T12:00:00", 0)]),
    ("2026-03-01T13:00:00+01:00", "UTC", [("2026-03-01T12:00:00", 0)]),
    ("12:00", "UTC", [("2026-03-01T12:00:00", 59)]),
    ("9:30", "UTC", [("2026-03-01T09:30:00", 59)]),
    ("12:00:05", "UTC", [("2026-03-01T12:00:05", 0)]),
    ("15:31", "UTC", [("2026-02-28T15:31:00", 59)]),
    ("2026-03-02 12:00", "UTC", [("2026-03-02T12:00:00", 59)]),
    ("2026-03-02T12:00:01", BERLIN, [("2026-03-02T11:00:01", 0)]),
    ("12:00", BERLIN, [("2026-03-01T11:00:00", 59)]),
    ("2026-10-25 02:30", BERLIN, [("2026-10-25T00:30:00", 59), ("2026-10-25T01:30:00", 59)]),
    ("2026-03-29 02:30", BERLIN, [("2026-03-29T01:30:00", 59)]),
    ("last", "UTC", [("2026-03-01T15:00:00", 0)]),
    ("next", "UTC", [("2026-03-01T16:00:00", 0)]),
]


@pytest.mark.parametrize(("text", "zone", "expected"), TIMES)
def test_times_as_people_write_them(text: str, zone: str, expected: list[tuple[str, int]]) -> None:
    spans = asked(text, zone=zone, now=NOW, schedule=seen().schedule, since=CREATED)
    assert [(f"{each.start:%Y-%m-%dT%H:%M:%S}", (each.end - each.start).seconds) for each in spans] == expected


def test_odd_times_are_told() -> None:
    (skipped,) = asked("2026-03-29 02:30", zone=BERLIN, now=NOW, schedule=None, since=CREATED)
    assert skipped.note == "The clocks of Europe/Berlin left out 02:30 on that day; 03:30 stands for it."
    first, _ = asked("2026-10-25 02:30", zone=BERLIN, now=NOW, schedule=None, since=CREATED)
    assert first.note == "The clocks of Europe/Berlin showed 02:30 twice on that day."


@pytest.mark.parametrize("text", ["", "soon", "25:00", "12:60", "2026-02-30 12:00", "12", "12:00 pm"])
def test_what_is_no_time_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(FieldError, match="is not a time; write last, next, 09:30"):
        asked(text, zone="UTC", now=NOW, schedule=None, since=CREATED)


@pytest.mark.parametrize("word", ["last", "next"])
def test_words_need_an_instant(word: str) -> None:
    with pytest.raises(FieldError, match="name a time"):
        asked(word, zone="UTC", now=NOW, schedule=None, since=CREATED)
    with pytest.raises(FieldError, match="name a time"):
        asked(word, zone="UTC", now=NOW, schedule=seen(schedule="@manual").schedule, since=CREATED)


LENGTHS = [(0, "0.0 s"), (0.004, "4 ms"), (2, "2.0 s"), (75, "1 min 15 s"), (3600, "1 h"), (93_784, "1 d 2 h")]


@pytest.mark.parametrize(("seconds", "expected"), LENGTHS)
def test_lengths_of_time(seconds: float, expected: str) -> None:
    assert span(timedelta(seconds=seconds)) == expected
