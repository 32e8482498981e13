"""Every policy of a task on a real cluster, and what `kubectl crontask why` says of each kind of outcome."""

import itertools
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from live.scenes import KEEP, Scene
from live.stories import EVERY_SECOND, Body, Stage, execution, scheduled_at, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

PLUGIN = Path(sys.executable).with_name("kubectl-crontask")


def why(stage: Stage, of: str, at: str) -> str:
    """What the plugin answers about an instant of a task."""
    where = [f"--kubeconfig={stage.kubectl.kubeconfig}", f"--namespace={stage.kubectl.namespace}"]
    run = subprocess.run([PLUGIN, "why", of, at, *where], capture_output=True, text=True, timeout=30, check=False)
    return run.stdout + run.stderr


def clock(stage: Stage) -> datetime:
    """The API server's clock."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nothing"}}
    return datetime.fromisoformat(stage.kubectl.create(body, dry=True).body["metadata"]["creationTimestamp"])


def soon(stage: Stage, seconds: int) -> str:
    """A moment in some seconds, as manifests write it."""
    return f"{clock(stage) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def made(kind: str, name: str, **spec: object) -> Body:
    return {"apiVersion": "crontask.dev/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def outcomes(stage: Stage, of: str) -> set[tuple[str, str]]:
    """Outcome and reason of each entry of a task's ledger."""
    entries = status(stage.get("ct", of) or {}).get("ledger", [])
    return {(entry["outcome"], entry.get("reason", "")) for entry in entries}


def entry(stage: Stage, of: str, outcome: str, reason: str) -> Body:
    """The ledger's first entry of this outcome and reason, once there is one."""

    def look() -> Body | None:
        entries = status(stage.get("ct", of) or {}).get("ledger", [])
        return next((e for e in entries if (e["outcome"], e.get("reason", "")) == (outcome, reason)), None)

    return until(look, f"the ledger of {of} says {outcome} {reason}")  # type: ignore[return-value] # truthy


def test_several_schedules_a_first_run_an_end_and_a_spread(stage: Stage) -> None:
    first, end = soon(stage, 6), soon(stage, 14)
    twice = {"schedule": "*/2 * * * * *", "schedules": ["*/4 * * * * *", "1-59/2 * * * * *"]}
    stage.apply(
        task("union", **twice, firstRunAt=first, endAt=end, http=stage.call("/union"), **KEEP),
        task("spread", schedule="0 0 1 1 *", splaySeconds=3600, http=stage.call("/spread")),
    )
    stage.condition("union", "Scheduled", "False")
    until(lambda: status(stage.get("ct", "union") or {}).get("counts", {}).get("succeeded", 0) >= 9, "all have run")
    instants = [datetime.fromisoformat(scheduled_at(got)) for got in stage.received("/union")]
    assert sorted(instants) == sorted(set(instants))
    assert min(instants) == datetime.fromisoformat(first)
    assert max(instants) == datetime.fromisoformat(end)
    assert {later - earlier for earlier, later in itertools.pairwise(sorted(instants))} == {timedelta(seconds=1)}
    assert "Started" in why(stage, "union", first)
    assert not status(stage.get("ct", "spread") or {})["nextRuns"][0].endswith("01-01T00:00:00Z")


def test_a_queue_runs_one_after_the_other_and_has_an_end(stage: Stage) -> None:
    stage.apply(
        task(
            "queue",
            schedule=EVERY_SECOND,
            concurrencyPolicy="Queue",
            queueLimit=3,
            http=stage.call("/delay/2"),
            **KEEP,
        )
    )
    skipped = entry(stage, "queue", "Skipped", "Limit")
    until(lambda: status(stage.get("ct", "queue") or {})["queuedCount"] == 3, "three wait")
    phases = [status(body)["phase"] for body in stage.executions("queue")]
    assert phases.count("Running") <= 1
    assert 2 <= phases.count("Queued") <= 3
    stage.patch("ct", "queue", endAt=soon(stage, 0))
    until(lambda: not status(stage.get("ct", "queue") or {}).get("active"), "the queue runs empty")
    times = sorted((status(b)["startedAt"], status(b)["finishedAt"]) for b in stage.executions("queue"))
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(times))
    assert "Limit" in why(stage, "queue", skipped["first"])


