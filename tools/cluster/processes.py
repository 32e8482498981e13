"""Programs in the background: started, found again, stopped.

Every program gets CRONTASK_CLUSTER=<state folder> in its environment. That mark, not the process id file alone,
tells which processes belong to a cluster: a `down` after an `up` that was killed between starting a program and
writing its file still finds it, and a process id that the kernel gave to somebody else is never touched.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .errors import ClusterError, missing, not_ready
from .paths import State

MARK = "CRONTASK_CLUSTER"
_PROC = Path("/proc")
_EXEC = 1.0  # seconds for the kernel to put a new program in place, on a machine that is busy
_PAUSE = 0.05  # seconds between two looks
_REAPED = 3.0  # seconds for the system's first process to collect what was killed


def start(
    state: State,
    name: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    inside: int | None = None,
    forks: bool = False,
) -> int:
    """Start `argv` in the background with a log and a process id file, and return its process id.

    `inside` is the process id of the node: the program then runs in the node's namespaces. `forks` says that the
    first process only waits for its child (as `unshare --fork` does); the id is then the child's.
    """
    state.pids.mkdir(parents=True, exist_ok=True)
    state.logs.mkdir(parents=True, exist_ok=True)
    command = list(argv) if inside is None else enter(inside, argv)
    program = shutil.which(command[0], path=env.get("PATH"))
    if program is None:
        raise missing(f"The program {command[0]}", "install it, or put its folder into PATH")
    started = os.posix_spawn(
        program,
        command,
        {**env, MARK: str(state.folder)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(state.log(name)), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    pid = child_of(started) if forks or inside is not None else started
    state.pid_file(name).write_text(f"{pid}\n")
    return pid


def enter(node: int, argv: Sequence[str]) -> list[str]:
    """`argv` as a command that runs inside the node's namespaces."""
    return ["nsenter", f"--target={node}", "--mount", "--net", "--pid", "--wd=/", "--", *argv]


def child_of(parent: int, seconds: float = 5) -> int:
    """The process that `parent` has forked; waits for it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pid in _numbers(_PROC):
            with contextlib.suppress(OSError, IndexError):
                if int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    return pid
        if not _alive(parent):
            break
        time.sleep(0.01)
    raise ClusterError("A program of the node ended at once: see the logs, then `make down` and `make up`.")


def running(state: State, name: str) -> int | None:
    """The process id of a program of this cluster, or None if it does not run."""
    try:
        pid = int(state.pid_file(name).read_text())
    except (OSError, ValueError):
        return None
    if not _PROC.is_dir():
        return pid if _alive(pid) else None
    until(lambda: _environment(pid) != b"" or _is_zombie(pid), _EXEC)
    return pid if belongs(state, pid) else None


def belongs(state: State, pid: int) -> bool:
    """Whether a live process carries the mark of this cluster (a zombie carries nothing)."""
    return f"{MARK}={state.folder}".encode() in (_environment(pid) or b"").split(b"\0")


def settings(pid: int, prefix: str) -> dict[str, str] | None:
    """The variables of a process's environment that begin so, our mark excepted; None where nobody can tell."""
    pairs = (pair.decode(errors="replace").partition("=") for pair in (_environment(pid) or b"").split(b"\0"))
    return {name: value for name, _, value in pairs if name.startswith(prefix) and name != MARK} or None


def marked(state: State) -> list[int]:
    """All processes of this cluster, this one excepted; where there is no /proc, those with a file."""
    if not _PROC.is_dir():
        names = [file.name for file in state.pids.glob("*")]
        return [pid for name in names if (pid := running(state, name)) is not None]
    return [pid for pid in _numbers(_PROC) if pid != os.getpid() and belongs(state, pid)]


def stop(pid: int, seconds: float = 10) -> None:
    """End one process: politely, and after `seconds` by force."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if until(lambda: not _alive(pid), seconds):
            return


def stop_all(state: State, seconds: float = 10) -> None:
    """Kill every process of this cluster at once; their data is thrown away, so nobody has to say good-bye."""

    killed: set[int] = set()

    def gone() -> bool:
        pids = marked(state)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(pids)
        return not pids

    ended = until(gone, seconds) and until(gone, seconds)  # twice: a program just being started has no mark yet
    until(lambda: not any(map(_alive, killed)), _REAPED)  # whoever looks next sees no zombies of ours
    if not ended:
        raise ClusterError(f"Processes {marked(state)} do not end: stop them by hand, then `make down` again.")


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look at `condition` until it is true; False after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True


def wait_ready(state: State, name: str, ready: Callable[[], bool], seconds: float) -> None:
    """Wait for a program of this cluster; raise with the end of its log if it ends or is too slow."""
    ended = False

    def over() -> bool:
        nonlocal ended
        ended = running(state, name) is None
        return ended or ready()

    if not until(over, seconds):
        raise not_ready(name, seconds, tail(state.log(name)))
    if ended:
        log = tail(state.log(name))
        raise ClusterError(f"{name} ended while starting: see the end of its log below, then try again.\n{log}")


def tail(log: Path, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _environment(pid: int) -> bytes | None:
    """The environment of a process; None if it is gone, empty for a zombie and for a program just being started."""
    try:
        return (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (OSError, IndexError):
        return True


def _numbers(folder: Path) -> list[int]:
    return [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
