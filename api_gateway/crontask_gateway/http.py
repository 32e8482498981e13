"""One HTTP exchange as values: what was asked (`Facts`) and what is answered (`Reply`).

Dialects see only these, never the web framework; `app.py` makes the one and
sends the other. Nothing here judges: the bytes are as the client sent them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl


class Query:
    """The query string: names with their values, in order, a name as often as it was written."""

    __slots__ = ("_pairs", "text")

    def __init__(self, text: str = "") -> None:
        """`text` is what follows the question mark, still escaped. Bytes that are no UTF-8 are replaced."""
        self.text = text
        self._pairs = tuple(parse_qsl(text, keep_blank_values=True, errors="replace"))

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a name."""
        return next((value for key, value in self._pairs if key == name), default)

    def getall(self, name: str) -> list[str]:
        """All values of a name."""
        return [value for key, value in self._pairs if key == name]

    def items(self) -> tuple[tuple[str, str], ...]:
        """All pairs, in order."""
        return self._pairs

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and other._pairs == self._pairs

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        # Values may be tokens, and what is printed may end in a log.
        return f"Query({', '.join(self)})"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a client asked. Paths are relative to where the dialect is mounted."""

    method: str
    path: str
    """Decoded; for people and checks. Routes are matched on `raw_path`, so that no `%2F` makes a further part."""
    raw_path: str = ""
    """As the client wrote it, without the query."""
    query: Query = field(default_factory=Query)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case; values of a name that came several times are joined by a comma."""
    body: bytes = b""
    """Empty until it has been read: a dialect's order of checks says when (`pipeline.py`)."""
    peer: str = ""
    """The client's address, behind trusted proxies the one that they tell."""
    prefix: str = ""
    """Where the dialect is mounted; empty at the root of its port."""
    scheme: str = "http"
    request_id: str = ""

    @property
    def target(self) -> str:
        """Path and query as the client wrote them, with the mount's prefix (Go's `Request.RequestURI`)."""
        path = f"{self.prefix}{self.raw_path or self.path}"
        return f"{path}?{self.query.text}" if self.query.text else path

    def __repr__(self) -> str:
        # Neither headers nor body: both may hold credentials.
        return f"Facts({self.method} {self.path}, {len(self.body)} bytes, {self.request_id or 'no id'})"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, byte for byte. Headers are as they are to be sent; Content-Length is added."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def having(self, *headers: tuple[str, str]) -> "Reply":
        """The same with further headers."""
        return replace(self, headers=self.headers + headers)
