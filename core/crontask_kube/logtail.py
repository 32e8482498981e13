"""The end of a container's log within a byte limit, read as a stream.

The API server's `limitBytes` keeps the beginning of what `tailLines` selects, so
the end has to be kept here. What is read is bounded all the same: container
runtimes break lines at 16 KiB.
"""

from collections import deque

import aiohttp

LINE_BYTES = 16 * 1024
_CONTINUATIONS = bytes(range(0x80, 0xC0))
"""The bytes that only continue a character in UTF-8 (RFC 3629)."""


class Tail:
    """Keeps the last `limit` bytes of what it is fed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._kept = 0
        self.dropped = False

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes, and lets go of the oldest that cannot be part of the end any more."""
        self._chunks.append(chunk)
        self._kept += len(chunk)
        while self._chunks and self._kept - len(self._chunks[0]) >= self._limit:
            self._kept -= len(self._chunks.popleft())
            self.dropped = True

    def data(self) -> bytes:
        """The kept bytes, at most the limit."""
        whole = b"".join(self._chunks)
        if len(whole) > self._limit:
            self.dropped = True
        return whole[-self._limit :] if self._limit else b""


async def read_tail(content: aiohttp.StreamReader, *, limit_bytes: int, lines: int) -> tuple[str, bool]:
    """At most the last `lines` lines and `limit_bytes` bytes (as UTF-8) of an answer, and whether there was more.

    The answer has been asked for with `tail_query`, that is with one line more than wanted.
    """
    tail = Tail(limit_bytes)
    newlines = 0
    async for chunk in content.iter_any():
        newlines += chunk.count(b"\n")
        tail.feed(chunk)
    data = tail.data()
    kept = _last_lines(data, lines)
    # A replacement character takes three bytes where it may stand for one, so the limit is kept once more.
    encoded = kept.lstrip(_CONTINUATIONS).decode(errors="replace").encode()
    more = tail.dropped or newlines > lines or len(kept) < len(data) or len(encoded) > limit_bytes
    return (encoded[-limit_bytes:].decode(errors="ignore") if limit_bytes else ""), more


def tail_query(lines: int) -> dict[str, str]:
    """Query parameters for `read_tail`: one line more, to learn whether there is more, and a limit on the whole."""
    return {"tailLines": str(lines + 1), "limitBytes": str((lines + 1) * LINE_BYTES)}


def _last_lines(data: bytes, lines: int) -> bytes:
    """The part from the `lines`-th newline from the end on; only newlines count, progress bars write returns."""
    end = len(data) - data.endswith(b"\n")
    for _ in range(lines):
        end = data.rfind(b"\n", 0, end)
        if end < 0:
            return data
    return data[end + 1 :]
