"""From settings to what is served: which dialects, for whom, with which options. Reads the files of tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crontask_core.errors import FieldError
from crontask_gateway.deps import Deps
from crontask_gateway.dialects.shape import Dialect
from crontask_gateway.keyring import KeyRing
from crontask_gateway.limits import Gate, Rate
from crontask_gateway.pipeline import Mounted
from crontask_gateway.principal import ALL_RIGHTS, Access, Credential, Principal
from crontask_gateway.settings import MountSettings, Settings, TokenSettings
from crontask_gateway.store import Store
from crontask_kube.clock import Clock

MIN_TOKEN = 8
"""Bytes; a shorter one can be guessed."""


def enabled(settings: Settings, known: Iterable[Dialect]) -> list[tuple[Dialect, MountSettings]]:
    """The dialects that are switched on. Raises FieldError for unknown ones, and where none is on."""
    dialects = {dialect.name: dialect for dialect in known}
    for name in settings.dialects:
        if name not in dialects:
            raise FieldError("dialects", name, "is no dialect", f"write {' or '.join(sorted(dialects)) or 'none yet'}")
    found = [(dialects[name], mount) for name, mount in settings.dialects.items() if mount.enabled]
    if not found:
        raise FieldError("dialects", "", "names nothing to serve", f"add one of {', '.join(sorted(dialects))}")
    for dialect, mount in found:
        _check(dialect, mount, settings)
    return found


def namespaces(mounts: Iterable[tuple[Dialect, MountSettings]]) -> list[str]:
    """All namespaces that hold jobs."""
    return sorted({name for _, mount in mounts for name in (mount.namespace, *mount.tenants.values())})


def mounted(
    dialect: Dialect, mount: MountSettings, *, store: Store, clock: Clock, node: str, version: str, ring: KeyRing
) -> Mounted:
    """The dialect with its surroundings; `ring` holds the API keys of all. Raises FieldError."""
    rate = Rate(mount.rate.per_second, mount.rate.burst) if mount.rate else None
    deps = Deps(
        store=store,
        clock=clock,
        access=access(dialect.name, mount, ring),
        options=_options(dialect, mount.options),
        others=mount.others,
        node=node,
        version=version,
    )
    return Mounted(dialect, deps, Gate(rate))


def access(dialect: str, mount: MountSettings, ring: KeyRing) -> Access:
    """Who may use a mount. Raises FieldError; no token is in its message."""
    path = f"dialects.{dialect}"
    if not mount.tokens and not mount.open and not mount.api_keys:
        remedy = "name tokens, write apiKeys: true, or open: true where everybody in the network may do everything"
        raise FieldError(path, "", "lets nobody in", remedy)
    credentials = tuple(_credential(f"{path}.tokens.{place}", token, mount) for place, token in enumerate(mount.tokens))
    keys = MountedKeys(dialect, mount.namespace, mount.tenants, ring) if mount.api_keys else None
    return Access(mount.namespace, credentials, mount.open, keys)


@dataclass(frozen=True, slots=True)
class MountedKeys:
    """The API keys of one dialect, as principals."""

    dialect: str
    namespace: str
    tenants: Mapping[str, str]
    ring: KeyRing

    def find(self, given: bytes) -> Principal | None:
        """Whose key this is. An owner that is no tenant of the mount has its jobs beside those of the nameless one."""
        key = self.ring.find(self.dialect, given)
        if key is None:
            return None
        namespace = self.tenants.get(key.owner, self.namespace)
        rights = frozenset(right for right in ALL_RIGHTS if right in key.rights)
        return Principal(key.name, key.owner, namespace, rights, key.name, key.addresses, key.per_day)


def _credential(path: str, token: TokenSettings, mount: MountSettings) -> Credential:
    if token.tenant and token.tenant not in mount.tenants:
        known = ", ".join(sorted(mount.tenants)) or "none"
        raise FieldError(f"{path}.tenant", token.tenant, "is no tenant", f"name one of the mount's tenants ({known})")
    try:
        secret = Path(token.file).read_bytes().strip()
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise FieldError(f"{path}.file", token.file, problem, "name a file that holds the token") from None
    if len(secret) < MIN_TOKEN:
        raise FieldError(f"{path}.file", token.file, "holds too short a token", f"use at least {MIN_TOKEN} bytes")
    namespace = mount.tenants[token.tenant] if token.tenant else mount.namespace
    return Credential(Principal(token.name, token.tenant, namespace, token.rights, key=token.name), secret)


def _options(dialect: Dialect, told: Mapping[str, Any]) -> Any:
    try:
        return dialect.options.model_validate(dict(told))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(("dialects", dialect.name, "options", *(str(part) for part in first["loc"])))
        problem = first["msg"].removeprefix("Value error, ")
        raise FieldError(path, "…", f"cannot be used: {problem}", "see the dialect's README") from None


def _check(dialect: Dialect, mount: MountSettings, settings: Settings) -> None:
    path = f"dialects.{dialect.name}"
    if mount.others and not dialect.shows_others:
        raise FieldError(f"{path}.others", mount.others, "is nothing that this dialect can do", "remove it")
    if mount.prefix and not settings.common_address:
        raise FieldError(f"{path}.prefix", mount.prefix, "is served nowhere", "set commonAddress, or remove prefix")
    if mount.port == 0 and not mount.prefix:
        remedy = "name a port, or a prefix on the common address"
        raise FieldError(f"{path}.port", mount.port, "leaves the dialect without a listener", remedy)
    same = [name for name, other in settings.dialects.items() if other.prefix and other.prefix == mount.prefix]
    if len(same) > 1:
        raise FieldError(f"{path}.prefix", mount.prefix, f"is used by {' and '.join(same)}", "give each its own")
