"""Policies as seen from outside: overlap, suspension, edits, history, deletion, and runs made by hand."""

import itertools
from datetime import datetime

import pytest
from live.stories import EVERY_SECOND, FINAL, Stage, execution, scheduled_at, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

EVERY_TWO_SECONDS = "*/2 * * * * *"
YEARLY = "0 0 1 1 *"


def seconds_pass(stage: Stage, count: int) -> None:
    """Returns when a task that is due each second has been started `count` more times: the cluster's own clock."""
    if stage.get("ct", "metronome") is None:
        stage.apply(task("metronome", schedule=EVERY_SECOND, http=stage.call("/metronome")))
    before = len(stage.received("/metronome"))
    until(lambda: len(stage.received("/metronome")) >= before + count, f"the metronome strikes {count} times")


def times(body: dict[str, dict[str, str]]) -> tuple[str, str]:
    """When an execution started and ended; `~` (later than all) for one that still runs."""
    return body["status"]["startedAt"], body["status"].get("finishedAt", "~")


def test_allow_forbid_and_replace(stage: Stage) -> None:
    long, keep = stage.pod("trap exit TERM; sleep 5 & wait"), {"successful": 50, "failed": 50}
    common = {"schedule": EVERY_TWO_SECONDS, "history": keep}
    slow = stage.call("/delay/5")
    stage.apply(
        task("allow", http=slow, **common),
        task("forbid", pod=long, concurrencyPolicy="Forbid", **common),
        task("replace", pod=long, concurrencyPolicy="Replace", **common),
        task("replace-call", http=slow, concurrencyPolicy="Replace", **common),
    )

    def look() -> bool:
        found = {name: status(stage.get("ct", name) or {}) for name in ("allow", "forbid", "replace", "replace-call")}
        counts = {name: found[name].get("counts", {}) for name in found}
        return (
            found["allow"].get("activeCount", 0) >= 2
            and counts["forbid"].get("skipped", 0) >= 2
            and counts["forbid"].get("succeeded", 0) >= 2
            and counts["replace"].get("cancelled", 0) >= 2
            and counts["replace-call"].get("cancelled", 0) >= 2
        )

    until(look, "each policy has spoken twice")
    for name in ("allow", "forbid", "replace", "replace-call"):
        stage.patch("ct", name, suspend=True)
    until(lambda: all(status(body)["phase"] in FINAL for body in stage.all("cte")), "what runs ends")

    forbidden = sorted(times(body) for body in stage.executions("forbid"))
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(forbidden))
    assert {event["reason"] for event in stage.events("forbid")} == {"Skipped"}
    for name in ("replace", "replace-call"):
        *earlier, last = stage.executions(name)
        assert status(last)["phase"] == "Succeeded"
        ends = [(status(body)["phase"], status(body)["reason"]) for body in earlier if "reason" in status(body)]
        assert ends.count(("Cancelled", "Replaced")) >= 2
        assert set(ends) <= {("Cancelled", "Replaced"), ("Succeeded", "Completed")}


def test_a_resume_and_an_edit_fire_nothing_that_lies_before_them(stage: Stage) -> None:
    stage.apply(
        task("paused", schedule=EVERY_SECOND, http=stage.call("/paused")),
        task("edited", schedule=YEARLY, http=stage.call("/edited")),
    )
    until(lambda: stage.received("/paused"), "the task runs")
    stage.patch("ct", "paused", suspend=True)
    stage.condition("paused", "Scheduled", "False")
    seconds_pass(stage, 2)
    so_far = len(stage.received("/paused"))
    seconds_pass(stage, 5)
    assert len(stage.received("/paused")) == so_far
    assert status(stage.get("ct", "paused") or {}).get("nextRuns", []) == []

    before = datetime.fromisoformat(scheduled_at(stage.received("/metronome")[-1]))
    stage.patch("ct", "paused", suspend=False)
    stage.patch("ct", "edited", schedule=EVERY_SECOND)
    until(lambda: len(stage.received("/paused")) >= so_far + 3, "the resumed task runs again")
    until(lambda: len(stage.received("/edited")) >= 3, "the edited task runs")
    for marker, first in (("/paused", so_far), ("/edited", 0)):
        instants = [datetime.fromisoformat(scheduled_at(got)) for got in stage.received(marker)[first:]]
        assert min(instants) >= before
        assert len(set(instants)) == len(instants)
    assert status(stage.get("ct", "paused") or {})["counts"]["missed"] == 0
    for name in ("paused", "edited"):
        stage.patch("ct", name, suspend=True)


