"""`python shifted.py FILE`: crontask-operator with a wall clock that is wrong by the seconds in a file.

For tests alone: production code has no such setting. The file is read again and again; the monotonic clock stays.
"""

import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from crontask_kube.clock import SystemClock
from crontask_operator.__main__ import main

BETWEEN_LOOKS = 0.05
_right = SystemClock.now
_wrong_by = timedelta()


def _now(clock: SystemClock) -> datetime:
    return _right(clock) + _wrong_by


def _follow(file: Path) -> None:
    global _wrong_by
    while True:
        try:
            _wrong_by = timedelta(seconds=float(file.read_text() or 0))
        except (OSError, ValueError):
            _wrong_by = timedelta()
        time.sleep(BETWEEN_LOOKS)


if __name__ == "__main__":
    SystemClock.now = _now  # type: ignore[method-assign]
    threading.Thread(target=_follow, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    main()
