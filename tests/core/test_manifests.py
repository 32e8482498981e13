"""Executions and pods as they are sent: every field that CronTask adds, and none of the user's lost."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from crontask_core import names
from crontask_core.manifests import execution_body, pod_body, rfc3339
from crontask_core.model import ExecutionSpec, ExecutionStatus, TaskSpec
from crontask_core.names import Key

AT = datetime(2026, 11, 22, 10, 5, tzinfo=UTC)
TASK = Key("shop", "report")
EXECUTION = Key("shop", "report-20261122100500")
VALUES = {"CRONTASK_TASK": "report", "CRONTASK_ATTEMPT": "2"}
GIVEN = [{"name": "CRONTASK_TASK", "value": "report"}, {"name": "CRONTASK_ATTEMPT", "value": "2"}]
OWNER = {
    "apiVersion": "crontask.dev/v1beta1",
    "kind": "CronTask",
    "name": "report",
    "uid": "task-uid",
    "controller": True,
    "blockOwnerDeletion": False,
}


def task(pod: dict[str, Any], **rest: Any) -> TaskSpec:
    return TaskSpec.model_validate({"schedule": "* * * * *", "pod": pod} | rest)


def template(pod_spec: dict[str, Any], metadata: dict[str, Any] | None = None, **rest: Any) -> TaskSpec:
    return task({"template": {"metadata": metadata, "spec": pod_spec}}, **rest)


def made(spec: TaskSpec, execution: Key = EXECUTION, owner: Key = TASK) -> dict[str, Any]:
    return pod_body(
        execution,
        task=owner,
        uid="task-uid",
        spec=spec,
        trigger="Schedule",
        scheduled_at=AT,
        attempt=2,
        values=VALUES,
    )


def test_the_short_form_as_a_whole() -> None:
    spec = task(
        {
            "image": "shop/report:1",
            "command": ["sh", "-c"],
            "args": ["echo $(A)"],
            "env": [
                {"name": "A", "value": "$(CRONTASK_TASK)"},
                {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            ],
            "resources": {"limits": {"memory": "64Mi"}},
        },
        timeoutSeconds=60,
    )
    assert made(spec) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "report-20261122100500-2",
            "namespace": "shop",
            "labels": {
                "crontask.dev/managed": "true",
                "crontask.dev/task": "report",
                "crontask.dev/execution": "report-20261122100500",
                "crontask.dev/trigger": "Schedule",
                "crontask.dev/attempt": "2",
            },
            "annotations": {
                "crontask.dev/task-name": "report",
                "crontask.dev/execution-name": "report-20261122100500",
                "crontask.dev/scheduled-at": "2026-11-22T10:05:00Z",
            },
            "ownerReferences": [OWNER],
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": 60,
            "containers": [
                {
                    "name": "main",
                    "image": "shop/report:1",
                    "command": ["sh", "-c"],
                    "args": ["echo $(A)"],
                    "resources": {"limits": {"memory": "64Mi"}},
                    "env": [
                        *GIVEN,
                        {"name": "A", "value": "$(CRONTASK_TASK)"},
                        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                    ],
                }
            ],
        },
    }


def test_the_shortest_form_has_only_what_it_needs() -> None:
    spec = made(task({"image": "shop/report:1"}))["spec"]
    assert spec == {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": "shop/report:1", "env": GIVEN}],
    }


def test_a_template_keeps_what_it_says() -> None:
    pod_spec = {
        "restartPolicy": "OnFailure",
        "serviceAccountName": "reporter",
        "initContainers": [{"name": "wait", "image": "shop/wait:1"}],
        "containers": [
            {"name": "a", "image": "shop/a:1", "env": [{"name": "X", "value": "1"}]},
            {"name": "b", "image": "shop/b:1"},
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }
    spec = template(deepcopy(pod_spec), {"labels": {"team": "sales"}, "annotations": {"note": "n"}})
    body = made(spec)
    expected = deepcopy(pod_spec)
    expected["initContainers"][0]["env"] = GIVEN  # type: ignore[index]
    expected["containers"][0]["env"] = [*GIVEN, {"name": "X", "value": "1"}]  # type: ignore[index]
    expected["containers"][1]["env"] = GIVEN  # type: ignore[index]
    assert body["spec"] == expected
    assert body["metadata"]["labels"]["team"] == "sales"
    assert body["metadata"]["annotations"]["note"] == "n"


def test_making_a_pod_leaves_the_template_as_it_was() -> None:
    spec = template({"containers": [{"name": "a", "image": "shop/a:1"}]}, timeoutSeconds=5)
    before = deepcopy(spec)
    assert made(spec) == made(spec)
    assert spec == before


def test_labels_and_annotations_of_ours_cannot_be_taken() -> None:
    forged = {names.LABEL_TASK: "other", names.LABEL_MANAGED: "false", names.ANNOTATION_TASK: "other"}
    body = made(template({"containers": [{"name": "a"}]}, {"labels": forged, "annotations": forged}))
    assert body["metadata"]["labels"][names.LABEL_TASK] == "report"
    assert body["metadata"]["labels"][names.LABEL_MANAGED] == "true"
    assert body["metadata"]["annotations"][names.ANNOTATION_TASK] == "report"


def test_a_template_s_other_metadata_is_not_taken_over() -> None:
    metadata = {"name": "mine", "namespace": "other", "finalizers": ["x/y"], "ownerReferences": [{"uid": "z"}]}
    body = made(template({"containers": [{"name": "a"}]}, metadata))
    assert set(body["metadata"]) == {"name", "namespace", "labels", "annotations", "ownerReferences"}
    assert (body["metadata"]["name"], body["metadata"]["namespace"]) == ("report-20261122100500-2", "shop")
    assert body["metadata"]["ownerReferences"] == [OWNER]


@pytest.mark.parametrize(
    ("own", "timeout", "deadline"),
    [
        ({}, None, None),
        ({}, 60, 60),
        ({"activeDeadlineSeconds": 30}, None, 30),
        ({"activeDeadlineSeconds": 30}, 60, 30),
        ({"activeDeadlineSeconds": 90}, 60, 60),
        ({"activeDeadlineSeconds": None}, 60, 60),
    ],
)
def test_the_shorter_deadline_holds(own: dict[str, Any], timeout: int | None, deadline: int | None) -> None:
    spec = template({"containers": [{"name": "a"}]} | own, timeoutSeconds=timeout)
    assert made(spec)["spec"].get("activeDeadlineSeconds") == deadline


@pytest.mark.parametrize(
    ("given", "policy"),
    [({}, "Never"), ({"restartPolicy": None}, "Never"), ({"restartPolicy": "OnFailure"}, "OnFailure")],
)
def test_no_pod_restarts_for_ever(given: dict[str, Any], policy: str) -> None:
    assert made(template({"containers": [{"name": "a"}]} | given))["spec"]["restartPolicy"] == policy


def test_a_null_in_a_template_is_taken_for_an_absent_field() -> None:
    pod_spec = {"initContainers": None, "containers": [{"name": "a", "env": None}]}
    body = made(template(pod_spec, {"labels": None, "annotations": None}))
    assert body["spec"]["containers"] == [{"name": "a", "env": GIVEN}]


def test_a_variable_that_the_user_sets_is_the_user_s() -> None:
    spec = task({"image": "i", "env": [{"name": "CRONTASK_TASK", "value": "mine"}, {"name": "Z", "value": "1"}]})
    assert made(spec)["spec"]["containers"][0]["env"] == [
        {"name": "CRONTASK_ATTEMPT", "value": "2"},
        {"name": "CRONTASK_TASK", "value": "mine"},
        {"name": "Z", "value": "1"},
    ]


def test_a_thousand_variables_keep_their_order() -> None:
    own = [{"name": f"V{n}", "value": str(n)} for n in range(1000)]
    assert made(task({"image": "i", "env": own}))["spec"]["containers"][0]["env"] == GIVEN + own


def test_long_names_fit_and_are_kept_whole_in_annotations() -> None:
    owner = Key("shop", "r" * 253)
    execution = Key("shop", names.execution_name(owner.name, AT))
    meta = made(task({"image": "i"}), execution, owner)["metadata"]
    assert len(meta["name"]) <= names.MAX_POD_NAME
    assert all(len(value) <= names.MAX_LABEL for value in meta["labels"].values())
    assert meta["annotations"][names.ANNOTATION_TASK] == owner.name
    assert meta["annotations"][names.ANNOTATION_EXECUTION] == execution.name


def test_a_pod_at_a_target_says_so() -> None:
    target = "eu-" + "x" * 70
    body = pod_body(
        EXECUTION,
        task=TASK,
        uid="task-uid",
        spec=task({"image": "i"}),
        trigger="Schedule",
        scheduled_at=AT,
        attempt=2,
        values=VALUES,
        target=target,
    )
    assert body["metadata"]["name"] == names.pod_name(EXECUTION.name, 2, target)
    assert body["metadata"]["labels"]["crontask.dev/target"] == names.label_value(target)
    assert body["metadata"]["annotations"]["crontask.dev/target-name"] == target


def test_an_execution_as_a_whole() -> None:
    status = ExecutionStatus(phase="Running", started_at=AT)
    body = execution_body(EXECUTION, task=TASK, uid="task-uid", trigger="CatchUp", scheduled_at=AT, status=status)
    assert body == {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTaskExecution",
        "metadata": {
            "name": "report-20261122100500",
            "namespace": "shop",
            "labels": {
                "crontask.dev/task": "report",
                "crontask.dev/execution": "report-20261122100500",
                "crontask.dev/trigger": "CatchUp",
            },
            "ownerReferences": [OWNER],
        },
        "spec": {"taskRef": {"name": "report"}, "trigger": "CatchUp", "scheduledAt": "2026-11-22T10:05:00Z"},
        "status": {"phase": "Running", "startedAt": "2026-11-22T10:05:00Z", "attempts": []},
    }
    assert ExecutionSpec.model_validate(body["spec"]).scheduled_at == AT
    assert ExecutionStatus.model_validate(body["status"]) == status


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (AT, "2026-11-22T10:05:00Z"),
        (AT.replace(microsecond=20), "2026-11-22T10:05:00.000020Z"),
        (AT.astimezone(timezone(timedelta(hours=2))), "2026-11-22T10:05:00Z"),
    ],
)
def test_times_are_written_in_utc(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text
