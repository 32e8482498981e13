"""The gateway's settings: one YAML file, environment variables above it. The only reader of the environment here.

`CRONTASK_GATEWAY_CONFIG` names the file. Each field can also be a variable:
`CRONTASK_GATEWAY_METRICS_ADDRESS`, and of a dialect `CRONTASK_GATEWAY_DKRON_PORT`;
their texts are read as YAML. Tokens stand in files of their own (mounted Secrets),
so that neither the configuration nor the environment holds a credential.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from crontask_core.errors import FieldError

CONFIG = "CRONTASK_GATEWAY_CONFIG"
PREFIX = "CRONTASK_GATEWAY_"
Network = IPv4Network | IPv6Network
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):([0-9]{1,5})")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def _address(text: str) -> str:
    found = _ADDRESS.fullmatch(text)
    if text and (found is None or int(found[2]) > 65_535):
        raise ValueError("is no address; write host:port, such as 0.0.0.0:8080")
    return text


def _mount(text: str) -> str:
    if text and (not text.startswith("/") or text.endswith("/") or "//" in text):
        raise ValueError("is no prefix; begin with a slash and end without one, such as /dkron")
    return text


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("is no name; write lower-case letters, digits and hyphens, at most 63")
    return text


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value)
    except ValueError:
        raise ValueError("is no network; write one such as 10.0.0.0/8") from None


def _section(value: object) -> object:
    return {} if value is None else value


Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, AfterValidator(_name)]
Port = Annotated[int, Field(ge=0, le=65_535)]


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )


class TokenSettings(_Model):
    """One credential of a mount."""

    name: Name
    """Who it is, in logs."""
    file: str
    """Path of the file that holds the token and nothing else; blanks at its ends do not count."""
    tenant: str = ""
    """One of the mount's tenants; empty for jobs in the mount's own namespace."""
    rights: frozenset[Literal["read", "write", "run"]] = frozenset({"read", "write", "run"})


class RateSettings(_Model):
    """How often one client may ask."""

    per_second: float = Field(gt=0, le=100_000)
    burst: int = Field(ge=1, le=1_000_000)


class MountSettings(_Model):
    """Where a dialect is served, for whom, and where its jobs are."""

    enabled: bool = True
    port: Port | None = None
    """The port of its own listener; absent, the one that its system has; 0 for none (then `prefix` is needed)."""
    prefix: Annotated[str, AfterValidator(_mount)] = ""
    """Also serve it under this path on the common address."""
    namespace: Name = "default"
    tenants: dict[Name, Name] = {}
    """Further tenants, and the namespace of each."""
    open: bool = False
    """Let everybody in without credentials. For networks where everybody may do everything."""
    tokens: tuple[TokenSettings, ...] = ()
    api_keys: bool = False
    """Let those in who show an API key of a Secret beside the Leases (`kubectl crontask apikey`)."""
    others: bool = False
    """Show the tasks of its namespaces that were not made by its API as well, where the dialect can: read-only."""
    rate: RateSettings | None = None
    options: dict[str, Any] = {}
    """The dialect's own settings (its README)."""


