"""Tokens of ServiceAccounts for HTTP calls: made by the API server, short-lived, kept in memory for most of their life.

Many calls of one moment ask for a token once. A token is in no log, event or
status; the answers that echo one are blotted out like other credentials.
"""

import asyncio
from collections import OrderedDict
from weakref import WeakValueDictionary

from crontask_core.model import ServiceAccountToken
from crontask_kube.client import ApiClient
from crontask_kube.clock import Clock
from crontask_kube.errors import Forbidden, KubeError, NotFound

SECONDS = 600
"""The shortest life that the API server grants."""
USED_SECONDS = 420.0
"""A token that is older is not sent any more: a receiver may take its time before it looks at it."""
MOST = 1000
"""Tokens kept at once."""

Wanted = tuple[str, str, str]
"""Namespace, ServiceAccount, audience."""


class TokenError(Exception):
    """There is no such token to be had; the text tells why and what to do."""


class Tokens:
    """Gets tokens, and keeps them while they are fresh."""

    def __init__(self, api: ApiClient, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._held: OrderedDict[Wanted, tuple[str, float]] = OrderedDict()
        """The token, and until when (monotonic) it is sent."""
        self._asking: WeakValueDictionary[Wanted, asyncio.Lock] = WeakValueDictionary()

    async def get(self, namespace: str, token: ServiceAccountToken) -> str:
        """A fresh token. Raises TokenError."""
        wanted = (namespace, token.service_account_name, token.audience)
        lock = self._asking.setdefault(wanted, asyncio.Lock())
        async with lock:
            found, until = self._held.get(wanted, ("", 0.0))
            if not found or until <= self._clock.monotonic():
                found = await self._ask(*wanted)
                self._keep(wanted, found)
            return found

    def _keep(self, wanted: Wanted, token: str) -> None:
        self._held[wanted] = (token, self._clock.monotonic() + USED_SECONDS)
        self._held.move_to_end(wanted)
        if len(self._held) > MOST:
            self._held.popitem(last=False)

    async def _ask(self, namespace: str, account: str, audience: str) -> str:
        try:
            return await self._api.token(namespace, account, audience=audience, seconds=SECONDS)
        except Forbidden:
            problem = (
                "The operator may not make tokens of ServiceAccounts; set serviceAccountTokens.enabled in its chart."
            )
            raise TokenError(problem) from None
        except NotFound:
            problem = f'There is no ServiceAccount "{account}" in this namespace; create it.'
            raise TokenError(problem) from None
        except KubeError as error:
            raise TokenError(f'The token of the ServiceAccount "{account}" cannot be had: {error}') from error
