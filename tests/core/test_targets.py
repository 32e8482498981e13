"""Tasks at targets: what an overlay makes of a pod template, and what cannot be laid over one."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crontask_core.errors import FieldError
from crontask_core.manifests import pod_body
from crontask_core.model import TargetSpec, TaskSpec
from crontask_core.names import Key
from crontask_core.targets import check_target, spec_at
from crontask_core.validation import Setting

KEY = Key("shop", "report")
SETTING = Setting(operator_account=Key("shop", "crontask-operator"))
MAIN: dict[str, Any] = {"name": "main", "image": "i:1"}
SIDE: dict[str, Any] = {"name": "side", "image": "s:1"}


def a_task(pod: dict[str, Any], **metadata: Any) -> TaskSpec:
    template = {"spec": {"containers": [MAIN]} | pod} | ({"metadata": metadata} if metadata else {})
    return TaskSpec.model_validate({"schedule": "@manual", "pod": {"template": template}, "targets": ["eu"]})


def target(template: dict[str, Any] | None = None, **selector: str) -> TargetSpec:
    return TargetSpec.model_validate({"template": template, "selector": selector})


def placed(task: TaskSpec, at: TargetSpec) -> TaskSpec:
    return spec_at(task, "eu", at, KEY, SETTING)


def laid(task: TaskSpec, at: TargetSpec) -> dict[str, Any]:
    """The template that a task has at a target."""
    pod = placed(task, at).pod
    assert pod is not None
    assert pod.template is not None
    return pod.template


class Row(NamedTuple):
    what: str
    pod: dict[str, Any]
    overlay: dict[str, Any]
    expected: dict[str, Any]


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


ROWS = [
    Row("a plain value is set", {}, {"priorityClassName": "low"}, {"containers": [MAIN], "priorityClassName": "low"}),
    Row(
        "a plain value is replaced",
        {"priorityClassName": "high"},
        {"priorityClassName": "low"},
        {"containers": [MAIN], "priorityClassName": "low"},
    ),
    Row("null removes", {"hostNetwork": True}, {"hostNetwork": None}, {"containers": [MAIN]}),
    Row("null removes what is not there", {}, {"hostNetwork": None}, {"containers": [MAIN]}),
    Row(
        "maps are merged at every depth",
        {"securityContext": {"runAsUser": 1, "seLinuxOptions": {"level": "a", "role": "r"}}},
        {"securityContext": {"fsGroup": 2, "seLinuxOptions": {"level": "b", "role": None}}},
        {
            "containers": [MAIN],
            "securityContext": {"runAsUser": 1, "fsGroup": 2, "seLinuxOptions": {"level": "b"}},
        },
    ),
    Row(
        "a container is merged by its name",
        {"containers": [MAIN, SIDE]},
        {"containers": [{"name": "side", "image": "s:2"}]},
        {"containers": [MAIN, SIDE | {"image": "s:2"}]},
    ),
    Row(
        "a container with an image is added",
        {},
        {"containers": [SIDE]},
        {"containers": [MAIN, SIDE]},
    ),
    Row(
        "a star stands for each container, a name goes before it",
        {"containers": [MAIN, SIDE]},
        {"containers": [{"name": "side", "tty": False}, {"name": "*", "tty": True, "image": "all:1"}]},
        {
            "containers": [
                {"name": "main", "image": "all:1", "tty": True},
                {"name": "side", "image": "all:1", "tty": False},
            ]
        },
    ),
    Row(
        "a star gives an image to what is added",
        {},
        {"containers": [{"name": "*", "image": "all:1"}, {"name": "extra"}]},
        {"containers": [MAIN | {"image": "all:1"}, {"name": "extra", "image": "all:1"}]},
    ),
    Row(
        "a star among no init containers is nothing",
        {},
        {"initContainers": [{"name": "*", "tty": True}]},
        {
            "containers": [MAIN],
            "initContainers": [],
        },
    ),
    Row(
        "init containers are told apart from containers",
        {"initContainers": [{"name": "get", "image": "g:1"}]},
        {"initContainers": [{"name": "get", "image": "g:2"}]},
        {"containers": [MAIN], "initContainers": [{"name": "get", "image": "g:2"}]},
    ),
    Row(
        "variables are merged by name, in their places",
        {"containers": [MAIN | {"env": env(A="1", B="2")}]},
        {"containers": [{"name": "main", "env": env(C="3", A="9")}]},
        {"containers": [MAIN | {"env": env(A="9", B="2", C="3")}]},
    ),
    Row(
        "a variable is replaced as a whole",
        {"containers": [MAIN | {"env": env(A="1")}]},
        {"containers": [{"name": "*", "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}]},
        {"containers": [MAIN | {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}]},
    ),
    Row(
        "a volume is replaced as a whole",
        {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]},
        {"volumes": [{"name": "v", "hostPath": {"path": "/data"}}]},
        {
            "containers": [MAIN],
            "volumes": [{"name": "v", "hostPath": {"path": "/data"}}, {"name": "w", "emptyDir": {}}],
        },
    ),
    Row(
        "mounts are told apart by their path",
        {"containers": [MAIN | {"volumeMounts": [{"name": "v", "mountPath": "/a"}]}]},
        {"containers": [{"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/b"}]}]},
        {"containers": [MAIN | {"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]}]},
    ),
    Row(
        "other lists are replaced",
        {"containers": [MAIN | {"args": ["a", "b"]}]},
        {"containers": [{"name": "main", "args": ["c"]}]},
        {"containers": [MAIN | {"args": ["c"]}]},
    ),
    Row(
        "tolerations are added",
        {"tolerations": [{"key": "a"}, {"key": "b"}]},
        {"tolerations": [{"key": "b"}, {"key": "c"}]},
        {"containers": [MAIN], "tolerations": [{"key": "a"}, {"key": "b"}, {"key": "c"}]},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_an_overlay(row: Row) -> None:
    task, at = a_task(row.pod), target({"spec": row.overlay})
    before = deepcopy((task, at))
    assert laid(task, at)["spec"] == row.expected
    assert (task, at) == before, "neither the task nor the target is changed"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_an_overlay_twice_is_once(row: Row) -> None:
    at = target({"spec": row.overlay})
    once = placed(a_task(row.pod), at)
    assert placed(once, at) == once


def test_labels_and_annotations_are_added_to_the_task_s() -> None:
    at = target({"metadata": {"labels": {"a": "2", "b": "3", "c": None}, "annotations": {"x": "y"}}})
    made = laid(a_task({}, labels={"a": "1", "c": "1"}), at)
    assert made["metadata"] == {"labels": {"a": "2", "b": "3"}, "annotations": {"x": "y"}}


def test_a_selector_becomes_part_of_the_node_selector() -> None:
    at = target({"spec": {"nodeSelector": {"a": "overlay", "b": "overlay"}}}, a="selector", c="selector")
    made = laid(a_task({"nodeSelector": {"a": "task", "d": "task"}}), at)
    assert made["spec"]["nodeSelector"] == {"a": "selector", "b": "overlay", "c": "selector", "d": "task"}


def test_the_short_form_has_one_container_called_main() -> None:
    pod = {"image": "i:1", "env": env(A="1"), "pendingTimeoutSeconds": 7}
    task = TaskSpec.model_validate({"schedule": "@manual", "pod": pod, "targets": ["eu"]})
    made = placed(task, target({"spec": {"containers": [{"name": "main", "env": env(B="2")}]}}))
    assert made.pod is not None
    assert made.pod.template == {"spec": {"containers": [MAIN | {"env": env(A="1", B="2")}]}}
    assert (made.pod.image, made.pod.env, made.pod.pending_timeout_seconds) == (None, None, 7)
    assert made.targets == []


BAD = [
    ({"containers": [{"name": "mian", "tty": True}]}, '"mian" is no container of the task, and has no image'),
    ({"containers": [{"tty": True}]}, "give each item a name"),
    ({"containers": ["main"]}, "give each item a name"),
    ({"containers": [{"name": "main"}, {"name": "main"}]}, "is there twice"),
    ({"containers": {"name": "main"}}, "is a map, and the task has a list there"),
    ({"securityContext": "none"}, "is a plain value, and the task has a map there"),
    ({"hostNetwork": ["x"]}, "is a list, and the task has a plain value there"),
    ({"containers": None}, "holds no container"),
    ({"restartPolicy": "Always"}, "would run for ever"),
    ({"serviceAccountName": "crontask-operator"}, "is the operator's own identity"),
    ({"serviceAccount": "crontask-operator"}, "is the operator's own identity"),
    ({"containers": [{"name": "main", "env": [{"value": "x"}]}]}, "give each item a name"),
    ({"containers": [{"name": "*", "volumeMounts": [{"name": "v"}]}]}, "give each item a mountPath"),
]


@pytest.mark.parametrize(("overlay", "problem"), BAD, ids=lambda value: str(value)[:40])
def test_what_does_not_fit(overlay: dict[str, Any], problem: str) -> None:
    task = a_task({"securityContext": {"runAsUser": 1}, "hostNetwork": False})
    with pytest.raises(FieldError, match=r"spec\.targets: \"eu\" does not fit this task") as caught:
        placed(task, target({"spec": overlay}))
    assert problem in str(caught.value)
    assert "correct the CronTaskTarget, or remove it from the list" in str(caught.value)


@pytest.mark.parametrize(
    ("overlay", "path"),
    [
        ({"containers": [{"tty": True}]}, "spec.template.spec.containers[0].name"),
        ({"containers": [{"name": "a", "env": [{"name": "A"}, {"name": "A"}]}]}, "[a].env[1].name"),
        ({"volumes": ["v"]}, "spec.template.spec.volumes[0].name"),
    ],
)
def test_a_target_is_checked_by_itself_too(overlay: dict[str, Any], path: str) -> None:
    with pytest.raises(FieldError) as caught:
        check_target(target({"spec": overlay}))
    assert caught.value.path.endswith(path)


def test_a_good_target_passes_by_itself() -> None:
    for row in ROWS:
        check_target(target({"spec": row.overlay}))


# Any overlay of any template.

plain = st.one_of(st.text("xy", max_size=2), st.integers(0, 3), st.booleans())
variables = st.lists(st.sampled_from("ABC"), unique=True).map(lambda names: [{"name": n, "value": n} for n in names])
fields = {
    "args": st.lists(st.sampled_from("abc"), max_size=2),
    "env": variables,
    "resources": st.dictionaries(st.sampled_from(["limits", "requests"]), st.dictionaries(st.just("cpu"), plain)),
}


def containers(names: list[str], least: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.fixed_dictionaries({"image": st.sampled_from(["i:1", "i:2"])}, optional=fields)
    chosen = st.lists(st.sampled_from(names), min_size=least, unique=True)
    return chosen.flatmap(
        lambda names: st.tuples(*(one.map(lambda body, name=name: {"name": name} | body) for name in names)).map(list)
    )


def pods(names: list[str], least: int) -> st.SearchStrategy[dict[str, Any]]:
    rest = {
        "tolerations": st.lists(st.fixed_dictionaries({"key": st.sampled_from("ab")}), max_size=2),
        "nodeSelector": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
        "initContainers": containers(names, 0),
        "volumes": st.lists(st.sampled_from("vw"), unique=True).map(
            lambda names: [{"name": n, "emptyDir": {}} for n in names]
        ),
    }
    return st.fixed_dictionaries({"containers": containers(names, least)}, optional=rest)


def pod_of(spec: TaskSpec) -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return pod_body(KEY, task=KEY, uid="u", spec=spec, trigger="Manual", scheduled_at=at, attempt=1, values={})


@settings(deadline=None)
@given(pods(["main", "side"], 1))
def test_an_empty_overlay_changes_nothing(pod: dict[str, Any]) -> None:
    task = a_task(pod)
    assert pod_of(placed(task, target())) == pod_of(task)


@settings(deadline=None)
@given(pods(["main", "side"], 1), pods(["main", "extra", "*"], 0), st.dictionaries(st.just("a"), st.just("3")))
def test_any_overlay_twice_is_once(pod: dict[str, Any], overlay: dict[str, Any], selector: dict[str, str]) -> None:
    at = target({"spec": overlay}, **selector)
    once = placed(a_task(pod), at)
    assert pod_of(placed(once, at)) == pod_of(once)
