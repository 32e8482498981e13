"""Lists of a shard's objects, read for a take-over or a resync."""

from collections.abc import Callable
from typing import Any

import structlog

from crontask_core.names import CALENDAR, GROUP_KIND, TARGET, Key, key_of
from crontask_kube.client import ApiClient
from crontask_kube.errors import Gone, NotFound
from crontask_kube.resources import CALENDARS, GROUPS, TARGETS, Resource
from crontask_operator.index import packed

PAGE = 500
NAMED = ((GROUP_KIND, GROUPS), (CALENDAR, CALENDARS), (TARGET, TARGETS))
"""What tasks name."""
log = structlog.get_logger(__name__)


class Lists:
    """Reads all objects of a kind that are the shard's; none of a kind that the API server does not know."""

    def __init__(self, api: ApiClient, namespaces: tuple[str, ...], is_ours: Callable[[str], bool]) -> None:
        """`namespaces` are those that are served (none: all), `is_ours` says of each whether it is the shard's."""
        self._api, self._is_ours = api, is_ours
        ours = tuple(name for name in namespaces if is_ours(name))
        self._namespaces: tuple[str | None, ...] = ours if namespaces else (None,)

    async def bodies(
        self,
        resource: Resource,
        selector: str | None = None,
        *,
        fields: str | None = None,
        metadata_only: bool = False,
    ) -> list[dict[str, Any]]:
        """The objects as they are."""
        items: list[dict[str, Any]] = []
        for namespace in self._namespaces:
            try:
                listing = await self._api.list(
                    resource,
                    namespace,
                    label_selector=selector,
                    field_selector=fields,
                    metadata_only=metadata_only,
                )
            except NotFound:
                # The CRD has vanished, and its objects with it.
                log.warning("the API server does not know this kind", kind=resource.plural)
                continue
            items += [body for body in listing.items if self._is_ours(body["metadata"]["namespace"])]
        return items

    async def texts(self, resource: Resource) -> dict[Key, bytes]:
        """All objects as JSON, without managed fields: as values those of 10,000 tasks would take 80 MB, most of which
        the process would never give back."""
        texts: dict[Key, bytes] = {}
        for namespace in self._namespaces:
            try:
                texts |= await self._texts_of(resource, namespace, PAGE)
            except Gone:  # between two pages
                texts |= await self._texts_of(resource, namespace, 0)
            except NotFound:
                log.warning("the API server does not know this kind", kind=resource.plural)
        return texts

    async def _texts_of(self, resource: Resource, namespace: str | None, page: int) -> dict[Key, bytes]:
        texts: dict[Key, bytes] = {}
        async for listing in self._api.pages(resource, namespace, page=page):
            for body in listing.items:
                if self._is_ours(body["metadata"]["namespace"]):
                    body["metadata"].pop("managedFields", None)
                    texts[key_of(body)] = packed(body)
        return texts
