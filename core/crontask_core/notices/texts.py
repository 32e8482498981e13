"""The words of a notification: subject and text, as the task gives them or ours.

Values come from pods and answers, that is, from anybody. They are escaped for where
they are put, and nothing of them can begin a new line in a subject.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from crontask_core.model import NotifyWhen
from crontask_core.notices.facts import MAX_OUTPUT, Facts, phase, variables
from crontask_core.substitution import expand, rfc3339

MAX_SUBJECT = 200
MAX_BODY = 65_536
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TASK = "CronTask $(CRONTASK_NAMESPACE)/$(CRONTASK_TASK)"
_SUBJECTS: Mapping[NotifyWhen, str] = {
    "Failure": "failed",
    "Recovery": "succeeds again",
    "Success": "succeeded",
    "Always": "ended: $(CRONTASK_PHASE)",
    "Started": "has begun",
    "Late": "began $(CRONTASK_LATENESS_SECONDS) s late",
    "Missed": "missed $(CRONTASK_MISSED_COUNT) instant(s)",
    "Disabled": "is paused after $(CRONTASK_FAILURES) failures in a row",
    "Keyword": "has the keyword in its output",
}


def subject(facts: Facts) -> str:
    """One line of at most 200 characters, without any control character."""
    known = variables(facts)
    template = facts.notify.subject or _own_subject(facts)
    line = _NOT_IN_A_LINE.sub(" ", expand(template, known)).strip()
    return _cut(line, MAX_SUBJECT) or f"CronTask {facts.task}"


def _own_subject(facts: Facts) -> str:
    what = _SUBJECTS[facts.notice.when]
    if facts.notice.when == "Failure" and (facts.notice.failures or 0) > 1:
        what += " $(CRONTASK_FAILURES) times in a row"
    if facts.notice.when == "Late" and facts.status is None:
        what = "began late"
    return f"{_TASK} {what}"


def text(facts: Facts) -> str:
    """The text for people."""
    if facts.notify.body is not None:
        return _cut(expand(facts.notify.body, variables(facts)), MAX_BODY)
    return _own_text(facts, facts.output(MAX_OUTPUT))


def _own_text(facts: Facts, output: str) -> str:
    known, notice = variables(facts), facts.notice
    reason = f" ({known['CRONTASK_REASON']})" if known["CRONTASK_REASON"] else ""
    outcome = known["CRONTASK_PHASE"] + reason
    missed = rfc3339(notice.at, facts.zone) + (f" to {known['CRONTASK_MISSED_UNTIL']}" if notice.until else "")
    rows = {
        "Task": str(facts.task),
        "Execution": known["CRONTASK_EXECUTION"],
        "Outcome": outcome,
        "Message": known["CRONTASK_MESSAGE"],
        "Failures in a row": known["CRONTASK_FAILURES"] if notice.failures else "",
        "Missed": missed if notice.when == "Missed" else "",
        "Instant": rfc3339(facts.scheduled_at, facts.zone) if facts.scheduled_at and notice.when != "Missed" else "",
        "Began": known["CRONTASK_STARTED_AT"],
        "Ended": known["CRONTASK_FINISHED_AT"],
        "Attempts": known["CRONTASK_ATTEMPT"] if facts.last_attempt else "",
    }
    lines = [f"{name}: {value}" for name, value in rows.items() if value]
    if output:
        lines += ["", "Output:", output]
    return _cut("\n".join(lines) + "\n", MAX_BODY)


def webhook_body(facts: Facts, *, is_json: bool) -> str:
    """The body of a webhook: the template, its values escaped for JSON where it is that, or our JSON."""
    if facts.notify.body is None:
        return json.dumps(payload(facts), ensure_ascii=False)
    known = variables(facts)
    if is_json:
        known = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in known.items()}
    return _cut(expand(facts.notify.body, known), MAX_BODY)


def payload(facts: Facts) -> dict[str, Any]:
    """What a webhook gets (docs/notifications.md): these keys are a promise, None where something is not known."""
    notice, spec, status = facts.notice, facts.spec, facts.status
    return {
        "id": notice.id,
        "when": notice.when,
        "subject": subject(facts),
        "namespace": facts.task.namespace,
        "task": facts.task.name,
        "execution": notice.execution,
        "trigger": spec.trigger if spec else None,
        "scheduledAt": rfc3339(facts.scheduled_at, "") if facts.scheduled_at else None,
        "phase": phase(facts) or None,
        "reason": status.reason if status else None,
        "message": status.message if status else None,
        "startedAt": rfc3339(facts.started_at, "") if facts.started_at else None,
        "finishedAt": rfc3339(status.finished_at, "") if status and status.finished_at else None,
        "latenessMilliseconds": status.lateness_milliseconds if status else None,
        "attempts": facts.last_attempt.number if facts.last_attempt else None,
        "consecutiveFailures": notice.failures,
        "missedCount": notice.count,
        "missedUntil": rfc3339(notice.until, "") if notice.until else None,
        "output": facts.output(2 * MAX_OUTPUT) if status else None,
    }


def slack_body(facts: Facts) -> str:
    """What a Slack incoming webhook gets; values cannot call anybody or make links (`<!channel>`, `<https://…>`)."""
    known = {name: _for_slack(value) for name, value in variables(facts).items()}
    if facts.notify.body is not None:
        told = expand(facts.notify.body, known)
        line = f"*{_NOT_IN_A_LINE.sub(' ', expand(facts.notify.subject, known))}*\n" if facts.notify.subject else ""
    else:
        told = _for_slack(_own_text(facts, facts.output(2_000)))
        line = f"*{_for_slack(subject(facts))}*\n"
    return json.dumps({"text": _cut(line + told, 12_000)}, ensure_ascii=False)


def _for_slack(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(told: str, most: int) -> str:
    return told if len(told) <= most else told[: most - 1] + "…"
