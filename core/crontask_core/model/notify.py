"""Notifications: when somebody is told of a task, by which way, and in which words.

Every credential, the address of a webhook included, comes from a Secret. Texts may
hold `$(CRONTASK_…)` references, those to the outcome included (docs/notifications.md).
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, rules, shaped
from crontask_core.model.credentials import SecretKeyRef, SecretName
from crontask_core.model.execution import Phase
from crontask_core.model.http_action import Header, HttpMethod, Url

NotifyWhen = Literal["Failure", "Recovery", "Success", "Always", "Started", "Late", "Missed", "Disabled", "Keyword"]
MAX_PENDING = 20
MAX_ATTEMPTS = 12

MailAddress = Annotated[
    str,
    shaped(
        r"^[^\s@<>,;]+@[^\s@<>,;]+$",
        "write one plain address such as team@example.com",
        longest=254,
        shortest=3,
    ),
]


class WebhookTo(Model):
    """An HTTP request."""

    model_config = ConfigDict(
        json_schema_extra=rules(("has(self.url) != has(self.urlFrom)", "set exactly one of url and urlFrom"))
    )

    url: Url | None = None
    """The URL, where it is no secret."""

    url_from: SecretKeyRef | None = None
    """The key of a Secret that holds the URL."""

    method: HttpMethod = "POST"
    """The request's method."""

    headers: list[Header] = Field(default=[], max_length=20)
    """Request headers; Content-Type is application/json unless set here."""


class EmailTo(Model):
    """An e-mail, by the server that a Secret names."""

    secret_name: SecretName
    """
    The Secret with the server's settings: host, from, and where needed port, username, password, security (starttls,
    tls or none; starttls by default) and ca.crt (certificates to trust in place of the system's).
    """

    to: list[MailAddress] = Field(min_length=1, max_length=50)
    """The addresses."""


class SlackTo(Model):
    """A message by a Slack incoming webhook."""

    url_from: SecretKeyRef
    """The key of a Secret that holds the webhook's URL."""


class Notify(Model):
    """Whom to tell, and when."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.webhook), has(self.email), has(self.slack)].filter(way, way).size() == 1",
                "set exactly one of webhook, email and slack",
            ),
            (
                "has(self.keyword) == ('Keyword' in self.when)",
                "keyword and the word Keyword in `when` belong together; set both or none",
                ".keyword",
            ),
            (
                "!has(self.after) || self.after == 1 || 'Failure' in self.when || 'Recovery' in self.when",
                "after counts failures; add Failure or Recovery to `when`, or remove after",
                ".after",
            ),
            (
                "!has(self.repeat) || !self.repeat || 'Failure' in self.when",
                "repeat is about failures; add Failure to `when`, or remove repeat",
                ".repeat",
            ),
        )
    )

    when: list[NotifyWhen] = Field(min_length=1, max_length=9)
    """
    When: Failure (`after` executions in a row failed or were lost), Recovery (the first success after so many),
    Success, Always (each end), Started (each begin), Late (begun `lateSeconds` after its instant or later), Missed
    (instants that were not started in time), Disabled (by disableAfterFailures), Keyword (`keyword` matches the
    output).
    """

    after: int = Field(default=1, ge=1, le=1000)
    """How many executions must fail in a row before Failure is told; it is told once until a success (`repeat`)."""

    repeat: bool = False
    """Whether each further failure is told as well, not only the one that reaches `after`."""

    once: bool = False
    """
    Whether an execution's end that is several of these occasions is told once only: as the first of Failure, Recovery,
    Success, Always and Keyword, and not as Disabled after Failure or Always.
    """

    late_seconds: int = Field(default=60, ge=1, le=86_400)
    """How much later than its instant an execution must begin to be told of as Late."""

    keyword: str | None = Field(default=None, min_length=1, max_length=1000)
    """A regular expression (RE2) that is looked for in the output that is kept."""

    webhook: WebhookTo | None = None
    """Tell by an HTTP request."""

    email: EmailTo | None = None
    """Tell by e-mail."""

    slack: SlackTo | None = None
    """Tell by Slack."""

    subject: str | None = Field(default=None, max_length=500)
    """The subject of an e-mail; a sensible one where it is absent."""

    body: str | None = Field(default=None, max_length=16_384)
    """The text, or the webhook's body; a sensible one (JSON for a webhook) where it is absent."""

    @property
    def kind(self) -> Literal["webhook", "email", "slack"]:
        """By which way it goes."""
        return "email" if self.email else "slack" if self.slack else "webhook"


class PendingNotification(Model):
    """A notification that has not been delivered yet."""

    id: str = Field(max_length=64)
    """The same in every try, so that a receiver can tell a repetition (header Idempotency-Key)."""

    when: NotifyWhen
    """What is told."""

    way: int = Field(ge=0, le=100)
    """The place in `spec.notify` of whom to tell."""

    execution: str | None = Field(default=None, max_length=253)
    """The execution that it is about; empty with Missed."""

    phase: Phase | None = None
    """How that execution had ended."""

    at: datetime
    """The moment that it is about: an execution's end, or the instant that began late or was missed."""

    until: datetime | None = None
    """The last of the instants that were missed, where there are several."""

    count: int | None = Field(default=None, ge=1)
    """How many instants were missed, at least."""

    failures: int | None = Field(default=None, ge=0)
    """How many executions had failed in a row."""

    tries: int = Field(default=0, ge=0)
    """How often delivery was tried."""
