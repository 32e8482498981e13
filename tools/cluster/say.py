"""What the user reads while a command works: short lines on stderr, so that stdout stays free for answers."""

import sys


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
