"""The demo's round trip through Dkron's API, against a server that answers by a script."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

import demo_dkron
from cluster.errors import ClusterError


class Server(BaseHTTPRequestHandler):
    """Answers by a script; `asked` is what it was asked for."""

    script: ClassVar[dict[str, list[tuple[int, Any]]]] = {}
    asked: ClassVar[list[str]] = []

    def answer(self) -> None:
        what = f"{self.command} {self.path}"
        self.asked.append(what)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        replies = self.script[what]
        status, body = replies.pop(0) if len(replies) > 1 else replies[0]
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def __getattr__(self, name: str) -> Any:
        """The methods `do_GET` and so on, all the same."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Server.asked.clear()
    Server.script = {
        "DELETE /v1/jobs/demo": [(404, {}), (200, demo_dkron.JOB)],
        "POST /v1/jobs": [(201, demo_dkron.JOB)],
        "GET /v1/jobs": [(200, [demo_dkron.JOB])],
        "POST /v1/jobs/demo": [(202, demo_dkron.JOB)],
        "GET /v1/jobs/demo/executions": [(200, []), (200, [execution("0001-01-01T00:00:00Z")]), (200, [execution()])],
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


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
