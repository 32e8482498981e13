"""Overrides of a run by hand: what they change, and what they must not."""

from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from crontask_core.errors import FieldError
from crontask_core.model import Overrides, TaskSpec
from crontask_core.overrides import FIELDS, overridden

ALL_OF_A_POD = ["Env", "Args", "Timeout", "Concurrency"]
ALL_OF_A_CALL = ["Url", "Headers", "Body", "Timeout", "Concurrency"]
URL = "https://shop.test/report"
SECRET = {"secretKeyRef": {"name": "shop", "key": "token"}}


def task(overridable: list[str], **action: Any) -> TaskSpec:
    return TaskSpec.model_validate({"schedule": "@manual", "overridable": overridable, **action})


def pod(overridable: list[str] = ALL_OF_A_POD, **fields: Any) -> TaskSpec:
    return task(overridable, pod={"image": "i", **fields})


def call(overridable: list[str] = ALL_OF_A_CALL, **fields: Any) -> TaskSpec:
    return task(overridable, http={"url": URL, **fields})


def with_template(*containers: dict[str, Any], **spec: Any) -> TaskSpec:
    return task(ALL_OF_A_POD, pod={"template": {"spec": {"containers": list(containers), **spec}}})


def made(spec: TaskSpec, **overrides: Any) -> TaskSpec:
    return overridden(spec, Overrides.model_validate(overrides))


def test_nothing_overridden_is_the_task_itself() -> None:
    assert made(pod()) == pod()
    assert made(call([])) == call([])


def test_the_short_form() -> None:
    spec = pod(args=["a"], env=[{"name": "KEPT", "value": "1"}, {"name": "MODE", "value": "slow"}])
    result = made(spec, args=["b", "c"], env=[{"name": "MODE", "value": "fast"}, {"name": "NEW", "value": ""}])
    assert result.pod is not None
    assert result.pod.env is not None
    assert result.pod.args == ["b", "c"]
    assert [(each.name, each.value) for each in result.pod.env] == [("KEPT", "1"), ("MODE", "fast"), ("NEW", "")]
    assert spec.pod is not None
    assert spec.pod.args == ["a"], "the task's own spec stays as it is"


def test_a_template() -> None:
    first = {"name": "first", "image": "i", "args": ["a"], "env": [{"name": "MODE", "value": "slow"}]}
    spec = with_template(first, {"name": "second", "image": "i"}, initContainers=[{"name": "init", "image": "i"}])
    result = made(spec, args=["b"], env=[{"name": "MODE", "value": "fast"}])
    assert result.pod is not None
    assert result.pod.template is not None
    changed = result.pod.template["spec"]
    assert [container.get("args") for container in changed["containers"]] == [["b"], None]
    for container in (*changed["containers"], *changed["initContainers"]):
        assert container["env"] == [{"name": "MODE", "value": "fast"}]
    assert first["args"] == ["a"]


def test_a_call() -> None:
    spec = call(headers=[{"name": "X-Mode", "value": "slow"}, {"name": "X-Kept", "value": "1"}], body="old")
    result = made(
        spec, url="https://other.test/", headers=[{"name": "x-mode", "value": "fast"}], body="", timeoutSeconds=7
    )
    assert result.http is not None
    assert (result.http.url, result.http.body, result.timeout_seconds) == ("https://other.test/", "", 7)
    assert [(header.name, header.value) for header in result.http.headers] == [("X-Kept", "1"), ("x-mode", "fast")]


@pytest.mark.parametrize(("group", "left"), [(None, None), ("night", 5)])
def test_a_run_beside_others(group: str | None, left: int | None) -> None:
    policy = {"concurrencyPolicy": "Queue", "concurrencyLimit": 2, "queueLimit": 5, "group": group}
    spec = TaskSpec.model_validate(pod().to_body() | {name: value for name, value in policy.items() if value})
    result = made(spec, concurrencyPolicy="Allow")
    assert (result.concurrency_policy, result.concurrency_limit, result.queue_limit) == ("Allow", None, left)


