"""What is refused of a job that could be read, in upstream's order and words."""

from dataclasses import replace

import pytest

from crontask_gateway.dialects.dkron.checks import check, check_parent
from crontask_gateway.dialects.dkron.errors import Told
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.errors import Invalid

GOOD = JobIn(name="job", schedule="@every 1m", executor="shell", executor_config={"command": "date"})


def refusal(job: JobIn) -> str:
    with pytest.raises(Invalid) as caught:
        check(job)
    assert caught.value.message.startswith("Job validation failed: ")
    return caught.value.message.removeprefix("Job validation failed: ")


@pytest.mark.parametrize(
    "name",
    ["a", "-", "_x", "0", "test_job", "abcdefghijklmnopqrstuvwxyz0123456789-_ßñëäïüøüáéíóýćàèìòùâêîôûæšłç", "x" * 300],
)
def test_names(name: str) -> None:
    check(replace(GOOD, name=name))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("BAD JOB NAME!", "B"),
        ("a.b", "."),
        ("a b", " "),
        ("a/b", "/"),
        ("漢字", "漢"),
        ("ª", "ª"),
        ("٣", "٣"),
        ("a\n", "\n"),
    ],
)
def test_illegal_characters(name: str, wrong: str) -> None:
    assert refusal(replace(GOOD, name=name)) == f"name contains illegal character '{wrong}'."


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "name cannot be empty."),
        ({"name": "", "schedule": "@at badtime"}, "name cannot be empty."),
        ({"parent_job": "job"}, "the job can not have itself as parent."),
        ({"schedule": ""}, "can't parse job schedule: empty spec string."),
        (
            {"schedule": "bad", "parent_job": "p"},
            "can't parse job schedule: expected exactly 6 fields, found 1: [bad].",
        ),
        ({"concurrency": "replace"}, 'invalid concurrency policy value, use "allow" or "forbid".'),
        ({"concurrency": "Forbid"}, 'invalid concurrency policy value, use "allow" or "forbid".'),
        ({"timezone": "notatimezone"}, "unknown time zone notatimezone."),
        ({"executor_config": {"timeout": "foreverandever"}}, "Error parsing job timeout value."),
        ({"executor_config": {"timeout": 30}}, "Error parsing job timeout value."),
        (
            {"executor_config": {"mem_limit": "0"}},
            "Error parsing job memory limit value: memory limit must be greater than 0.",
        ),
        (
            {"executor_config": {"mem_limit": "invalid"}},
            "Error parsing job memory limit value: invalid memory limit format: invalid.",
        ),
        (
            {"executor_config": {"mem_limit": "-100MB"}},
            "Error parsing job memory limit value: invalid memory limit format: -100MB.",
        ),
        (
            {"executor_config": {"mem_limit": "100PB"}},
            "Error parsing job memory limit value: unsupported memory unit: PB (supported: B, KB, MB, GB, TB).",
        ),
    ],
)
def test_refusals(changes: dict[str, object], problem: str) -> None:
    assert refusal(replace(GOOD, **changes)) == problem  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "", "parent_job": "p"},
        {"concurrency": ""},
        {"executor": "http", "executor_config": {"timeout": "foreverandever", "mem_limit": "invalid"}},
        {"executor": "nonesuch"},
        {"owner_email": "no address"},
        *({"executor_config": {"mem_limit": limit}} for limit in ("", "1024", "1KB", "512mb", "1.5GB", 1024)),
        *({"executor_config": {"timeout": timeout}} for timeout in ("", "1h30m", "300ms", "0", "-1s")),
    ],
    ids=str,
)
def test_what_upstream_does_not_check(changes: dict[str, object]) -> None:
    check(replace(GOOD, **changes))  # type: ignore[arg-type]


def test_a_parent_must_exist_and_must_not_come_after_its_child() -> None:
    parents = {"a": "", "b": "a", "c": "b", "x": "gone", "y": "z", "z": "y"}
    check_parent(replace(GOOD, name="d", parent_job="c"), None, parents)
    check_parent(GOOD, None, {})
    check_parent(replace(GOOD, name="d", parent_job="x"), None, parents)
    check_parent(replace(GOOD, name="d", parent_job="y"), None, parents)  # an old ring is no reason to hang
    with pytest.raises(Told) as missing:
        check_parent(replace(GOOD, name="d", parent_job="e"), None, parents)
    assert missing.value.message == "specified parent job not found"
    with pytest.raises(Invalid) as ring:
        check_parent(replace(GOOD, name="a", parent_job="c"), None, parents)
    assert ring.value.message == "Job validation failed: c depends on a, so it cannot be its parent."
