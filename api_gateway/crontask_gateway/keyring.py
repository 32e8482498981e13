"""The API keys that Secrets of the gateway's namespace hold, told by a watch. No I/O.

A Secret that cannot be read opens nothing; its problem is logged, and others are not
touched. A key that is disabled or deleted opens nothing as soon as the watch has told.
"""

from hmac import compare_digest
from typing import Any

import structlog

from crontask_core.api_keys import ApiKey, digest_of, read_secret
from crontask_core.errors import FieldError
from crontask_core.names import Key

log = structlog.get_logger(__name__)
Object = dict[str, Any]


class KeyRing:
    """See the module. A `Follower` of Secrets."""

    def __init__(self) -> None:
        self._keys: dict[Key, ApiKey] = {}
        self._by_digest: dict[str, dict[str, ApiKey]] = {}
        """By dialect."""

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, dialect: str, given: bytes) -> ApiKey | None:
        """The key that was shown, if it opens this dialect.

        It is looked up by its hash: what the time of that tells is the hash's, of which no key can be made. The hash
        itself is compared in constant time.
        """
        digest = digest_of(given)
        found = self._by_digest.get(dialect, {}).get(digest)
        return found if found and found.enabled and compare_digest(found.digest, digest) else None

    def known(self, plural: str) -> set[Key]:
        """See `Follower`."""
        return set(self._keys)

    def receive(self, plural: str, event: str | None, body: Object) -> None:
        """See `Follower`."""
        meta = body["metadata"]
        key = Key(meta["namespace"], meta["name"])
        made: ApiKey | None = None
        if event != "DELETED":
            try:
                made = read_secret(body)
            except FieldError as error:
                log.warning("a Secret holds no usable API key", secret=str(key), problem=str(error))
        self._put(key, made)

    def missing(self, plural: str, keys: set[Key]) -> None:
        """See `Follower`."""
        for key in keys:
            self._put(key, None)

    def _put(self, key: Key, made: ApiKey | None) -> None:
        self._keys.pop(key, None)
        if made is not None:
            self._keys[key] = made
        self._by_digest = {}
        for each in self._keys.values():
            self._by_digest.setdefault(each.dialect, {})[each.digest] = each
