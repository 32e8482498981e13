"""Notifications that are HTTP requests: a webhook as the task describes it, or Slack's.

Made by the same builder as the calls of tasks, so the same things are refused. A
URL from a Secret is a credential as a whole: it is in no error, and `hidden` says
what must be blotted out of whatever is told of the call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from crontask_core.errors import FieldError
from crontask_core.httpcall import HttpRequest, SecretError, build_request
from crontask_core.httpcall.secrets import Secrets, secret_line, secret_refs
from crontask_core.model import Header, HttpAction, Notify, SecretKeyRef
from crontask_core.model.notify import SlackTo, WebhookTo
from crontask_core.notices.facts import Facts, variables
from crontask_core.notices.texts import slack_body, webhook_body

SECONDS = 15.0
_PLACEHOLDER = "http://placeholder.invalid/"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Post:
    """A request to send, and texts of it that must not be told."""

    request: HttpRequest
    hidden: tuple[str, ...] = ()


def post_refs(notify: Notify) -> frozenset[tuple[str, str]]:
    """Every (name, key) of Secrets that `post` will want."""
    to = _webhook(notify)
    url = {(to.url_from.name, to.url_from.key)} if to.url_from else set()
    return secret_refs(_action(to, ())) | url


def post(facts: Facts, secrets: Secrets) -> Post:
    """The request; raises FieldError with the field's path, for Secrets SecretError."""
    return _post(facts.notify, f"spec.notify[{facts.notice.way}]", variables(facts), secrets, facts)


def check_post(notify: Notify, path: str, sample: Mapping[str, str]) -> None:
    """Objects, with a FieldError, to a way that no Secret could make right."""
    fits = {ref: _PLACEHOLDER.encode() for ref in post_refs(notify)}
    _post(notify, path, sample, fits, None)


def _post(notify: Notify, path: str, known: Mapping[str, str], secrets: Secrets, facts: Facts | None) -> Post:
    to, place = _webhook(notify), f"{path}.{notify.kind}"
    ours = (
        Header(name="Idempotency-Key", value=facts.notice.id if facts else ""),
        Header(name="CronTask-Notification", value=facts.notice.when if facts else ""),
        Header(name="CronTask-Attempt", value=str(facts.notice.tries + 1) if facts else ""),
        Header(name="Content-Type", value="application/json"),
    )
    try:
        made = build_request(_action(to, ours), values=known, secrets=secrets, timeout_seconds=SECONDS, execution="")
    except FieldError as error:
        raise error.at(error.path.replace("spec.http", place)) from None
    body = _body(notify, to, made, facts) if facts else None
    request = replace(made, body=None if body is None else body.encode())
    if to.url_from is None:
        return Post(request)
    url = _secret_url(to.url_from, f"{place}.urlFrom", secrets)
    return Post(replace(request, url=url), (url, urlsplit(url).netloc, urlsplit(url).hostname or url))


def _webhook(notify: Notify) -> WebhookTo:
    match notify.slack:
        case SlackTo(url_from=ref):
            return WebhookTo(url_from=ref)
    assert notify.webhook is not None, "asked of webhooks and Slack only"
    return notify.webhook


def _action(to: WebhookTo, ours: tuple[Header, ...]) -> HttpAction:
    """The action that the webhook is; what the user sets stands in place of ours."""
    given = {header.name.lower() for header in to.headers}
    headers = [*to.headers, *(header for header in ours if header.name.lower() not in given)]
    return HttpAction(url=to.url or _PLACEHOLDER, method=to.method, headers=headers, follow_redirects=False)


def _body(notify: Notify, to: WebhookTo, made: HttpRequest, facts: Facts) -> str | None:
    if notify.slack:
        return slack_body(facts)
    if notify.body is None and to.method not in _WITH_BODY:
        return None
    kind = next(value for name, value in made.headers if name.lower() == "content-type")
    return webhook_body(facts, is_json="json" in kind.lower())


def _secret_url(ref: SecretKeyRef, path: str, secrets: Secrets) -> str:
    """The URL as the Secret holds it: nothing in it is expanded."""
    url = secret_line(ref, path, secrets)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or any(character.isspace() for character in url):
        remedy = "store an absolute http or https URL without a user name"
        raise SecretError(path, f"{ref.name}/{ref.key}", "holds no URL that can be called", remedy)
    return parts._replace(fragment="").geturl()
