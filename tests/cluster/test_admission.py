"""Who may write what of an execution, and whose identity a pod may have: the admission policies and roles at work."""

import time
from typing import Any

import pytest
from live.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
GARBAGE_COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
SETTLED_SECONDS = 15
"""How long a new RoleBinding may take to be known to the authorizer."""


def execution(status: Body | None = None, **spec: Any) -> Body:
    body = {
        "apiVersion": "crontask.dev/v1beta1",
        "kind": "CronTaskExecution",
        "metadata": {"name": "run"},
        "spec": {"taskRef": {"name": "gone"}} | spec,
    }
    return body | ({} if status is None else {"status": status})


def patched(kubectl: Kubectl, patch: str, *more: str) -> str:
    """What kubectl complains of when it patches the execution; empty where it succeeds."""
    return kubectl("patch", "cte", "run", "--type=merge", f"--patch={patch}", *more).err


def test_only_the_operator_creates_an_execution_with_a_status(kubectl: Kubectl, as_operator: Kubectl) -> None:
    """Not even an administrator (system:masters) does."""
    body = execution({"phase": "Succeeded"})
    refusal = kubectl.create(body, dry=True)
    assert refusal.code != 0
    assert "status is written by the operator alone; leave it out, or as it is" in refusal.err
    assert as_operator.create(body, dry=True).code == 0


def test_only_the_operator_records_scheduled_runs(kubectl: Kubectl, as_operator: Kubectl) -> None:
    for trigger in ("Schedule", "CatchUp", "After", "Backfill"):
        body = execution(trigger=trigger)
        assert "spec.trigger must be Manual" in kubectl.create(body, dry=True).err
        assert as_operator.create(body, dry=True).code == 0


def test_everybody_may_wish_for_a_backfill(kubectl: Kubectl) -> None:
    backfill = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    assert kubectl.create(execution(trigger="Backfill", backfill=backfill), dry=True).code == 0


def test_the_operator_alone_says_what_was_caused_by_what(kubectl: Kubectl, as_operator: Kubectl) -> None:
    body = execution(parent="other")
    assert "spec.parent is set by the operator alone" in kubectl.create(body, dry=True).err
    assert as_operator.create(body, dry=True).code == 0


@pytest.mark.parametrize("end", ["-20260101000000", "-20260101000000-0a1b2c"])
def test_the_names_of_the_operator_s_runs_are_its_own(kubectl: Kubectl, as_operator: Kubectl, end: str) -> None:
    body = execution() | {"metadata": {"name": f"run{end}"}}
    assert "metadata.name must not end in 14 digits" in kubectl.create(body, dry=True).err
    assert as_operator.create(body, dry=True).code == 0


def test_everybody_else_leaves_the_status_as_it_is(kubectl: Kubectl, as_operator: Kubectl) -> None:
    as_operator.ok("create", "-f", "-", stdin=execution({"phase": "Succeeded", "reason": "Completed"}))
    for patch in ('{"status": {"phase": "Failed"}}', '{"status": {"output": "x"}}', '{"status": null}'):
        assert "written by the operator alone" in patched(kubectl, patch), patch
    assert patched(kubectl, '{"metadata": {"labels": {"seen": "yes"}}}') == ""
    assert patched(kubectl, '{"status": {"phase": "Succeeded"}}') == ""
    assert patched(as_operator, '{"status": {"message": "done"}}') == ""
    kept = kubectl.ok("get", "cte", "run", "-o", "json").body
    assert kept["status"] == {"phase": "Succeeded", "reason": "Completed", "message": "done"}
    assert kept["metadata"]["labels"] == {"seen": "yes"}
    kubectl.ok("delete", "cte", "run")


def test_the_garbage_collector_is_not_in_the_way(kubectl: Kubectl, as_operator: Kubectl) -> None:
    """It takes owners away and deletes; neither touches the status."""
    as_operator.ok("create", "-f", "-", stdin=execution({"phase": "Succeeded"}))
    collector = kubectl.acting_as(GARBAGE_COLLECTOR)
    assert patched(collector, '{"metadata": {"ownerReferences": []}}') == ""
    collector.ok("delete", "cte", "run")


def test_a_wish_is_fixed_but_for_stop(kubectl: Kubectl) -> None:
    kubectl.ok("create", "-f", "-", stdin=execution())
    fixed = {
        '{"spec": {"taskRef": {"name": "other"}}}': "spec.taskRef: Invalid value: taskRef cannot be changed",
        '{"spec": {"trigger": "CatchUp"}}': "spec.trigger: Invalid value: trigger cannot be changed",
        '{"spec": {"parent": "other"}}': "spec.parent: Invalid value: parent cannot be changed",
        '{"spec": {"scheduledAt": "2030-01-01T00:00:00Z"}}': "scheduledAt cannot be changed; create another execution",
    }
    for patch, complaint in fixed.items():
        assert complaint in patched(kubectl, patch), patch
    assert patched(kubectl, '{"spec": {"stop": true}}') == ""
    assert "stop cannot be taken back; create another execution" in patched(kubectl, '{"spec": {"stop": false}}')


def test_the_operators_identity_is_not_given_away(dry_kubectl: Kubectl) -> None:
    """A pod of a task in the operator's own namespace may not name the operator's ServiceAccount."""
    operator = "system:serviceaccount:crontask-system:crontask-operator"
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {
            "serviceAccountName": "crontask-operator",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "main", "image": "busybox", "securityContext": confined}],
        },
    }
    kubectl = dry_kubectl.within("crontask-system")
    refusal = kubectl.acting_as(operator).create(pod, dry=True)
    assert "give the task's pod another ServiceAccount" in refusal.err
    assert kubectl.create(pod, dry=True).code == 0


def allowed(kubectl: Kubectl, verb: str, resource: str) -> bool:
    plain, _, part = resource.partition("/")
    return kubectl("auth", "can-i", verb, plain, f"--subresource={part}").out.strip() == "yes"


ROLES = [
    ("crontask-run", {"get crontasks", "create crontaskexecutions"}, {"patch crontasks", "delete crontaskexecutions"}),
    ("view", {"list crontasks", "get crontaskexecutions"}, {"create crontaskexecutions", "update crontasks"}),
    (
        "edit",
        {"create crontasks", "create crontaskexecutions", "patch crontaskexecutions", "list crontasks"},
        {"patch crontasks/status"},
    ),
]


@pytest.mark.parametrize(("role", "may", "may_not"), ROLES, ids=[row[0] for row in ROLES])
def test_roles_for_users(kubectl: Kubectl, role: str, may: set[str], may_not: set[str]) -> None:
    kubectl.ok("create", "rolebinding", "probe", f"--clusterrole={role}", "--user=jane")
    jane = kubectl.acting_as("jane")
    deadline = time.monotonic() + SETTLED_SECONDS
    while not all(allowed(jane, *right.split()) for right in may) and time.monotonic() < deadline:
        continue
    assert {right for right in may | may_not if allowed(jane, *right.split())} == may


OPERATOR_MAY = {"get secrets", "create pods", "get pods/log", "patch crontasks/status", "create crontaskexecutions"}
OPERATOR_MAY_NOT = {"list secrets", "update crontasks", "patch crontasks", "create pods/exec", "create rolebindings"}


def test_the_operators_own_rights(as_operator: Kubectl) -> None:
    asked = OPERATOR_MAY | OPERATOR_MAY_NOT
    assert {right for right in asked if allowed(as_operator, *right.split())} == OPERATOR_MAY
