"""A job's notification flags as entries of `spec.notify`, by the configuration's ways. Pure."""

from typing import Any

from crontask_gateway.dialects.cronjob_org.options import NotifyOptions
from crontask_gateway.dialects.cronjob_org.wire import Fields
from crontask_gateway.texts import escape

Body = dict[str, Any]
MOST_FAILURES = 1_000
"""What the spec takes; a greater number of failures counts as this."""
_MAIL = """Title: {title}
URL: {url}
Started: $(CRONTASK_STARTED_AT)
Planned: $(CRONTASK_SCHEDULED_AT)
Failures in a row: $(CRONTASK_FAILURES)
Status: $(CRONTASK_PHASE) $(CRONTASK_REASON) $(CRONTASK_MESSAGE)
"""
MAX_SUBJECT = 500


def ways(bare: Fields, options: NotifyOptions, tenant: str) -> list[Body]:
    """Whom the job tells. One message for each end: where it reaches both limits, that it has failed.

    A recovery is told only after a failure that was, where failures are told at all.
    """
    when = [
        word
        for word, on in (("Failure", bare.on_failure), ("Recovery", bare.on_success), ("Disabled", bare.on_disable))
        if on
    ]
    if not when:
        return []
    told: Body = {"when": when, "once": True}
    if bare.on_failure:
        told["after"] = min(bare.on_failure_count, MOST_FAILURES)
    found: list[Body] = []
    if hook := options.webhook:
        to: Body = {"url": hook.url.replace("$", "$$")} if hook.url else {}
        found.append(told | {"webhook": to | ({"urlFrom": hook.url_from.to_body()} if hook.url_from else {})})
    if (mail := options.mail) and (address := mail.to.get(tenant)):
        found.append(told | {"email": {"secretName": mail.secret_name, "to": [address]}} | _words(bare))
    return found


def _words(bare: Fields) -> Body:
    """Subject and text of a mail; what the URL's query says is nobody's to read there."""
    address, asked, _ = bare.url.partition("?")
    url = f"{address}{asked and '?...'}"
    title = escape(bare.title or url)
    subject = f"[cron-job.org] $(CRONTASK_WHEN): {title}"
    return {"subject": subject[:MAX_SUBJECT].rstrip("$("), "body": _MAIL.format(title=title, url=escape(url))}
