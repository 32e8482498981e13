"""Processors that the cluster's log collector stands for."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crontask_gateway.dialects.dkron.processors import OUTPUT_BYTES, marker
from crontask_gateway.dialects.dkron.translate import Options, to_task
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.naming import Naming, Scope
from crontask_gateway.store import Job

NAMING = Naming(Scope("default", "dkron"), "job")
SHELL = JobIn(name="job", schedule="@every 1m", executor="shell", executor_config={"command": "date"})
HTTP = replace(SHELL, executor="http", executor_config={"method": "GET", "url": "http://reports/build"})
COLLECTED = Options(logs_collected=True)


def put(processors: dict[str, Any], options: Options = COLLECTED, was: Job | None = None, job: JobIn = SHELL) -> Job:
    change = to_task(replace(job, processors=processors), was, NAMING, options)
    return Job(NAMING, change.spec, {}, change.document, {}, datetime(2030, 1, 1, tzinfo=UTC), "u", "1", 1)


@pytest.mark.parametrize(
    ("processors", "shown"),
    [
        ({"log": {}}, "Output in dkron log"),
        ({"log": {"forward": "false"}}, "Output in dkron log"),
        ({"syslog": {"forward": False}}, "Output in syslog"),
        ({"fluent": {"forward": "no"}}, "Output sent to Fluent"),
        ({"log": {"forward": "true"}, "fluent": {}}, "Output sent to Fluent"),
        ({"log": {"forward": True}}, ""),
        ({"files": {"log_dir": "/tmp"}}, ""),
        ({"slack": {"team": "x"}}, ""),
        ({}, ""),
    ],
)
def test_an_output_that_is_taken_is_not_kept(processors: dict[str, Any], shown: str) -> None:
    job = put(processors)
    assert marker(job) == shown
    assert job.spec["history"]["outputBytes"] == (0 if shown else OUTPUT_BYTES)
    assert job.spec["history"]["failed"] == 100


def test_nothing_is_taken_where_nobody_collects_logs_or_no_pod_writes_any() -> None:
    for job in (put({"log": {}}, Options()), put({"log": {}}, job=HTTP)):
        assert (marker(job), job.spec["history"]["outputBytes"]) == ("", OUTPUT_BYTES)


def test_it_ends_with_the_processor_and_kubectl_s_word_stays() -> None:
    taken = put({"log": {}})
    assert put({}, was=taken).spec["history"]["outputBytes"] == OUTPUT_BYTES
    assert put({"log": {}}, Options(), taken).spec["history"]["outputBytes"] == OUTPUT_BYTES
    assert put({"log": {}}, was=taken).spec["history"]["outputBytes"] == 0
    edited = replace(put({}), spec=put({}).spec | {"history": {"outputBytes": 0, "failed": 7}})
    assert put({}, was=edited).spec["history"] == {"outputBytes": 0, "failed": 7}
    assert put({"log": {}}, was=edited).spec["history"] == {"outputBytes": 0, "failed": 7}


def test_a_broken_document_breaks_nothing() -> None:
    assert marker(replace(put({"log": {}}), document={"job": {"processors": {"log": 3}}})) == ""