def test_a_pause_with_an_end_replays_nothing(stage: Stage) -> None:
    until_then = soon(stage, 6)
    stage.apply(task("nap", schedule=EVERY_SECOND, suspendUntil=until_then, http=stage.call("/nap")))
    until(lambda: len(stage.received("/nap")) >= 2, "the task goes on by itself")
    stage.patch("ct", "nap", suspend=True, suspendUntil=None)
    instants = [datetime.fromisoformat(scheduled_at(got)) for got in stage.received("/nap")]
    assert min(instants) >= datetime.fromisoformat(until_then)
    slept = entry(stage, "nap", "Skipped", "Suspended")
    assert "Suspended" in why(stage, "nap", slept["first"])


def test_calendars_and_freezes_keep_instants_from_starting(stage: Stage) -> None:
    always = {"weekly": [{"start": "00:00", "end": "24:00"}]}
    stage.apply(
        made("CronTaskCalendar", "always", **always),
        made("CronTaskGroup", "frozen", freezes=[{"start": soon(stage, 0), "end": soon(stage, 3600), "message": "no"}]),
        task("excluded", schedule=EVERY_SECOND, exclude=["always"], http=stage.call("/excluded")),
        task("kept", schedule=EVERY_SECOND, only=["always"], http=stage.call("/kept")),
        task("cold", schedule=EVERY_SECOND, group="frozen", http=stage.call("/cold")),
    )
    until(lambda: len(stage.received("/kept")) >= 2, "what keeps to a calendar runs")
    for name, reason in (("excluded", "Calendar"), ("cold", "Frozen")):
        left_out = entry(stage, name, "Skipped", reason)
        assert reason in why(stage, name, left_out["first"])
    assert stage.received("/excluded") == stage.received("/cold") == []
    stage.run("cold")
    assert status(stage.ended("cold-now"))["phase"] == "Succeeded"
    for name in ("excluded", "kept", "cold"):
        stage.patch("ct", name, suspend=True)


def test_a_group_holds_its_tasks_to_its_limit(stage: Stage) -> None:
    names = ["first", "second", "third"]
    stage.apply(
        made("CronTaskGroup", "narrow", concurrencyLimit=1),
        *(task(name, schedule="*/3 * * * * *", group="narrow", http=stage.call("/delay/1"), **KEEP) for name in names),
    )
    until(lambda: all(len(stage.executions(name)) >= 2 for name in names), "each task of the group runs")
    assert status(stage.get("ctg", "narrow") or {})["taskCount"] == 3
    for name in names:
        stage.patch("ct", name, endAt=soon(stage, 0))
    mine = [body for name in names for body in stage.executions(name)]
    until(lambda: all(status(stage.ended(body["metadata"]["name"])) for body in mine), "what waits ends")
    ended = [stage.ended(body["metadata"]["name"]) for body in mine]
    times = sorted((status(body)["startedAt"], status(body)["finishedAt"]) for body in ended)
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(times))


def test_a_task_waits_for_what_it_names(stage: Stage) -> None:
    stage.apply(task("waiting", schedule=EVERY_SECOND, only=["later"], http=stage.call("/waiting")))
    ready = stage.condition("waiting", "Ready", "False")
    assert ready["reason"] == "CalendarNotFound"
    assert "spec.only" in ready["message"]
    stage.apply(made("CronTaskCalendar", "later", weekly=[{}]))
    stage.ready("waiting")
    until(lambda: stage.received("/waiting"), "it runs once the calendar is there")
    stage.patch("ct", "waiting", suspend=True)


def test_failures_in_a_row_disable_and_an_edit_enables(stage: Stage) -> None:
    stage.apply(
        task("failing", schedule=EVERY_SECOND, disableAfterFailures=3, http=stage.call("/status/500"), **KEEP),
    )
    until(lambda: status(stage.get("ct", "failing") or {}).get("disabledAt"), "it is disabled")
    assert stage.condition("failing", "Scheduled", "False")["reason"] == "Disabled"
    now = soon(stage, 1)  # The instant of the current second may be the one whose failure disabled it.
    until(lambda: soon(stage, 0) > now, "an instant passes")
    assert "disabled" in why(stage, "failing", now).lower()
    stage.patch("ct", "failing", http=stage.call("/status/200"))
    until(lambda: entry(stage, "failing", "Skipped", "Disabled")["last"] >= now, "the ledger covers the pause")
    assert "Disabled" in why(stage, "failing", now)
    until(lambda: status(stage.get("ct", "failing") or {})["counts"]["succeeded"] >= 1, "an edit enables it")
    assert "disabledAt" not in status(stage.get("ct", "failing") or {})
    stage.patch("ct", "failing", suspend=True)


