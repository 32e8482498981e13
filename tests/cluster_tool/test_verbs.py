"""The Makefile, the making of .venv, and the pure parts of the demo."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.paths import State
from demo import Followed, line, stop_command, tasks, with_stand_ins

ROOT = Path(__file__).parents[2]
SHELL_PATH = {"PATH": os.defpath}


def run(*command: str, cwd: Path = ROOT, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, env={**SHELL_PATH, **environ}, capture_output=True, text=True, timeout=25, check=False
    )


def test_make_alone_explains_every_verb() -> None:
    verbs = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    printed = run("make").stdout
    assert [row.split()[1] for row in printed.splitlines() if row.startswith("  make ")] == verbs


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as the making of .venv looks at."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "requirements" / "clients").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "install.sh", tmp_path / "tools")
    for lock in ("dev.txt", "clients/one.txt", "clients/two.txt"):
        (tmp_path / "requirements" / lock).write_text("")
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def fake_python(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_without_a_python_one_sentence_says_so(checkout: Path) -> None:
    result = run("sh", "tools/install.sh", cwd=checkout, PYTHON="/nowhere/python3")
    assert result.returncode == 6
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("crontask: Python 3.11 or newer is missing: install it")


def test_without_venv_one_sentence_says_so(checkout: Path) -> None:
    python = checkout / "python"
    fake_python(python, 'case "$2" in *ensurepip*) exit 1;; esac')
    result = run("sh", "tools/install.sh", cwd=checkout, PYTHON=str(python))
    assert result.returncode == 6
    assert result.stderr.count("\n") == 1
    assert "has no venv module: install it (Debian: apt-get install python3-venv)" in result.stderr
    assert not (checkout / ".venv").exists()


def test_packages_are_installed_once_and_again_when_a_lock_changes(checkout: Path) -> None:
    fake_python(checkout / ".venv" / "bin" / "python", f'echo "$*" >> {checkout}/calls')
    calls = checkout / "calls"

    def installs() -> list[str]:
        assert run("sh", "tools/install.sh", cwd=checkout).returncode == 0
        found = [row for row in calls.read_text().splitlines() if row.startswith("-m pip")]
        calls.write_text("")
        return ["packages" if "--require-hashes" in row else "project" for row in found]

    everything = ["packages", "packages", "packages", "project"]
    assert installs() == everything
    assert installs() == []
    (checkout / "pyproject.toml").write_text("[project]")
    assert installs() == ["project"]
    (checkout / "requirements" / "dev.txt").write_text("a==1")
    assert installs() == everything
    (checkout / "requirements" / "clients" / "two.txt").write_text("b==1")
    assert installs() == everything


def test_clients_are_installed_apart_from_the_rest_and_from_each_other(checkout: Path) -> None:
    fake_python(checkout / ".venv" / "bin" / "python", f'echo "$*" >> {checkout}/calls')
    assert run("sh", "tools/install.sh", cwd=checkout).returncode == 0
    folders = re.findall(r"--target (\S+)", (checkout / "calls").read_text())
    assert folders == [".venv/clients/one", ".venv/clients/two"]


def test_a_failed_installation_is_tried_again(checkout: Path) -> None:
    fake_python(checkout / ".venv" / "bin" / "python", 'case "$*" in *hashes*) exit 1;; esac')
    for _ in range(2):
        result = run("sh", "tools/install.sh", cwd=checkout)
        assert result.returncode == 6
        assert "The Python packages could not be installed" in result.stderr


def test_the_demo_finds_tasks_by_what_they_do() -> None:
    task = {"kind": "CronTask", "metadata": {"name": "a"}, "spec": {"pod": {}}}
    call = {"kind": "CronTask", "metadata": {"name": "b", "namespace": "n"}, "spec": {"http": {}}}
    paused = {"kind": "CronTask", "metadata": {"name": "c"}, "spec": {"http": {}, "suspend": True}}
    text = yaml.safe_dump_all([task, {"kind": "Secret", "metadata": {"name": "s"}}, call, paused, None])
    assert list(tasks(text)) == [("pod", "default", "a"), ("http", "n", "b")]


def test_the_demo_puts_this_clusters_receiver_into_an_example() -> None:
    text = "url: http://127.0.0.1:8099/status/200"
    assert with_stand_ins(text, {"RECEIVER_URL": "http://127.0.0.1:8105"}) == "url: http://127.0.0.1:8105/status/200"
    assert with_stand_ins(text, {}) == text


def test_the_demo_shows_the_last_attempt() -> None:
    status = {"phase": "Failed", "reason": "ExitCode", "attempts": [{"exitCode": 1}, {"pod": "p-2", "exitCode": 3}]}
    shown = line(Followed("pod", "default", "a-1"), {"status": status}, 12.34)
    assert shown.split() == ["12.3", "s", "pod", "a-1", "Failed", "pod", "p-2,", "exit", "code", "3,", "ExitCode"]
    assert line(Followed("http", "default", "b"), {}, 0).split() == ["0.0", "s", "http", "b", "Pending"]


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, "make down"),
        ({"STATE": ""}, "make down"),
        ({"STATE": ".cluster-b"}, "STATE=.cluster-b make down"),
        ({"STATE": "/my clusters/a"}, "STATE='/my clusters/a' make down"),
    ],
)
def test_the_demo_says_how_to_stop_this_very_cluster(environ: dict[str, str], command: str) -> None:
    assert stop_command(environ) == command


def test_a_shell_gets_the_clusters_environment_also_from_an_odd_folder(tmp_path: Path) -> None:
    state = State(tmp_path / "my cluster")
    state.folder.mkdir()
    state.env.write_text("RECEIVER_URL=http://127.0.0.1:8105\n")
    assert run("sh", "-c", f"{state.use}; env").stdout.count("RECEIVER_URL=http://127.0.0.1:8105\n") == 1
