"""What kubectl makes of the CRDs: its words for them, its columns, its selectors, its explanations."""

import time
from typing import Any

import pytest
from live.kubectl import Kubectl

pytestmark = pytest.mark.cluster

COLUMNS = "NAME SCHEDULE ZONE SUSPEND GROUP ACTIVE QUEUED LAST OUTCOME LAST RUN NEXT RUN SCHEDULED READY AGE"

Body = dict[str, Any]
PUBLISHED_SECONDS = 20
"""How long the API server may take to publish a new schema for `explain`."""


def task(name: str, *, suspend: bool = False) -> Body:
    return {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTask",
        "metadata": {"name": name},
        "spec": {"schedule": "@manual", "timeZone": "Asia/Tokyo", "suspend": suspend, "pod": {"image": "busybox"}},
    }


def ended(name: str, phase: str) -> Body:
    """An execution that has ended, of a task that is gone."""
    status = {
        "phase": phase,
        "reason": "ExitCode",
        "latenessMilliseconds": 7,
        "attempts": [{"number": 1, "exitCode": 3}, {"number": 2, "exitCode": 42}],
    }
    return {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTaskExecution",
        "metadata": {"name": name},
        "spec": {"taskRef": {"name": "gone"}, "trigger": "Schedule", "scheduledAt": "2030-01-02T03:04:05Z"},
        "status": status,
    }


def cells(table: str) -> list[list[str]]:
    """The words of a table, without the age."""
    return [line.split()[:-1] for line in table.splitlines()]


@pytest.mark.parametrize("word", ["crontask", "crontasks", "ct", "crontasks.crontask.dev", "CronTask"])
def test_a_task_goes_by_every_word(kubectl: Kubectl, word: str) -> None:
    """Also by the singular, with a name and with verbs: a category of the same name would forbid that."""
    kubectl.ok("create", "-f", "-", stdin=task("mine"))
    assert kubectl.ok("get", word, "mine", "-o", "name").out == "crontask.crontask.dev/mine\n"
    kubectl.ok("patch", word, "mine", "--type=merge", '--patch={"spec": {"suspend": true}}')
    kubectl.ok("delete", word, "mine")


def test_one_word_lists_all_kinds(kubectl: Kubectl, as_operator: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=task("mine"))
    as_operator.ok("create", "-f", "-", stdin=ended("run", "Succeeded"))
    found = kubectl.ok("get", "crontask-all", "-o", "name").out.split()
    assert sorted(found) == ["crontask.crontask.dev/mine", "crontaskexecution.crontask.dev/run"]


def test_columns_of_a_task(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=task("mine", suspend=True))
    header, row = kubectl.ok("get", "ct", "-o", "wide").out.splitlines()
    assert " ".join(header.split()) == COLUMNS
    assert row.split()[:4] == ["mine", "@manual", "Asia/Tokyo", "true"]
    narrow = kubectl.ok("get", "ct").out.splitlines()[0]
    assert "ZONE" not in narrow
    assert "SCHEDULED" not in narrow
    assert "QUEUED" in narrow
    assert "READY" in narrow, "a task that cannot run must not look like one that can"


def test_columns_of_an_execution(as_operator: Kubectl) -> None:
    as_operator.ok("create", "-f", "-", stdin=ended("run", "Failed"))
    assert cells(as_operator.ok("get", "cte").out) == [
        ["NAME", "TASK", "TRIGGER", "SCHEDULED", "PHASE", "REASON", "LATE(MS)"],
        ["run", "gone", "Schedule", "2030-01-02T03:04:05Z", "Failed", "ExitCode", "7"],
    ]
    header, row = cells(as_operator.ok("get", "cte", "-o", "wide").out)
    assert header[7:] == ["EXIT", "HTTP"]
    assert row[7:] == ["42"], "the latest attempt's, and no HTTP status"


SELECTORS = [
    ("cte", "status.phase=Failed", ["failed"]),
    ("cte", "spec.taskRef.name=gone,status.phase!=Failed", ["fine"]),
    ("cte", "spec.trigger=Manual", []),
    ("ct", "spec.suspend=true", ["paused"]),
]


def test_field_selectors(kubectl: Kubectl, as_operator: Kubectl) -> None:
    as_operator.ok("create", "-f", "-", stdin=ended("failed", "Failed"))
    as_operator.ok("create", "-f", "-", stdin=ended("fine", "Succeeded"))
    kubectl.ok("create", "-f", "-", stdin=task("mine"))
    kubectl.ok("create", "-f", "-", stdin=task("paused", suspend=True))
    for kind, selector, names in SELECTORS:
        found = kubectl.ok("get", kind, f"--field-selector={selector}", "-o", "json").body["items"]
        assert [item["metadata"]["name"] for item in found] == names, selector


EXPLAINED = [
    ("crontask", "runs a pod or makes an HTTP call when its schedule is due, and accounts for each instant."),
    ("crontask.spec", "When the task runs, what it does, and by which rules."),
    ("crontask.spec.schedule", "a cron text of 5 fields (minutes first), 6 (seconds first) or 7"),
    ("crontask.spec.timeZone", "The IANA time zone of the schedule, such as Europe/Berlin"),
    ("crontask.spec.retry.backoff", "The seconds between the end of the first attempt and the second."),
    ("crontask.spec.pod.template.spec.containers", "of several that fail, the first one's exit code is reported."),
    ("crontask.spec.http.headers", "credentials belong in a Secret (valueFrom)."),
    ("crontask.status.watermark", "Every instant up to this one has its outcome."),
    ("cte", "one run of a CronTask, and what became of it; creating one runs the task now."),
    ("cte.spec.stop", "its pod is deleted, its call is dropped, no attempt follows."),
    (
        "cte.status.attempts.timings",
        "The phases of the HTTP call (of its last hop, where it was redirected; the total covers all).",
    ),
]


@pytest.mark.parametrize(("path", "sentence"), EXPLAINED, ids=[row[0] for row in EXPLAINED])
def test_explain(dry_kubectl: Kubectl, path: str, sentence: str) -> None:
    deadline = time.monotonic() + PUBLISHED_SECONDS
    text = ""
    while sentence not in text and time.monotonic() < deadline:
        text = " ".join(dry_kubectl("explain", path).out.split())
    assert sentence in text
