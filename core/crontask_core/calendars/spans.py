"""Sets of numbers made of spans: what every part of a calendar comes down to (days, minutes of a week, seconds)."""

from bisect import bisect_right
from collections.abc import Iterable


class Spans:
    """The numbers n with start <= n < end for any of the spans; spans that touch or overlap are one."""

    __slots__ = ("_edges",)

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        edges: list[int] = []
        for start, end in sorted(spans):
            if end <= start:
                continue
            if edges and start <= edges[-1]:
                edges[-1] = max(edges[-1], end)
            else:
                edges += (start, end)
        self._edges = tuple(edges)

    def __bool__(self) -> bool:
        return bool(self._edges)

    def __contains__(self, number: int) -> bool:
        return bool(bisect_right(self._edges, number) % 2)

    def edge_after(self, number: int) -> int | None:
        """The smallest number above `number` at which a span starts or ends."""
        at = bisect_right(self._edges, number)
        return self._edges[at] if at < len(self._edges) else None
