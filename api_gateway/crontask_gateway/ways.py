"""Entries of `spec.notify` that a dialect makes of its configuration, beside those that kubectl has added. Pure.

Ours are known by their digests, which the document keeps: they follow the
configuration and the client's wishes, and what others have added stays.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from crontask_core.model import Notify

Body = dict[str, Any]
MAX_WAYS = 10
"""Of `spec.notify`."""


def with_ways(old: Sequence[Body], told: Sequence[str], ours: Sequence[Body]) -> tuple[list[Body], list[str]]:
    """`notify` with these entries in place of those that had the digests `told`, and the digests from now on.

    Where nothing changes the order stays as well: what waits to be told goes by the place of its entry.
    """
    new = {digest(each): each for each in ours}
    kept = [each for each in old if digest(each) not in told]
    standing = [found for each in old if (found := digest(each)) in told]
    if standing == list(new):
        return list(old), standing
    made = dict(list(new.items())[: max(0, MAX_WAYS - len(kept))])
    return [*kept, *made.values()], list(made)


def digest(way: Body) -> str:
    """What an entry of `notify` is known by, whether or not the API server has filled in its defaults."""
    try:
        whole = Notify.model_validate(way).to_body()
    except ValidationError:
        return ""  # newer than we are, so not of our making
    return blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=8).hexdigest()
