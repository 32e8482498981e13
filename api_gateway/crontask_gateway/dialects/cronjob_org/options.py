"""The dialect's own settings."""

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from crontask_core.model import SecretKeyRef
from crontask_core.model.credentials import SecretName
from crontask_core.model.http_action import HeaderValue, Url
from crontask_core.model.notify import MailAddress


def _no_user(url: str) -> str:
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise ValueError("holds a user; name a Secret by urlFrom")
    return url


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )


class HookOptions(_Model):
    """A webhook, which is told in CronTask's words (docs/notifications.md)."""

    url: Annotated[Url, AfterValidator(_no_user)] | None = None
    """The endpoint, where it is no secret."""

    url_from: SecretKeyRef | None = None
    """The key of a Secret with the endpoint, in the namespace of the jobs."""

    @model_validator(mode="after")
    def _has_one_url(self) -> "HookOptions":
        if (self.url is None) == (self.url_from is None):
            raise ValueError("has no endpoint, or two; set exactly one of url and urlFrom")
        return self


class MailOptions(_Model):
    """Mails, as the service sends them to the owner of an account."""

    secret_name: SecretName
    """The Secret with the mail server's settings (docs/notifications.md), in the namespace of the jobs."""

    to: dict[str, MailAddress] = Field(min_length=1)
    """The address of each tenant's owner, by the tenant's name; the empty name is that of jobs without a tenant."""


class NotifyOptions(_Model):
    """Whom each job tells, as far as its notification flags ask for it."""

    webhook: HookOptions | None = None
    mail: MailOptions | None = None


class Options(_Model):
    """The dialect's own settings."""

    limits: bool = True
    """Whether the documented limits of requests in a second and a minute hold."""

    per_day: int = Field(default=100, ge=0, le=10_000_000)
    """How many requests each API key has in a day (UTC), where the key itself says nothing else; 0 for no limit."""

    timeout_seconds: int = Field(default=30, ge=1, le=3_600)
    """The longest that a call may take, and what jobs get that ask for more, or for nothing."""

    response_bytes: int = Field(default=65_536, ge=0, le=262_144)
    """The longest answer, without its headers; a longer one is a failure. So much is kept with saveResponses."""

    header_bytes: int = Field(default=16_384, ge=0, le=65_536)
    """How much of an answer's headers is kept with saveResponses."""

    user_agent: HeaderValue = "Mozilla/4.0 (compatible)"
    """What every call says it is."""

    history: int = Field(default=50, ge=1, le=500)
    """How many calls that succeeded, and how many that failed, are kept of each new job; 50 are listed."""

    disable_after_failures: int = Field(default=16, ge=0, le=1_000)
    """After so many failures in a row, timeouts left out, a new job is switched off; 0 for never."""

    executors: tuple[IPv4Address | IPv6Address, ...] = ()
    """The addresses that calls come from, for `/executor-nodes.json`."""

    notify: NotifyOptions = NotifyOptions()
    """Whom each job tells of its failures."""
