"""The dialect's own settings."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, model_validator
from pydantic.alias_generators import to_camel

from crontask_core.model import Header, SecretKeyRef
from crontask_core.model.credentials import SecretName
from crontask_core.model.http_action import Url
from crontask_gateway.dialects.dkron.templates import FIELDS, written

_CREDENTIALS = ("authorization", "proxy-authorization", "cookie")
_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "connection", "upgrade")
_TYPE = "content-type"


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _header(value: object) -> object:
    """`Name: value`, as upstream has it, or a header of CronTask's; a credential only by reference to a Secret."""
    if isinstance(value, str):
        name, colon, text = value.partition(":")
        if not colon:
            raise ValueError("is no header; write Name: value")
        value = {"name": name.strip(), "value": text.strip().replace("$", "$$")}
    named = str(value.get("name", "")).lower() if isinstance(value, Mapping) else ""
    if named in _OF_THE_CONNECTION:
        raise ValueError("belongs to the connection; remove it")
    if isinstance(value, Mapping) and "value" in value and named in _CREDENTIALS:
        raise ValueError("holds a credential, which every job's spec would show; use valueFrom with a Secret")
    return value


def _template(text: str) -> str:
    """Objects to a template before a job meets it: its branches for success and for failure."""
    for success in ("true", "false"):
        written(text, dict.fromkeys(FIELDS, "") | {"Success": success})
    return text


Template = Annotated[str, Field(max_length=8_192), AfterValidator(_template)]
"""A template of Go's, as far as `templates.py` reads it."""
Payload = Annotated[str, Field(min_length=1, max_length=8_192), AfterValidator(_template)]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class HookOptions(_Model):
    """A webhook of upstream's configuration: `webhook-endpoint`, `-payload` and `-headers`."""

    url: Url | None = None
    """The endpoint, where it is no secret."""

    url_from: SecretKeyRef | None = None
    """The key of a Secret with the endpoint, in the namespace of the jobs."""

    payload: Payload
    """The body, a template. Values in it are escaped for JSON, unless it has another Content-Type."""

    headers: tuple[Annotated[Header, BeforeValidator(_header)], ...] = Field(default=(), max_length=20)
    """`Name: value` each; one with a credential as in `spec.http.headers`, with `valueFrom`."""

    @model_validator(mode="after")
    def _has_one_url(self) -> "HookOptions":
        if (self.url is None) == (self.url_from is None):
            raise ValueError("has no endpoint, or two; set exactly one of url and urlFrom")
        return self

    @property
    def is_json(self) -> bool:
        """Whether the payload goes as JSON: by its Content-Type, or else by what it looks like."""
        given = [header.value or "" for header in self.headers if header.name.lower() == _TYPE]
        looks_so = re.match(r"\s*(\{(?!\{)|\[)", self.payload) is not None
        return "json" in given[0].lower() if given else looks_so

    def way(self) -> dict[str, Any]:
        """`webhook` of an entry of `spec.notify`."""
        headers = [header.to_body() for header in self.headers]
        if not self.is_json and all(header.name.lower() != _TYPE for header in self.headers):
            headers.append({"name": "Content-Type", "value": "text/plain; charset=utf-8"})
        to: dict[str, Any] = {"url": self.url.replace("$", "$$")} if self.url else {}
        to |= {"urlFrom": self.url_from.to_body()} if self.url_from else {}
        return to | {"headers": headers}


class MailOptions(_Model):
    """Upstream's `mail-…`; to a job's `owner_email`."""

    secret_name: SecretName
    """The Secret with the mail server's settings (docs/notifications.md), in the namespace of the jobs."""

    payload: Template = ""
    """The text, a template; where it is empty, the output."""

    subject_prefix: str = Field(default="[Dkron]", max_length=100)
    """What each subject begins with."""


class NotifyOptions(_Model):
    """Whom each job tells: the notifications of upstream's server configuration."""

    pre_webhook: HookOptions | None = None
    """Told when a run begins."""

    webhook: HookOptions | None = None
    """Told when a run has ended, after its last attempt."""

    mail: MailOptions | None = None


class Options(_Model):
    """The dialect's own settings."""

    image: str = Field(default="busybox:1.37", min_length=1, max_length=1024)
    """The image in which `shell` runs."""

    images: dict[str, str] = {}
    """Images for further executors, by their names; they find the config in DKRON_EXECUTOR_CONFIG."""

    node: str = Field(default="crontask", min_length=1, max_length=63, pattern=r"^[A-Za-z0-9._-]+$")
    """What the one virtual server is called, the same on all replicas; it is a part of every execution's id."""

    targets: dict[str, Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1, max_length=100)]] = {}
    """CronTaskTargets by tag, such as `role=web`, one or several: a job with that tag runs at them. Others run once."""

    notify: NotifyOptions = NotifyOptions()
    """Whom each job tells of its runs."""

    logs_collected: bool = False
    """Whether the cluster collects what pods write: then processors that do not forward keep outputs out of the API."""

    address: IPv4Address | IPv6Address = IPv4Address("127.0.0.1")
    """What the virtual server tells as its address; clients show it and connect to nothing there."""

    metrics: bool = True
    """Whether `/metrics` tells the counters of each job; upstream's `enable-prometheus`."""

    ui: HttpUrl | None = None
    """Where the web UI is, for the page at `/ui`."""
