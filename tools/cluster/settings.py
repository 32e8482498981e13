"""The settings of one call, read from the environment that `make` passes on.

`Settings.read` is pure: it takes the environment as an argument and names the variable that is wrong.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from .errors import wrong_setting
from .paths import CHECKOUT, State, cache_folder

Mode = Literal["current", "kind", "local"]
Choice = Literal["auto", "current", "kind", "local"]
DIALECTS = {"dkron": 8080, "cronjob-org": 8090}
"""The dialects that the gateway serves, each with the port that its system has."""
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Settings:
    """Everything the user can choose."""

    choice: Choice
    """CLUSTER: which cluster; `auto` is decided by `modes.choose`."""
    state: State
    """STATE: the state folder; relative paths start at the checkout."""
    cache: Path
    operators: int
    """OPERATORS: how many operator processes; 0 for the cluster alone."""
    shards: int
    """SHARDS: into how many shards the operators divide all tasks."""
    metrics_port: int
    """METRICS_PORT: metrics and health of the first operator; 0 for any free port."""
    gateway: bool
    """GATEWAY: whether the gateway runs, 1 or 0; by default where an operator does."""
    gateway_namespace: str
    """GATEWAY_NAMESPACE: where the gateway's jobs are."""
    dialect_ports: Mapping[str, int]
    """DKRON_PORT, CRONJOB_ORG_PORT: the port of each dialect; 0 for any free port."""
    wait: float
    """CLUSTER_WAIT: seconds that any one part may take to get ready."""
    apiserver_args: tuple[str, ...]
    """CLUSTER_APISERVER_ARGS: further arguments, split like a shell does."""
    kcm_args: tuple[str, ...]
    """CLUSTER_KCM_ARGS: the same for kube-controller-manager."""
    kind_image: str
    """KIND_IMAGE: the node image for kind; empty for kind's own."""

    @classmethod
    def read(cls, environ: Mapping[str, str], home: Path) -> "Settings":
        """Raise ClusterError (code 2) that names a variable with an impossible value."""
        choice = environ.get("CLUSTER") or "auto"
        if choice not in get_args(Choice):
            raise wrong_setting("CLUSTER", choice, f"use one of {', '.join(get_args(Choice))}")
        operators = _number(environ, "OPERATORS", 1, range(10))
        folder = os.path.normpath(CHECKOUT / (environ.get("STATE") or ".cluster"))
        return cls(
            choice=cast(Choice, choice),
            state=State(Path(folder)),
            cache=cache_folder(environ, home),
            operators=operators,
            shards=_number(environ, "SHARDS", 1, range(1, 65)),
            metrics_port=_number(environ, "METRICS_PORT", 9100, range(65536)),
            gateway=_number(environ, "GATEWAY", min(operators, 1), range(2)) == 1,
            gateway_namespace=_namespace(environ, "GATEWAY_NAMESPACE", "default"),
            dialect_ports={
                name: _number(environ, f"{variable(name)}_PORT", port, range(65536)) for name, port in DIALECTS.items()
            },
            wait=_number(environ, "CLUSTER_WAIT", 60, range(1, 3601)),
            apiserver_args=_words(environ, "CLUSTER_APISERVER_ARGS"),
            kcm_args=_words(environ, "CLUSTER_KCM_ARGS"),
            kind_image=environ.get("KIND_IMAGE", ""),
        )


def variable(dialect: str) -> str:
    """What the variables of a dialect begin with."""
    return dialect.upper().replace("-", "_")


def _number(environ: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) in allowed):
        raise wrong_setting(name, text, f"use a number from {allowed.start} to {allowed.stop - 1}")
    return int(text)


def _namespace(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name) or default
    if _NAMESPACE.fullmatch(text) is None:
        raise wrong_setting(name, text, "use lower-case letters, digits and hyphens, at most 63")
    return text


def _words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = environ.get(name, "")
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise wrong_setting(name, text, f"quote it as for a shell ({error})") from error
