"""Targets as seen from outside: real pods with a target's overlay, one outcome, retries where it failed, a stop."""

from typing import Any

import pytest
from live.stories import API, Body, Stage, execution, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

LINUX = {"kubernetes.io/os": "linux"}


def target(name: str, **spec: Any) -> Body:
    """A CronTaskTarget; on any node of the cluster unless `selector` says otherwise."""
    body = {"apiVersion": API, "kind": "CronTaskTarget", "metadata": {"name": name}}
    return body | {"spec": {"selector": LINUX, "template": {"spec": spec}}}


def env(**values: str) -> list[Body]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.fixture(scope="module")
def places(stage: Stage) -> Stage:
    """The stage with three targets: each sets MODE in every container."""
    modes = {"good": "0", "bad": "3", "slow": "wait"}
    for name, mode in modes.items():
        stage.apply(target(name, containers=[{"name": "*", "env": env(MODE=mode)}]))
    return stage


SCRIPT = 'echo "$CRONTASK_TARGET: $MODE"; [ "$MODE" = wait ] && { trap exit TERM; sleep 60 & wait; }; exit $MODE'


def attempts(body: Body) -> list[tuple[str, int, str]]:
    return [(each["target"], each["number"], each["reason"]) for each in status(body)["attempts"]]


def test_a_pod_at_each_target(places: Stage) -> None:
    stage = places
    stage.apply(
        target("tidy", terminationGracePeriodSeconds=None, containers=[{"name": "main", "env": env(MODE="0")}]),
        task("both", targets=["good", "tidy"], pod=stage.template(SCRIPT, terminationGracePeriodSeconds=7)),
    )
    stage.ready("both")
    stage.run("both")
    made: dict[str, int] = {}

    def look() -> bool:
        pods = stage.all("pods", "--selector=crontask.dev/task=both")
        made.update(
            {
                body["metadata"]["labels"]["crontask.dev/target"]: body["spec"]["terminationGracePeriodSeconds"]
                for body in pods
            }
        )
        return len(made) == 2

    until(look, "both pods are seen")
    assert made == {"good": 7, "tidy": 30}, "null removes what the task says, so that the API server's default holds"
    ended = stage.ended("both-now")
    assert (status(ended)["phase"], status(ended)["reason"]) == ("Succeeded", "Completed")
    assert attempts(ended) == [("good", 1, "Completed"), ("tidy", 1, "Completed")]
    assert status(ended)["output"] == "==> good <==\ngood: 0\n==> tidy <==\ntidy: 0"
    until(lambda: not stage.all("pods", "--selector=crontask.dev/task=both"), "the pods are deleted")


def test_retries_are_made_where_it_failed(places: Stage) -> None:
    stage = places
    retry = {"limit": 1, "backoff": {"initialSeconds": 1}}
    stage.apply(task("one-fails", targets=["good", "bad"], retry=retry, pod=stage.pod(SCRIPT)))
    stage.ready("one-fails")
    stage.run("one-fails")
    ended = stage.ended("one-fails-now")
    assert status(ended)["phase"] == "Failed"
    assert (status(ended)["reason"], status(ended)["message"]) == (
        "NonZeroExit",
        "1 of 2 targets failed: bad (NonZeroExit).",
    )
    assert attempts(ended) == [("good", 1, "Completed"), ("bad", 1, "NonZeroExit"), ("bad", 2, "NonZeroExit")]


def test_a_stop_ends_every_pod(places: Stage) -> None:
    stage = places
    stage.apply(task("stopped", targets=["good", "slow"], pod=stage.pod(SCRIPT)))
    stage.ready("stopped")
    stage.run("stopped")
    until(
        lambda: [
            body
            for body in stage.all("pods", "--selector=crontask.dev/target=slow")
            if status(body).get("phase") == "Running"
        ],
        "the slow one runs",
    )
    stage.patch("cte", "stopped-now", stop=True)
    ended = stage.ended("stopped-now")
    assert (status(ended)["phase"], status(ended)["reason"]) == ("Cancelled", "Stopped")
    assert "slow: wait" in status(ended)["output"]
    until(lambda: not stage.all("pods", "--selector=crontask.dev/task=stopped"), "the pods are deleted")


def test_a_missing_target_is_told_and_heals(places: Stage) -> None:
    stage = places
    stage.apply(task("incomplete", targets=["good", "later"], pod=stage.pod(SCRIPT)))
    ready = stage.condition("incomplete", "Ready", "False")
    assert ready["reason"] == "TargetNotFound"
    assert '"later"' in ready["message"]
    stage.apply(target("later", containers=[{"name": "main", "env": env(MODE="0")}]))
    stage.condition("incomplete", "Ready", "True")
    stage.create(execution("healed", "incomplete"))
    assert status(stage.ended("healed"))["phase"] == "Succeeded"


def test_a_target_that_does_not_fit_is_told_by_the_task(places: Stage) -> None:
    stage = places
    stage.apply(
        target("odd", containers=[{"name": "another", "tty": True}]),
        task("misfit", targets=["odd"], pod=stage.pod(SCRIPT)),
    )
    ready = stage.condition("misfit", "Ready", "False")
    assert ready["reason"] == "InvalidTarget"
    assert '"another" is no container of the task, and has no image' in ready["message"]
    stage.apply(target("odd", containers=[{"name": "another", "image": stage.image, "command": ["true"]}]))
    stage.condition("misfit", "Ready", "True")
