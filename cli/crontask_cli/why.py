"""`kubectl crontask why`: what became of a task's instant, and why."""

import argparse
import asyncio
import json
import sys
from typing import Any

from crontask_cli.options import add_cluster


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
        help="last (default), next, 09:30[:00] (the latest that has passed), 2030-01-02 09:30 (both by the clock of the"
        " task's zone), or RFC 3339",
    )
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text", help="(default: text)")
    add_cluster(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answers: 0 answered, whatever the answer; 1 no such task or no cluster; 2 the time is none."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    # What follows takes a second to load, which `next --batch` must not wait for.
    from crontask_cli.cluster import opened
    from crontask_cli.objects import fetch
    from crontask_core.errors import CronTaskError, FieldError
    from crontask_core.names import Key
    from crontask_core.why import asked, explain
    from crontask_kube.clock import SystemClock
    from crontask_kube.errors import NotFound

    name = _name(arguments.task)
    now = SystemClock().now()
    try:
        async with opened(arguments) as (api, namespace):
            loaded, _ = await fetch(api, Key(namespace, name), arguments.default_zone)
    except NotFound:
        return _refuse(f'there is no CronTask "{name}" in namespace {namespace}; name another with -n', 1)
    except CronTaskError as error:
        return _refuse(str(error), 1)
    seen = loaded.seen
    since = max(seen.created, seen.status.timing_since or seen.created)
    text = " ".join(arguments.time) or "last"
    try:
        spans = asked(text, zone=seen.zone, now=now, schedule=seen.schedule, since=since)
    except FieldError as error:
        return _refuse(str(error), 2)
    _show(arguments, seen, [explain(seen, span, now) for span in spans])
    return 0


def _show(arguments: argparse.Namespace, seen: Any, answers: list[Any]) -> None:
    from crontask_cli.telling import Paint, tell

    if arguments.output == "json":
        body = {"namespace": seen.key.namespace, "task": seen.key.name, "timeZone": seen.zone}
        body["answers"] = [answer.to_body() for answer in answers]
        sys.stdout.write(json.dumps(body, indent=2) + "\n")
        return
    for line in tell(seen, answers, Paint(sys.stdout.isatty())):
        sys.stdout.write(line.rstrip() + "\n")


def _name(text: str) -> str:
    """The task's name; `task/NAME` and the like are taken too."""
    return text.rpartition("/")[2]


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"kubectl crontask why: {message}\n")
    return code
