"""The demo's round trip through cron-job.org's API, against a server that answers by a script."""

from collections.abc import Iterator
from typing import Any

import pytest
from fakes.scripted import Server, answering

import demo_cronjob_org
from cluster.errors import ClusterError

MINE = {"jobId": 7, "title": "demo"}
ITEM = {"identifier": "7-1-2-3", "status": 1, "statusText": "OK", "httpStatus": 200}


@pytest.fixture
def url() -> Iterator[str]:
    script: dict[str, list[tuple[int, Any]]] = {
        "GET /jobs": [(200, {"jobs": [{"jobId": 1, "title": "demo"}]}), (200, {"jobs": [MINE]})],
        "PUT /jobs": [(200, {"jobId": 7})],
        "GET /jobs/7/history": [(200, {"history": []}), (200, {"history": [ITEM]})],
        "GET /jobs/7/history/7-1-2-3": [(200, {"jobHistoryDetails": {"body": "Hello"}})],
        "DELETE /jobs/1": [(200, {})],
        "DELETE /jobs/7": [(200, {})],
    }
    with answering(script) as found:
        yield found


class FakeKubectl:
    """Has the task until its job is deleted."""

    def get(self, *args: str) -> dict[str, Any] | None:
        assert args == ("crontask", "cronjob-org-7", "--namespace=batch")
        return None if Server.asked[-1] == "DELETE /jobs/7" else {}


def round_trip(url: str) -> bool:
    return demo_cronjob_org.round_trip(FakeKubectl(), url, "key", "http://127.0.0.1:8099/demo", "batch")


def test_the_round_trip_tells_each_step(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert round_trip(url)
    out = capsys.readouterr().out
    rows = [line.split("cron-job.org ")[1].split() for line in out.splitlines() if "cron-job.org " in line]
    assert [(row[0], row[-1]) for row in rows] == [
        ("PUT", "200"),
        ("kubectl", "there"),
        ("GET", "minute"),
        ("GET", "OK"),
        ("GET", "200"),
        ("DELETE", "200"),
        ("kubectl", "gone"),
    ]
    assert "| Hello" in out
    assert Server.asked[1] == "DELETE /jobs/1", "of a demo that was interrupted"


def test_a_failed_call_fails_the_demo(url: str) -> None:
    failed = ITEM | {"status": 4, "statusText": "Not Found", "httpStatus": 404}
    Server.script["GET /jobs/7/history"] = [(200, {"history": [failed]})]
    assert not round_trip(url)


def test_a_refusal_is_told(url: str) -> None:
    Server.script["PUT /jobs"] = [(429, "")]
    with pytest.raises(ClusterError, match="answered PUT /jobs with 429"):
        round_trip(url)
