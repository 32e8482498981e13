"""A watch's stream of lines as events.

Used by the client's `watch`. An object of 1.5 MiB, etcd's limit, makes a line
much longer than what a stream reader's `readline` takes, so lines are cut here.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import orjson

from crontask_kube.errors import Unavailable, error_of

MAX_LINE = 16 * 1024 * 1024


class Event(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK (whose object holds nothing but its version)."""

    type: str
    object: dict[str, Any]

    @property
    def resource_version(self) -> str:
        """Where to go on after this event."""
        version: str = self.object["metadata"]["resourceVersion"]
        return version


async def read_events(call: str, content: aiohttp.StreamReader) -> AsyncIterator[Event]:
    """The stream's events; an ERROR event is raised as the error that it holds (Gone, mostly).

    Raises Unavailable for a line that is no JSON.
    """
    async for line in _lines(content):
        try:
            data = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Unavailable(f"{call}: an event is no JSON") from error
        if data["type"] == "ERROR":
            raise error_of(call, int(data["object"].get("code") or 500), orjson.dumps(data["object"]), {})
        yield Event(data["type"], data["object"])


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Complete lines; what a broken stream leaves half is dropped. Raises ValueError beyond MAX_LINE."""
    rest = bytearray()
    async for chunk in content.iter_any():
        *complete, last = chunk.split(b"\n")
        for part in complete:
            yield bytes(rest + part)
            rest.clear()
        rest += last
        if len(rest) > MAX_LINE:
            raise ValueError(f"a watch event exceeds {MAX_LINE} bytes")
