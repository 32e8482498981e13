"""`kubectl-crontask`: one subcommand per module of this package; kubectl calls it as `kubectl crontask`."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from crontask_cli import apikey, next_runs, why


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a subcommand and exits with its code: 0 done, 1 the answer is an error, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="kubectl crontask", description="Work with CronTasks.")
    parser.add_argument("--version", action="version", version=f"kubectl crontask {version('crontask')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    next_runs.add_to(commands)
    why.add_to(commands)
    apikey.add_to(commands)
    arguments = parser.parse_args(argv)
    try:
        code = arguments.run(arguments)
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    main()