class Settings(_Model):
    """Every setting, with its default."""

    kubeconfig: str = ""
    """Path of a kubeconfig (KUBECONFIG); empty means the service account of the pod."""
    identity: str = "crontask-gateway"
    """What this replica is called in Leases, logs and replies (HOSTNAME)."""
    host: str = "127.0.0.1"
    """The address that the dialects' own listeners are bound to."""
    common_address: Address = ""
    """Host and port on which every dialect with a prefix is served; empty for none."""
    metrics_address: Address = "127.0.0.1:9101"
    """Host and port of /healthz, /readyz and /metrics."""
    dialects: dict[str, Annotated[MountSettings, BeforeValidator(_section)]] = {}
    """Those that are served, by name; a section may be empty."""
    lease_namespace: Name = "crontask-system"
    """Where the operator's and the gateway's Leases are."""
    trusted_proxies: tuple[Annotated[Network, BeforeValidator(_network)], ...] = ()
    """Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    header_bytes: int = Field(default=65_536, ge=1_024, le=1_048_576)
    """The longest request line and headers together."""
    header_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long a connection may take for them, and be idle between two requests."""
    body_bytes: int = Field(default=16_777_216, ge=1, le=67_108_864)
    """The longest body, where the route's own limit is not smaller."""
    body_seconds: float = Field(default=20.0, gt=0, le=3_600)
    request_seconds: float = Field(default=30.0, gt=0, le=3_600)
    """How long a request may take in all."""
    connections: int = Field(default=2_000, ge=1, le=100_000)
    """How many connections each listener keeps at once; further ones are closed."""
    cache_bytes: int = Field(default=67_108_864, ge=0)
    """How many bytes of ended executions are kept in memory; others are asked for when they are read."""
    api_limit: int = Field(default=32, ge=1, le=500)
    """How many requests to the API server may be under way at once."""
    grace_seconds: float = Field(default=0.0, ge=0, le=600)
    """How long an orderly stop goes on serving while it says that it is not ready, so that proxies turn away first."""
    drain_seconds: float = Field(default=20.0, ge=0, le=600)
    """How long it then waits for requests under way."""
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings. Raises `FieldError`, which names file or variable, field, value and remedy."""
    env = os.environ if environment is None else environment  # noqa: TID251 - this module's purpose
    path = env.get(CONFIG, "")
    told = _read_file(path) if path else {}
    for name in ("kubeconfig", "identity"):
        variable = {"kubeconfig": "KUBECONFIG", "identity": "HOSTNAME"}[name]
        if env.get(variable):
            told.setdefault(name, env[variable])
    for variable in sorted(env):
        if variable.startswith(PREFIX) and variable != CONFIG:
            _set(told, variable, env[variable])
    try:
        return Settings.model_validate(told)
    except ValidationError as error:
        raise _objection(error, path) from None


def _read_file(path: str) -> dict[str, Any]:
    try:
        told = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        problem = error.strerror or "cannot be read"
        raise FieldError(CONFIG, path, f"cannot be read ({problem})", "name a file that the gateway may read") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1} is" if mark else "it is"
        raise FieldError(CONFIG, path, f"is no YAML: {where} not", "correct it there") from None
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise FieldError(CONFIG, path, "holds no mapping", "write fields such as metricsAddress: 0.0.0.0:9101")
    return told


def _set(told: dict[str, Any], variable: str, text: str) -> None:
    """Puts a variable's value where its field is: CRONTASK_GATEWAY_DKRON_OPEN is dialects.dkron.open."""
    name = variable.removeprefix(PREFIX).lower()
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    if name in Settings.model_fields:
        told.pop(to_camel(name), None)
        told[name] = text if Settings.model_fields[name].annotation is str else value
        return
    dialect, field = _of_dialect(variable, name)
    sections = told.setdefault("dialects", {})
    if not isinstance(sections, dict):
        return  # the validation says so
    section = sections.setdefault(dialect, {})
    if section is None:
        section = sections[dialect] = {}
    if isinstance(section, dict):
        section.pop(to_camel(field), None)
        section[field] = value


def _of_dialect(variable: str, name: str) -> tuple[str, str]:
    for field in MountSettings.model_fields:
        if name.endswith(f"_{field}"):
            return name.removesuffix(f"_{field}").replace("_", "-"), field
    remedy = f"write {PREFIX} and a field's name, such as {PREFIX}METRICS_ADDRESS or {PREFIX}DKRON_OPEN"
    raise FieldError(variable, "", "is no setting", remedy)


def _objection(error: ValidationError, path: str) -> FieldError:
    first = error.errors(include_url=False)[0]
    where = ".".join(to_camel(part) if isinstance(part, str) and "_" in part else str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    problem, _, remedy = message.partition("; ")
    if first["type"] == "extra_forbidden":
        problem, remedy = "is no setting", "remove it, or correct its name"
    shown = "…" if isinstance(first["input"], dict) else first["input"]
    told = f" in {path}" if path else ""
    return FieldError(where, shown, f"{problem[:1].lower()}{problem[1:]}", remedy or f"correct it{told}")
