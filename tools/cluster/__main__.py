"""`python -m cluster up|down|status|images`: the commands behind the `make` verbs of the same names."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from . import commands, system
from .errors import ClusterError
from .say import say
from .settings import Settings

_VERBS: dict[str, Callable[[Settings, Mapping[str, str]], int]] = {
    "up": commands.up,
    "down": commands.down,
    "status": commands.show,
    "images": commands.images,
}


def main(argv: list[str]) -> int:
    """Run one verb; every foreseen failure is one sentence and an exit code of its own."""
    if len(argv) != 1 or argv[0] not in _VERBS:
        say(f"usage: python -m cluster {'|'.join(_VERBS)}")
        return 2
    signal.signal(signal.SIGTERM, _end)  # so that a failed `up` cleans up then too
    environ = {**os.environ, "PATH": system.path(os.environ.get("PATH", ""))}
    try:
        return _VERBS[argv[0]](Settings.read(environ, Path.home()), environ)
    except ClusterError as error:
        say(f"crontask: {error.sentence}")
        return error.code
    except KeyboardInterrupt:
        say("crontask: stopped.")
        return 130


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
