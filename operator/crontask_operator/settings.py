"""The operator's settings, read once from the environment. The only reader of the environment here."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from crontask_core.errors import FieldError
from crontask_core.sharding import MAX_SHARDS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, with its default; the variable is CRONTASK_ and the field's name in capitals."""

    kubeconfig: str = ""
    """Path of a kubeconfig (KUBECONFIG); empty means the service account of the pod."""
    identity: str = "crontask-operator"
    """What this replica is called in Leases and logs (HOSTNAME); a process suffix is added."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to serve (WATCH_NAMESPACES, comma-separated); empty means all."""
    shards: int = 1
    """Into how many shards all tasks are divided, each held by one replica; the same for all replicas."""
    lease_namespace: str = "crontask-system"
    lease_seconds: float = 2.0
    """How long a leader that was killed blocks its successor."""
    metrics_address: str = "127.0.0.1:9100"
    """Host and port of /healthz, /readyz and /metrics."""
    default_time_zone: str = "UTC"
    egress_allow: tuple[Network, ...] = field(default=())
    """Networks that HTTP actions may reach although they are denied by default."""
    egress_deny: tuple[Network, ...] = field(default=())
    """Networks that HTTP actions may not reach, besides the defaults."""
    http_limit: int = 500
    """How many HTTP calls may be under way at once."""
    api_limit: int = 16
    """How many requests to the API server may be under way at once; more of them only wait there instead of here."""
    resync_seconds: float = 300.0
    """How often the known objects are compared with those that exist."""
    drain_seconds: float = 20.0
    """How long an orderly stop waits for HTTP calls under way."""
    log_format: str = "json"
    """json or console."""
    log_level: str = "INFO"
    service_account: str = "crontask-operator"
    """The operator's own ServiceAccount in the lease namespace, which pods of tasks may not use."""
    webhook_address: str = ""
    """Host and port of the validating webhook; empty means that there is none."""
    webhook_certificate: str = ""
    """A folder with the webhook's certificate (tls.crt) and key (tls.key)."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; raises `FieldError` that names the variable and the remedy."""
    env = os.environ if environment is None else environment  # noqa: TID251 - this module's purpose
    default = Settings()
    return Settings(
        kubeconfig=env.get("KUBECONFIG", ""),
        identity=env.get("CRONTASK_IDENTITY") or env.get("HOSTNAME") or default.identity,
        namespaces=_names(env.get("CRONTASK_WATCH_NAMESPACES", "")),
        shards=int(_number(env, "CRONTASK_SHARDS", default.shards, 1, MAX_SHARDS)),
        lease_namespace=env.get("CRONTASK_LEASE_NAMESPACE") or default.lease_namespace,
        lease_seconds=_number(env, "CRONTASK_LEASE_SECONDS", default.lease_seconds, 1, 60),
        metrics_address=_address(env, "CRONTASK_METRICS_ADDRESS", default.metrics_address),
        default_time_zone=env.get("CRONTASK_DEFAULT_TIME_ZONE") or default.default_time_zone,
        egress_allow=_networks(env, "CRONTASK_EGRESS_ALLOW"),
        egress_deny=_networks(env, "CRONTASK_EGRESS_DENY"),
        http_limit=int(_number(env, "CRONTASK_HTTP_LIMIT", default.http_limit, 1, 2000)),
        api_limit=int(_number(env, "CRONTASK_API_LIMIT", default.api_limit, 1, 500)),
        resync_seconds=_number(env, "CRONTASK_RESYNC_SECONDS", default.resync_seconds, 1, 86_400),
        drain_seconds=_number(env, "CRONTASK_DRAIN_SECONDS", default.drain_seconds, 0, 600),
        log_format=_choice(env, "CRONTASK_LOG_FORMAT", default.log_format, ("json", "console")),
        log_level=_choice(env, "CRONTASK_LOG_LEVEL", default.log_level, ("DEBUG", "INFO", "WARNING", "ERROR")),
        service_account=env.get("CRONTASK_SERVICE_ACCOUNT") or default.service_account,
        webhook_address=_webhook(env),
        webhook_certificate=env.get("CRONTASK_WEBHOOK_CERTIFICATE", ""),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _number(env: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = env.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise FieldError(name, text, "is no number", f"write a number from {low:g} to {high:g}") from None
    if not low <= number <= high:
        raise FieldError(name, text, "is out of range", f"write a number from {low:g} to {high:g}")
    return number


def _choice(env: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    text = env.get(name, "") or default
    if text not in choices:
        raise FieldError(name, text, "is unknown", f"write one of {', '.join(choices)}")
    return text


def _address(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name, "") or default
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise FieldError(name, text, "is no address", "write host:port, such as 0.0.0.0:9100")
    return text


def _webhook(env: Mapping[str, str]) -> str:
    """The webhook's address, with which the certificate's folder has to be told too."""
    name = "CRONTASK_WEBHOOK_ADDRESS"
    text = _address(env, name, "") if env.get(name) else ""
    if text and not env.get("CRONTASK_WEBHOOK_CERTIFICATE"):
        remedy = f"name the folder with tls.crt and tls.key, or leave {name} out"
        raise FieldError("CRONTASK_WEBHOOK_CERTIFICATE", "", "is not set, and the webhook needs it", remedy)
    return text


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    networks: list[Network] = []
    for text in _names(env.get(name, "")):
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError:
            raise FieldError(
                name, text, "is no network", "write networks such as 10.0.0.0/8, comma-separated"
            ) from None
    return tuple(networks)
