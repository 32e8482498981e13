"""Hops of one call: the first, and what a redirect makes of it (RFC 9110, section 15.4).

Each hop is opened by the transport like the first, so that its address is judged
again. What authenticates the user at one origin is not carried to another.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import httpx2

from crontask_core.httpcall import HttpRequest, Reason
from crontask_operator.executors.stream import CallFailed

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OF_THE_CONNECTION = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location", "content-md5"})
_EXPECT_A_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a call, before it is put on the wire."""

    method: str
    url: httpx2.URL
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    server_name: str | None

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers as bytes, with those of the connection.

        One connection serves one request (`close`). An answer is asked for as it is (`identity`): its size
        can then be bounded by counting what arrives, whatever it would unpack to.
        """
        names = {name.lower() for name, _ in self.headers}
        wire = [] if "host" in names else [(b"Host", self.url.netloc)]
        wire += [(k.encode("ascii"), v.encode()) for k, v in self.headers if k.lower() not in _OF_THE_CONNECTION]
        if "accept" not in names:
            wire.append((b"Accept", b"*/*"))
        if "accept-encoding" not in names:
            wire.append((b"Accept-Encoding", b"identity"))
        if self.body is not None or self.method in _EXPECT_A_BODY:
            wire.append((b"Content-Length", b"%d" % len(self.body or b"")))
        return [*wire, (b"Connection", b"close")]


def first_hop(request: HttpRequest) -> Hop:
    """Raises CallFailed for a URL that cannot be used."""
    return Hop(request.method, _url(request.url), request.headers, request.body, request.tls.server_name)


def location(status: int, headers: list[tuple[bytes, bytes]]) -> str | None:
    """Where a redirect points to; None for every other answer."""
    if status not in _REDIRECTS:
        return None
    return next((value.decode("utf-8", "replace") for name, value in headers if name.lower() == b"location"), None)


def next_hop(hop: Hop, status: int, target: str, request: HttpRequest) -> Hop:
    """The hop that a redirect asks for; raises CallFailed where it points to nothing that can be called.

    Messages leave the target out: it may carry a token.
    """
    try:
        url = hop.url.join(target)
    except (httpx2.InvalidURL, ValueError):
        raise CallFailed(Reason.PROTOCOL_ERROR, "the server redirects to something that is not a URL") from None
    if not _callable(url):
        raise CallFailed(Reason.PROTOCOL_ERROR, "the server redirects to something that is not an http or https URL")
    moved = replace(hop, url=url)
    if _origin(url) != _origin(hop.url):
        moved = _at_another_origin(moved, request)
    becomes_get = (status == 303 and hop.method != "HEAD") or (status in (301, 302) and hop.method == "POST")
    return _as_get(moved) if becomes_get else moved


def _at_another_origin(hop: Hop, request: HttpRequest) -> Hop:
    dropped = request.secret_headers | {"host"}
    kept = tuple(pair for pair in hop.headers if pair[0].lower() not in dropped)
    return replace(hop, headers=kept, server_name=None)


def _as_get(hop: Hop) -> Hop:
    kept = tuple(pair for pair in hop.headers if pair[0].lower() not in _OF_THE_BODY)
    return replace(hop, method="GET", body=None, headers=kept)


def _origin(url: httpx2.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host, url.port or (443 if url.scheme == "https" else 80)


@lru_cache(maxsize=1024)
def _url(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise CallFailed(Reason.INVALID_URL, f"the URL cannot be used: {error}") from None
    if not _callable(url):
        raise CallFailed(Reason.INVALID_URL, "the URL is not an http or https URL with a host and a possible port")
    return url


def _callable(url: httpx2.URL) -> bool:
    return url.scheme in ("http", "https") and bool(url.raw_host) and (url.port is None or 0 < url.port < 65536)
