"""Tasks after tasks, and past instants, on a real cluster."""

from datetime import datetime, timedelta

import pytest
from live.stories import Body, Stage, execution, scheduled_at, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

YEARLY = "0 0 1 1 *"
HOURLY = "0 * * * *"


def backfill(name: str, of: str, **wanted: object) -> Body:
    range_ = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T05:59:59Z"}
    return execution(name, of, trigger="Backfill", backfill=range_ | wanted)


def follower(name: str, parent: str, when: str, **action: Body) -> Body:
    made = task(name, after=[{"task": parent, "when": when}], **action)
    del made["spec"]["schedule"]
    return made


def test_a_chain_of_pods_and_calls_works_on_one_instant(stage: Stage) -> None:
    stage.apply(
        task("first", schedule=YEARLY, pod=stage.pod("echo first")),
        follower("second", "first", "Success", pod=stage.pod("test $CRONTASK_TRIGGER = After")),
        follower("third", "second", "Success", http=stage.call("/third")),
        follower("never", "first", "Failure", http=stage.call("/never")),
    )
    stage.ready("first", "second", "third", "never")
    stage.create(execution("go", "first", scheduledAt="2030-01-02T03:04:05Z"))
    [call] = until(lambda: stage.received("/third"), "the last of the chain is called")
    assert scheduled_at(call) == "2030-01-02T03:04:05Z"
    [second] = stage.executions("second")
    assert second["metadata"]["name"].startswith("second-20300102030405-")
    assert second["spec"]["parent"] == "go"
    assert status(second)["phase"] == "Succeeded"
    assert "followers" not in status(stage.get("cte", "go") or {})
    assert stage.received("/never") == []


def test_a_failure_starts_those_who_wait_for_one(stage: Stage) -> None:
    stage.apply(
        task("fails", http=stage.call("/status/500")),
        follower("alarm", "fails", "Failure", http=stage.call("/alarm")),
        follower("always", "fails", "Completion", http=stage.call("/always")),
        follower("joy", "fails", "Success", http=stage.call("/joy")),
    )
    stage.ready("fails", "alarm", "always", "joy")
    stage.run("fails")
    until(lambda: stage.received("/alarm") and stage.received("/always"), "both follow")
    assert stage.received("/joy") == []


def test_a_circle_and_a_missing_parent_are_told_and_heal(stage: Stage) -> None:
    call = stage.call("/circle")
    stage.apply(follower("a", "b", "Success", http=call), follower("b", "a", "Success", http=call))
    for name, way in (("a", "(a -> b -> a,"), ("b", "(b -> a -> b,")):
        ready = stage.condition(name, "Ready", "False")
        assert ready["reason"] == "AfterCycle"
        assert way in ready["message"]
    stage.patch("ct", "a", after=[{"task": "nobody"}])
    stage.ready("a", "b")
    assert stage.condition("a", "Scheduled", "False")["reason"] == "ParentNotFound"
    stage.apply(task("nobody", http=call))
    assert stage.condition("a", "Scheduled", "True")["reason"] == "After"


def test_a_backfill_runs_each_instant_once_in_order(stage: Stage) -> None:
    stage.apply(task("hours", schedule=HOURLY, suspend=True, http=stage.call("/hours"), history={"successful": 100}))
    stage.create(backfill("past", "hours"))
    found = status(stage.ended("past"))
    assert (found["phase"], found["reason"]) == ("Succeeded", "Completed")
    assert found["backfill"] | {"cursor": ""} == {
        "total": 6,
        "succeeded": 6,
        "failed": 0,
        "skipped": 0,
        "cursor": "",
    }
    called = [datetime.fromisoformat(scheduled_at(got)) for got in stage.received("/hours")]
    start = datetime.fromisoformat("2026-01-01T00:00:00Z")
    assert called == [start + timedelta(hours=n) for n in range(6)]
    assert len(stage.all("cte", "--selector=crontask.dev/backfill=past")) == 6
    stage.create(backfill("once-more", "hours"))
    assert status(stage.ended("once-more"))["backfill"]["skipped"] == 6
    assert len(stage.received("/hours")) == 6


def test_a_backfill_is_stopped_with_what_runs_of_it(stage: Stage) -> None:
    keep = {"successful": 100, "failed": 100}
    stage.apply(task("long", schedule=HOURLY, suspend=True, pod=stage.pod("sleep 600"), history=keep))
    stage.create(backfill("stopped", "long", parallelism=2))
    until(lambda: len(stage.all("pods", "--selector=crontask.dev/task=long")) == 2, "two run")
    stage.patch("cte", "stopped", stop=True)
    found = status(stage.ended("stopped"))
    assert (found["phase"], found["reason"]) == ("Cancelled", "Stopped")
    ends = [status(body)["phase"] for body in stage.executions("long") if body["metadata"]["name"] != "stopped"]
    assert ends == ["Cancelled", "Cancelled"]


def test_what_cannot_be_backfilled_is_told(stage: Stage) -> None:
    stage.apply(
        task("by-hand", http=stage.call("/x")),
        task("seconds", schedule="* * * * * *", suspend=True, http=stage.call("/x")),
    )
    stage.create(
        backfill("of-nothing", "by-hand"),
        backfill("future", "seconds", end="2090-01-01T00:00:00Z"),
        backfill("much", "seconds"),
    )
    reasons = {name: status(stage.ended(name))["reason"] for name in ("of-nothing", "future", "much")}
    assert reasons == {"of-nothing": "InvalidSpec", "future": "InvalidSpec", "much": "TooManyInstants"}