def test_a_credential_may_be_used_where_the_task_uses_it() -> None:
    spec = call(headers=[{"name": "Authorization", "valueFrom": SECRET}])
    result = made(spec, url="https://shop.test:443/other", headers=[{"name": "X-Token", "valueFrom": SECRET}])
    assert result.http is not None
    assert [header.name for header in result.http.headers] == ["Authorization", "X-Token"]


SAMPLES: dict[str, Any] = {
    "env": [{"name": "A", "value": "b"}],
    "args": ["--all"],
    "url": "https://shop.test/other",
    "headers": [{"name": "X-A", "value": "b"}],
    "body": "new",
    "timeoutSeconds": 5,
    "concurrencyPolicy": "Allow",
}
NAMES = {to_camel(name): name for name in FIELDS}


@pytest.mark.parametrize("field", SAMPLES)
def test_what_the_task_does_not_open_is_refused(field: str) -> None:
    word, action = FIELDS[NAMES[field]]
    others = [each for each in dict.fromkeys(ALL_OF_A_POD + ALL_OF_A_CALL) if each != word]
    spec = (call if action == "http" else pod)(others)
    with pytest.raises(FieldError) as caught:
        made(spec, **{field: SAMPLES[field]})
    assert str(caught.value).startswith(f"spec.overrides.{field}: ")
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "overrides", "path", "part"),
    [
        (call(), {"args": ["a"]}, "args", "no pod action"),
        (pod(), {"url": URL}, "url", "no http action"),
        (pod(), {"env": [{"name": "A", "valueFrom": SECRET}]}, "env", "literal value"),
        (call(), {"headers": [{"name": "A", "valueFrom": SECRET}]}, "headers", "Secret that the task does not use"),
        (call(), {"headers": [{"name": "A", "value": "b\x00"}]}, "headers", "control character"),
        (call(), {"url": "http://user:word@shop.test/"}, "url", "holds credentials"),
        (call(), {"url": "http://shop.test:99999/"}, "url", "cannot be read as a URL"),
        (
            call(auth={"bearer": {"secretName": "shop"}}),
            {"headers": [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "token"}}}]},
            "headers",
            "also set",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused(spec: TaskSpec, overrides: dict[str, Any], path: str, part: str) -> None:
    with pytest.raises(FieldError) as caught:
        # Without the bounds of the schema, as an older API server would let it through.
        overridden(spec, _unchecked(overrides))
    assert str(caught.value).startswith(f"spec.overrides.{path}: ")
    assert part in str(caught.value)


def _unchecked(overrides: dict[str, Any]) -> Overrides:
    headers = overrides.get("headers", [])
    if any("\x00" in header.get("value", "") for header in headers):
        good = Overrides.model_validate({"headers": [{"name": "A", "value": "b"}]})
        assert good.headers is not None
        return good.model_copy(update={"headers": [good.headers[0].model_copy(update={"value": "b\x00"})]})
    return Overrides.model_validate(overrides)


@pytest.mark.parametrize(
    "auth", [{"auth": {"bearer": {"secretName": "shop"}}}, {"headers": [{"name": "A", "valueFrom": SECRET}]}]
)
@pytest.mark.parametrize(
    "url",
    ["https://other.test/", "http://shop.test/report", "https://shop.test:8443/", "https://shop.test.other.test/"],
)
def test_the_tasks_credentials_go_to_no_other_origin(auth: dict[str, Any], url: str) -> None:
    with pytest.raises(FieldError, match="another origin"):
        made(call(**auth), url=url)


def test_values_are_not_shown_where_names_tell_enough() -> None:
    with pytest.raises(FieldError) as caught:
        made(pod([]), env=[{"name": "PIN", "value": "4711"}])
    assert "PIN" in str(caught.value)
    assert "4711" not in str(caught.value)
