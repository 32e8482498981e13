"""`kubectl crontask next`: when a schedule text is due, for people and, with `--batch`, for programs.

Tasks of a cluster or of a file are left to `next_tasks`; texts ask no cluster.
The batch form is a contract: a line of JSON in, a line of JSON out, at once,
whatever the line holds.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

from crontask_cli.options import add_cluster
from crontask_core.errors import FieldError, ScheduleError
from crontask_core.schedule import Schedule, parse
from crontask_core.schedule.zones import clock_time
from crontask_kube.clock import SystemClock

DEFAULT_COUNT = 5
MAX_COUNT = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
BY_HAND = ("@manual", "@manually")
_TASK = re.compile(r"(?:ct|tasks?|crontasks?)/")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the subcommand."""
    parser = commands.add_parser("next", help="show when a schedule, or a task, is due next")
    parser.add_argument("schedule", nargs="?", help='a schedule such as "*/5 * * * *", or a task: task/NAME')
    parser.add_argument("--task", default="", metavar="NAME", help="a CronTask of the cluster")
    parser.add_argument("-f", "--filename", default="", metavar="FILE", help="tasks of a manifest (-: standard input)")
    parser.add_argument("--zone", default="", help="IANA time zone of a text (default: UTC)")
    parser.add_argument("--grammar", default="standard", help="how a text is read (default: standard)")
    parser.add_argument("--from", dest="start", metavar="TIME", help="RFC 3339 time to start after (default: now)")
    parser.add_argument("--count", type=_count, default=DEFAULT_COUNT, help=f"how many (default: {DEFAULT_COUNT})")
    parser.add_argument("--name", default="", help="namespace/name that H is drawn from (dkron: the job's name, for ~)")
    parser.add_argument("--batch", action="store_true", help="answer JSON lines of standard input")
    add_cluster(parser)
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return count


def run(arguments: argparse.Namespace) -> int:
    """Shows the next instants in the zone and in UTC, or answers a batch."""
    given = [arguments.batch, arguments.schedule is not None, bool(arguments.task), bool(arguments.filename)]
    if given.count(True) != 1:
        sys.stderr.write("kubectl crontask next: give either a schedule or --batch, --task or -f\n")
        return 2
    if arguments.batch:
        return answer_lines(sys.stdin.buffer, sys.stdout)
    if arguments.schedule is None or _TASK.match(arguments.schedule):
        from crontask_cli import next_tasks  # loads what takes a second

        return next_tasks.run(arguments)
    return _show(arguments)


def _show(arguments: argparse.Namespace) -> int:
    """The next instants of a text."""
    question = {
        "expr": arguments.schedule,
        "grammar": arguments.grammar,
        "zone": arguments.zone,
        "name": arguments.name,
    }
    question |= {"from": arguments.start, "count": arguments.count}
    try:
        found = _instants(question)
    except (FieldError, ValueError) as error:
        word = arguments.schedule
        hint = f"; for a task write task/{word}" if isinstance(error, ScheduleError) and _NAME.fullmatch(word) else ""
        sys.stderr.write(f"kubectl crontask next: {error}{hint}\n")
        return 1
    for at in found:
        sys.stdout.write(shown(arguments.zone, at) + "\n")
    if not found:
        by_hand = arguments.schedule.strip() in BY_HAND
        sys.stdout.write("by hand alone\n" if by_hand else "never again\n")
    return 0


def shown(zone: str, at: datetime) -> str:
    """An instant by the clock of the zone, and in UTC."""
    return f"{clock_time(zone, at).isoformat()}  {_written(at)}"


def answer_lines(questions: Iterable[bytes], answers: TextIO) -> int:
    """Answers each line as it comes: `{"next": […]}`, or `{"error": text}` where it cannot be answered."""
    for line in questions:
        answers.write(json.dumps(_answer(line)) + "\n")
        answers.flush()
    return 0


def _answer(line: bytes) -> dict[str, Any]:
    """The answer to one line."""
    try:
        question = json.loads(line.decode())
        if not isinstance(question, dict):
            raise ValueError('a line must be an object such as {"expr": "*/5 * * * *", "from": "2030-01-01T00:00:00Z"}')
        return {"next": [_written(at) for at in _instants(question)]}
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        return {"error": f"the line is not JSON: {error}"}
    except (FieldError, ValueError) as error:
        return {"error": str(error)}


def _instants(question: dict[str, Any]) -> list[datetime]:
    """The next instants of a question; FieldError or ValueError where it cannot be answered."""
    count = count_of(question.get("count", DEFAULT_COUNT))
    schedule = parse(
        _text(question, "expr", None),
        grammar=_text(question, "grammar", "standard"),  # type: ignore[arg-type] # parse refuses unknown ones
        zone=_text(question, "zone", ""),
        identity=_text(question, "name", ""),
    )
    return _following(schedule, start_of(question.get("from")), count)


def count_of(count: Any) -> int:
    """How many are wanted, if we can serve that; ValueError otherwise."""
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_COUNT:
        raise ValueError(f"count: {count!r} is not a number that we can serve; use 0 to {MAX_COUNT}")
    return count


def _following(schedule: Schedule, start: datetime, count: int) -> list[datetime]:
    """Up to `count` instants after `start`."""
    found: list[datetime] = []
    at = schedule.next(start) if count else None
    while at is not None and len(found) < count:
        found.append(at)
        at = schedule.next(at)
    return found


def _text(question: dict[str, Any], name: str, default: str | None) -> str:
    """A text of the question; null and absence mean the default."""
    value = question.get(name)
    value = default if value is None else value
    if not isinstance(value, str):
        raise ValueError(f"{name}: {value!r} is not a text; write it in quotes")
    return value


def start_of(text: Any) -> datetime:
    """The time to start after; now if there is none."""
    if text is None:
        return SystemClock().now()
    try:
        at = datetime.fromisoformat(text)
        if at.utcoffset() is not None:
            return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"from: {text!r} is not an RFC 3339 time; write 2030-01-02T03:04:05Z")


def _written(at: datetime) -> str:
    """RFC 3339 in UTC; a fraction (only `@at` of Dkron has one) without trailing zeros."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
