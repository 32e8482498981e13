"""Who is asking, behind proxies that the configuration trusts. Pure."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def client_of(headers: Mapping[str, str], peer: str, trusted: Sequence[Network]) -> tuple[str, str | None]:
    """The client's address, and the scheme that a trusted proxy tells; `peer` is who has connected.

    Each proxy adds whom it was asked by to X-Forwarded-For, so the list is believed from its end on, for as long as
    the one who tells is trusted. What stands before that anybody may have written.
    """
    if not _within(peer, trusted):
        return peer, None
    client = peer
    for text in reversed(headers.get("x-forwarded-for", "").split(",")):
        told = _bare(text.strip())
        if told is None:
            break
        client = told
        if not _within(told, trusted):
            break
    scheme = headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower()
    return client, scheme if scheme in {"http", "https"} else None


def _within(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _bare(text: str) -> str | None:
    """An address without brackets and port; None for what is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return None
