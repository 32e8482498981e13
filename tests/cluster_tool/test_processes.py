"""Programs in the background: real, short-lived ones."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster import commands, processes
from cluster.errors import ClusterError
from cluster.paths import State
from cluster.settings import Settings

ENV = {"PATH": os.defpath}


@pytest.fixture
def stranger() -> Iterator[int]:
    """A process that belongs to no cluster."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


def test_a_program_runs_until_it_is_stopped(state: State) -> None:
    pid = processes.start(state, "sleeper", ["sleep", "60"], ENV)
    assert processes.running(state, "sleeper") == pid
    assert processes.marked(state) == [pid]
    processes.stop(pid)
    assert processes.running(state, "sleeper") is None


def test_settings_of_a_program_are_read(state: State) -> None:
    pid = processes.start(state, "sleeper", ["sleep", "60"], ENV | {"CRONTASK_SHARDS": "2", "OTHER": "x=1"})
    assert processes.until(lambda: processes.running(state, "sleeper") is not None, 5)
    assert processes.settings(pid, "CRONTASK_") == {"CRONTASK_SHARDS": "2"}
    processes.stop(pid)
    assert processes.settings(pid, "CRONTASK_") is None


def test_one_that_ignores_a_polite_request_is_killed(state: State) -> None:
    pid = processes.start(state, "deaf", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"], ENV)
    assert processes.until(lambda: "deaf" in state.log("deaf").read_text(), 5)
    processes.stop(pid, 0.2)
    assert processes.running(state, "deaf") is None


def test_everything_is_found_again_without_the_files(state: State) -> None:
    """As after an `up` that was killed between starting a program and writing its process id."""
    processes.start(state, "one", ["sleep", "60"], ENV)
    processes.start(state, "two", ["sh", "-c", "sleep 60 & wait"], ENV)
    assert processes.until(lambda: len(processes.marked(state)) == 3, 5)
    for file in state.pids.iterdir():
        file.unlink()
    processes.stop_all(state)
    assert processes.marked(state) == []


def test_another_clusters_programs_are_left_alone(state: State, tmp_path: Path) -> None:
    other = State(tmp_path / "state-2")  # its path begins like the first one's
    pid = processes.start(other, "sleeper", ["sleep", "60"], ENV)
    processes.stop_all(state)
    assert processes.running(other, "sleeper") == pid
    processes.stop_all(other)


def test_a_process_id_that_somebody_else_got_is_not_ours(state: State, stranger: int) -> None:
    state.pids.mkdir()
    state.pid_file("etcd").write_text(f"{stranger}\n")
    assert processes.running(state, "etcd") is None


@pytest.mark.parametrize("text", ["", "x", "99999999"])
def test_a_useless_file_means_that_nothing_runs(state: State, text: str) -> None:
    state.pids.mkdir()
    state.pid_file("etcd").write_text(text)
    assert processes.running(state, "etcd") is None


def test_a_program_that_ends_while_starting_is_told_with_its_log(state: State) -> None:
    processes.start(state, "etcd", ["sh", "-c", "echo address in use; exit 1"], ENV)
    with pytest.raises(ClusterError, match=r"(?s)etcd ended while starting.*address in use"):
        processes.wait_ready(state, "etcd", lambda: False, 10)


def test_a_program_that_is_too_slow_is_told_with_a_remedy(state: State) -> None:
    processes.start(state, "etcd", ["sh", "-c", "echo still busy; sleep 60"], ENV)
    assert processes.until(lambda: state.log("etcd").read_text() != "", 5)
    with pytest.raises(ClusterError, match=r"(?s)etcd was not ready after 0 s.*CLUSTER_WAIT.*still busy"):
        processes.wait_ready(state, "etcd", lambda: False, 0.1)


def test_the_child_of_a_program_that_waits_for_it_is_the_one_recorded(state: State) -> None:
    pid = processes.start(state, "forked", ["sh", "-c", "sleep 60; true"], ENV, forks=True)
    # Right after its birth it still has the shell's name.
    assert processes.until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", 10)


def test_a_failed_first_up_leaves_nothing(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    state.folder.rmdir()

    def fail(own: Settings, _environ: dict[str, str]) -> None:
        processes.start(own.state, "etcd", ["sleep", "60"], ENV)
        raise ClusterError("kubelet did not like it: try again.")

    monkeypatch.setattr(commands, "_up", fail)
    with pytest.raises(ClusterError, match="did not like it"):
        commands.up(settings(), ENV)
    assert processes.marked(state) == []
    assert not state.folder.exists()


def test_what_an_interrupted_up_left_is_cleaned_up_first(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    left = processes.start(state, "etcd", ["sleep", "60"], ENV)

    def look(own: Settings, _environ: dict[str, str]) -> None:
        assert not own.state.folder.exists()
        assert left not in processes.marked(own.state)
        raise ClusterError("seen: nothing to do.")

    monkeypatch.setattr(commands, "_up", look)
    with pytest.raises(ClusterError, match="seen"):
        commands.up(settings(), ENV)


def test_a_failed_second_up_leaves_what_ran(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    state.env.write_text("KUBECONFIG=x\n")
    pid = processes.start(state, "etcd", ["sleep", "60"], ENV)

    def fail(_settings: Settings, _environ: dict[str, str]) -> None:
        raise ClusterError("no operator today: try again.")

    monkeypatch.setattr(commands, "_up", fail)
    with pytest.raises(ClusterError, match="no operator"):
        commands.up(settings(), ENV)
    assert processes.running(state, "etcd") == pid


def test_down_is_fine_with_nothing(settings: Callable[..., Settings], state: State) -> None:
    state.folder.rmdir()
    assert commands.down(settings(), ENV) == 0


def test_down_is_fine_with_a_damaged_folder(settings: Callable[..., Settings], state: State) -> None:
    state.facts.write_text("{")
    processes.start(state, "etcd", ["sleep", "60"], ENV)
    assert commands.down(settings(), ENV) == 0
    assert processes.marked(state) == []
    assert not state.folder.exists()


def test_an_error_of_the_command_is_one_line_and_a_code() -> None:
    tools = Path(commands.__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-P", "-m", "cluster", "up"],
        env={"PYTHONPATH": str(tools), "CLUSTER": "somewhere"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == ("crontask: CLUSTER='somewhere' is not possible: use one of auto, current, kind, local.\n")


def test_a_terminated_command_ends_with_the_code_of_the_signal(state: State) -> None:
    """And so runs its cleaning up: SIGTERM is an exception like any other."""
    tools = Path(commands.__file__).parents[1]
    code = (
        "import sys, signal, os; from cluster import __main__ as m, commands\n"
        "def up(settings, environ):\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM); signal.pause()\n"
        "    finally: print('cleaned')\n"
        "m._VERBS['up'] = up\n"
        "m.main(['up'])"
    )
    result = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(tools), "STATE": str(state.folder)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 128 + signal.SIGTERM
    assert result.stdout == "cleaned\n"
