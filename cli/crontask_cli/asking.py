"""From the words of `why` to its answers: finds the task, or what is left of it, in the cluster.

Imported only when a cluster is asked: it loads what takes a second.
"""

import argparse
from datetime import datetime
from typing import NamedTuple

from crontask_cli.cluster import opened
from crontask_cli.objects import execution_named, executions_of, fetch, found_of
from crontask_core.errors import CronTaskError, FieldError
from crontask_core.names import Key
from crontask_core.why import (
    Explanation,
    Found,
    Seen,
    asked,
    execution_told,
    explain,
    explain_execution,
    explain_last,
    has_passed,
    newest,
)
from crontask_core.why.explain import since
from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.errors import NotFound


class Answers(NamedTuple):
    """What is said of a task: one explanation for each time that is meant."""

    key: Key
    zone: str
    explanations: list[Explanation]


async def answer(arguments: argparse.Namespace) -> Answers:
    """The answers to a question. Raises FieldError where TIME is none, CronTaskError where nothing can be told."""
    name = arguments.task.rpartition("/")[2]
    now = SystemClock().now()
    async with opened(arguments) as (api, namespace):
        key = Key(namespace, name)
        try:
            seen = (await fetch(api, key, arguments.default_zone))[0].seen
        except NotFound:
            return await _without_task(api, key, arguments, now)
        except FieldError as error:
            raise CronTaskError(str(error)) from None
    return Answers(key, seen.zone, _of_task(seen, " ".join(arguments.time), now))


def _of_task(seen: Seen, text: str, now: datetime) -> list[Explanation]:
    text = text or "last"
    if text.strip().lower() == "last" and not has_passed(seen, now):
        return [explain_last(seen, now)]
    spans = asked(text, zone=seen.zone, now=now, schedule=seen.schedule, since=since(seen))
    return [explain(seen, span, now) for span in spans]


async def _without_task(api: ApiClient, key: Key, arguments: argparse.Namespace, now: datetime) -> Answers:
    """What the executions of a task that is gone tell, or the execution that has the name."""
    zone = arguments.default_zone
    of_task = [found_of(body) for body in await executions_of(api, key)]
    body = None if of_task else await execution_named(api, key)
    found = newest(of_task) if body is None else found_of(body)
    if found is None:
        raise CronTaskError(
            f'there is no CronTask "{key.name}" in namespace {key.namespace};'
            " choose another name, or another namespace with -n"
        )
    if arguments.time and arguments.time != ["last"]:
        what = f"cannot be asked about, because {key.name} is no CronTask that is there"
        raise FieldError("TIME", " ".join(arguments.time), what, "leave TIME out for its execution")
    task = Key(key.namespace, found.spec.task_ref.name)
    try:
        seen = (await fetch(api, task, zone))[0].seen
    except (NotFound, FieldError):
        return Answers(task, zone, [_alone(found)])
    return Answers(task, seen.zone, [explain_execution(seen, found, now)])


def _alone(found: Found) -> Explanation:
    """An execution whose task is gone."""
    sentence = f"The CronTask {found.spec.task_ref.name} is not there any more; its execution {found.name} still is."
    return Explanation(start=found.created, end=found.created, sentence=sentence, last=execution_told(found))
