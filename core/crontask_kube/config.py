"""Finds credentials: a kubeconfig, or the service account of the pod that we run in.

Called once at start by each program, which passes its environment in. Files,
certificates, tokens, exec plugins and auth providers of a kubeconfig are read by
the `kubernetes` package; it is imported only then, as it costs a second and
20 MiB. Certificates are read once: a program whose client certificate is
renewed has to be restarted (tokens are re-read, see `connection.py`).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from crontask_core.errors import CronTaskError
from crontask_kube.clock import Clock
from crontask_kube.connection import Connection, Login, ReadHeader

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PLUGIN_SECONDS = 30.0


class ConfigError(CronTaskError):
    """No usable credentials; the message is one sentence that says what to do."""


async def load(
    environ: Mapping[str, str],
    *,
    clock: Clock,
    kubeconfig: str | None = None,
    context: str | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Connection:
    """The connection to use: `kubeconfig` where given, else the pod's service account, else `~/.kube/config`.

    `kubeconfig` is a path, or several with colons between, as in KUBECONFIG; `context` the name of one of its
    contexts, by default its current one. Raises ConfigError.
    """
    if not kubeconfig and not context and environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environ, clock=clock, folder=service_account)
    path = kubeconfig or str(Path(environ.get("HOME", "/")) / ".kube" / "config")
    if not kubeconfig and not _any_exists(path):
        raise ConfigError(f"no cluster to talk to: not in a pod, and {path} does not exist; set KUBECONFIG")
    return await from_kubeconfig(path, clock=clock, context=context)


def in_cluster(environ: Mapping[str, str], *, clock: Clock, folder: Path = SERVICE_ACCOUNT) -> Connection:
    """The connection that the pod's service account gives. Raises ConfigError where it is not mounted."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = folder / "token"
    if not token.is_file() or not (folder / "ca.crt").is_file():
        raise ConfigError(
            f"no service account token in {folder}: let the pod mount it (automountServiceAccountToken: true)"
        )

    def header() -> str:
        return f"Bearer {token.read_text().strip()}"

    async def read() -> str:
        return header()

    namespace = folder / "namespace"
    return Connection(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        tls=_tls(str(folder / "ca.crt")),
        login=Login(read, clock, header()),
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
    )


async def from_kubeconfig(path: str, *, clock: Clock, context: str | None = None) -> Connection:
    """The connection that a kubeconfig's context gives; runs its exec plugin if it has one. Raises ConfigError."""
    if not _any_exists(path):
        raise ConfigError(f'kubeconfig "{path}" does not exist; set KUBECONFIG to a file that does')
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import load_kube_config

    settings = Configuration()
    async with _translated(path):
        loader = await load_kube_config(path, context, settings, persist_config=False)  # type: ignore[no-untyped-call]
        if _has_plugin(loader) and not settings.api_key and not settings.cert_file:
            raise ConfigError(f'kubeconfig "{path}": its exec plugin gave no credentials; run its command by hand')
        return _connection(path, loader, settings, clock)


def _connection(path: str, loader: Any, settings: Any, clock: Clock) -> Connection:
    secure = settings.host.startswith("https:")
    value = _header(settings)
    return Connection(
        server=settings.host.rstrip("/"),
        tls=_tls(settings.ssl_ca_cert, settings.cert_file, settings.key_file, settings.verify_ssl) if secure else None,
        login=Login(_reader(path, loader, settings), clock, value) if value else None,
        namespace=loader.current_context["context"].get("namespace") or "default",
        tls_server_name=settings.tls_server_name,
        proxy=settings.proxy,
    )


def _reader(path: str, loader: Any, settings: Any) -> ReadHeader:
    """Reads the token again: token files are opened anew, plugins run once what they gave has expired."""

    async def read() -> str | None:
        async with _translated(path):
            await loader.load_and_set(settings)
        return _header(settings)

    return read


def _header(settings: Any) -> str | None:
    value = settings.api_key.get("BearerToken")
    return str(value).strip() if value else None


@asynccontextmanager
async def _translated(path: str) -> AsyncIterator[None]:
    """Limits the loader's time, and turns what it raises into a ConfigError."""
    from kubernetes.aio.config import ConfigException

    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            yield
    except TimeoutError:
        raise ConfigError(f'kubeconfig "{path}": no login within {PLUGIN_SECONDS:.0f} s; check its plugin') from None
    except (ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f'kubeconfig "{path}" cannot be used: {_told(error)}') from None


def _any_exists(path: str) -> bool:
    return any(Path(part).expanduser().is_file() for part in path.split(":") if part)


def _has_plugin(loader: Any) -> bool:
    """Whether the context's user logs in through a program (the loader merely logs a plugin's failure)."""
    user = loader._user  # the loader offers no public way to see it
    return user is not None and "exec" in user


def _tls(
    authority: str | None, certificate: str | None = None, key: str | None = None, verify: bool = True
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    # From Python 3.13 on this is set by default and refuses the authorities that many clusters have made.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def _told(error: Exception) -> str:
    """An error of the loader without what stands in the file, which may be a token or a key."""
    if isinstance(error, yaml.MarkedYAMLError):
        return f"line {error.problem_mark.line + 1 if error.problem_mark else 0} is not YAML"
    if type(error).__name__ == "ConfigException":
        return str(error).split(" in ")[0].removeprefix("Invalid kube-config file. ")
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__} {error.filename or ''}".strip()
    return "it lacks a cluster, a user or a context, or one of their fields has the wrong type"