def test_tasks_that_go_by_themselves(stage: Stage) -> None:
    stage.apply(
        task("sent", schedule=EVERY_SECOND, deleteAfter="Dispatch", http=stage.call("/delay/2?sent")),
        task("done", schedule=EVERY_SECOND, deleteAfter="Success", http=stage.call("/done")),
        task("over", schedule=f"@at {soon(stage, 4)}", deleteAfter="Finished", http=stage.call("/over")),
    )
    until(lambda: not any(stage.get("ct", name) for name in ("sent", "done", "over")), "all three go")
    for name in ("sent", "done", "over"):
        first = stage.executions(name)[0]["metadata"]["name"]
        assert status(stage.ended(first))["phase"] == "Succeeded"


def test_what_outlives_its_task_goes_with_time(stage: Stage) -> None:
    stage.apply(
        task("mortal", http=stage.call("/mortal"), history={"outliveTask": True, "ttlSeconds": 8}),
        task("immortal", pod=stage.pod("sleep 3; echo out"), history={"outliveTask": True}),
    )
    stage.run("mortal", "immortal")
    stage.ended("mortal-now")
    stage.running("immortal-now")
    stage.kubectl.ok("delete", "ct", "mortal", "immortal")
    survivor = status(stage.ended("immortal-now"))
    assert (survivor["phase"], survivor["output"]) == ("Succeeded", "out\n")
    until(lambda: stage.get("cte", "mortal-now") is None, "the other one has had its time")
    assert stage.get("cte", "immortal-now")


def test_overrides_as_far_as_allowed(stage: Stage) -> None:
    stage.apply(
        task("open", pod=stage.pod("echo $WHO"), overridable=["Env", "Timeout"]),
        task("shut", http=stage.call("/shut")),
    )
    who = {"env": [{"name": "WHO", "value": "me"}], "timeoutSeconds": 20}
    stage.create(
        execution("open-now", "open", overrides=who),
        execution("open-far", "open", overrides={"args": ["x"]}),
        execution("shut-now", "shut", overrides={"body": "x"}),
    )
    assert status(stage.ended("open-now"))["output"].startswith("me")
    for name in ("open-far", "shut-now"):
        refused = status(stage.ended(name))
        assert (refused["phase"], refused["reason"]) == ("Failed", "NotOverridable"), refused
    assert stage.received("/shut") == []


def test_all_that_was_missed_is_made_up_for_in_order(scene: Scene) -> None:
    stage = scene.stage
    missed = {"policy": "All", "limit": 4}
    stage.apply(
        task("all", schedule="*/2 * * * * *", missed=missed, http=stage.call("/all"), **KEEP),
        task("none", schedule="*/2 * * * * *", missed={"policy": "Skip"}, http=stage.call("/none"), **KEEP),
        task("late", schedule=EVERY_SECOND, startingDeadlineSeconds=1, http=stage.call("/late"), **KEEP),
    )
    until(lambda: len(stage.received("/none")) >= 2, "the tasks run")
    scene.operators.kill()
    gone = scene.now()
    until(lambda: scene.now() > gone + timedelta(seconds=34), "time passes without an operator")
    scene.operators.start()
    until(lambda: sum(1 for b in stage.executions("all") if b["spec"]["trigger"] == "CatchUp") == 4, "four made up for")
    late = [body for body in stage.executions("all") if body["spec"]["trigger"] == "CatchUp"]
    began = [status(stage.ended(body["metadata"]["name"]))["startedAt"] for body in late]
    assert began == sorted(began)
    for name, outcome, reason in (
        ("all", "Missed", "Limit"),
        ("all", "Late", "CatchUp"),
        ("none", "Missed", "Downtime"),
        ("late", "Missed", "Deadline"),
    ):
        found = entry(stage, name, outcome, reason)
        assert outcome in why(stage, name, found["first"])
    scene.pause("all", "none", "late")
    scene.assert_nothing_twice()
