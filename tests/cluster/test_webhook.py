"""The validating webhook of `make up`, as somebody at kubectl meets it, in a namespace that it looks at."""

import secrets
from collections.abc import Iterator

import pytest
from live.kubectl import Kubectl
from live.stories import Body, execution, task, until

pytestmark = pytest.mark.cluster

CALL: Body = {"url": "http://127.0.0.1:8099/never"}


@pytest.fixture(scope="module")
def asked(dry_kubectl: Kubectl) -> Iterator[Kubectl]:
    runner = dry_kubectl.within(f"crontask-test-{secrets.token_hex(4)}")
    runner.ok("create", "namespace", runner.namespace)
    after_nobody = task("t", after=[{"task": "nobody"}], http=CALL)
    # An operator that has just begun is ready before its webhook is, and knows all tasks once it has taken over.
    until(lambda: "not known yet" in runner.create(after_nobody, dry=True).err, "the webhook knows all tasks", 25)
    yield runner
    runner.ok("delete", "namespace", runner.namespace, "--wait=false")


def test_what_no_schema_sees_is_refused_at_once(asked: Kubectl) -> None:
    answer = asked.create(task("t", schedule="61 * * * *", http=CALL))
    assert answer.code != 0
    assert 'spec.schedule: "61" in the minute field is out of range; use 0 to 59' in answer.err
    assert "denied the request" in answer.err


def test_what_is_odd_is_taken_with_a_warning(asked: Kubectl) -> None:
    answer = asked.create(task("t", schedule="30 2 * * *", timeZone="Europe/Berlin", http=CALL), dry=True)
    assert answer.code == 0
    assert "Warning: spec.schedule: clocks in Europe/Berlin leave out" in answer.err
    assert "Set dst.gap to choose" in answer.err


def test_a_run_of_nobody_is_warned_of(asked: Kubectl) -> None:
    answer = asked.create(execution("e", "no-such-task"), dry=True)
    assert answer.code == 0
    assert 'Warning: spec.taskRef.name: CronTask "no-such-task" is not known yet' in answer.err


def test_a_task_after_itself_is_refused_and_one_after_nobody_warned_of(asked: Kubectl) -> None:
    answer = asked.create(task("t", after=[{"task": "t"}], http=CALL), dry=True)
    assert answer.code != 0
    assert "(t -> t, " in answer.err
    answer = asked.create(task("t", after=[{"task": "nobody"}], http=CALL), dry=True)
    assert answer.code == 0
    assert 'Warning: spec.after[0].task: CronTask "nobody" is not known yet' in answer.err


def test_other_fields_than_the_spec_are_nobodys_business(asked: Kubectl) -> None:
    asked.ok("apply", "--server-side", "-f", "-", stdin=task("labelled", schedule="30 2 * * *", http=CALL))
    answer = asked.ok("label", "ct", "labelled", "team=night")
    assert answer.err == ""