def test_history_is_bounded(stage: Stage) -> None:
    limits = {"successful": 2, "failed": 1}
    stage.apply(
        task("good", schedule=EVERY_SECOND, http=stage.call("/good"), history=limits),
        task("bad", schedule=EVERY_SECOND, http=stage.call("/status/500"), history=limits),
    )
    until(lambda: len(stage.received("/good")) >= 7, "the tasks run some times")
    for name in ("good", "bad"):
        stage.patch("ct", name, suspend=True)
    until(
        lambda: [len(stage.executions(name)) for name in ("good", "bad")] == [2, 1],
        "executions beyond the limits are deleted",
    )
    latest = status(stage.get("ct", "good") or {})["lastExecution"]["name"]
    assert stage.executions("good")[-1]["metadata"]["name"] == latest
    failing = stage.condition("bad", "Failing", "True")
    assert failing["reason"] == "BadStatus"
    assert status(stage.get("ct", "bad") or {})["consecutiveFailures"] >= 5


def test_a_deleted_task_takes_everything_along(stage: Stage) -> None:
    stage.apply(task("doomed", pod=stage.pod("trap exit TERM; sleep 60 & wait")))
    stage.run("doomed")
    stage.running("doomed-now")
    stage.kubectl.ok("delete", "ct", "doomed")
    until(lambda: not stage.executions("doomed"), "its executions go")
    until(lambda: not stage.all("pods", "--selector=crontask.dev/task=doomed"), "its pods go")


def test_runs_by_hand(stage: Stage) -> None:
    stage.apply(
        task("resting", schedule=EVERY_SECOND, suspend=True, http=stage.call("/resting")),
        task("alone", http=stage.call("/delay/20"), concurrencyPolicy="Forbid"),
        task("at-will", schedule=YEARLY, http=stage.call("/at-will?due=$(CRONTASK_SCHEDULED_UNIX)")),
    )
    stage.create(
        execution("nobodys", "no-such-task"),
        execution("resting-now", "resting"),
        execution("alone-first", "alone"),
        execution("for-an-instant", "at-will", scheduledAt="2030-01-02T03:04:05Z"),
        execution("never-begun", "at-will", stop=True),
    )
    unknown = status(stage.ended("nobodys"))
    assert (unknown["phase"], unknown["reason"]) == ("Failed", "TaskNotFound")
    assert '"no-such-task"' in unknown["message"]
    assert status(stage.ended("resting-now"))["phase"] == "Succeeded"
    assert status(stage.ended("for-an-instant"))["phase"] == "Succeeded"
    assert [got["path"] for got in stage.received("/at-will")] == ["/at-will?due=1893553445"]
    assert status(stage.ended("never-begun"))["phase"] == "Cancelled"

    stage.running("alone-first")
    stage.create(execution("alone-second", "alone"))
    second = status(stage.ended("alone-second"))
    assert (second["phase"], second["reason"]) == ("Cancelled", "Overlap")
    assert "alone-first" in second["message"]
    again = stage.kubectl.create(execution("alone-first", "alone"))
    assert again.code != 0
    assert "already exists" in again.err
    stage.patch("cte", "alone-first", stop=True)
    stopped = status(stage.ended("alone-first", seconds=10))
    assert (stopped["phase"], stopped["reason"]) == ("Cancelled", "Stopped")
    assert len(stage.received("/resting")) == 1


def test_at_a_glance(stage: Stage) -> None:
    stage.apply(task("glance", schedule="0 3 * * *", timeZone="Europe/Berlin", http=stage.call("/glance")))
    stage.run("glance")
    stage.ended("glance-now")
    until(lambda: status(stage.get("ct", "glance") or {}).get("lastExecution"), "the task knows of its execution")
    header, row = stage.kubectl.ok("get", "ct", "glance").out.splitlines()
    assert " ".join(header.split()) == "NAME SCHEDULE SUSPEND ACTIVE QUEUED LAST OUTCOME LAST RUN NEXT RUN READY AGE"
    assert row.startswith("glance")
    assert "0 3 * * *" in row
    assert "Succeeded" in row
    assert "T02:00:00Z" in row or "T01:00:00Z" in row
    header, row = stage.kubectl.ok("get", "cte", "glance-now").out.splitlines()
    assert header.split() == ["NAME", "TASK", "TRIGGER", "SCHEDULED", "PHASE", "REASON", "LATE(MS)", "AGE"]
    assert row.split()[:3] == ["glance-now", "glance", "Manual"]
    assert row.split()[3:5] == ["Succeeded", "Completed"]
