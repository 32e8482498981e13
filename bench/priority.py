"""Gives the benchmark's programs the processor before others, on a machine where others are at work too.

Linux shares the processors out by session first (autogroups, sched(7)): `nice` alone says nothing between sessions.
Both contestants get the same, and the result files say that it was so.
"""

import os
from collections.abc import Iterable
from pathlib import Path

LEVEL = -14


def prefer(pids: Iterable[int]) -> None:
    """Raises the sessions of these processes and of this one; needs root, and does nothing without autogroups."""
    for pid in (*pids, os.getpid()):
        file = Path(f"/proc/{pid}/autogroup")
        if file.exists():
            file.write_text(str(LEVEL))
