"""The verbs of `kubectl crontask apikey` on a cluster. Imported only for one of them: it loads what takes a second."""

import argparse
import sys
from base64 import b64encode
from datetime import datetime, timedelta
from secrets import token_bytes

from crontask_cli.cluster import opened
from crontask_core.api_keys import KEY_BYTES, LABEL_API_KEY, RIGHTS, digest_of, key_text, made, read_secret, secret_body
from crontask_core.errors import CronTaskError, FieldError
from crontask_kube.client import ApiClient, Object
from crontask_kube.clock import SystemClock
from crontask_kube.errors import AlreadyExists, NotFound
from crontask_kube.resources import SECRETS

_COLUMNS = ("NAME", "DIALECT", "OWNER", "ADDRESSES", "PER-DAY", "RIGHTS", "ENABLED", "AGE")


async def create(arguments: argparse.Namespace) -> str:
    """Makes a key, which is printed and never told again. Raises FieldError, CronTaskError."""
    key = key_text(token_bytes(KEY_BYTES))
    told = made(
        arguments.name,
        arguments.dialect,
        digest_of(key),
        owner=arguments.owner or "",
        addresses=tuple(arguments.address),
        per_day=arguments.per_day or "",
        rights=tuple(arguments.right),
    )
    async with opened(arguments) as (api, namespace):
        try:
            await api.create(SECRETS, namespace, secret_body(told, namespace))
        except AlreadyExists:
            problem = f"there is a Secret {arguments.name} in namespace {namespace} already"
            raise CronTaskError(f"{problem}; choose another name, or revoke that key") from None
    if not arguments.quiet:
        sys.stderr.write(f"This is the only time that the key is shown; {namespace}/{arguments.name} holds its hash.\n")
    return f"{key}\n"


async def listed(arguments: argparse.Namespace) -> str:
    """All keys as a table; one that cannot be read says why."""
    async with opened(arguments) as (api, namespace):
        found = await api.list(SECRETS, namespace, label_selector=LABEL_API_KEY)
    if not found.items:
        return f"No API keys in namespace {namespace}.\n"
    now = SystemClock().now()
    rows = [_COLUMNS, *(_row(body, now) for body in sorted(found.items, key=lambda each: each["metadata"]["name"]))]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    lines = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


async def revoke(arguments: argparse.Namespace) -> str:
    """Deletes a key."""
    async with opened(arguments) as (api, namespace):
        found = await _key(api, namespace, arguments.name)
        version = found["metadata"]["resourceVersion"]
        await api.delete(SECRETS, namespace, arguments.name, resource_version=version)
    return f"The key {arguments.name} is revoked.\n"


async def disable(arguments: argparse.Namespace) -> str:
    """Has a key open nothing."""
    await _switch(arguments, "false")
    return f"The key {arguments.name} is disabled.\n"


async def enable(arguments: argparse.Namespace) -> str:
    """Has a key open again."""
    await _switch(arguments, "true")
    return f"The key {arguments.name} is enabled.\n"


async def _switch(arguments: argparse.Namespace, enabled: str) -> None:
    async with opened(arguments) as (api, namespace):
        found = await _key(api, namespace, arguments.name)
        meta = {"resourceVersion": found["metadata"]["resourceVersion"]}
        data = {"enabled": b64encode(enabled.encode()).decode()}
        await api.patch(SECRETS, namespace, arguments.name, {"metadata": meta, "data": data})


async def _key(api: ApiClient, namespace: str, name: str) -> Object:
    """The Secret of a key; any other one is not to be touched. Raises CronTaskError."""
    try:
        found = await api.get(SECRETS, namespace, name)
    except NotFound:
        raise CronTaskError(f"there is no API key {name} in namespace {namespace}; see apikey list") from None
    if LABEL_API_KEY not in (found["metadata"].get("labels") or {}):
        raise CronTaskError(f"the Secret {name} in namespace {namespace} is no API key; nothing was changed")
    return found


def _row(body: Object, now: datetime) -> tuple[str, ...]:
    meta = body["metadata"]
    age = _age(now - datetime.fromisoformat(meta["creationTimestamp"]))
    try:
        key = read_secret(body)
    except FieldError as error:
        return (meta["name"], (meta.get("labels") or {}).get(LABEL_API_KEY, ""), "", "", "", "", str(error), age)
    return (
        key.name,
        key.dialect,
        key.owner,
        ",".join(map(str, key.addresses)) or "any",
        "default" if key.per_day is None else str(key.per_day) if key.per_day else "any",
        ",".join(right for right in RIGHTS if right in key.rights),
        "yes" if key.enabled else "no",
        age,
    )


def _age(since: timedelta) -> str:
    """As kubectl writes it, in its coarsest unit."""
    seconds = max(0, int(since.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
