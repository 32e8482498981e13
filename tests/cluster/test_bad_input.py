"""Tasks that cannot be run, or hardly: each says why, and none is in another's way."""

import pytest
from live.stories import EVERY_SECOND, Body, Stage, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

BAD: list[tuple[str, Body, str]] = [
    # What the API server cannot see, and the words of the condition.
    ("never-fires", {"schedule": "0 0 31 2 *"}, 'spec.schedule: "0 0 31 2 *" never fires'),
    ("minute-99", {"schedule": "99 * * * *"}, "spec.schedule"),
    ("backwards", {"schedule": "0 22-5 * * FOO"}, "spec.schedule"),
    ("no-such-day", {"schedule": "@at 2030-02-31T00:00:00Z"}, "spec.schedule"),
    ("other-grammar", {"schedule": "@reboot", "grammar": "dkron"}, "spec.schedule"),
    ("bad-pattern", {"http": {"success": {"bodyRegex": "("}}}, "spec.http.success.bodyRegex"),
    ("look-behind", {"http": {"success": {"bodyRegex": "(?<=a)b"}}}, "spec.http.success.bodyRegex"),
    ("exploding-pattern", {"http": {"success": {"bodyRegex": "((a{1,900}){1,900}){1,900}"}}}, "bodyRegex"),
]


@pytest.fixture(scope="module")
def applied(stage: Stage) -> Stage:
    """The bad tasks, and a good one beside them."""
    bodies = [task("healthy", schedule=EVERY_SECOND, http=stage.call("/healthy"))]
    for name, spec, _ in BAD:
        action = stage.call(f"/{name}") | spec.get("http", {})
        bodies.append(task(name, **({"schedule": EVERY_SECOND} | spec | {"http": action})))
    stage.apply(*bodies)
    return stage


@pytest.mark.parametrize(("name", "spec", "told"), BAD, ids=[row[0] for row in BAD])
def test_a_bad_task_says_why(applied: Stage, name: str, spec: Body, told: str) -> None:
    condition = applied.condition(name, "Ready", "False")
    assert condition["reason"] == "InvalidSpec"
    assert told in condition["message"]
    until(lambda: [event for event in applied.events(name) if told in event["note"]], "an event says so too")
    assert {event["reason"] for event in applied.events(name)} == {"InvalidSpec"}
    assert applied.received(f"/{name}") == []


def test_a_run_by_hand_of_a_bad_task_says_why(applied: Stage) -> None:
    applied.run("never-fires")
    found = status(applied.ended("never-fires-now"))
    assert (found["phase"], found["reason"]) == ("Failed", "InvalidSpec")
    assert "spec.schedule" in found["message"]


def test_good_tasks_go_on_beside_them(applied: Stage) -> None:
    for name, _, _ in BAD:
        applied.condition(name, "Ready", "False")
    before = len(applied.received("/healthy"))
    until(lambda: len(applied.received("/healthy")) >= before + 3, "the good task runs on")


def test_an_edit_makes_a_bad_task_good(applied: Stage) -> None:
    applied.patch("ct", "minute-99", schedule=EVERY_SECOND)
    applied.condition("minute-99", "Ready", "True")
    until(lambda: applied.received("/minute-99"), "it runs")


def test_large_objects(stage: Stage) -> None:
    variables = [{"name": f"V{n}", "value": "x" * 100} for n in range(1000)]
    megabyte = ["a" * 1000] * 1000
    stage.create(
        task("thousand-variables", pod=stage.pod("env | grep -c ^V", env=variables)),
        task("a-megabyte", pod=stage.pod("echo $#", args=["sh", *megabyte[:999]])),
        task("beyond-the-kernel", pod=stage.pod("echo $#", args=["sh", "a" * 200_000])),
        task("long-body", http=stage.call("/long-body", method="POST", body="b" * 262_144)),
    )
    stage.run("thousand-variables", "a-megabyte", "beyond-the-kernel", "long-body")
    assert status(stage.ended("thousand-variables-now"))["output"] == "1000\n"
    assert status(stage.ended("a-megabyte-now"))["output"] == "999\n"
    assert status(stage.ended("long-body-now"))["phase"] == "Succeeded"
    beyond = status(stage.ended("beyond-the-kernel-now"))
    assert (beyond["phase"], beyond["reason"]) == ("Failed", "NonZeroExit")
    assert "too long" in beyond["output"]


def test_an_object_that_no_cluster_takes_is_refused(stage: Stage) -> None:
    answer = stage.kubectl.create(task("two-megabytes", pod=stage.pod("true", args=["a" * 262_144] * 7)))
    assert answer.code != 0
    assert "too large" in answer.err


def test_a_zone_that_one_of_the_two_does_not_know(stage: Stage) -> None:
    """The time-zone data of the API server and of the operator differ: as when a zone has vanished."""
    body = task("vanished", schedule=EVERY_SECOND, timeZone="posix/Europe/Berlin", http=stage.call("/vanished"))
    answer = stage.kubectl.create(body)
    if answer.code:
        assert "spec.timeZone" in answer.err
        return
    condition = stage.condition("vanished", "Ready", "False")
    assert 'spec.timeZone: "posix/Europe/Berlin"' in condition["message"]
    assert stage.received("/vanished") == []
