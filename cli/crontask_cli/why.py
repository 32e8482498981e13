"""`kubectl crontask why`: what became of a task's instant, and why."""

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from crontask_cli.options import add_cluster

if TYPE_CHECKING:
    from crontask_cli.asking import Answers


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the subcommand."""
    parser = commands.add_parser(
        "why",
        help="say what became of an instant, and why",
        description="Says what became of a task's instant, and why: from the task's ledger and its executions.",
    )
    parser.add_argument("task", metavar="TASK", help="name of the CronTask")
    parser.add_argument(
        "time",
        metavar="TIME",
        nargs="*",
        default=[],  # or the complaint about a TASK that is not given names TIME as well
        help="optional: last (default), next, 09:30[:00] (the latest that has passed), 2030-01-02 09:30 (both by the"
        " clock of the task's zone), or RFC 3339",
    )
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text", help="(default: text)")
    add_cluster(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answers: 0 answered, whatever the answer; 1 no such task or no cluster; 2 the time is none."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    # What follows takes a second to load, which `next --batch` must not wait for.
    from crontask_cli.asking import answer
    from crontask_core.errors import CronTaskError, FieldError

    try:
        answers = await answer(arguments)
    except FieldError as error:
        return _refuse(str(error), 2)
    except CronTaskError as error:
        return _refuse(str(error), 1)
    _show(arguments, answers)
    return 0


def _show(arguments: argparse.Namespace, answers: "Answers") -> None:
    from crontask_cli.telling import Paint, tell

    key, zone, explanations = answers
    if arguments.output == "json":
        body: dict[str, Any] = {"namespace": key.namespace, "task": key.name, "timeZone": zone}
        body |= {"answers": [each.to_body() for each in explanations]}
        sys.stdout.write(json.dumps(body, indent=2) + "\n")
        return
    for line in tell(key, zone, explanations, Paint(sys.stdout.isatty())):
        sys.stdout.write(line.rstrip() + "\n")


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"kubectl crontask why: {message}\n")
    return code
