"""API keys of the gateway: how one is made, and how it stands in a Secret. Pure; randomness is an argument.

A key is 32 random bytes as base64 (44 characters). The Secret holds its SHA-256 and never the key: with 256 random
bits there is nothing to guess, so neither salt nor a slow hash adds anything (NIST SP 800-63B, section 5.1.2.2, on
look-up secrets of high entropy). Secrets are of a type and a label of their own: the gateway is told of these alone.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from crontask_core.errors import FieldError
from crontask_core.names import GROUP, MAX_LABEL

Body = dict[str, Any]
Network = IPv4Network | IPv6Network
SECRET_TYPE = f"{GROUP}/api-key"
LABEL_API_KEY = f"{GROUP}/api-key"
"""On Secrets that hold one: the dialect that it opens."""
KEY_BYTES = 32
RIGHTS = ("read", "write", "run")
FIELDS = ("hash", "owner", "addresses", "perDay", "rights", "enabled")
"""Of the Secret's data."""
MOST_PER_DAY = 10_000_000
MAX_ADDRESSES = 100
SHOWN = 43
"""Characters; a key is longer."""
_DIALECT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_OWNER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_HASH = re.compile(r"[0-9a-f]{64}")
_DIGITS = re.compile(r"[0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a Secret says of a key."""

    name: str
    """Of the Secret."""
    dialect: str
    digest: str = field(repr=False)
    """SHA-256 of the key, in hexadecimal digits."""
    owner: str = ""
    """Whose jobs it opens: a tenant of the dialect; empty for the nameless one."""
    addresses: tuple[Network, ...] = ()
    """Where requests may come from; empty for anywhere."""
    per_day: int | None = None
    """Requests in a day (UTC): 0 for any number, None for as many as the dialect gives."""
    rights: frozenset[str] = frozenset(RIGHTS)
    enabled: bool = True


def key_text(random: bytes) -> str:
    """The key of `KEY_BYTES` random bytes."""
    return b64encode(random).decode()


def digest_of(key: str | bytes) -> str:
    """What is kept of a key."""
    return sha256(key.encode() if isinstance(key, str) else key).hexdigest()


def secret_body(key: ApiKey, namespace: str) -> Body:
    """The Secret that holds a key."""
    told = {
        "hash": key.digest,
        "owner": key.owner,
        "addresses": ",".join(map(str, key.addresses)),
        "perDay": "" if key.per_day is None else str(key.per_day),
        "rights": ",".join(right for right in RIGHTS if right in key.rights) if key.rights != set(RIGHTS) else "",
        "enabled": "true" if key.enabled else "false",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": SECRET_TYPE,
        "metadata": {"name": key.name, "namespace": namespace, "labels": {LABEL_API_KEY: key.dialect}},
        "data": {name: b64encode(text.encode()).decode() for name, text in told.items() if text},
    }


def read_secret(body: Mapping[str, Any]) -> ApiKey:
    """The key in a Secret. Raises FieldError, which never shows the hash."""
    meta, kept = body["metadata"], {}
    if body.get("type") != SECRET_TYPE:
        raise FieldError("type", body.get("type") or "", "is no API key's", f"write {SECRET_TYPE}")
    for name, text in (body.get("data") or {}).items():
        if name not in FIELDS:  # a limit that is written wrongly would be none
            raise FieldError(f"data.{_short(name)}", "…", "is no field of a key", f"use some of {', '.join(FIELDS)}")
        try:
            kept[name] = b64decode(text, validate=True).decode().strip()
        except (Error, ValueError):
            raise FieldError(f"data.{name}", "…", "is no base64 of a text", "write the text under stringData") from None
    return made(
        meta["name"],
        (meta.get("labels") or {}).get(LABEL_API_KEY, ""),
        kept.get("hash", ""),
        owner=kept.get("owner", ""),
        addresses=_listed(kept.get("addresses", "")),
        per_day=kept.get("perDay", ""),
        rights=_listed(kept.get("rights", "")),
        enabled=kept.get("enabled", "true"),
    )


def made(
    name: str,
    dialect: str,
    digest: str,
    *,
    owner: str = "",
    addresses: tuple[str, ...] = (),
    per_day: str = "",
    rights: tuple[str, ...] = (),
    enabled: str = "true",
) -> ApiKey:
    """A key of texts, as a Secret or a command line holds them. Raises FieldError."""
    if not _DIALECT.fullmatch(dialect):
        raise FieldError("dialect", _short(dialect), "is no dialect's name", f"label it {LABEL_API_KEY}=cronjob-org")
    if not _HASH.fullmatch(digest):
        raise FieldError("hash", "…", "is no SHA-256", "write 64 hexadecimal digits: printf %s KEY | sha256sum")
    if owner and (len(owner) > MAX_LABEL or not _OWNER.fullmatch(owner)):
        raise FieldError(
            "owner", _short(owner), "cannot be a label", f"use up to {MAX_LABEL} letters, digits, -, _ and ."
        )
    if per_day and (not _DIGITS.fullmatch(per_day) or int(per_day) > MOST_PER_DAY):
        raise FieldError(
            "perDay", _short(per_day), "is no number of requests", f"write 0 to {MOST_PER_DAY}, or leave it out"
        )
    if wrong := next((right for right in rights if right not in RIGHTS), None):
        raise FieldError("rights", _short(wrong), "is no right", f"use some of {', '.join(RIGHTS)}")
    if enabled not in ("true", "false"):
        raise FieldError("enabled", _short(enabled), "is neither true nor false", "write one of these")
    return ApiKey(
        name,
        dialect,
        digest,
        owner,
        _networks(addresses),
        int(per_day) if per_day else None,
        frozenset(rights or RIGHTS),
        enabled == "true",
    )


def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    if len(texts) > MAX_ADDRESSES:
        raise FieldError("addresses", len(texts), "are too many", f"name at most {MAX_ADDRESSES}, or networks")
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError:
        wrong = next(text for text in texts if not _is_network(text))
        remedy = "write an address such as 192.0.2.7, or a network such as 192.0.2.0/24"
        raise FieldError("addresses", _short(wrong), "is no address", remedy) from None


def _short(text: str) -> str:
    """A wrong value as it may be shown; a long one may be a key in the wrong place."""
    return text if len(text) < SHOWN else "…"


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for each in text.split(",") if (part := each.strip()))
