"""The demo's round trip through Dkron's API, against a server that answers by a script."""

from collections.abc import Iterator
from typing import Any

import pytest
from fakes.scripted import Server, answering

import demo_dkron
from cluster.errors import ClusterError


@pytest.fixture
def url() -> Iterator[str]:
    script: dict[str, list[tuple[int, Any]]] = {
        "DELETE /v1/jobs/demo": [(404, {}), (200, demo_dkron.JOB)],
        "POST /v1/jobs": [(201, demo_dkron.JOB)],
        "GET /v1/jobs": [(200, [demo_dkron.JOB])],
        "POST /v1/jobs/demo": [(202, demo_dkron.JOB)],
        "GET /v1/jobs/demo/executions": [(200, []), (200, [execution("0001-01-01T00:00:00Z")]), (200, [execution()])],
    }
    with answering(script) as url:
        yield url


def execution(finished: str = "2026-11-23T07:00:00Z", **more: Any) -> dict[str, Any]:
    return {"finished_at": finished, "success": True, "output": "Hello\n"} | more


class FakeKubectl:
    """Has the task until its job is deleted."""

    def get(self, *args: str) -> dict[str, Any] | None:
        assert args == ("crontask", "dkron-demo", "--namespace=batch")
        return None if Server.asked[-1].startswith("DELETE") else {}


def test_the_round_trip_tells_each_step(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_dkron.round_trip(FakeKubectl(), url, "batch")
    shown = [line.split(maxsplit=3)[-1].split() for line in capsys.readouterr().out.splitlines() if " dkron " in line]
    assert [(row[0], row[-1]) for row in shown] == [
        ("POST", "201"),
        ("GET", "200"),
        ("kubectl", "there"),
        ("POST", "202"),
        ("GET", "success"),
        ("DELETE", "200"),
        ("kubectl", "gone"),
    ]


def test_a_failed_run_fails_the_demo(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    Server.script["GET /v1/jobs/demo/executions"] = [(200, [execution(success=False)])]
    assert not demo_dkron.round_trip(FakeKubectl(), url, "batch")
    assert "failed" in capsys.readouterr().out


def test_an_error_is_told_with_the_servers_words(url: str) -> None:
    Server.script["POST /v1/jobs"] = [(400, "no such schedule")]
    with pytest.raises(ClusterError, match=r"POST /v1/jobs with 400 .*no such schedule"):
        demo_dkron.round_trip(FakeKubectl(), url, "batch")
