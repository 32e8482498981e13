"""Made-up dumps: a clean one gives nothing, and each planted defect is found by the check that is there for it."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.checks import CHECKS
from audit.dump import Dump, Unreadable, from_cluster, from_text
from audit.report import Report, audit, lines, until_clean

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
TOOLS = Path(__file__).parents[2] / "tools"


def clock(hour: int, minute: int = 0, second: int = 0) -> str:
    return f"2026-03-01T{hour:02}:{minute:02}:{second:02}Z"


def entry(first: int, last: int, outcome: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
    """A range of whole hours."""
    body = {"first": clock(first), "last": clock(last), "outcome": outcome, "count": last - first + 1} | more
    return body | ({"reason": reason} if reason else {})


def execution(hour: int, phase: str = "Succeeded", trigger: str = "Schedule", **more: Any) -> dict[str, Any]:
    """The execution for an hour, over within a minute."""
    done = phase not in ("Pending", "Queued", "Running")
    status = {"phase": phase} | ({} if phase in ("Pending", "Queued") else {"startedAt": clock(hour)})
    status |= {"finishedAt": clock(hour, 1)} if done else {}
    name = f"report-20260301{hour:02}0000"
    return {
        "kind": "CronTaskExecution",
        "metadata": {"namespace": "team", "name": name, "uid": name, "creationTimestamp": clock(hour)},
        "spec": {"taskRef": {"name": "report"}, "trigger": trigger, "scheduledAt": clock(hour)},
        "status": status | more,
    }


class Scene:
    """An hourly task, created at 03:30: at 04 and 05 suspended, at 06 missed, started since, one overlap at 10."""

    def __init__(self) -> None:
        self.spec: dict[str, Any] = {"schedule": "0 * * * *"}
        self.status: dict[str, Any] = {
            "watermark": clock(12),
            "conditions": [{"type": "Ready", "status": "True"}],
            "counts": {"succeeded": 5, "skipped": 3, "missed": 1},
            "ledger": [
                entry(4, 5, "Skipped", "Suspended"),
                entry(6, 6, "Missed", "Downtime"),
                entry(7, 9, "Started", latenessMilliseconds=20),
                entry(10, 10, "Skipped", "Overlap"),
                entry(11, 12, "Started"),
            ],
        }
        self.executions = [execution(9), execution(11), execution(12)]

    def dump(self) -> Dump:
        meta = {"namespace": "team", "name": "report", "uid": "u", "creationTimestamp": clock(3, 30)}
        task = {"kind": "CronTask", "metadata": meta, "spec": self.spec, "status": self.status}
        return Dump(NOW, [task], self.executions, [task])

    def report(self) -> Report:
        return audit(self.dump())

    @property
    def ledger(self) -> list[dict[str, Any]]:
        ledger: list[dict[str, Any]] = self.status["ledger"]
        return ledger


def test_a_clean_dump_gives_nothing() -> None:
    report = Scene().report()
    assert (report.found, report.unjudged, report.tasks, report.instants) == ([], [], 1, 9)
    assert list(lines(report)) == ["1 tasks and 9 instants judged, 0 tasks not; no findings."]


def no_outcome(scene: Scene) -> None:
    del scene.ledger[1]


def cut_range(scene: Scene) -> None:
    scene.ledger[2] |= {"first": clock(8), "count": 2}


def two_outcomes(scene: Scene) -> None:
    scene.ledger[3] |= {"first": clock(9), "count": 2}


def disorder(scene: Scene) -> None:
    scene.ledger.reverse()


def backwards(scene: Scene) -> None:
    scene.ledger[0] |= {"first": clock(5), "last": clock(4)}


def too_many(scene: Scene) -> None:
    old = [f"2026-02-27T{n // 60:02}:{n % 60:02}:30Z" for n in range(40)]
    scene.status["ledger"] = [entry(1, 1, "Started") | {"first": at, "last": at} for at in old] + scene.ledger


def counts_too_much(scene: Scene) -> None:
    scene.ledger[0]["count"] = 3


def swallowed(scene: Scene) -> None:
    """Two ranges were folded although an instant between them had no outcome."""
    scene.ledger[2:] = [entry(7, 12, "Started", count=5)]


def started_at_a_wrong_second(scene: Scene) -> None:
    scene.ledger[4] |= {"last": clock(12, 0, 1), "count": 2}


def execution_at_a_wrong_second(scene: Scene) -> None:
    scene.executions[1]["spec"]["scheduledAt"] = clock(11, 0, 1)


def execution_for_the_future(scene: Scene) -> None:
    scene.executions.append(execution(13))


def double_start(scene: Scene) -> None:
    again = execution(11, trigger="CatchUp")
    again["metadata"]["name"] = "report-again"
    scene.executions.append(again)


def no_execution(scene: Scene) -> None:
    scene.spec["history"] = {"successful": 10}


def too_few_ended(scene: Scene) -> None:
    scene.spec["history"] = {"successful": 1}
    scene.status["counts"]["succeeded"] = 3


def skipped_and_started(scene: Scene) -> None:
    scene.executions.append(execution(10))
    scene.status["counts"]["succeeded"] = 6


def on_time_and_late(scene: Scene) -> None:
    scene.executions[1]["status"]["latenessMilliseconds"] = 16_000


def begun_and_waiting(scene: Scene) -> None:
    scene.executions[1] = execution(11, "Queued")
    scene.status["queuedCount"] = 1


def lost_and_started(scene: Scene) -> None:
    scene.executions[1]["status"] = {"phase": "Lost", "finishedAt": clock(11, 2)}
    scene.status["counts"]["lost"] = 1


def stuck_watermark(scene: Scene) -> None:
    scene.status["watermark"] = clock(11)


def queued_without_execution(scene: Scene) -> None:
    scene.ledger[4:] = [entry(11, 11, "Queued"), entry(12, 12, "Started")]
    scene.status["counts"]["succeeded"] = 9
    del scene.executions[1]


def queued_and_over(scene: Scene) -> None:
    scene.ledger[4:] = [entry(11, 11, "Queued"), entry(12, 12, "Started")]
    scene.executions[1]["status"] = {"phase": "Cancelled", "finishedAt": clock(11, 5)}
    scene.status["counts"]["cancelled"] = 1


def counts_too_few(scene: Scene) -> None:
    scene.status["counts"]["succeeded"] = 2


def forgotten_active(scene: Scene) -> None:
    scene.status |= {"activeCount": 2, "queuedCount": 1}


DEFECTS: list[tuple[Callable[[Scene], None], str, str | None, str]] = [
    (no_outcome, "outcome", clock(6), "has no outcome in the ledger"),
    (cut_range, "outcome", clock(7), "has no outcome in the ledger"),
    (two_outcomes, "outcome", clock(9), "has 2 outcomes: Started, Skipped"),
    (disorder, "order", clock(10), "begins before the one before it"),
    (backwards, "order", clock(5), "ends before it begins"),
    (too_many, "order", None, "the ledger has 45 entries, more than 40"),
    (counts_too_much, "count", clock(4), "the entry counts 3 instants where 2 were due"),
    (swallowed, "count", clock(7), "Started: the entry counts 5 instants where 6 were due"),
    (started_at_a_wrong_second, "count", clock(12, 0, 1), "says Started for a second at which nothing was due"),
    (execution_at_a_wrong_second, "not-due", clock(11, 0, 1), "is for a second at which nothing was due"),
    (execution_for_the_future, "not-due", clock(13), "is for a second which is still to come"),
    (double_start, "twice", clock(11), "has 2 executions: report-20260301110000, report-again"),
    (no_execution, "execution", clock(7), "it began, and there is no execution for it"),
    (too_few_ended, "execution", clock(7), "2 executions are gone, and only 0 of those that ended can be"),
    (skipped_and_started, "contradiction", clock(10), "says Skipped Overlap, but report-20260301100000 began at"),
    (on_time_and_late, "contradiction", clock(11), "was 16000 ms late"),
    (begun_and_waiting, "contradiction", clock(11), "is Queued"),
    (lost_and_started, "contradiction", clock(11), "is Lost"),
    (stuck_watermark, "watermark", clock(12), "is behind it, 1800 s afterwards"),
    (queued_without_execution, "queued", clock(11), "says that it waits, but it has no execution"),
    (queued_and_over, "queued", clock(11), "report-20260301110000 is Cancelled"),
    (counts_too_few, "totals", None, "3 executions are Succeeded, and counts.succeeded is 2"),
    (forgotten_active, "totals", None, "0 executions have not ended, and activeCount is 2, queuedCount 1"),
]


@pytest.mark.parametrize(("plant", "check", "at", "said"), DEFECTS, ids=[each[0].__name__ for each in DEFECTS])
def test_a_planted_defect_is_found(plant: Callable[[Scene], None], check: str, at: str | None, said: str) -> None:
    scene = Scene()
    plant(scene)
    found = [each for each in scene.report().found if each.check == check]
    assert [each.at and f"{each.at:%Y-%m-%dT%H:%M:%SZ}" for each in found][:1] == [at]
    assert said in found[0].message


def test_every_check_has_a_defect() -> None:
    assert {check for _, check, _, _ in DEFECTS} == set(CHECKS)


def suspended(scene: Scene) -> None:
    scene.spec["suspend"], scene.status["watermark"] = True, clock(11)


def paused(scene: Scene) -> None:
    scene.spec["suspendUntil"], scene.status["watermark"] = clock(14), clock(11)


def disabled(scene: Scene) -> None:
    scene.status |= {"disabledAt": clock(11, 1), "watermark": clock(11)}


def not_ready(scene: Scene) -> None:
    scene.status |= {"conditions": [{"type": "Ready", "status": "False"}], "watermark": clock(11)}


def forgotten(scene: Scene) -> None:
    del scene.ledger[:2]
    scene.status["ledgerSince"] = clock(6)


def edited(scene: Scene) -> None:
    """Of the time before the edit the present schedule knows nothing."""
    scene.ledger[:4] = [entry(4, 4, "Started", count=7) | {"last": clock(10, 59)}]
    scene.status["timingSince"] = clock(10, 59, 59)
    scene.executions[0]["spec"]["scheduledAt"] = clock(9, 17)


def split(scene: Scene) -> None:
    """A range that nobody counted through counts at least so many."""
    scene.ledger[0]["count"] = 1


def removed_by_age(scene: Scene) -> None:
    scene.spec["history"] = {"ttlSeconds": 60}
    scene.executions.clear()


def waiting(scene: Scene) -> None:
    scene.ledger[4:] = [entry(11, 11, "Started"), entry(12, 12, "Queued", "GroupLimit")]
    scene.executions[2] = execution(12, "Queued")
    scene.status["queuedCount"] = 1


def made_by_hand(scene: Scene) -> None:
    mine = execution(12, trigger="Manual")
    mine["metadata"]["name"] = "now"
    del mine["spec"]["scheduledAt"]
    scene.executions.append(mine)
    scene.status["counts"]["succeeded"] = 6


def run_again_by_a_backfill(scene: Scene) -> None:
    again = execution(11, trigger="Backfill")
    again["metadata"]["name"] = "report-20260301110000-b"
    whole = execution(12, "Running", trigger="Backfill")
    whole["spec"] = {"taskRef": {"name": "report"}, "trigger": "Backfill", "backfill": {}}
    scene.executions += [again, whole]
    scene.status["counts"]["succeeded"] = 6


def of_an_earlier_task(scene: Scene) -> None:
    before = execution(2)
    other = execution(11)
    other["metadata"]["ownerReferences"] = [{"uid": "another"}]
    outliving = execution(12)
    outliving["metadata"]["annotations"] = {"crontask.dev/task-uid": "another"}
    scene.executions += [before, other, outliving]


def under_way(scene: Scene) -> None:
    """The start of a moment ago: nothing has to be written yet."""
    scene.spec["schedules"] = ["29 12 * * *", "59 29 12 * * *"]
    scene.ledger[4] |= {"last": clock(12, 29), "count": 3}
    scene.executions.append(execution(12, "Running") | {"spec": execution(12)["spec"] | {"scheduledAt": clock(12, 29)}})
    scene.executions[-1]["status"]["startedAt"] = clock(12, 29, 50)
    scene.status["watermark"] = clock(12, 29, 30)


FINE = [suspended, paused, disabled, not_ready, forgotten, edited, split, removed_by_age, waiting, made_by_hand]
FINE += [run_again_by_a_backfill, of_an_earlier_task, under_way]


@pytest.mark.parametrize("arrange", FINE, ids=[each.__name__ for each in FINE])
def test_what_only_looks_odd_is_not_found(arrange: Callable[[Scene], None]) -> None:
    scene = Scene()
    arrange(scene)
    assert scene.report().found == []


def test_what_cannot_be_judged_is_named() -> None:
    scene = Scene()
    scene.spec["schedule"] = "0 9 1 * MON"
    scene.spec["grammar"] = "robfig-v3-standard"
    report = scene.report()
    assert (report.tasks, report.found) == (0, [])
    assert report.unjudged[0][0] == "team/report"
    assert "restricts both day fields" in next(iter(lines(report)))


def test_a_task_that_is_being_deleted_is_left_alone() -> None:
    dump = Scene().dump()
    dump.tasks[0]["metadata"]["deletionTimestamp"] = clock(12)
    assert audit(dump).tasks == 0


def test_findings_are_a_table() -> None:
    scene = Scene()
    no_outcome(scene)
    assert list(lines(scene.report())) == [
        "TASK         CHECK    INSTANT                    FINDING",
        "team/report  outcome  2026-03-01T06:00:00+00:00  "
        "the instant is below the watermark and has no outcome in the ledger",
        "",
        "1 tasks and 9 instants judged, 0 tasks not; 1 findings.",
    ]


def test_it_looks_again_until_all_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.report.AGAIN", 0)
    bad, good = Scene(), Scene()
    no_outcome(bad)
    reports = iter([bad.report(), bad.report(), good.report()])
    assert until_clean(lambda: next(reports), 60).found == []
    assert len(until_clean(bad.report, 0).found) == 1


def test_the_tasks_are_read_before_and_after_the_executions() -> None:
    asked: list[str] = []

    def ask(kind: str) -> Any:
        asked.append(kind.partition(".")[0])
        return {"items": [len(asked)]}

    dump = from_cluster(ask, lambda: NOW)
    assert asked == ["crontasks", "crontaskexecutions", "crontasks"]
    assert (dump.tasks, dump.executions, dump.later) == ([1], [2], [3])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"items": [{}]}'])
def test_what_is_no_dump_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="make it with kubectl get ct,cte -A -o json"):
        from_text(text, NOW)


def program(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "audit", "--at", NOW.isoformat(), "--dump", "-", *arguments]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=20, check=False, env={"PYTHONPATH": str(TOOLS)}
    )


def test_the_program_says_it_with_its_exit_code() -> None:
    scene = Scene()
    clean = {"items": [*scene.dump().tasks, *scene.executions]}
    assert program(text=json.dumps(clean)).returncode == 0
    no_outcome(scene)
    ended = program("--json", text=json.dumps({"items": [*scene.dump().tasks, *scene.executions]}))
    assert (ended.returncode, [each["check"] for each in json.loads(ended.stdout)["findings"]]) == (1, ["outcome"])
    ended = program(text="nothing")
    assert (ended.returncode, ended.stderr.startswith("audit: the dump is no list")) == (2, True)
