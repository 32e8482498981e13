"""`kubectl crontask next` of tasks: their whole timing, and which instants will be skipped as things stand.

Tasks come from a cluster, or from manifests as they would be applied now; the
groups and calendars that manifests name are looked for in the same file.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from crontask_cli.cluster import opened
from crontask_cli.next_runs import count_of, shown, start_of
from crontask_cli.objects import Companions, Loaded, fetch, load
from crontask_core import names
from crontask_core.errors import CronTaskError, FieldError
from crontask_core.names import Key
from crontask_core.why import obstacle
from crontask_kube.clock import SystemClock
from crontask_kube.errors import NotFound


def run(arguments: argparse.Namespace) -> int:
    """Shows what was asked for: 0 done, 1 a task cannot be shown."""
    try:
        after, count = start_of(arguments.start), count_of(arguments.count)
        tasks = _from_file(arguments) if arguments.filename else [asyncio.run(_from_cluster(arguments))]
    except (CronTaskError, ValueError, OSError, yaml.YAMLError) as error:
        return _refuse(str(error))
    return max([_show(task, companions, after, count) for task, companions in tasks], default=0)


def _show(task: Loaded, companions: Companions, after: datetime, count: int) -> int:
    """One task: a line for each instant, and what concerns the whole task."""
    seen = task.seen
    if seen.schedule is None:
        return _refuse(f"{seen.key}: {seen.problem}")
    sys.stdout.write(f"{seen.key.name} in {seen.key.namespace}, times in {seen.zone}\n")
    for line in _lines(task, after, count):
        sys.stdout.write(f"  {line}\n")
    for note in (*task.absent(companions), *task.advice(after)):
        sys.stdout.write(f"  Note: {note}\n")
    return 0


def _refuse(message: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"kubectl crontask next: {message}\n")
    return 1


def _lines(task: Loaded, after: datetime, count: int) -> Iterator[str]:
    seen = task.seen
    at = seen.schedule.next(after) if seen.schedule and count else None
    if at is None:
        after_tasks = ", ".join(parent.task for parent in seen.spec.after or ())
        yield f"no instant to come{f'; it runs after {after_tasks}' if after_tasks else ''}"
    written, skipped, last = 0, 0, after
    while at is not None and written < count:
        reason, why = obstacle(seen, at)
        yield shown(seen.zone, at) + (f"  skipped ({reason}): {why}" if reason else "")
        written, skipped, last = written + 1, skipped + (reason is not None), at
        at = seen.schedule.next(at) if seen.schedule else None
    if written and skipped == written:
        first = task.first_open(last)
        yield f"first that will run: {shown(seen.zone, first) if first else 'none, as things stand'}"


async def _from_cluster(arguments: argparse.Namespace) -> tuple[Loaded, Companions]:
    name = arguments.task or arguments.schedule.partition("/")[2]
    async with opened(arguments) as (api, namespace):
        try:
            return await fetch(api, Key(namespace, name), arguments.default_zone)
        except NotFound:
            problem = f"is no CronTask in namespace {namespace}"
            raise FieldError("task", name, problem, "name another one, or another namespace with -n") from None


def _from_file(arguments: argparse.Namespace) -> list[tuple[Loaded, Companions]]:
    """The tasks of a manifest, as if they were created now."""
    bodies = list(_documents(arguments.filename))
    tasks = [body for body in bodies if body.get("kind") == names.TASK.kind]
    if not tasks:
        raise FieldError("-f", arguments.filename, "holds no CronTask", "name a file with one")
    created = SystemClock().now().replace(microsecond=0).isoformat()
    found = []
    for body in tasks:
        meta = {"creationTimestamp": created, **(body.get("metadata") or {})}
        key = Key(meta.get("namespace") or arguments.namespace or "default", str(meta.get("name") or "no name"))
        companions = Companions(_named(bodies, names.GROUP_KIND.kind), _named(bodies, names.CALENDAR.kind))
        found.append((load(key, body | {"metadata": meta}, companions, arguments.default_zone), companions))
    return found


def _documents(filename: str) -> Iterator[Any]:
    """The objects of a file; the items of a list count as objects of their own."""
    text = sys.stdin.read() if filename == "-" else Path(filename).read_text(encoding="utf-8")
    for body in yaml.safe_load_all(text):
        if isinstance(body, dict):
            items = body.get("items")
            yield from items if isinstance(items, list) else [body]


def _named(bodies: list[Any], kind: str) -> dict[str, Any]:
    """The objects of a kind, by name."""
    return {str(body["metadata"]["name"]): body for body in bodies if body.get("kind") == kind}
