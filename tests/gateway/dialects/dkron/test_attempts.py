"""Executions of CronTask as those of Dkron: one for each attempt, tied by their group."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crontask_core.names import Key
from crontask_gateway import gotime
from crontask_gateway.dialects.dkron.translate import from_execution
from crontask_gateway.dialects.dkron.wire import NEVER, ExecutionOut, JobOut
from crontask_gateway.store import Run

CREATED = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SHELL = JobOut(
    name="job",
    displayname="",
    timezone="",
    schedule="@every 1m",
    owner="",
    owner_email="",
    success_count=0,
    error_count=0,
    last_success=None,
    last_error=None,
    disabled=False,
    tags=None,
    metadata=None,
    retries=0,
    dependent_jobs=None,
    parent_job="",
    processors={},
    concurrency="allow",
    executor="shell",
    executor_config={"command": "sleep 3", "timeout": "1s", "mem_limit": "1KB"},
    status="",
    next=NEVER,
    ephemeral=False,
    starts_at=None,
    expires_at=None,
)
FIRST = {"number": 1, "startedAt": "2030-01-02T03:04:05.7Z", "finishedAt": "2030-01-02T03:04:06Z"}
SECOND = {"number": 2, "startedAt": "2030-01-02T03:04:07.000001Z"}
FAILED = FIRST | {"reason": "NonZeroExit", "exitCode": 3}


def run(name: str = "dkron-job-20300102030405", trigger: str = "Schedule", **status: Any) -> Run:
    spec = {"taskRef": {"name": "dkron-job"}, "trigger": trigger}
    return Run(Key("default", name), "dkron-job", spec, status, CREATED, "1")


def shown(job: JobOut = SHELL, **status: Any) -> list[ExecutionOut]:
    return from_execution(run(**status), job, "crontask")


def test_a_run_that_has_not_begun_is_there() -> None:
    (found,) = shown()
    assert (found.job_name, found.node_name, found.attempt) == ("job", "crontask", 1)
    assert found.started_at == gotime.nanos(CREATED)
    assert (found.finished_at, found.success, found.output) == (NEVER, False, "")
    assert found.id == f"{found.group}-crontask"
    assert 0 <= found.group - gotime.nanos(CREATED) < gotime.SECOND


def test_the_id_stays_while_the_run_goes_on() -> None:
    (waits,) = shown()
    (runs,) = shown(phase="Running", attempts=[{"number": 1, "startedAt": "2030-01-02T03:04:05.7Z"}])
    (ended,) = shown(phase="Succeeded", attempts=[FIRST | {"reason": "Completed"}], output="done")
    assert waits.id == runs.id == ended.id
    assert runs.finished_at == NEVER
    assert (ended.success, ended.output) == (True, "done")
    assert ended.finished_at == gotime.instant("2030-01-02T03:04:06Z")


def test_each_attempt_is_an_execution_of_the_group() -> None:
    status = {"phase": "Running", "attempts": [FAILED, SECOND], "output": "part"}
    first, second = shown(**status)
    assert first.group == second.group
    assert first.id != second.id
    assert (first.attempt, first.success, first.output) == (1, False, "exit status 3")
    assert (second.attempt, second.finished_at, second.output) == (2, NEVER, "part")
    assert (first.id, second.id) == (f"{first.group}-crontask", f"{first.group + 1}-crontask")
    ends = [FAILED, SECOND | {"finishedAt": "2030-01-02T03:04:08Z", "reason": "Completed"}]
    assert [each.success for each in shown(phase="Succeeded", attempts=ends)] == [False, True]


def test_ids_are_unique() -> None:
    runs = [run(f"dkron-job-{n}", phase="Running", attempts=[FAILED, SECOND]) for n in range(50)]
    found = [each.id for each in runs for each in from_execution(each, SHELL, "crontask")]
    assert len(set(found)) == 100


@pytest.mark.parametrize(
    ("reason", "more", "job", "output"),
    [
        ("NonZeroExit", {"exitCode": 1}, {}, "exit status 1\nwords"),
        (
            "Timeout",
            {},
            {},
            "shell: Job 'sleep 3' execution time exceeding defined timeout 1s. Job was killed\nwords",
        ),
        ("OOMKilled", {}, {}, "shell: Job 'sleep 3' memory usage exceeding defined limit (1KB). Job was killed\nwords"),
        ("Timeout", {"message": "too slow"}, {"executor_config": None}, "too slow\nwords"),
        ("ImagePull", {"message": "no such image"}, {}, "no such image\nwords"),
        ("Evicted", {}, {}, "Evicted\nwords"),
        ("BadStatus", {}, {"executor": "http"}, "received response code does not match the expected code\nwords"),
        ("BodyMismatch", {}, {"executor": "http"}, "received response body did not match the expected body\nwords"),
        ("Refused", {"message": "connection refused"}, {"executor": "http"}, "connection refused\nwords"),
        ("NonZeroExit", {"exitCode": 1}, {"executor": "http"}, "words"),
        ("NonZeroExit", {"exitCode": 1}, {"executor": "kafka"}, "words"),
    ],
)
def test_what_is_told_of_a_failure(reason: str, more: dict[str, Any], job: dict[str, Any], output: str) -> None:
    attempts = [FIRST | more | {"reason": reason}]
    (found,) = shown(replace(SHELL, **job), phase="Failed", reason=reason, attempts=attempts, output="words")
    assert (found.success, found.output) == (False, output)


def test_a_lost_call_and_one_that_was_refused_before_it_began_have_ended() -> None:
    ended = "2030-01-02T03:05:00Z"
    (lost,) = shown(phase="Lost", reason="OperatorDied", message="nobody knows", attempts=[SECOND], finishedAt=ended)
    assert lost.finished_at == gotime.instant(ended)
    assert lost.output == "grpc: Error on execution streaming, agent connection was abruptly terminated: nobody knows"
    (refused,) = shown(phase="Failed", reason="InvalidSpec", message="no image", finishedAt=ended)
    assert (refused.finished_at, refused.output) == (gotime.instant(ended), "no image")


def test_what_was_skipped_is_no_execution() -> None:
    ended = "2030-01-02T03:05:00Z"
    skipped = {"phase": "Cancelled", "reason": "Overlap", "message": "another one runs", "finishedAt": ended}
    assert shown(**skipped) == shown(trigger="After", **skipped) == []
    (wished,) = shown(trigger="Manual", **skipped)
    assert (wished.success, wished.output, wished.finished_at) == (False, "another one runs", gotime.instant(ended))
    (stopped,) = shown(
        phase="Cancelled", reason="Stopped", attempts=[SECOND], startedAt=SECOND["startedAt"], finishedAt=ended
    )
    assert (stopped.success, stopped.finished_at) == (False, gotime.instant(ended))


AT_EU = FIRST | {"target": "eu", "reason": "NonZeroExit", "exitCode": 3}
AT_US = FIRST | {"target": "us", "reason": "Completed", "exitCode": 0}
AGAIN_AT_EU = AT_EU | {"number": 2, "finishedAt": "2030-01-02T03:04:09Z"}


def test_b11_each_target_is_an_execution_of_the_group_with_an_output_of_its_own() -> None:
    told = "==> eu <==\nbad\n==> us <==\ngood"
    eu, us = shown(phase="Failed", reason="NonZeroExit", attempts=[AT_EU, AT_US], output=told)
    assert (eu.group, eu.attempt, eu.success, eu.output) == (us.group, 1, False, "exit status 3\nbad")
    assert (us.attempt, us.success, us.output) == (1, True, "good")
    assert eu.id != us.id


def test_of_the_attempts_at_a_target_the_last_one_has_the_output() -> None:
    attempts = [AT_EU, AT_US, AGAIN_AT_EU]
    found = shown(phase="Failed", reason="NonZeroExit", attempts=attempts, output="==> eu <==\nbad")
    assert [each.output for each in found] == ["exit status 3", "", "exit status 3\nbad"]
    assert len({each.id for each in found}) == 3


def test_the_ids_at_targets_stay_whichever_attempts_are_listed() -> None:
    def ids(*attempts: dict[str, Any], targets: tuple[str, ...] = ("us", "eu")) -> list[str]:
        status = {"phase": "Running", "attempts": list(attempts)}
        return [each.id for each in from_execution(run(**status), SHELL, "crontask", targets=targets)]

    (waits,) = ids()
    all_of_them = ids(AT_US, AT_EU, AGAIN_AT_EU)
    assert len(set(all_of_them)) == 3
    assert all_of_them[0] == waits
    assert ids(AT_EU) == all_of_them[1:2]
    assert ids(AT_US, AGAIN_AT_EU) == [all_of_them[0], all_of_them[2]]
    assert ids(AT_US, AT_EU, targets=("us",)) == all_of_them[:2]


def test_an_output_that_a_processor_has_taken_is_its_marker() -> None:
    refused = FIRST | {"reason": "ImagePull", "message": "no such image"}
    ran = [FAILED, FIRST | {"reason": "Completed"}]
    for attempts, told in ((ran, ["taken", "taken"]), ([refused], ["no such image"])):
        found = from_execution(run(phase="Failed", attempts=attempts), SHELL, "crontask", "taken")
        assert [each.output for each in found] == told
    (going,) = from_execution(run(phase="Running", attempts=[SECOND | {"number": 1}]), SHELL, "crontask", "taken")
    assert going.output == ""
