"""Which references to `CRONTASK_` variables are told of: each row a spec, and the fields and names that are."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crontask_core.model import Notify, PendingNotification
from crontask_core.names import Key
from crontask_core.notices.facts import NAMES as NOTICE_NAMES
from crontask_core.notices.facts import Facts, variables
from crontask_core.substitution import NAMES, unknown_names, values
from crontask_core.validation import read_spec
from crontask_core.variables import unknown_variables

AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
X = "$(CRONTASK_X)"
URL = "http://receiver.test/"


def pod(**fields: Any) -> dict[str, Any]:
    return {"pod": {"image": "i", **fields}}


def template(**containers: Any) -> dict[str, Any]:
    return {"pod": {"template": {"spec": containers}}}


def notify(**fields: Any) -> dict[str, Any]:
    return pod() | {"notify": [{"when": ["Failure"], "webhook": {"url": URL}, **fields}]}


ROWS: list[tuple[dict[str, Any], list[str]]] = [
    (pod(args=["$(CRONTASK_TASK) $(HOME) $$(CRONTASK_X) $CRONTASK_X"]), []),
    (pod(command=["sh", X], args=[X]), ["spec.pod.command[1]", "spec.pod.args[0]"]),
    (pod(env=[{"name": "A", "value": X}]), ["spec.pod.env[0].value"]),
    (pod(env=[{"name": "CRONTASK_X", "value": "1"}], args=[X]), []),
    (pod(args=["$(CRONTASK_TARGET)"]) | {"targets": ["eu"]}, []),
    (pod(args=["$(CRONTASK_TARGET)"]), ["spec.pod.args[0]"]),
    (template(containers=[{"name": "m", "image": "i"}, {"name": "n", "args": [X]}]), ["containers[1].args[0]"]),
    (template(containers=[{"name": "m"}], initContainers=[{"name": "n", "args": [X]}]), ["initContainers[0].args[0]"]),
    (template(containers=[{"name": "m", "args": [X], "envFrom": [{"secretRef": {"name": "s"}}]}]), []),
    ({"http": {"url": URL + X, "body": X + X}}, ["spec.http.url", "spec.http.body"]),
    ({"http": {"url": URL, "headers": [{"name": "A", "value": X}]}}, ["spec.http.headers[0].value"]),
    ({"http": {"url": URL, "body": "$(CRONTASK_PHASE)"}}, ["spec.http.body: $(CRONTASK_PHASE)"]),
    ({"http": {"url": URL, "body": "$(CRONTASK_NOW_UNIX) $(CRONTASK_RANDOM_UUID)"}}, []),
    (pod(args=["$(CRONTASK_NOW_UNIX)"]), ["spec.pod.args[0]"]),
    (notify(body="$(CRONTASK_RANDOM_UUID)"), ["spec.notify[0].body"]),
    (notify(subject="$(CRONTASK_PHASE)", body="$(CRONTASK_ATTEMPT)"), []),
    (notify(subject=X, body=X), ["spec.notify[0].subject", "spec.notify[0].body"]),
    (notify(webhook={"url": URL + X}), ["spec.notify[0].webhook.url"]),
]


@pytest.mark.parametrize(("spec", "fields"), ROWS)
def test_unknown_variables(spec: dict[str, Any], fields: list[str]) -> None:
    sentences = unknown_variables(read_spec({"schedule": "@hourly"} | spec))
    assert len(sentences) == len(fields), sentences
    for sentence, field in zip(sentences, fields, strict=True):
        assert field in sentence


def test_each_name_is_told_once() -> None:
    assert unknown_names("$(CRONTASK_B)$(CRONTASK_A)$(CRONTASK_B)$(B)", ["CRONTASK_A"]) == ["CRONTASK_B"]


def test_the_known_names_are_those_that_are_set() -> None:
    attempt = values(namespace="n", task="t", execution="e", attempt=1, trigger="Manual", scheduled_at=AT, zone="")
    assert attempt.keys() == NAMES
    way = Notify.model_validate({"when": ["Always"], "webhook": {"url": URL}})
    notice = PendingNotification(id="0", when="Always", way=0, at=AT)
    assert variables(Facts(Key("n", "t"), way, notice)).keys() == NOTICE_NAMES
