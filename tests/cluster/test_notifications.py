"""Notifications told from outside: webhook, Slack, a real mail server; and an operator that is killed in between."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live.scenes import Scene
from live.stories import Body, Stage, secret, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]

TOKEN = "secret-token-of-slack"


@contextmanager
def mail_server(folder: Path) -> Iterator[int]:
    """A mail server in a process of its own, which prints what it gets into `folder`/mail."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    listen = ["--nosetuid", "--listen", f"127.0.0.1:{port}", "--class", "aiosmtpd.handlers.Debugging"]
    with (folder / "mail").open("w") as printed:
        server = subprocess.Popen([sys.executable, "-u", "-m", "aiosmtpd", *listen], stdout=printed)
        try:
            yield port
        finally:
            server.terminate()
            server.wait(10)


def told(stage: Stage, marker: str) -> list[Body]:
    """The bodies that the receiver got at this path, in order."""
    return [json.loads(got["body"]) for got in stage.received(marker)]


def notified(stage: Stage, name: str) -> Body:
    """The condition Notified of a task; empty where it has none yet."""
    found: list[Body] = status(stage.get("ct", name) or {}).get("conditions", [])
    return next((condition for condition in found if condition["type"] == "Notified"), {})


def waiting(stage: Stage, name: str) -> list[Body]:
    """The notifications that a task's status holds."""
    found: list[Body] = status(stage.get("ct", name) or {}).get("notifications", [])
    return found


def test_failures_in_a_row_and_the_recovery(stage: Stage) -> None:
    hook = {"url": f"{stage.receiver}/told/unsteady"}
    way = {"when": ["Failure", "Recovery"], "after": 2, "webhook": hook}
    stage.apply(task("unsteady", http=stage.call("/status/500"), notify=[way]))
    for name in ("unsteady-1", "unsteady-2", "unsteady-3"):
        stage.create(body_of(name))
        stage.ended(name)
    until(lambda: told(stage, "/told/unsteady"), "the failures are told of")
    stage.patch("ct", "unsteady", http=stage.call("/hello"))
    stage.create(body_of("unsteady-4"))
    until(lambda: len(told(stage, "/told/unsteady")) >= 2, "the recovery is told of")
    first, second = told(stage, "/told/unsteady")
    assert (first["when"], first["execution"], first["consecutiveFailures"]) == ("Failure", "unsteady-2", 2)
    assert (second["when"], second["execution"], second["phase"]) == ("Recovery", "unsteady-4", "Succeeded")
    keys = [got["headers"]["Idempotency-Key"] for got in stage.received("/told/unsteady")]
    assert keys == [first["id"], second["id"]]
    until(lambda: not waiting(stage, "unsteady"), "nothing waits any more")
    assert notified(stage, "unsteady")["status"] == "True"


def test_each_begin_and_each_failure_where_that_is_wished(stage: Stage) -> None:
    way = {"when": ["Started", "Failure"], "repeat": True, "webhook": {"url": f"{stage.receiver}/told/chatty"}}
    stage.apply(task("chatty", http=stage.call("/status/500"), notify=[way]))
    for name in ("chatty-1", "chatty-2"):
        stage.create(body_of(name))
        stage.ended(name)
    until(lambda: len(told(stage, "/told/chatty")) == 4, "both executions are told of")
    assert sorted((got["execution"], got["when"]) for got in told(stage, "/told/chatty")) == [
        ("chatty-1", "Failure"),
        ("chatty-1", "Started"),
        ("chatty-2", "Failure"),
        ("chatty-2", "Started"),
    ]


def body_of(name: str) -> Body:
    """An execution made by hand, whose name begins with its task's."""
    spec = {"taskRef": {"name": name.rpartition("-")[0]}}
    return {"apiVersion": "crontask.dev/v1beta1", "kind": "CronTaskExecution", "metadata": {"name": name}, "spec": spec}


