"""Who may do what: the operator's rights as a table, the users' roles, and the admission policies."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crontask_gateway.leases import FLAGS_LEASE, GATEWAY_LEASE
from crontask_gateway.notes import NOTE_LEASE

Body = dict[str, Any]
Render = Callable[..., list[Body]]

READ = {"get", "list", "watch"}
WRITE = {"create", "update", "patch", "delete", "deletecollection"}
CLUSTER = {
    ("apiextensions.k8s.io", "customresourcedefinitions"): READ,
    ("", "namespaces"): {"list", "watch"},
}
KINDS = ["crontasks", "crontaskgroups", "crontasktargets", "crontaskcalendars"]
TASKS = {
    **{("crontask.dev", kind): READ for kind in KINDS},
    **{("crontask.dev", f"{kind}/status"): {"patch"} for kind in KINDS},
    ("crontask.dev", "crontasks"): READ | {"delete"},
    ("crontask.dev", "crontaskexecutions"): READ | {"create", "patch", "deletecollection"},
    ("", "pods"): READ | {"create", "delete", "deletecollection"},
    ("", "pods/log"): {"get"},
    ("", "secrets"): {"get"},
    ("events.k8s.io", "events"): {"create"},
}
LEASES = {("coordination.k8s.io", "leases"): {"get", "list", "watch", "create", "patch", "delete"}}
JOBS = {
    ("crontask.dev", "crontasks"): READ | {"create", "patch", "delete"},
    ("crontask.dev", "crontaskexecutions"): READ | {"create", "patch", "deletecollection"},
    ("", "secrets"): {"get", "create", "update", "patch", "delete"},
}
GATEWAY_LEASES = {("coordination.k8s.io", "leases"): {"get", "list", "watch", "create", "patch", "delete"}}
EGRESS = {("discovery.k8s.io", "endpointslices"): {"get"}}


def table(role: Body) -> dict[tuple[str, str], set[str]]:
    """(API group, resource) → verbs."""
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def granted(bodies: list[Body], account: str) -> Iterator[tuple[str | None, Body]]:
    """The roles bound to a ServiceAccount, with the namespace where they hold (None: everywhere)."""
    roles = {
        (body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"]): body
        for body in bodies
        if body["kind"] in {"Role", "ClusterRole"}
    }
    for body in bodies:
        if body["kind"] not in {"RoleBinding", "ClusterRoleBinding"}:
            continue
        (subject,) = body["subjects"]
        assert (subject["kind"], subject["namespace"]) == ("ServiceAccount", "crontask-system")
        if subject["name"] != account:
            continue
        namespace = body["metadata"].get("namespace")
        yield namespace, roles[body["roleRef"]["kind"], namespace, body["roleRef"]["name"]]


def test_the_operators_rights_are_these_and_no_more(render: Render) -> None:
    rights = {namespace: table(role) for namespace, role in granted(render(), "crontask-operator")}
    assert rights == {None: CLUSTER | TASKS, "crontask-system": LEASES, "default": EGRESS}


def test_with_namespaces_named_it_may_touch_objects_there_alone(render: Render) -> None:
    bodies = render({"operator": {"watchNamespaces": ["a", "b"]}})
    rights = {namespace: table(role) for namespace, role in granted(bodies, "crontask-operator")}
    assert rights == {None: CLUSTER, "a": TASKS, "b": TASKS, "crontask-system": LEASES, "default": EGRESS}


def gateway(**more: Any) -> Body:
    """Values that switch the gateway on."""
    return {"gateway": {"enabled": True, "dialects": {"dkron": {"open": True} | more}}}


def test_the_gateways_rights_are_these_and_no_more(render: Render) -> None:
    rights = {namespace: table(role) for namespace, role in granted(render(gateway()), "crontask-gateway")}
    assert rights == {"default": JOBS, "crontask-system": GATEWAY_LEASES}


def test_the_gateway_has_rights_where_its_tenants_jobs_are(render: Render) -> None:
    values = gateway(namespace="batch", tenants={"a": "team-a", "b": "team-b", "c": "team-a"})
    rights = {namespace: table(role) for namespace, role in granted(render(values), "crontask-gateway")}
    assert rights == {"batch": JOBS, "team-a": JOBS, "team-b": JOBS, "crontask-system": GATEWAY_LEASES}


def test_the_gateway_reads_the_secrets_beside_it_only_for_api_keys(render: Render) -> None:
    values = gateway()
    values["gateway"]["dialects"]["cronjob-org"] = {"enabled": True, "apiKeys": True}
    rights = {namespace: table(role) for namespace, role in granted(render(values), "crontask-gateway")}
    assert rights == {"crontask-system": GATEWAY_LEASES | {("", "secrets"): {"list", "watch"}}, "default": JOBS}


def test_the_operator_has_no_other_rights_beside_a_gateway(render: Render) -> None:
    alone, beside = (dict(granted(bodies, "crontask-operator")) for bodies in (render(), render(gateway())))
    assert alone == beside


def test_no_role_has_a_wildcard_or_grants_rights(render: Render) -> None:
    roles = [body for body in render(gateway()) if body["kind"] in {"Role", "ClusterRole"}]
    assert len(roles) == 8
    for role in roles:
        for rule in role["rules"]:
            words = {*rule["verbs"], *rule["apiGroups"], *rule["resources"]}
            assert not words & {"*", "escalate", "bind", "impersonate", "serviceaccounts/token"}, role["metadata"][
                "name"
            ]


@pytest.mark.parametrize("namespaces", [[], ["a", "b"]])
def test_tokens_of_service_accounts_are_for_those_who_ask_for_them(render: Render, namespaces: list[str]) -> None:
    values = {"serviceAccountTokens": {"enabled": True}, "operator": {"watchNamespaces": namespaces}}
    rights = [
        (namespace, table(role))
        for namespace, role in granted(render(values), "crontask-operator")
        if role["metadata"]["name"].endswith("-tokens")
    ]
    assert rights == [(name, {("", "serviceaccounts/token"): {"create"}}) for name in namespaces or [None]]


USERS = [
    (
        "view",
        {("crontask.dev", kind): READ for kind in [*KINDS, "crontaskexecutions"]},
        {"rbac.authorization.k8s.io/aggregate-to-view": "true"},
    ),
    (
        "edit",
        {("crontask.dev", kind): WRITE for kind in [*KINDS, "crontaskexecutions"]},
        {"rbac.authorization.k8s.io/aggregate-to-edit": "true"},
    ),
    (
        "run",
        {("crontask.dev", kind): READ for kind in KINDS} | {("crontask.dev", "crontaskexecutions"): READ | {"create"}},
        {},
    ),
]


@pytest.mark.parametrize(("name", "rights", "labels"), USERS, ids=[row[0] for row in USERS])
def test_roles_for_users(
    render: Render, name: str, rights: dict[tuple[str, str], set[str]], labels: dict[str, str]
) -> None:
    (role,) = [body for body in render() if body["metadata"]["name"] == f"crontask-{name}"]
    assert table(role) == rights
    aggregated = {key: value for key, value in role["metadata"]["labels"].items() if "aggregate" in key}
    assert aggregated == labels


def test_roles_for_users_can_be_left_out(render: Render) -> None:
    names = {body["metadata"]["name"] for body in render({"rbac": {"userRoles": False}})}
    assert not names & {"crontask-view", "crontask-edit", "crontask-run"}


def policy(bodies: list[Body], name: str) -> Body:
    named = [body for body in bodies if body["metadata"]["name"] == name]
    (found,) = [body for body in named if body["kind"].endswith("Policy")]
    (binding,) = [body for body in named if body["kind"].endswith("PolicyBinding")]
    assert binding["spec"] == {"policyName": name, "validationActions": ["Deny"]}
    assert found["spec"]["failurePolicy"] == "Fail"
    spec: Body = found["spec"]
    return spec


NAMED = [({}, "crontask-operator"), ({"serviceAccount": {"name": "chosen"}}, "chosen")]


@pytest.mark.parametrize(("values", "account"), NAMED)
def test_policies_speak_of_the_account_that_the_operator_has(render: Render, values: Body, account: str) -> None:
    bodies = render(values)
    (deployment,) = [body for body in bodies if body["kind"] == "Deployment"]
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == account
    user = f"'system:serviceaccount:crontask-system:{account}'"
    (status_of,) = policy(bodies, "crontask-execution-status")["matchConditions"]
    (pods_of,) = policy(bodies, "crontask-pod-identity")["matchConditions"]
    assert status_of["expression"] == f"request.userInfo.username != {user}"
    assert pods_of["expression"] == f"request.userInfo.username == {user}"
    assert len(list(granted(bodies, account))) == 3


def test_pods_never_get_the_operators_identity(render: Render) -> None:
    spec = policy(render(), "crontask-pod-identity")
    constraints = spec["matchConstraints"]
    assert constraints["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "crontask-system"}
    assert constraints["resourceRules"] == [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    ]
    (rule,) = spec["validations"]
    assert rule["expression"].endswith("!(object.spec.serviceAccountName in ['crontask-operator', 'crontask-gateway'])")


def test_pods_never_get_the_gateways_identity(render: Render) -> None:
    values = gateway()
    values["gateway"]["serviceAccount"] = {"name": "door"}
    bodies = render(values)
    (rule,) = policy(bodies, "crontask-pod-identity")["validations"]
    assert rule["expression"].endswith("in ['crontask-operator', 'door'])")
    assert len(list(granted(bodies, "door"))) == 2


def test_the_gateway_writes_its_own_leases_alone(render: Render) -> None:
    values = gateway()
    values["gateway"]["serviceAccount"] = {"name": "door"}
    bodies = render(values)
    spec = policy(bodies, "crontask-gateway-leases")
    (who,) = spec["matchConditions"]
    assert who["expression"] == "request.userInfo.username == 'system:serviceaccount:crontask-system:door'"
    (rule,) = spec["validations"]
    assert f"request.name == '{FLAGS_LEASE}'" in rule["expression"]
    assert f"request.name.startsWith('{GATEWAY_LEASE}')" in rule["expression"]
    assert f"request.name.startsWith('{NOTE_LEASE}')" in rule["expression"]


def test_the_status_policy_keeps_to_the_namespaces_that_are_served(render: Render) -> None:
    everywhere = policy(render(), "crontask-execution-status")["matchConstraints"]
    assert "namespaceSelector" not in everywhere
    named = policy(render({"operator": {"watchNamespaces": ["a"]}}), "crontask-execution-status")["matchConstraints"]
    assert named["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a"]}
    ]


def test_lease_requests_get_the_level_of_leader_elections(render: Render) -> None:
    (schema,) = [body for body in render() if body["kind"] == "FlowSchema"]
    assert schema["spec"]["priorityLevelConfiguration"] == {"name": "leader-election"}
    (rule,) = schema["spec"]["rules"]
    account = {"name": "crontask-operator", "namespace": "crontask-system"}
    assert rule["subjects"] == [{"kind": "ServiceAccount", "serviceAccount": account}]
    assert [(entry["resources"], entry["namespaces"]) for entry in rule["resourceRules"]] == [
        (["leases"], ["crontask-system"])
    ]
