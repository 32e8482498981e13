"""The notifications of the server's configuration, as those of each job's spec. Pure.

Upstream's server tells by webhook and mail how each run has ended, and to another
webhook that one begins. Here the operator tells, by `spec.notify`. The entries that
are made of the configuration are known by their digests, which the document keeps:
they follow the configuration, and what kubectl has added stays.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from crontask_gateway.dialects.dkron.options import HookOptions, MailOptions, NotifyOptions
from crontask_gateway.dialects.dkron.templates import written
from crontask_gateway.dialects.dkron.wire import JobIn

Body = dict[str, Any]
MAX_TO, MAX_ADDRESS, MAX_SUBJECT, MAX_BODY = 50, 254, 500, 16_384
"""Bounds of `spec.notify`."""
ZERO_TIME = "0001-01-01 00:00:00 +0000 UTC"
"""Go's zero time, as templates print it."""
_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
_SAID = {True: "Success", False: "Failed"}
_ENDS: Mapping[bool, Body] = {True: {"when": ["Success"]}, False: {"when": ["Failure"], "repeat": True}}
"""The occasions of a way: one that tells each success, and one that tells each failure."""
_BOTH: Body = {"when": ["Success", "Failure"], "repeat": True}


def ways(job: JobIn, options: NotifyOptions, node: str) -> list[Body]:
    """Whom a job tells, in the order in which upstream does; `node` is what the one virtual server is called."""
    found: list[Body] = []
    if hook := options.pre_webhook:
        body = written(hook.payload, _values(job.name, node, None, hook.is_json))
        found.append({"when": ["Started"], "webhook": hook.way(), "body": body[:MAX_BODY]})
    if hook := options.webhook:
        found += _hooked(job, hook, node)
    to = [each for each in _ADDRESS.findall(job.owner_email) if len(each) <= MAX_ADDRESS][:MAX_TO]
    if (mail := options.mail) and to:
        found += [_mailed(job, mail, node, to, success) for success in (True, False)]
    return found


def _hooked(job: JobIn, hook: HookOptions, node: str) -> list[Body]:
    """One way where success and failure have the same words, else two."""
    bodies = {
        success: written(hook.payload, _values(job.name, node, success, hook.is_json))[:MAX_BODY]
        for success in (True, False)
    }
    if bodies[True] == bodies[False]:
        return [_BOTH | {"webhook": hook.way(), "body": bodies[True]}]
    return [_ENDS[success] | {"webhook": hook.way(), "body": body} for success, body in bodies.items()]


def _mailed(job: JobIn, mail: MailOptions, node: str, to: list[str], success: bool) -> Body:
    prefix = mail.subject_prefix.replace("$", "$$")
    subject = f"{prefix}{_SAID[success]} {job.name} execution report"
    values = _values(job.name, node, success, is_json=False)
    return _ENDS[success] | {
        "email": {"secretName": mail.secret_name, "to": to},
        "subject": subject[:MAX_SUBJECT],
        "body": (written(mail.payload, values) if mail.payload else values["Output"])[:MAX_BODY],
    }


def _values(name: str, node: str, success: bool | None, is_json: bool) -> dict[str, str]:
    """The fields of upstream's templates; at the beginning (`success` None) there is no end and no output yet."""
    values = {
        "JobName": name,
        "ReportingNode": node,
        "NodeName": node,
        "StartTime": "$(CRONTASK_STARTED_AT)",
        "FinishedAt": ZERO_TIME if success is None else "$(CRONTASK_FINISHED_AT)",
        "Success": "true" if success else "false",
        "Output": "" if success is None else "$(CRONTASK_OUTPUT)",
    }
    report = _report(values)
    return values | {"Report": json.dumps(report)[1:-1] if is_json else report}


def _report(values: Mapping[str, str]) -> str:
    """Upstream's report. Of the runs in the group the last attempt is told, which is the one that counts."""
    start, end, success, node = (values[name] for name in ("StartTime", "FinishedAt", "Success", "NodeName"))
    return (
        f"Executed: {values['JobName']}\nReporting node: {values['ReportingNode']}\nStart time: {start}\n"
        f"End time: {end}\nSuccess: {success}\nNode: {node}\nOutput: {values['Output']}\n"
        "Execution group: $(CRONTASK_EXECUTION)\n"
        f"\t[Node]: {node} [Start]: {start} [End]: {end} [Success]: {success}\n"
    )
