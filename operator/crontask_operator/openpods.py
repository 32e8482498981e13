"""Asks for the pod of each open attempt, whose end may have been told before the attempt was known here."""

import asyncio
from collections.abc import Iterator

from crontask_core.names import Key
from crontask_kube.client import ApiClient
from crontask_kube.errors import NotFound
from crontask_kube.resources import PODS
from crontask_operator.adoption import Adoption
from crontask_operator.index import Index, Run
from crontask_operator.isolation import each

AT_ONCE = 8


class OpenPods:
    """See the module."""

    def __init__(self, api: ApiClient, index: Index, adoption: Adoption) -> None:
        self._api, self._index, self._adoption = api, index, adoption

    async def look(self) -> None:
        """One request for each, several at a time: at a take-over nothing is started meanwhile."""
        found = list(self._open())
        for start in range(0, len(found), AT_ONCE):
            await asyncio.gather(*(self._ask(key, run) for key, run in found[start : start + AT_ONCE]))

    def _open(self) -> Iterator[tuple[Key, Run]]:
        for run in self._index.runs.values():
            for part in run.parts or (run,):
                attempt = part.attempt
                if attempt is not None and attempt.pod and attempt.finished_at is None and not part.calling:
                    yield Key(run.key.namespace, attempt.pod), part

    async def _ask(self, key: Key, run: Run) -> None:
        try:
            body = await self._api.get(PODS, key.namespace, key.name)
        except NotFound:
            self._adoption.pod_vanished(run, key.name)
            return
        each([body], self._adoption.pod_seen)