def test_slack_by_a_secret_that_comes_late_and_is_shown_nowhere(stage: Stage) -> None:
    way = {"when": ["Keyword"], "keyword": "9[0-9] % full", "slack": {"urlFrom": {"name": "slack", "key": "url"}}}
    stage.apply(task("watcher", pod=stage.pod("echo 'the disk is <95 % full>'"), notify=[way]))
    stage.run("watcher")
    stage.ended("watcher-now")
    until(lambda: notified(stage, "watcher").get("status") == "False", "the missing Secret is told of")
    assert notified(stage, "watcher")["reason"] == "InvalidSecret"
    assert "slack/url" in notified(stage, "watcher")["message"]
    stage.apply(secret("slack", url=f"{stage.receiver}/{TOKEN}"))
    until(lambda: stage.received(f"/{TOKEN}"), "Slack is told")
    [body] = told(stage, f"/{TOKEN}")
    assert "&lt;95 % full&gt;" in body["text"]
    until(lambda: notified(stage, "watcher").get("status") == "True", "the status says so")
    shown = json.dumps([stage.all("ct"), stage.all("cte"), stage.all("events.events.k8s.io")])
    assert TOKEN not in shown
    assert "NotificationFailed" in {event["reason"] for event in stage.events("watcher")}


def test_an_e_mail(stage: Stage, tmp_path: Path) -> None:
    with mail_server(tmp_path) as port:
        settings = {"host": "127.0.0.1", "port": str(port), "from": "crontask@example.com", "security": "none"}
        to = {"secretName": "smtp", "to": ["team@example.com"]}
        stage.apply(
            secret("smtp", **settings),
            task("mailed", http=stage.call("/hello"), notify=[{"when": ["Success"], "email": to}]),
        )
        stage.run("mailed")
        until(lambda: "MESSAGE FOLLOWS" in (tmp_path / "mail").read_text(), "the mail server gets a message")
        until(lambda: notified(stage, "mailed").get("status") == "True", "the status says so")
    printed = (tmp_path / "mail").read_text()
    assert re.search(rf"^Subject: CronTask {stage.kubectl.namespace}/mailed\s+succeeded$", printed, re.MULTILINE)
    assert "To: team@example.com" in printed


def test_what_the_api_server_refuses(stage: Stage) -> None:
    hook = {"url": f"{stage.receiver}/x"}
    for way, remedy in (
        ({"when": ["Failure"]}, "exactly one of webhook, email and slack"),
        ({"when": ["Failure"], "webhook": {}}, "exactly one of url and urlFrom"),
        ({"when": ["Keyword"], "webhook": hook}, "set both or none"),
        ({"when": ["Success"], "after": 3, "webhook": hook}, "add Failure or Recovery"),
        ({"when": ["Failed"], "webhook": hook}, "Unsupported value"),
        ({"when": ["Late"], "email": {"secretName": "s", "to": ["a@b, c@d"]}}, "one plain address"),
    ):
        answer = stage.kubectl.create(task("refused", http=stage.call("/hello"), notify=[way]), dry=True)
        assert answer.code != 0
        assert "spec.notify[0]" in answer.err
        assert remedy in answer.err


def test_killed_before_the_delivery(scene: Scene) -> None:
    stage = scene.stage
    hook = {"url": f"{stage.receiver}/told/killed"}
    held = scene.proxy.hold("GET", "crontaskexecutions/")
    execution = scene.due_soon(
        "killed", http=stage.call("/status/500"), notify=[{"when": ["Failure"], "webhook": hook}]
    )
    scene.crash_at(held)
    until(lambda: told(stage, "/told/killed"), "the successor tells of it")
    assert {body["execution"] for body in told(stage, "/told/killed")} == {execution}
    until(lambda: not waiting(stage, "killed"), "nothing waits any more")
    assert status(stage.get("ct", "killed") or {})["consecutiveFailures"] == 1
    assert len(told(stage, "/told/killed")) == 1
