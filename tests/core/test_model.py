"""The models as wire pairs: what is written reads back the same, and what is newer than us is ignored."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crontask_core.model import (
    FINAL_PHASES,
    Attempt,
    ExecutionSpec,
    ExecutionStatus,
    TaskSpec,
    TaskStatus,
    Timings,
)
from crontask_core.model.base import Model

moments = st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
words = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
amounts = st.integers(1, 10_000)
phases = st.sampled_from(["Pending", "Running", *sorted(FINAL_PHASES)])
triggers = st.sampled_from(["Schedule", "Manual", "CatchUp"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object that holds any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


keys = st.fixed_dictionaries({"name": words, "key": words})
pods = st.one_of(
    st.fixed_dictionaries(
        {"image": texts},
        optional={
            "command": st.lists(texts, max_size=3),
            "env": st.lists(
                st.fixed_dictionaries({"name": words}, optional={"value": st.text(max_size=9)}), max_size=3
            ),
            "resources": st.just({"limits": {"memory": "64Mi", "cpu": 1}}),
            "pendingTimeoutSeconds": amounts,
        },
    ),
    st.just(
        {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "x-new": [None]}]}}}
    ),
)
calls = st.fixed_dictionaries(
    {"url": words.map(lambda host: f"https://{host}.example/tick")},
    optional={
        "method": st.sampled_from(["GET", "POST"]),
        "headers": st.lists(st.fixed_dictionaries({"name": words, "value": words}), max_size=3),
        "body": st.text(max_size=20),
        "auth": st.fixed_dictionaries({"bearer": st.fixed_dictionaries({"secretName": words})}),
        "followRedirects": st.booleans(),
        "success": some(codes=st.just(["200-299", "404"]), bodyRegex=words),
        "tls": some(caSecret=keys, serverName=words),
        "timeouts": some(connectSeconds=st.floats(0.001, 300), firstByteSeconds=st.floats(0.001, 300)),
        "maxResponseBytes": amounts,
    },
)
tasks = st.builds(
    lambda common, action: common | action,
    st.fixed_dictionaries(
        {"schedule": texts},
        optional={
            "timeZone": words,
            "suspend": st.booleans(),
            "concurrencyPolicy": st.sampled_from(["Allow", "Forbid", "Replace"]),
            "startingDeadlineSeconds": amounts,
            "timeoutSeconds": amounts,
            "missed": some(policy=st.sampled_from(["Skip", "Latest"])),
            "retry": some(
                limit=st.integers(0, 100),
                lost=st.booleans(),
                backoff=some(initialSeconds=st.floats(0, 60), factor=st.floats(1, 9), maxSeconds=st.floats(60, 900)),
            ),
            "history": some(successful=st.integers(0, 1000), failed=st.integers(0, 1000)),
        },
    ),
    pods.map(lambda pod: {"pod": pod}) | calls.map(lambda call: {"http": call}),
)
attempts = st.builds(
    Attempt,
    number=amounts,
    started_at=st.none() | moments,
    finished_at=st.none() | moments,
    reason=st.none() | texts,
    message=st.none() | texts,
    exit_code=st.none() | st.integers(-1, 255),
    timings=st.none() | st.builds(Timings, total_microseconds=amounts),
)
executions = st.builds(
    ExecutionStatus,
    phase=phases,
    started_at=st.none() | moments,
    lateness_milliseconds=st.none() | amounts,
    attempts=st.lists(attempts, max_size=3),
    output=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    output_truncated=st.none() | st.booleans(),
)


def stored(value: Model) -> Any:
    """What comes back from the API server: JSON, in other words."""
    return json.loads(json.dumps(value.to_body()))


@settings(max_examples=60, deadline=None)
@given(tasks)
def test_a_task_reads_back_the_same(body: dict[str, Any]) -> None:
    spec = TaskSpec.model_validate(body)
    assert TaskSpec.model_validate(stored(spec)) == spec
    assert _holds(stored(spec), body), "a field that was given is lost"


def _holds(written: Any, given: Any) -> bool:
    """Whether everything given is written (which may hold defaults besides)."""
    if isinstance(given, dict):
        return all(name in written and _holds(written[name], value) for name, value in given.items())
    if isinstance(given, list):
        return len(written) == len(given) and all(map(_holds, written, given))
    return bool(written == given)


@settings(max_examples=60, deadline=None)
@given(executions)
def test_an_execution_s_status_reads_back_the_same(status: ExecutionStatus) -> None:
    assert ExecutionStatus.model_validate(stored(status)) == status


@settings(deadline=None)
@given(words, triggers, st.none() | moments, st.booleans())
def test_an_execution_s_spec_reads_back_the_same(task: str, trigger: str, at: datetime | None, stop: bool) -> None:
    body = {"taskRef": {"name": task}, "trigger": trigger, "scheduledAt": at, "stop": stop}
    spec = ExecutionSpec.model_validate(body)
    assert ExecutionSpec.model_validate(stored(spec)) == spec
    assert (spec.task_ref.name, spec.trigger, spec.scheduled_at, spec.stop) == (task, trigger, at, stop)


MINIMAL: list[tuple[type[Model], dict[str, Any]]] = [
    (TaskSpec, {"schedule": "@hourly", "pod": {"image": "shop/report:1"}}),
    (TaskStatus, {}),
    (ExecutionSpec, {"taskRef": {"name": "report"}}),
    (ExecutionStatus, {}),
    (Attempt, {"number": 1}),
]


@pytest.mark.parametrize(("model", "body"), MINIMAL, ids=[model.__name__ for model, _ in MINIMAL])
def test_unknown_fields_are_ignored(model: type[Model], body: dict[str, Any]) -> None:
    newer = body | {"ofTomorrow": {"a": [1]}, "another_one": None}
    assert model.model_validate(newer) == model.model_validate(body)
    assert "ofTomorrow" not in stored(model.model_validate(newer))


@pytest.mark.parametrize(("model", "body"), MINIMAL, ids=[model.__name__ for model, _ in MINIMAL])
def test_values_cannot_be_changed(model: type[Model], body: dict[str, Any]) -> None:
    value = model.model_validate(body)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(value, next(iter(model.model_fields)), None)


@pytest.mark.parametrize(("model", "body"), MINIMAL, ids=[model.__name__ for model, _ in MINIMAL])
def test_nothing_is_written_as_null(model: type[Model], body: dict[str, Any]) -> None:
    assert "null" not in json.dumps(stored(model.model_validate(body)))


def test_what_a_task_is_where_it_says_nothing() -> None:
    spec = TaskSpec.model_validate({"schedule": "@hourly", "http": {"url": "http://shop.example/"}})
    assert stored(spec) == {
        "schedule": "@hourly",
        "grammar": "standard",
        "timeZone": "",
        "exclude": [],
        "only": [],
        "suspend": False,
        "concurrencyPolicy": "Allow",
        "missed": {"policy": "Latest"},
        "retry": {
            "limit": 0,
            "backoff": {"kind": "Exponential", "initialSeconds": 10, "factor": 2, "maxSeconds": 300},
            "lost": False,
        },
        "history": {"successful": 3, "failed": 1, "outputBytes": 16_384, "headerBytes": 0, "outliveTask": False},
        "notify": [],
        "deleteAfter": "Never",
        "disableIgnores": [],
        "overridable": [],
        "targets": [],
        "http": {
            "url": "http://shop.example/",
            "method": "GET",
            "headers": [],
            "followRedirects": True,
            "success": {"codes": ["200-299"], "redirects": False},
            "tls": {},
            "timeouts": {"lookupSeconds": 5, "connectSeconds": 10, "tlsSeconds": 10, "firstByteSeconds": 300},
            "maxResponseBytes": 1_048_576,
        },
    }


@pytest.mark.parametrize("phase", ["Pending", "Running", "Succeeded", "Failed", "Cancelled", "Lost"])
def test_which_phases_are_final(phase: str) -> None:
    assert (phase in FINAL_PHASES) is (phase not in ("Pending", "Running"))
