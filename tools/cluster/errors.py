"""What can go wrong with a cluster, each in one sentence that ends in a remedy.

Raised anywhere in this package, printed once by `__main__`, which also ends the program with `code`:
2 wrong setting, 3 port in use, 4 no disk space, 5 build failed, 6 program or right missing, 1 anything else.
"""

from pathlib import Path


class ClusterError(Exception):
    """A failure to tell the user: `sentence` says what and what to do, `code` is the exit code."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


def wrong_setting(name: str, value: str, remedy: str) -> ClusterError:
    return ClusterError(f"{name}={value!r} is not possible: {remedy}.", 2)


def port_in_use(port: int, holder: str, setting: str) -> ClusterError:
    return ClusterError(
        f"Port {port} on 127.0.0.1 is in use by {holder}: stop it, or choose another port with {setting}=NUMBER.", 3
    )


def no_space(folder: Path, free_bytes: int, need_bytes: int, remedy: str) -> ClusterError:
    free, need = free_bytes / 1e9, need_bytes / 1e9
    return ClusterError(f"Only {free:.1f} GB are free for {folder}, {need:.1f} GB are needed: {remedy}.", 4)


def build_failed(program: str, reason: str, log: Path) -> ClusterError:
    return ClusterError(
        f"Building {program} failed ({reason}): see {log}, mend the cause (often the network), and try again.", 5
    )


def missing(what: str, remedy: str) -> ClusterError:
    return ClusterError(f"{what} is missing: {remedy}.", 6)


def not_ready(what: str, seconds: float, log_tail: str) -> ClusterError:
    tail = f"\nThe end of its log:\n{log_tail}" if log_tail else ""
    return ClusterError(
        f"{what} was not ready after {seconds:.0f} s: try `make down` and `make up`, on a slow machine with "
        f"CLUSTER_WAIT=SECONDS.{tail}"
    )
